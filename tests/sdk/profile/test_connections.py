"""A host that has its own ideas about every SQLite connection of the process."""

import os
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import apsw.bestpractice
import pytest

from homespun.config import Durability
from homespun.errors import ProfileBusyError
from homespun.profile import Key, erase
from homespun.profile.connections import connect
from tests.sdk.profile.support import EVENTS, QUICK, connection_of, created, opened, record, traces, vault_of, vaults_of

CONNECTION_PRACTICES = tuple(
    practice for practice in apsw.bestpractice.recommended if practice.__name__.startswith("connection_")
)


@pytest.fixture(autouse=True)
def hooks(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[object]]:
    """The host's hooks, put back afterwards."""
    own: list[object] = []
    monkeypatch.setattr(apsw, "connection_hooks", own)
    yield own
    assert apsw.connection_hooks is own


@pytest.mark.parametrize("when", ["before creating", "before opening"])
def test_a_host_with_best_practices_cannot_use_a_profile(tmp_path: Path, when: str) -> None:
    folder = tmp_path / "profile"
    if when == "before creating":
        apsw.bestpractice.apply(CONNECTION_PRACTICES)
    created(folder).close()
    if when == "before opening":
        apsw.bestpractice.apply(CONNECTION_PRACTICES)
    with opened(folder) as store:
        record(store, *EVENTS)
        assert store.events() == EVENTS
        # A lock whose file is in another journal mode would not exclude anybody.
        with pytest.raises(ProfileBusyError):
            erase(folder, None, settings=QUICK)
    assert (folder / "profile.lock").stat().st_size == 0


def test_a_hosts_hook_sees_the_connection_to_a_profile(tmp_path: Path, hooks: list[object]) -> None:
    seen: list[apsw.Connection] = []
    hooks.append(seen.append)
    with created(tmp_path / "profile") as store, created(None, Key.ephemeral()) as other:
        record(store, *EVENTS)
        record(other, *EVENTS)
        assert seen == []
    with apsw.Connection(":memory:") as own:
        assert seen == [own]
    own.close()


def test_a_hook_that_fails_takes_the_others_with_it(tmp_path: Path, hooks: list[object]) -> None:
    def refuse(_: apsw.Connection) -> None:
        raise RuntimeError("not in this process")

    hooks.append(refuse)
    created(tmp_path / "profile").close()
    assert hooks == [refuse]
    with pytest.raises(RuntimeError):
        apsw.Connection(":memory:")


def test_a_hook_misses_a_connection_that_another_thread_makes_or_is_lost_when_it_is_added(
    tmp_path: Path, hooks: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    late: list[str] = []
    hooks.append(lambda connection: seen.append(connection.filename))
    original = apsw.Connection

    def in_between(name: str, **options: Any) -> apsw.Connection:
        def host() -> None:
            apsw.connection_hooks.append(lambda connection: late.append(connection.filename))
            original(str(tmp_path / "host.db")).close()

        thread = threading.Thread(target=host)
        thread.start()
        thread.join()
        return original(name, **options)

    with monkeypatch.context() as patch:
        patch.setattr(apsw, "Connection", in_between)
        connect(tmp_path / "ours.db").close()
    assert [Path(name).name for name in seen] == ["host.db"]
    assert len(hooks) == 2
    original(":memory:").close()
    assert len(late) >= 1


@pytest.mark.skipif(sys.platform == "win32", reason="the file layer below is called otherwise there")
def test_a_file_layer_that_the_host_made_the_default_gets_the_log_in_the_clear(tmp_path: Path) -> None:
    before = apsw.vfs_names()[0]
    seen: list[str] = []

    class Curious(apsw.VFS):
        def __init__(self) -> None:
            super().__init__("curious", "unix", makedefault=True)

        def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
            seen.append(str(name))
            return super().xOpen(name, flags)

    curious = Curious()
    try:
        with created(tmp_path / "profile") as store:
            record(store, *EVENTS)
            assert traces(tmp_path, [EVENTS[0].item]) == []
        assert seen == []
    finally:
        apsw.set_default_vfs(before)
        curious.unregister()


def test_opening_from_many_threads_loses_the_hosts_hooks(tmp_path: Path, hooks: list[object]) -> None:
    hooks.append(lambda _: None)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: connect(tmp_path / f"{number}.db").close(), range(64)))
    assert len(hooks) == 1


@pytest.mark.parametrize("durability", ["process", "power"])
@pytest.mark.parametrize("kind", ["profile", "state", "epoch"])
def test_a_sync_stops_at_the_disks_own_cache(tmp_path: Path, kind: str, durability: Durability) -> None:
    """On macOS, where these mean something; what must survive a power cut is in test_durability."""
    with created(tmp_path / "profile", settings=replace(QUICK, durability=durability)) as store:
        record(store, EVENTS[0])
        for name in ("fullfsync", "checkpoint_fullfsync"):
            assert connection_of(store, kind).pragma(name) == 1


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="only Linux tells which locks are held")
def test_a_new_epoch_is_held_by_nobody_who_has_it_open(tmp_path: Path) -> None:
    """Closing any other handle on its file would drop the lock, and whoever closes it elsewhere would take its log."""
    with created(tmp_path / "profile") as store:
        record(store, EVENTS[0])
        connection_of(store, "state").execute("SELECT * FROM control").fetchall()
        files = {path.stat().st_ino: path.name for path in (tmp_path / "profile").iterdir()}
        locks = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
        numbers = {int(fields[5].split(":")[2]) for fields in locks if fields[4] == str(os.getpid())}
        held = {files[number] for number in numbers if number in files}
        assert {path.name for path in vaults_of(tmp_path / "profile")} <= held
        assert vault_of(tmp_path / "profile", "epoch").name in held


def test_the_folders_above_a_new_profile_are_not_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    monkeypatch.setattr("homespun.profile.files.sync_folder", synced.append)
    created(tmp_path / "a" / "b" / "profile").close()
    assert synced[:3] == [tmp_path, tmp_path / "a", tmp_path / "a" / "b"]
