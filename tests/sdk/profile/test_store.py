import os
import sqlite3
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.consent import ConsentLedger, Notice, Purpose
from homespun.errors import (
    ClosedError,
    DamagedProfileError,
    InvalidEventError,
    MisuseError,
    NewerProfileError,
    ProfileBusyError,
    ProfileStorageError,
)
from homespun.profile import Key, ProfileStore, Selection, View, create, exists, open_profile
from homespun.profile.files import PREPARING, listed
from homespun.protocol.consent import ConsentRecord
from homespun.protocol.controls import entry
from homespun.protocol.events import Event
from homespun.protocol.records import SCHEMA_VERSION, ExplanationRecord, ItemEntry
from tests.sdk.profile.support import (
    EVENTS,
    NOW,
    QUICK,
    change_inside,
    connection_of,
    consent,
    contents,
    created,
    items_of,
    log_of,
    look,
    opened,
    place_at,
    raw_key,
    record,
    vault_of,
    vaults_of,
)

RECORDS = ConsentLedger().grant(Purpose.PERSONALIZATION, Purpose.DEVICE_STORAGE, notice=Notice("Gelesen."), now=7)
KINDS = ["profile", "state", "epoch"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "made" / "profile"


@pytest.fixture
def store(folder: Path) -> Iterator[ProfileStore]:
    with created(folder) as made:
        yield made


def test_events_come_back_as_they_were_recorded_and_in_order(store: ProfileStore, folder: Path) -> None:
    assert record(store, *EVENTS[:3]) == 3
    assert record(store, EVENTS[3]) == 1
    assert store.events() == EVENTS
    store.close()
    with opened(folder) as again:
        assert again.events() == EVENTS
        assert again.profile_id == store.profile_id


@pytest.mark.parametrize("count", [0, 1, 3, 4, 9])
def test_the_latest_events_are_the_end_of_all_across_epochs(store: ProfileStore, count: int) -> None:
    for number, event in enumerate(EVENTS):
        record(store, event, now=NOW + number * 40 * 86_400)
    assert len(store.vaults.epochs) == len(EVENTS)
    assert store.latest_events(count) == EVENTS[max(0, len(EVENTS) - count) :]


def test_an_event_that_is_told_twice_by_its_id_counts_twice(store: ProfileStore) -> None:
    first, other = Event("a", id="once"), Event("b", id="other")
    assert record(store, first) == 1
    assert record(store, Event("changed", id="once")) == 0
    assert record(store, other, first, Event("c"), Event("c")) == 3
    assert store.events() == [first, other, Event("c"), Event("c")]


def test_an_id_is_forgotten_when_the_next_epoch_begins(store: ProfileStore) -> None:
    first = Event("a", id="once")
    record(store, first)
    later = NOW + 31 * 86_400
    assert record(store, Event("new"), now=later) == 1
    assert record(store, first, now=later) == 0
    assert record(store, first, Event("b", id="two"), now=later) == 1
    assert items_of(store) == ["a", "new", "b"]
    assert len(store.vaults.epochs) == 2


def test_one_id_twice_in_one_batch_is_kept_twice(store: ProfileStore) -> None:
    assert record(store, Event("a", id="x"), Event("b", id="x"), Event("c", id="y")) == 2
    assert items_of(store) == ["a", "c"]


def test_a_large_import_with_ids_is_repeated(store: ProfileStore) -> None:
    events = [Event(f"item-{number % 7}", id=f"id-{number}") for number in range(2500)]
    assert record(store, *events) == 2500
    assert record(store, *events, now=NOW + 31 * 86_400) == 0
    assert store.events() == events


def test_consent_records_come_back_as_they_were_recorded(store: ProfileStore, folder: Path) -> None:
    consent(store, *RECORDS)
    store.close()
    with opened(folder) as again:
        assert again.view().consent == RECORDS
        assert again.view().consent is again.view().consent


def test_what_was_set_declared_kept_decided_and_shown_comes_back(store: ProfileStore, folder: Path) -> None:
    control = entry((), "hide_item", "item-1", value=True, now=NOW)
    decision = decision_about("item-2")
    store.extend_controls(lambda _: (control,))
    store.set_attribute("age_band", "30-39")
    assert store.keep_if(lambda _: True, "cache", "name", b"value")
    assert store.add_decisions(lambda _: True, [decision], NOW)
    assert store.add_exposures(lambda _: True, ["item-2", "item-2", "item-3"], NOW)
    store.close()
    with opened(folder) as again:
        assert again.view().controls == (control,)
        assert dict(again.view().attributes) == {"age_band": "30-39"}
        assert again.kept("cache") == {"name": b"value"}
        assert again.kept("learning") == {}
        assert again.decisions() == [decision]
        assert again.exposures(NOW) == {"item-2": 2, "item-3": 1}
        assert again.exposures(NOW + 1) == {}


def test_a_value_is_changed_from_another_than_the_one_that_is_kept(store: ProfileStore, folder: Path) -> None:
    def longer(value: bytes | None) -> bytes:
        return b"a" if value is None else value + b"b"

    with opened(folder) as other:
        assert store.rekeep_if(lambda _: True, "cache", "name", longer)
        assert other.rekeep_if(lambda _: True, "cache", "name", longer)
        assert not other.rekeep_if(lambda _: False, "cache", "name", longer)
        assert store.kept("cache") == {"name": b"ab"}
        assert store.rekeep_if(lambda _: True, "cache", "name", lambda _: None)
        assert other.kept("cache") == {}


def decision_about(item: str) -> ExplanationRecord:
    return ExplanationRecord(
        schema=SCHEMA_VERSION,
        bundle="0" * 64,
        time=NOW,
        personalized=False,
        items=(ItemEntry(item, Decimal("0.5"), "popular", (), Decimal("0.5"), Decimal(0)),),
    )


numbers = st.none() | st.floats(0, 1e11) | st.integers(0, 10**11)
values = (
    st.text(st.characters(codec="utf-8"), max_size=20)
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(-(2**53), 2**53)
)
items = st.text(min_size=1, max_size=30).filter(str.isprintable)
contexts = st.none() | st.dictionaries(
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=9), values, max_size=5
)


@given(st.lists(st.builds(Event, items, st.just("view"), numbers, numbers, contexts), max_size=8))
def test_no_valid_event_is_changed_by_storing_it(events: list[Event]) -> None:
    with created(None, Key.ephemeral()) as store:
        record(store, *events)
        assert store.events() == events


@pytest.mark.parametrize("context", [{"a": "\ud800"}, {"\udfff": 1}, {"a": 10**5000}])
def test_text_that_is_not_well_formed_is_refused_and_nothing_of_the_batch_stays(
    store: ProfileStore, context: Any
) -> None:
    with pytest.raises(InvalidEventError, match="context"):
        record(store, Event("fine"), Event("bad", context=context))
    assert store.events() == []


def test_numbers_that_are_subclasses_are_stored_as_what_they_are(store: ProfileStore) -> None:
    class Share(float):
        pass

    class Name(str):
        __slots__ = ()

    record(store, Event("a", context={Name("key"): Share(0.5), "b": Name("text")}))
    assert store.events() == [Event("a", context={"key": 0.5, "b": "text"})]


@pytest.mark.parametrize("batch", [EVENTS[:1], EVENTS[:2]], ids=["one", "several"])
def test_somebody_withdraws_between_the_decision_and_the_recording(
    store: ProfileStore, folder: Path, batch: list[Event]
) -> None:
    seen: list[tuple[ConsentRecord, ...]] = []
    record(store, Event("before"))
    with opened(folder) as other:

        def allowed(view: View) -> bool:
            seen.append(view.consent)
            with pytest.raises(ProfileBusyError):
                consent(other, *RECORDS)
            return True

        assert store.add_events_if(allowed, batch, NOW) == len(batch)
        consent(other, *RECORDS)
        assert store.add_events_if(lambda view: view.consent != RECORDS, batch, NOW) is None
    assert seen == [()]
    assert store.events() == [Event("before"), *batch]


@pytest.mark.parametrize("what", ["control", "attribute", "kept", "epoch"])
def test_something_else_is_set_between_the_decision_and_the_recording(
    store: ProfileStore, folder: Path, what: str
) -> None:
    record(store, Event("before"))
    with opened(folder) as other:
        changes = {
            "control": lambda: other.extend_controls(lambda _: (entry((), "pause", None, value=True, now=NOW),)),
            "attribute": lambda: other.set_attribute("language", "nb"),
            "kept": lambda: other.keep_if(lambda _: True, "cache", "a", b"b"),
            "epoch": lambda: record(other, Event("later"), now=NOW + 100 * 86_400),
        }

        def allowed(_: View) -> bool:
            with pytest.raises(ProfileBusyError):
                changes[what]()
            return True

        assert store.add_events_if(allowed, [Event("mine")], NOW) == 1
        changes[what]()
    assert items_of(store)[:2] == ["before", "mine"]


def test_the_view_is_the_same_object_until_something_of_it_changes(store: ProfileStore, folder: Path) -> None:
    view = store.view()
    record(store, EVENTS[0])
    store.events()
    consent(store, *RECORDS)
    changed = store.view()
    assert changed is not view
    record(store, EVENTS[0])
    assert store.view() is changed
    with opened(folder) as other:
        other.extend_controls(lambda _: (entry((), "hide_item", "item", value=True, now=NOW),))
        assert store.view().controls == other.view().controls != changed.controls


def test_choices_that_depend_on_others_are_recorded_beside_them(store: ProfileStore, folder: Path) -> None:
    with opened(folder) as other:
        consent(other, RECORDS[0])

        def choose(records: tuple[ConsentRecord, ...]) -> tuple[ConsentRecord, ...]:
            assert records == RECORDS[:1]
            with pytest.raises(ProfileBusyError):
                consent(other, RECORDS[0])
            return RECORDS[1:]

        store.extend_consent(choose)
        assert other.view().consent == store.view().consent == RECORDS


def test_a_choice_that_was_not_committed_is_remembered_as_if_it_were(store: ProfileStore) -> None:
    consent(store, RECORDS[0])
    pages = connection_of(store).pragma("page_count")
    connection_of(store).pragma("max_page_count", pages)
    with pytest.raises(ProfileStorageError, match="full"):
        consent(store, *RECORDS * 200)
    assert store.view().consent == RECORDS[:1]

    def failing(_: tuple[ConsentRecord, ...]) -> tuple[ConsentRecord, ...]:
        raise KeyError("the caller's own failure")

    with pytest.raises(KeyError):
        store.extend_consent(failing)
    assert store.view().consent == RECORDS[:1]
    record(store, EVENTS[0])


def test_a_caller_that_fails_to_decide_leaves_something_locked_or_recorded(store: ProfileStore, folder: Path) -> None:
    def failing(_: View) -> bool:
        raise KeyError("the application's own failure")

    record(store, Event("before"))
    for act in (
        lambda: store.add_events_if(failing, EVENTS[:1], NOW),
        lambda: store.add_events_if(failing, EVENTS[:2], NOW),
        lambda: store.keep_if(failing, "cache", "a", b"b"),
        lambda: store.add_exposures(failing, ["a"], NOW),
        lambda: store.add_decisions(failing, [decision_about("a")], NOW),
    ):
        with pytest.raises(KeyError):
            act()
    with opened(folder) as other:
        record(other, Event("after"))
        consent(other, *RECORDS)
        other.set_attribute("language", "nb")
    assert items_of(store) == ["before", "after"]
    assert (store.kept("cache"), store.exposures(0), store.decisions()) == ({}, {}, [])


def test_sizes_count_what_is_there(store: ProfileStore, folder: Path) -> None:
    record(store, *EVENTS)
    consent(store, *RECORDS)
    sizes = store.sizes()
    assert (sizes.events, sizes.consent_records) == (4, 2)
    assert sizes.disk_bytes == sum(len(data) for data in contents(folder).values())


def test_a_closed_profile_says_so_and_closing_twice_is_fine(store: ProfileStore) -> None:
    store.close()
    store.close()
    for use in (
        store.events,
        store.view,
        store.sizes,
        store.check,
        store.decisions,
        store.egress_entries,
        store.truncate_logs,
        lambda: record(store, Event("a")),
        lambda: consent(store),
        lambda: store.tend(NOW),
        lambda: store.forget(Selection()),
        lambda: store.device_key,
    ):
        with pytest.raises(ClosedError, match="open it again"):
            use()


def test_opening_where_no_profile_is_writes_nothing(tmp_path: Path) -> None:
    assert not exists(tmp_path)
    with pytest.raises(MisuseError, match="no profile"):
        open_profile(place_at(tmp_path), NOW)
    with pytest.raises(MisuseError, match="no profile"):
        open_profile(place_at(tmp_path / "missing"), NOW)
    assert list(tmp_path.iterdir()) == []


def test_creating_over_a_profile_is_refused_and_changes_nothing(store: ProfileStore, folder: Path) -> None:
    record(store, EVENTS[0])
    store.close()
    before = contents(folder)
    with pytest.raises(MisuseError, match="already"):
        created(folder, Key.bytes(bytes(31) + b"x"))
    assert contents(folder) == before


def test_creating_over_a_profile_in_use_is_refused(store: ProfileStore, folder: Path) -> None:
    with pytest.raises(ProfileBusyError):
        created(folder)
    assert store.events() == []


def test_a_key_for_the_disk_needs_a_folder() -> None:
    for make in (create, open_profile):
        with pytest.raises(MisuseError, match="folder"):
            make(place_at(None), NOW)


def test_an_ephemeral_profile_writes_nothing_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with created(tmp_path / "profile", Key.ephemeral()) as store:
        record(store, *EVENTS)
        record(store, EVENTS[0], now=NOW + 100 * 86_400)
        consent(store, *RECORDS)
        store.extend_controls(lambda _: (entry((), "hide_item", "item", value=True, now=NOW),))
        store.forget(Selection(items=frozenset({EVENTS[0].item})))
        assert store.events() == EVENTS[2:]
        assert store.view().consent == RECORDS
        assert store.sizes().disk_bytes == 0
        store.check()
        assert list(tmp_path.iterdir()) == []
    with opened(None, Key.ephemeral()) as other:
        assert other.events() == []


def test_a_relative_folder_stays_the_same_folder_when_the_process_moves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    with created(Path("profile")) as store:
        monkeypatch.chdir(tmp_path / "elsewhere")
        record(store, EVENTS[0])
        record(store, EVENTS[0], now=NOW + 40 * 86_400)
        assert store.sizes().disk_bytes > 0
    assert exists(tmp_path / "profile")
    assert len(vaults_of(tmp_path / "profile", "epoch")) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_a_profile_of_a_newer_homespun_is_left_byte_for_byte(store: ProfileStore, folder: Path, kind: str) -> None:
    record(store, *EVENTS)
    store.close()
    change_inside(folder, "PRAGMA user_version = 3", kind)
    before = contents(folder)
    with pytest.raises(NewerProfileError, match="Update homespun"), opened(folder, now=NOW + 10_000) as again:
        again.view()
    after = contents(folder)
    if kind != "profile":
        # All databases are of one version; if one alone is newer, it is that one that must stay as it is.
        before, after = ({vault_of(folder, kind).name: each[vault_of(folder, kind).name]} for each in (before, after))
    assert after == before


@pytest.mark.parametrize("kind", KINDS)
def test_the_log_of_a_newer_homespun_is_not_merged_into_its_database(
    store: ProfileStore, folder: Path, kind: str
) -> None:
    record(store, *EVENTS)
    connection_of(store, kind).execute("PRAGMA user_version = 3")
    store.close(keep_log=True)
    before = contents(folder)
    path = vault_of(folder, kind)
    assert before[log_of(path).name]
    with pytest.raises(NewerProfileError), opened(folder, now=NOW + 10_000) as again:
        again.view()
    after = contents(folder)
    assert all(after[name] == before[name] for name in ("key.json", path.name, log_of(path).name))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("statement", ["PRAGMA user_version = 0", "PRAGMA application_id = 1", "DROP TABLE {}"])
def test_a_database_that_no_homespun_wrote_is_damaged(
    store: ProfileStore, folder: Path, statement: str, kind: str
) -> None:
    record(store, *EVENTS)
    store.close()
    table = {"profile": "consent", "state": "control", "epoch": "event"}[kind]
    change_inside(folder, statement.format(table), kind)
    with pytest.raises(DamagedProfileError):
        look(folder)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO event (recorded, item, kind) VALUES (0, '', 'view')",
        "INSERT INTO event (recorded, item, kind, weight) VALUES (0, 'a', 'view', -1)",
        "INSERT INTO event (recorded, item, kind, context) VALUES (0, 'a', 'view', 'no json')",
        "INSERT INTO event (recorded, item, kind, context) VALUES (0, 'a', 'view', '[1]')",
        "INSERT INTO event (recorded, uid, item, kind) VALUES (0, '', 'a', 'view')",
    ],
)
def test_an_impossible_event_in_the_database_is_reported_rather_than_used(
    store: ProfileStore, folder: Path, statement: str
) -> None:
    record(store, EVENTS[0])
    store.close()
    change_inside(folder, statement, "epoch")
    with opened(folder) as again:
        for read in (again.events, lambda: again.latest_events(5)):
            with pytest.raises(DamagedProfileError, match="event"):
                read()


def test_an_impossible_consent_record_is_reported_rather_than_ignored(store: ProfileStore, folder: Path) -> None:
    store.close()
    change_inside(folder, """INSERT INTO consent (record) VALUES ('{"action": "grant"}')""")
    with opened(folder) as again, pytest.raises(DamagedProfileError, match="consent"):
        again.view()


@pytest.mark.parametrize(
    ("kind", "statement", "what"),
    [
        ("state", "INSERT INTO control (record) VALUES ('{}')", "control"),
        ("state", "INSERT INTO attribute VALUES ('language', 'no json')", "attribute"),
        ("epoch", "INSERT INTO decision (time, item, record) VALUES (0, 'a', '[]')", "explanation"),
        ("profile", "INSERT INTO egress (record) VALUES ('7')", "egress"),
    ],
)
def test_an_impossible_row_of_another_part_is_reported_rather_than_ignored(
    store: ProfileStore, folder: Path, kind: str, statement: str, what: str
) -> None:
    record(store, EVENTS[0])
    store.close()
    change_inside(folder, statement, kind)
    with pytest.raises(DamagedProfileError, match=what):
        look(folder)


@pytest.mark.parametrize("kind", KINDS)
def test_a_full_disk_is_a_storage_error_and_acknowledged_events_stay(store: ProfileStore, kind: str) -> None:
    record(store, EVENTS[0])
    connection = connection_of(store, kind)
    connection.pragma("max_page_count", connection.pragma("page_count"))
    acts = {
        "profile": lambda: consent(store, *RECORDS * 200),
        "state": lambda: store.keep_if(lambda _: True, "cache", "a", bytes(100_000)),
        "epoch": lambda: record(store, *[Event("x" * 500)] * 1000),
    }
    with pytest.raises(ProfileStorageError, match="full"):
        acts[kind]()
    assert store.events() == EVENTS[:1]
    assert (store.view().consent, store.kept("cache")) == ((), {})
    connection.pragma("max_page_count", 100_000)
    acts[kind]()


def test_a_file_where_the_folder_should_be_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "profile").write_text("mine")
    with pytest.raises(ProfileStorageError, match="disk refused"):
        created(tmp_path / "profile")
    assert (tmp_path / "profile").read_text() == "mine"


def test_an_apsw_without_encryption_is_refused_before_anything_is_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Plain(apsw.Connection):
        def pragma(self, name: str, value: Any = None, *, schema: str | None = None) -> Any:
            return None if name == "cipher" else super().pragma(name, value, schema=schema)

    monkeypatch.setattr(apsw, "Connection", Plain)
    with pytest.raises(ProfileStorageError, match="apsw-sqlite3mc"):
        created(folder)
    assert not exists(folder)
    assert all(data == b"" for name, data in contents(folder).items() if name != PREPARING)


@pytest.mark.parametrize("kind", KINDS)
def test_a_database_in_the_clear_put_in_its_place_is_refused(store: ProfileStore, folder: Path, kind: str) -> None:
    record(store, EVENTS[0])
    store.close()
    path = vault_of(folder, kind)
    path.unlink()
    plain = sqlite3.connect(path)
    plain.execute("CREATE TABLE event (id)")
    plain.close()
    with pytest.raises(DamagedProfileError, match="not encrypted"):
        look(folder)


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
def test_only_the_owner_may_read_the_files(store: ProfileStore, folder: Path) -> None:
    record(store, EVENTS[0])
    assert folder.stat().st_mode & 0o077 == 0
    names = listed(folder)
    assert {name.partition("-")[0] for name in names} >= set(KINDS)
    assert {"key.json", "profile.lock"} <= set(names)
    for name in names:
        # The lock's file is empty, and in a folder that nobody else may enter.
        assert (folder / name).stat().st_mode & 0o077 == 0 or name == "profile.lock", name
    assert (folder / "profile.lock").stat().st_size == 0


@pytest.mark.parametrize("kind", KINDS)
def test_the_cipher_authenticates_and_deleted_content_is_overwritten(store: ProfileStore, kind: str) -> None:
    record(store, EVENTS[0])
    connection = connection_of(store, kind)
    assert connection.pragma("cipher") == "aegis"
    assert connection.pragma("secure_delete") == 1
    assert connection.pragma("journal_mode") == "wal"
    assert connection.pragma("temp_store") == 2


@pytest.mark.parametrize("left", ["everything", "half"])
def test_an_interrupted_creation_that_nobody_was_told_of_is_replaced(
    store: ProfileStore, folder: Path, left: str
) -> None:
    store.close()
    (folder / "key.json").rename(folder / "key.json.partial")
    (folder / PREPARING).write_text(f'{{"profile": "{store.profile_id}"}}')
    before = {path.name for path in vaults_of(folder)}
    if left == "half":
        path = vault_of(folder, "profile")
        path.write_bytes(path.read_bytes()[:1000])
    assert not exists(folder)
    with created(folder, Key.bytes(bytes(31) + b"x")) as other:
        assert other.profile_id != store.profile_id
    after = set(contents(folder))
    assert not after & before
    assert after == {"key.json", *(path.name for path in vaults_of(folder))}
    assert len(vaults_of(folder)) == 2


def test_vaults_without_a_key_file_are_taken_for_an_interrupted_creation(store: ProfileStore, folder: Path) -> None:
    record(store, *EVENTS)
    store.close()
    (folder / "key.json").rename(folder / "elsewhere.json")
    before = contents(folder)
    with pytest.raises(MisuseError, match="already"):
        created(folder)
    with pytest.raises(DamagedProfileError, match=r"key\.json.*missing"):
        open_profile(place_at(folder, raw_key()), NOW)
    assert contents(folder) == before
    (folder / "elsewhere.json").rename(folder / "key.json")
    with opened(folder) as again:
        assert again.events() == EVENTS


def test_a_marker_that_a_creation_left_after_its_decision_is_removed(store: ProfileStore, folder: Path) -> None:
    record(store, *EVENTS)
    store.close()
    (folder / PREPARING).write_text('{"profile": "0"}')
    with opened(folder) as again:
        assert again.events() == EVENTS
    assert PREPARING not in contents(folder)


def test_a_place_that_no_setting_suits_is_left_alone(store: ProfileStore, folder: Path) -> None:
    store.close()
    (folder / "notes.txt").write_text("mine")
    (folder / "epoch-0123.db").write_text("mine too")
    with opened(folder, settings=QUICK) as again:
        record(again, EVENTS[0])
    assert (folder / "notes.txt").read_text() == "mine"
    assert (folder / "epoch-0123.db").read_text() == "mine too"
