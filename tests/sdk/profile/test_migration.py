"""Profiles of schema 1 become profiles of schema 2 when they are opened; whatever fails, the old one still opens."""

import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest

from homespun.config import Retention
from homespun.errors import (
    DamagedProfileError,
    NewerProfileError,
    ProfileBusyError,
    ProfileStorageError,
    WrongKeyError,
)
from homespun.profile import Key, Selection, exists, migration
from homespun.profile.files import DATABASE, DRAFT, listed
from homespun.profile.keyfile import KeyFile, KeyFile1, read_key_file
from homespun.profile.lock import FolderLock
from homespun.profile.vault import connect_with_key
from homespun.protocol.events import Event
from tests.sdk.profile.erasing import MemoryKeyStore
from tests.sdk.profile.support import (
    NOW,
    QUICK,
    contents,
    items_of,
    opened,
    raw_key,
    record,
    traces,
    vaults_of,
)
from tests.sdk.profile.test_vectors import EVENTS, RECORDS, copy_of

CONSENT = tuple(msgspec.structs.replace(each, schema=1) for each in RECORDS)
PROFILE = "9edd5bb45e241b8b905b6efd6669d9ea"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A profile of schema 1."""
    return copy_of("1", tmp_path / "profile")


def change_first(folder: Path, *statements: str, keep_log: bool = False) -> None:
    """Change the database of schema 1 as its homespun would have."""
    file = read_key_file(folder)
    assert isinstance(file, KeyFile1)
    connection = connect_with_key(folder / DATABASE, raw_key().unseal(file), QUICK)
    if keep_log:
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    for statement in statements:
        connection.execute(statement).fetchall()
    connection.close()


def assert_migrated(folder: Path, events: list[Event], **options: Any) -> None:
    with opened(folder, **options) as store:
        store.check()
        assert store.events() == events
        assert store.view().consent == CONSENT
        assert store.profile_id == PROFILE
        assert store.view().controls == ()
    file = read_key_file(folder)
    assert isinstance(file, KeyFile)
    assert set(listed(folder)) - {"profile.lock"} == {"key.json", *(path.name for path in vaults_of(folder))}
    assert [path.name.partition("-")[0] for path in vaults_of(folder)] == ["epoch", "profile", "state"]


def test_a_migration_loses_an_event_a_choice_or_the_identity(folder: Path) -> None:
    assert_migrated(folder, EVENTS)
    assert_migrated(folder, EVENTS)


def test_the_old_database_stays_readable_somewhere(folder: Path, tmp_path: Path) -> None:
    before = (folder / DATABASE).read_bytes()
    assert_migrated(folder, EVENTS)
    assert not (folder / DATABASE).exists()
    assert all(before[1000:1032] not in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert traces(tmp_path, ["film-1", "映画-2", "May we?", "device_storage"]) == []


def test_what_was_only_in_the_old_log_is_lost(folder: Path) -> None:
    change_first(folder, "INSERT INTO event (item, kind) VALUES ('late', 'view')", keep_log=True)
    assert (folder / f"{DATABASE}-wal").stat().st_size > 0
    for path in folder.glob("*-shm"):
        path.unlink()
    assert_migrated(folder, [*EVENTS, Event("late")])


def test_a_creation_of_schema_1_that_was_cut_off_after_its_decision_is_lost(folder: Path) -> None:
    (folder / DATABASE).rename(folder / DRAFT)
    assert exists(folder)
    assert_migrated(folder, EVENTS)


def test_a_large_profile_is_migrated_in_part(folder: Path) -> None:
    change_first(
        folder,
        "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 4999) "
        "INSERT INTO event (item, kind) SELECT 'item-' || i, 'view' FROM n",
    )
    assert_migrated(folder, [*EVENTS, *(Event(f"item-{number}") for number in range(5000))])


def test_migrated_events_are_taken_for_old_ones(folder: Path) -> None:
    """Schema 1 did not say when something was recorded, so it counts as recorded at the migration."""
    short = replace(QUICK, retention=Retention(days=10))
    with opened(folder, settings=short, now=NOW + 1000 * 86_400) as store:
        assert store.events() == EVENTS
    with opened(folder, settings=short, now=NOW + 1009 * 86_400) as store:
        assert store.events() == EVENTS
    with opened(folder, settings=short, now=NOW + 1011 * 86_400) as store:
        assert store.events() == []


def test_a_migrated_profile_cannot_be_used(folder: Path) -> None:
    with opened(folder) as store:
        assert record(store, Event("new", id="one"), Event("new", id="one")) == 1
        store.forget(Selection(items=frozenset({"film-1"})))
        assert items_of(store) == ["映画-2", "new"]
        store.set_attribute("language", "nb")
    with opened(folder) as store:
        assert items_of(store) == ["映画-2", "new"]


def test_keys_go_inside_although_the_application_keeps_them(folder: Path) -> None:
    keys = MemoryKeyStore()
    assert_migrated(folder, EVENTS, key_store=keys)
    assert len(keys.keys) == 2
    with opened(folder, key_store=keys) as store:
        # An old copy of the first database still shows these events, wherever the new key is.
        assert {name.partition("-")[0]: outside for name, outside in store.vault_keys().items()} == {
            "state": True,
            "epoch": False,
        }


def test_a_wrong_key_migrates(folder: Path) -> None:
    before = contents(folder)
    for key in (Key.bytes(bytes(32)), Key.passphrase("x")):
        with pytest.raises(WrongKeyError):
            opened(folder, key)
    assert contents(folder) == before
    assert_migrated(folder, EVENTS)


@pytest.mark.parametrize("version", [2, 7])
def test_an_old_database_of_a_newer_version_is_changed(folder: Path, version: int) -> None:
    change_first(folder, f"PRAGMA user_version = {version}")
    before = contents(folder)
    with pytest.raises(NewerProfileError):
        opened(folder)
    assert contents(folder) == before


def damage(folder: Path) -> None:
    data = bytearray((folder / DATABASE).read_bytes())
    data[-2000] ^= 1
    (folder / DATABASE).write_bytes(data)


@pytest.mark.parametrize(
    "harm",
    [
        damage,
        lambda folder: (folder / DATABASE).unlink(),
        lambda folder: (folder / DATABASE).write_bytes(b""),
        lambda folder: (folder / DATABASE).write_bytes(b"SQLite format 3\0" + bytes(4080)),
        lambda folder: (folder / DATABASE).write_bytes((folder / DATABASE).read_bytes()[:-100]),
        lambda folder: change_first(folder, "PRAGMA application_id = 1"),
    ],
    ids=["flipped", "lost", "empty", "plain", "cut short", "another's"],
)
def test_a_damaged_profile_is_migrated_or_changed(folder: Path, harm: Callable[[Path], object]) -> None:
    harm(folder)
    before = contents(folder)
    with pytest.raises(DamagedProfileError):
        opened(folder)
    assert contents(folder) == before


def test_an_old_key_file_that_is_put_back_destroys_the_new_databases(folder: Path, tmp_path: Path) -> None:
    old = (folder / "key.json").read_bytes()
    with opened(folder) as store:
        record(store, Event("new"))
    new = (folder / "key.json").read_bytes()
    (folder / "key.json").write_bytes(old)
    with pytest.raises(DamagedProfileError, match=f"{DATABASE} is missing"):
        opened(folder)
    (folder / "key.json").write_bytes(new)
    assert_migrated(folder, [*EVENTS, Event("new")])


POINTS = ["_copy", "create_vault", "write_atomically", "set_setting", "destroy_first_version"]


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_migration_that_fails_leaves_a_profile_that_nobody_can_open(
    folder: Path, monkeypatch: pytest.MonkeyPatch, point: str, when: str
) -> None:
    keys = MemoryKeyStore()
    right = getattr(migration, point)

    def fail(*arguments: Any, **options: Any) -> Any:
        if when == "after":
            right(*arguments, **options)
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(migration, point, fail)
        with pytest.raises(ProfileStorageError, match="space"):
            opened(folder, key_store=keys)
    decided = isinstance(read_key_file(folder), KeyFile)
    assert decided == ((point, when) == ("write_atomically", "after") or point == "destroy_first_version")
    if not decided:
        # Nothing is left of what it had begun, so that there is room again.
        assert set(listed(folder)) - {"profile.lock"} == {"key.json", DATABASE}
        assert keys.keys == {}
    assert_migrated(folder, EVENTS, key_store=keys)
    assert len(keys.keys) == 2


def test_what_an_interrupted_migration_left_is_taken_for_the_profile(folder: Path, tmp_path: Path) -> None:
    with opened(copy_of("1", tmp_path / "other")) as store:
        record(store, Event("not mine"))
    for path in vaults_of(tmp_path / "other"):
        shutil.copy(path, folder / path.name)
    assert_migrated(folder, EVENTS)


@pytest.mark.skipif(sys.platform == "win32", reason="no file that is open can be removed there")
def test_a_migration_goes_on_beside_somebody_who_has_the_old_profile_open(folder: Path) -> None:
    before = contents(folder)
    lock = FolderLock.shared(folder, 0)
    try:
        with pytest.raises(ProfileBusyError):
            opened(folder)
    finally:
        lock.release()
    assert contents(folder) == before
    assert_migrated(folder, EVENTS)


def test_an_old_database_that_another_program_put_there_is_destroyed(folder: Path) -> None:
    opened(folder).close()
    (folder / DATABASE).write_bytes(b"SQLite format 3\0, somebody's own")
    with opened(folder) as store:
        assert store.events() == EVENTS
    assert (folder / DATABASE).read_bytes().endswith(b"somebody's own")
