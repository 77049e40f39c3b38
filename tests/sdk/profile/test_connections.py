"""A host that has its own ideas about every SQLite connection of the process."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import apsw
import apsw.bestpractice
import pytest

from homespun.config import Settings
from homespun.errors import ProfileBusyError
from homespun.profile import Key, ProfileStore, erase
from homespun.profile.connections import connect
from tests.sdk.profile.support import EVENTS, QUICK, connection_of, raw_key

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
    ProfileStore.create(folder, raw_key(), settings=QUICK).close()
    if when == "before opening":
        apsw.bestpractice.apply(CONNECTION_PRACTICES)
    with ProfileStore.open(folder, raw_key(), settings=QUICK) as store:
        store.add_events(EVENTS)
        assert store.events() == EVENTS
        # A lock whose file is in another journal mode would not exclude anybody.
        with pytest.raises(ProfileBusyError):
            erase(folder, None, settings=QUICK)
    assert (folder / "profile.lock").stat().st_size == 0


def test_a_hosts_hook_sees_the_connection_to_a_profile(tmp_path: Path, hooks: list[object]) -> None:
    seen: list[apsw.Connection] = []
    hooks.append(seen.append)
    with ProfileStore.create(tmp_path / "profile", raw_key()), ProfileStore.create(None, Key.ephemeral()):
        assert seen == []
    with apsw.Connection(":memory:") as own:
        assert seen == [own]
    own.close()


def test_a_hook_that_fails_takes_the_others_with_it(tmp_path: Path, hooks: list[object]) -> None:
    def refuse(_: apsw.Connection) -> None:
        raise RuntimeError("not in this process")

    hooks.append(refuse)
    ProfileStore.create(tmp_path / "profile", raw_key()).close()
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

    def in_between(name: str, flags: int) -> apsw.Connection:
        def host() -> None:
            apsw.connection_hooks.append(lambda connection: late.append(connection.filename))
            original(str(tmp_path / "host.db")).close()

        thread = threading.Thread(target=host)
        thread.start()
        thread.join()
        return original(name, flags=flags)

    with monkeypatch.context() as patch:
        patch.setattr(apsw, "Connection", in_between)
        connect(tmp_path / "ours.db").close()
    assert [Path(name).name for name in seen] == ["host.db"]
    assert len(hooks) == 2
    original(":memory:").close()
    assert len(late) >= 1


def test_opening_from_many_threads_loses_the_hosts_hooks(tmp_path: Path, hooks: list[object]) -> None:
    hooks.append(lambda _: None)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: connect(tmp_path / f"{number}.db").close(), range(64)))
    assert len(hooks) == 1


@pytest.mark.parametrize(("synchronous", "forced"), [("full", 1), ("normal", 0)])
def test_full_durability_stops_at_the_disks_own_cache(tmp_path: Path, synchronous: str, forced: int) -> None:
    settings = Settings(synchronous=synchronous)  # type: ignore[arg-type]
    with ProfileStore.create(tmp_path / "profile", raw_key(), settings=settings) as store:
        for name in ("fullfsync", "checkpoint_fullfsync"):
            assert connection_of(store).pragma(name) == forced


def test_the_folders_above_a_new_profile_are_not_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    monkeypatch.setattr("homespun.profile.files.sync_folder", synced.append)
    ProfileStore.create(tmp_path / "a" / "b" / "profile", raw_key()).close()
    assert synced[:3] == [tmp_path, tmp_path / "a", tmp_path / "a" / "b"]
