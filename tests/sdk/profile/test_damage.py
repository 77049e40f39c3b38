"""Damage from outside: whatever is changed, cut off, lost or exchanged, nothing wrong is ever returned.

What cannot be told by encryption alone is defined here too: an older copy of a database that was not rewritten in
between is believed, and without its write-ahead log a database is what was merged into it.
"""

import contextlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.consent import ConsentLedger, Notice, Purpose
from homespun.errors import DamagedProfileError, ProfileError, WrongKeyError
from homespun.profile import ProfileStore, Selection, erase, exists
from homespun.protocol.controls import entry
from homespun.protocol.events import Event
from tests.conftest import Runs
from tests.sdk.profile.support import (
    NOW,
    connection_of,
    consent,
    contents,
    created,
    items_of,
    log_of,
    opened,
    record,
    vault_of,
    vaults_of,
)

PAGE = 2048
SALT = 16
DAY = 86_400
MANY = [Event(f"item-{number:04}", context={"note": "x" * 100}) for number in range(200)]
RECORDS = ConsentLedger().grant(Purpose.DEVICE_STORAGE, notice=Notice("Keep? " * 500), now=7)
KINDS = ["profile", "state", "epoch"]


def fill(store: ProfileStore) -> None:
    consent(store, *RECORDS)
    for number in range(60):
        store.extend_controls(lambda entries: (entry(entries, "hide_item", f"hidden-{number}", value=True, now=NOW),))  # noqa: B023
    store.keep_if(lambda _: True, "cache", "large", b"cached" * 2000)
    record(store, *MANY)
    store.add_exposures(lambda _: True, ["item-0001"] * 100, NOW)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("damage") / "profile"
    with created(folder) as store:
        fill(store)
    for path in vaults_of(folder):
        assert path.stat().st_size >= 6 * PAGE
    return folder


@pytest.fixture(scope="module")
def copy(original: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy whose databases the tests overwrite again and again."""
    folder = tmp_path_factory.mktemp("copy") / "profile"
    shutil.copytree(original, folder)
    return folder


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    shutil.copytree(original, tmp_path / "profile")
    return tmp_path / "profile"


class Everything(tuple[Sequence[object], ...]):
    """All that a profile shows: events, choices, controls, then what else there is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "everything"


def everything(store: ProfileStore) -> Everything:
    view = store.view()
    rest = [dict(view.attributes), store.kept("cache"), store.exposures(0)]
    return Everything((store.events(), view.consent, view.controls, rest))


def look(folder: Path, expected: Everything) -> None:
    """Open, read and check, as thoroughly as there is; what is read must be right."""
    with opened(folder) as store:
        assert everything(store) == expected
        store.check()


@pytest.fixture(scope="module")
def expected(original: Path) -> Everything:
    with opened(original) as store:
        return everything(store)


@contextlib.contextmanager
def replaced(path: Path, data: bytes) -> Iterator[None]:
    before = path.read_bytes()
    for side in ("-wal", "-shm"):
        path.with_name(path.name + side).unlink(missing_ok=True)
    path.write_bytes(data)
    try:
        yield
    finally:
        path.write_bytes(before)


@pytest.mark.parametrize("kind", KINDS)
def test_one_flipped_bit_in_a_page_is_not_noticed_or_changes_what_is_read(
    copy: Path, expected: Everything, kind: str, runs: Runs
) -> None:
    path = vault_of(copy, kind)
    good = path.read_bytes()
    pages = len(good) // PAGE
    for number in runs(f"flipped byte ({kind})", 10 * pages):
        page, place = number % pages, number * 197 % PAGE
        # The first bytes are a salt that a raw key ignores.
        offset = page * PAGE + (max(place, SALT) if page == 0 else place)
        bad = bytearray(good)
        bad[offset] ^= 1 << number % 8
        with replaced(path, bytes(bad)), pytest.raises(DamagedProfileError, match="Restore"):
            look(copy, expected)


@pytest.mark.parametrize("kind", KINDS)
def test_every_page_is_authenticated_by_a_check(copy: Path, expected: Everything, kind: str) -> None:
    path = vault_of(copy, kind)
    good = path.read_bytes()
    for start in range(0, len(good), PAGE):
        bad = bytearray(good)
        bad[start + PAGE // 2] ^= 1
        with replaced(path, bytes(bad)), pytest.raises(DamagedProfileError), opened(copy) as store:
            store.check()


@pytest.mark.parametrize("kind", KINDS)
def test_every_byte_of_the_layout_in_the_clear_is_checked(copy: Path, expected: Everything, kind: str) -> None:
    path = vault_of(copy, kind)
    good = path.read_bytes()
    for offset in range(SALT, 2 * SALT):
        bad = bytearray(good)
        bad[offset] ^= 0x40
        with replaced(path, bytes(bad)), pytest.raises(DamagedProfileError):
            look(copy, expected)


@pytest.mark.parametrize("kind", KINDS)
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_database_that_was_cut_short_is_believed(copy: Path, expected: Everything, kind: str, share: float) -> None:
    path = vault_of(copy, kind)
    good = path.read_bytes()
    with replaced(path, good[: int(share * len(good))]), pytest.raises(DamagedProfileError):
        look(copy, expected)


@pytest.mark.parametrize("kind", KINDS)
def test_a_database_that_lost_whole_pages_at_its_end_is_believed(copy: Path, expected: Everything, kind: str) -> None:
    path = vault_of(copy, kind)
    good = path.read_bytes()
    for pages in range(len(good) // PAGE):
        with replaced(path, good[: pages * PAGE]), pytest.raises(DamagedProfileError):
            look(copy, expected)


@pytest.mark.parametrize("kind", KINDS)
def test_pages_that_changed_places_are_believed(copy: Path, expected: Everything, kind: str) -> None:
    path = vault_of(copy, kind)
    good = path.read_bytes()
    pages = [good[start : start + PAGE] for start in range(0, len(good), PAGE)]
    pages[-1], pages[-2] = pages[-2], pages[-1]
    with replaced(path, b"".join(pages)), pytest.raises(DamagedProfileError):
        look(copy, expected)


def test_damage_that_happens_while_it_is_open_is_not_found_on_reading(folder: Path) -> None:
    path = vault_of(folder, "epoch")
    with opened(folder) as store:
        connection = connection_of(store, "epoch")
        connection.pragma("cache_size", 0)
        connection.execute("PRAGMA shrink_memory").fetchall()
        data = bytearray(path.read_bytes())
        data[5 * PAGE : 8 * PAGE] = bytes(3 * PAGE)
        path.write_bytes(data)
        with pytest.raises(DamagedProfileError):
            store.events()


def test_a_damaged_log_of_events_loses_its_end_and_invents_nothing(original: Path, tmp_path: Path, runs: Runs) -> None:
    source = tmp_path / "source"
    shutil.copytree(original, source)
    with opened(source) as store:
        for number in range(20):
            record(store, Event(f"later-{number}"))
        recorded = store.events()
        store.close(keep_log=True)
    name = log_of(vault_of(source, "epoch")).name
    log = (source / name).read_bytes()
    assert len(log) > 20 * PAGE
    for number in runs("damaged log", 200):
        folder = tmp_path / f"at-{number}"
        shutil.copytree(source, folder)
        for path in folder.glob("*-shm"):
            path.unlink()
        bad = bytearray(log)
        bad[40 + number * 3001 % (len(log) - 40)] ^= 0x10
        (folder / name).write_bytes(bad)
        try:
            with opened(folder) as store:
                events = store.events()
        except DamagedProfileError:
            continue
        assert events == recorded[: len(events)]
        assert len(events) >= len(MANY)


def files_lost(folder: Path) -> list[str]:
    return ["key.json", *(path.name for path in vaults_of(folder))]


@pytest.mark.parametrize("which", range(4))
def test_a_lost_file_is_not_named_or_another_is_touched(original: Path, folder: Path, which: int) -> None:
    lost = files_lost(original)[which]
    (folder / lost).unlink()
    before = contents(folder)
    assert exists(folder)
    with pytest.raises(DamagedProfileError, match=rf"{lost}\b.*missing"), opened(folder) as store:
        everything(store)
    after = contents(folder)
    assert after.keys() == before.keys()
    assert all(after[name] == before[name] for name in before)
    # The way out that the message names.
    erase(folder, None)
    assert not folder.exists()


def test_a_lost_epoch_takes_the_others_with_it(folder: Path) -> None:
    """What the person set and chose, and a whole erasure, do not depend on a damaged epoch."""
    vault_of(folder, "epoch").write_bytes(bytes(5000))
    with opened(folder) as store:
        assert store.view().consent == RECORDS
        assert len(store.view().controls) == 60
        with pytest.raises(DamagedProfileError):
            store.events()
        with pytest.raises(DamagedProfileError):
            record(store, Event("one more"))
        erase(folder, store)
    assert not folder.exists()


@pytest.mark.parametrize("kind", KINDS)
def test_a_database_of_another_profile_with_the_same_key_is_believed(
    copy: Path, expected: Everything, tmp_path: Path, kind: str
) -> None:
    with created(tmp_path / "other") as other:
        fill(other)
    with (
        replaced(vault_of(copy, kind), vault_of(tmp_path / "other", kind).read_bytes()),
        pytest.raises(DamagedProfileError),
    ):
        look(copy, expected)


def test_the_key_file_of_another_profile_opens_this_one(folder: Path, tmp_path: Path) -> None:
    with created(tmp_path / "other") as other:
        fill(other)
    data = (tmp_path / "other" / "key.json").read_bytes()
    theirs, ours = vault_of(tmp_path / "other", "profile").name, vault_of(folder, "profile").name
    (folder / "key.json").write_bytes(data)
    with pytest.raises(DamagedProfileError, match="missing"):
        opened(folder)
    (folder / "key.json").write_bytes(data.replace(theirs.encode(), ours.encode()))
    with pytest.raises(WrongKeyError):
        opened(folder)


def test_two_epochs_that_changed_places_are_believed(tmp_path: Path) -> None:
    folder = tmp_path / "profile"
    with created(folder) as store:
        record(store, Event("first"))
        record(store, Event("second"), now=NOW + 40 * DAY)
    one, two = vaults_of(folder, "epoch")
    data = one.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(data)
    with pytest.raises(DamagedProfileError), opened(folder) as store:
        store.events()


def test_the_state_in_the_place_of_an_epoch_is_believed(folder: Path) -> None:
    vault_of(folder, "epoch").write_bytes(vault_of(folder, "state").read_bytes())
    with opened(folder) as store, pytest.raises(DamagedProfileError):
        store.events()


@pytest.mark.parametrize("kind", KINDS)
def test_an_older_copy_of_a_database_under_the_same_key_is_what_it_was(tmp_path: Path, kind: str) -> None:
    """A replay is not detected, as long as the database was not rewritten: it shows an older state, never a mixture."""
    folder = tmp_path / "profile"
    with created(folder) as store:
        record(store, Event("early"))
        store.extend_controls(lambda _: (entry((), "hide_item", "early", value=True, now=NOW),))
    older = {path.name: path.read_bytes() for path in vaults_of(folder)}
    with opened(folder) as store:
        record(store, Event("late"))
        store.extend_controls(lambda entries: (entry(entries, "hide_item", "late", value=True, now=NOW),))
        consent(store, *RECORDS)
    path = vault_of(folder, kind)
    path.write_bytes(older[path.name])
    with opened(folder) as store:
        store.check()
        assert items_of(store) == (["early"] if kind == "epoch" else ["early", "late"])
        assert [control.target for control in store.view().controls] == ["early", "late"][: 1 if kind == "state" else 2]
        assert store.view().consent == (() if kind == "profile" else RECORDS)


@pytest.mark.parametrize("kind", ["state", "epoch"])
def test_an_older_copy_of_a_database_brings_back_what_was_erased(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "profile"
    with created(folder) as store:
        record(store, Event("erased"), Event("stays"))
        store.extend_controls(lambda _: (entry((), "hide_item", "erased", value=True, now=NOW),))
    older = {each: vault_of(folder, each).read_bytes() for each in KINDS}
    names = {each: vault_of(folder, each).name for each in KINDS}
    with opened(folder) as store:
        store.forget(Selection(items=frozenset({"erased"}), targets=frozenset({"erased"})))
    assert vault_of(folder, kind).name != names[kind]
    # Under the new name its key is another one; under the old one nobody knows it.
    vault_of(folder, kind).write_bytes(older[kind])
    with pytest.raises(DamagedProfileError), opened(folder) as store:
        everything(store)
    # And with the older index, the newer file is missing.
    shutil.rmtree(folder)


def test_an_older_copy_of_the_index_brings_back_what_was_erased(tmp_path: Path) -> None:
    folder = tmp_path / "profile"
    with created(folder) as store:
        record(store, Event("erased"), Event("stays"))
    main = vault_of(folder, "profile")
    older = main.read_bytes()
    with opened(folder) as store:
        store.forget(Selection(items=frozenset({"erased"})))
    main.write_bytes(older)
    with pytest.raises(DamagedProfileError, match="missing"), opened(folder) as store:
        store.events()


def test_an_older_copy_under_its_old_name_is_taken_for_a_part_of_the_profile(tmp_path: Path) -> None:
    folder = tmp_path / "profile"
    with created(folder) as store:
        record(store, Event("erased"), Event("stays"))
    path = vault_of(folder, "epoch")
    older = path.read_bytes()
    with opened(folder) as store:
        store.forget(Selection(items=frozenset({"erased"})))
    path.write_bytes(older)
    with opened(folder) as store:
        assert items_of(store) == ["stays"]
    assert not path.exists()


def unmerged(folder: Path, act: Callable[[ProfileStore], None]) -> None:
    """Do something that stays in the write-ahead logs, as a killed process leaves it."""
    with opened(folder) as store:
        act(store)
        store.close(keep_log=True)
    for path in folder.glob("*-shm"):
        path.unlink()


@pytest.mark.parametrize("kind", KINDS)
def test_a_lost_log_takes_what_was_merged_before_with_it(folder: Path, kind: str) -> None:
    """Without its log a database is what was merged into it; the others are not affected."""

    def act(store: ProfileStore) -> None:
        record(store, Event("late"))
        store.extend_controls(lambda entries: (entry(entries, "hide_item", "late", value=True, now=NOW),))
        consent(store, *RECORDS)

    unmerged(folder, act)
    log = log_of(vault_of(folder, kind))
    assert log.stat().st_size > 0
    log.unlink()
    with opened(folder) as store:
        store.check()
        assert len(store.events()) == len(MANY) + (kind != "epoch")
        assert len(store.view().controls) == 60 + (kind != "state")
        assert store.view().consent == RECORDS * (1 if kind == "profile" else 2)


@pytest.mark.parametrize("rewritten", [False, True], ids=["begun", "rewritten"])
def test_a_lost_log_of_the_index_takes_a_whole_epoch_with_it(tmp_path: Path, *, rewritten: bool) -> None:
    """Which files belong to the profile is merged into the index at once, so that no file is taken for garbage."""
    folder = tmp_path / "profile"
    with created(folder) as store:
        record(store, Event("first"), Event("erased"))
        record(store, Event("second"), now=NOW + 40 * DAY)
        if rewritten:
            store.set_attribute("language", "nb")
            store.set_attribute("language", None)
            store.forget(Selection(items=frozenset({"erased"})))
        consent(store, *RECORDS)
        store.close(keep_log=True)
    log_of(vault_of(folder, "profile")).unlink()
    for path in folder.glob("*-shm"):
        path.unlink()
    names = {path.name for path in vaults_of(folder)}
    with opened(folder, now=NOW + 40 * DAY) as store:
        assert items_of(store) == ["first", *([] if rewritten else ["erased"]), "second"]
        assert store.view().consent == ()
    assert {path.name for path in vaults_of(folder)} == names


@pytest.mark.parametrize("kind", KINDS)
def test_a_log_of_another_time_is_merged(folder: Path, kind: str) -> None:
    """A log that does not continue the database is ignored or found out, and never half merged."""

    def act(store: ProfileStore) -> None:
        record(store, *[Event(f"late-{number}") for number in range(30)])
        store.extend_controls(lambda entries: (entry(entries, "hide_item", "late", value=True, now=NOW),))
        consent(store, *RECORDS)

    unmerged(folder, act)
    log = log_of(vault_of(folder, kind))
    older = log.read_bytes()
    with opened(folder) as store:
        # Merges all logs, and then writes what the older ones do not know.
        act(store)
        right = everything(store)
    log.write_bytes(older)
    try:
        with opened(folder) as store:
            found = everything(store)
            store.check()
    except DamagedProfileError:
        return
    shorter = 0
    for one, other in zip(found[:3], right[:3], strict=True):
        assert list(one) == list(other)[: len(one)]
        shorter += len(one) < len(other)
    assert shorter <= 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_in_the_place_of_a_database_hangs_or_is_followed(folder: Path, kind: str) -> None:
    path = vault_of(folder, kind)
    path.unlink()
    path.mkdir()
    with pytest.raises(ProfileError), opened(folder) as store:
        everything(store)
