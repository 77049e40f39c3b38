import os
import sqlite3
from collections.abc import Iterator
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
from homespun.profile import Key, ProfileStore
from homespun.profile.database import open_database
from homespun.profile.keyfile import read_key_file
from homespun.protocol.consent import ConsentRecord
from homespun.protocol.events import Event
from tests.sdk.profile.support import EVENTS, QUICK, connection_of, contents, raw_key

RECORDS = ConsentLedger().grant(Purpose.PERSONALIZATION, Purpose.DEVICE_STORAGE, notice=Notice("Gelesen."), now=7)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "made" / "profile"


@pytest.fixture
def store(folder: Path) -> Iterator[ProfileStore]:
    with ProfileStore.create(folder, raw_key(), settings=QUICK) as opened:
        yield opened


def change_inside(folder: Path, statement: str) -> None:
    """Change the encrypted database as a program with the key could."""
    data_key = raw_key().unseal(read_key_file(folder))
    connection = open_database(folder, data_key, QUICK)
    connection.execute(statement).fetchall()
    connection.close()


def test_events_come_back_as_they_were_recorded_and_in_order(store: ProfileStore, folder: Path) -> None:
    assert store.add_events(EVENTS[:3]) == [1, 2, 3]
    assert store.add_event(EVENTS[3]) == 4
    assert store.events() == EVENTS
    store.close()
    with ProfileStore.open(folder, raw_key()) as again:
        assert again.events() == EVENTS
        assert again.profile_id == store.profile_id


def test_consent_records_come_back_as_they_were_recorded(store: ProfileStore, folder: Path) -> None:
    store.add_consent(*RECORDS)
    store.close()
    with ProfileStore.open(folder, raw_key()) as again:
        assert again.consent_records() == RECORDS
        assert again.consent_records() is again.consent_records()


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
    with ProfileStore.create(None, Key.ephemeral()) as store:
        store.add_events(events)
        assert store.events() == events


@pytest.mark.parametrize("context", [{"a": "\ud800"}, {"\udfff": 1}, {"a": 10**5000}])
def test_text_that_is_not_well_formed_is_refused_and_nothing_of_the_batch_stays(
    store: ProfileStore, context: Any
) -> None:
    with pytest.raises(InvalidEventError, match="context"):
        store.add_events([Event("fine"), Event("bad", context=context)])
    assert store.events() == []


def test_a_failing_source_of_events_leaves_nothing_behind(store: ProfileStore) -> None:
    def failing() -> Iterator[Event]:
        yield Event("first")
        raise KeyError("the application's own failure")

    with pytest.raises(KeyError):
        store.add_events(failing())
    assert store.events() == []


def test_numbers_that_are_subclasses_are_stored_as_what_they_are(store: ProfileStore) -> None:
    class Share(float):
        pass

    class Name(str):
        __slots__ = ()

    store.add_event(Event("a", context={Name("key"): Share(0.5), "b": Name("text")}))
    assert store.events() == [Event("a", context={"key": 0.5, "b": "text"})]


def test_somebody_withdraws_between_the_decision_and_the_recording(store: ProfileStore, folder: Path) -> None:
    seen: list[tuple[ConsentRecord, ...]] = []
    with ProfileStore.open(folder, raw_key(), settings=QUICK) as other:

        def allowed(records: tuple[ConsentRecord, ...]) -> bool:
            seen.append(records)
            with pytest.raises(ProfileBusyError):
                other.add_consent(*RECORDS)
            return True

        assert store.add_event_if(allowed, EVENTS[0]) is True
        other.add_consent(*RECORDS)
        assert store.add_event_if(lambda records: records != RECORDS, EVENTS[1]) is False
    assert seen == [()]
    assert store.events() == EVENTS[:1]


def test_choices_that_depend_on_others_are_recorded_beside_them(store: ProfileStore, folder: Path) -> None:
    with ProfileStore.open(folder, raw_key(), settings=QUICK) as other:
        other.add_consent(RECORDS[0])

        def choose(records: tuple[ConsentRecord, ...]) -> tuple[ConsentRecord, ...]:
            assert records == RECORDS[:1]
            with pytest.raises(ProfileBusyError):
                other.add_consent(RECORDS[0])
            return RECORDS[1:]

        store.extend_consent(choose)
        assert other.consent_records() == store.consent_records() == RECORDS


def test_a_choice_that_was_not_committed_is_remembered_as_if_it_were(store: ProfileStore) -> None:
    store.add_consent(RECORDS[0])
    pages = connection_of(store).pragma("page_count")
    connection_of(store).pragma("max_page_count", pages)
    with pytest.raises(ProfileStorageError, match="full"):
        store.add_consent(*RECORDS * 200)
    assert store.consent_records() == RECORDS[:1]

    def failing(_: tuple[ConsentRecord, ...]) -> tuple[ConsentRecord, ...]:
        raise KeyError("the caller's own failure")

    with pytest.raises(KeyError):
        store.extend_consent(failing)
    assert store.consent_records() == RECORDS[:1]
    store.add_event(EVENTS[0])


def test_sizes_count_what_is_there(store: ProfileStore, folder: Path) -> None:
    store.add_events(EVENTS)
    store.add_consent(*RECORDS)
    sizes = store.sizes()
    assert (sizes.events, sizes.consent_records) == (4, 2)
    assert sizes.disk_bytes == sum(len(data) for data in contents(folder).values())


def test_a_closed_profile_says_so_and_closing_twice_is_fine(store: ProfileStore) -> None:
    store.close()
    store.close()
    for use in (
        store.events,
        store.consent_records,
        store.sizes,
        lambda: store.add_event(Event("a")),
        store.add_consent,
    ):
        with pytest.raises(ClosedError, match="open it again"):
            use()


def test_opening_where_no_profile_is_writes_nothing(tmp_path: Path) -> None:
    assert not ProfileStore.exists(tmp_path)
    with pytest.raises(MisuseError, match="no profile"):
        ProfileStore.open(tmp_path, raw_key())
    with pytest.raises(MisuseError, match="no profile"):
        ProfileStore.open(tmp_path / "missing", raw_key())
    assert list(tmp_path.iterdir()) == []


def test_creating_over_a_profile_is_refused_and_changes_nothing(store: ProfileStore, folder: Path) -> None:
    store.add_event(EVENTS[0])
    store.close()
    before = contents(folder)
    with pytest.raises(MisuseError, match="already"):
        ProfileStore.create(folder, Key.bytes(bytes(31) + b"x"), settings=QUICK)
    assert contents(folder) == before


def test_creating_over_a_profile_in_use_is_refused(store: ProfileStore, folder: Path) -> None:
    with pytest.raises(ProfileBusyError):
        ProfileStore.create(folder, raw_key(), settings=QUICK)


def test_a_key_for_the_disk_needs_a_folder() -> None:
    for make in (ProfileStore.create, ProfileStore.open):
        with pytest.raises(MisuseError, match="folder"):
            make(None, raw_key())


def test_an_ephemeral_profile_writes_nothing_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with ProfileStore.create(tmp_path / "profile", Key.ephemeral()) as store:
        store.add_events(EVENTS)
        store.add_consent(*RECORDS)
        assert store.events() == EVENTS
        assert store.sizes().disk_bytes == 0
        assert list(tmp_path.iterdir()) == []
    with ProfileStore.open(None, Key.ephemeral()) as other:
        assert other.events() == []


def test_a_relative_folder_stays_the_same_folder_when_the_process_moves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    with ProfileStore.create(Path("profile"), raw_key()) as store:
        monkeypatch.chdir(tmp_path / "elsewhere")
        assert store.sizes().disk_bytes > 0
    assert ProfileStore.exists(tmp_path / "profile")


def test_another_writer_makes_it_busy_after_a_bounded_wait(store: ProfileStore, folder: Path) -> None:
    with ProfileStore.open(folder, raw_key(), settings=QUICK) as other:
        connection_of(other).execute("BEGIN IMMEDIATE")
        with pytest.raises(ProfileBusyError, match="busy_timeout_ms"):
            store.add_event(EVENTS[0])
        connection_of(other).execute("ROLLBACK")
        store.add_event(EVENTS[0])
        assert other.events() == EVENTS[:1]


def test_a_profile_of_a_newer_homespun_is_left_byte_for_byte(store: ProfileStore, folder: Path) -> None:
    store.add_events(EVENTS)
    store.close()
    change_inside(folder, "PRAGMA user_version = 2")
    before = contents(folder)
    with pytest.raises(NewerProfileError, match="Update homespun"):
        ProfileStore.open(folder, raw_key())
    assert contents(folder) == before


def test_the_log_of_a_newer_homespun_is_not_merged_into_its_database(store: ProfileStore, folder: Path) -> None:
    store.add_events(EVENTS)
    connection_of(store).execute("PRAGMA user_version = 2")
    store.close(keep_log=True)
    before = contents(folder)
    assert before["profile.db-wal"]
    with pytest.raises(NewerProfileError):
        ProfileStore.open(folder, raw_key())
    after = contents(folder)
    assert all(after[name] == before[name] for name in ("key.json", "profile.db", "profile.db-wal"))


@pytest.mark.parametrize("statement", ["PRAGMA user_version = 0", "PRAGMA application_id = 1", "DROP TABLE consent"])
def test_a_database_that_no_homespun_wrote_is_damaged(store: ProfileStore, folder: Path, statement: str) -> None:
    store.close()
    change_inside(folder, statement)
    with pytest.raises(DamagedProfileError):
        ProfileStore.open(folder, raw_key())


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO event (item, kind) VALUES ('', 'view')",
        "INSERT INTO event (item, kind, weight) VALUES ('a', 'view', -1)",
        "INSERT INTO event (item, kind, context) VALUES ('a', 'view', 'no json')",
        "INSERT INTO event (item, kind, context) VALUES ('a', 'view', '[1]')",
    ],
)
def test_an_impossible_event_in_the_database_is_reported_rather_than_used(
    store: ProfileStore, folder: Path, statement: str
) -> None:
    store.close()
    change_inside(folder, statement)
    with ProfileStore.open(folder, raw_key()) as again, pytest.raises(DamagedProfileError, match="event"):
        again.events()


def test_an_impossible_consent_record_is_reported_rather_than_ignored(store: ProfileStore, folder: Path) -> None:
    store.close()
    change_inside(folder, """INSERT INTO consent (record) VALUES ('{"action": "grant"}')""")
    with ProfileStore.open(folder, raw_key()) as again, pytest.raises(DamagedProfileError, match="consent"):
        again.consent_records()


def test_a_full_disk_is_a_storage_error_and_acknowledged_events_stay(store: ProfileStore) -> None:
    store.add_event(EVENTS[0])
    pages = connection_of(store).pragma("page_count")
    connection_of(store).pragma("max_page_count", pages)
    with pytest.raises(ProfileStorageError, match="full"):
        store.add_events([Event("x" * 500)] * 1000)
    assert store.events() == EVENTS[:1]


def test_a_file_where_the_folder_should_be_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "profile").write_text("mine")
    with pytest.raises(ProfileStorageError, match="disk refused"):
        ProfileStore.create(tmp_path / "profile", raw_key())
    assert (tmp_path / "profile").read_text() == "mine"


def test_an_apsw_without_encryption_is_refused_before_anything_is_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Plain(apsw.Connection):
        def pragma(self, name: str, value: Any = None, *, schema: str | None = None) -> Any:
            return None if name == "cipher" else super().pragma(name, value, schema=schema)

    monkeypatch.setattr(apsw, "Connection", Plain)
    with pytest.raises(ProfileStorageError, match="apsw-sqlite3mc"):
        ProfileStore.create(folder, raw_key())
    assert not ProfileStore.exists(folder)
    assert all(data == b"" for data in contents(folder).values())


def test_a_database_in_the_clear_put_in_its_place_is_refused(store: ProfileStore, folder: Path) -> None:
    store.close()
    (folder / "profile.db").unlink()
    plain = sqlite3.connect(folder / "profile.db")
    plain.execute("CREATE TABLE event (id)")
    plain.close()
    with pytest.raises(DamagedProfileError, match="not encrypted"):
        ProfileStore.open(folder, raw_key())


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
def test_only_the_owner_may_read_the_files(store: ProfileStore, folder: Path) -> None:
    assert folder.stat().st_mode & 0o077 == 0
    for name in ("key.json", "profile.db", "profile.db-wal"):
        assert (folder / name).stat().st_mode & 0o077 == 0


def test_the_cipher_authenticates_and_deleted_content_is_overwritten(store: ProfileStore) -> None:
    assert connection_of(store).pragma("cipher") == "aegis"
    assert connection_of(store).pragma("secure_delete") == 1
    assert connection_of(store).pragma("journal_mode") == "wal"
    assert connection_of(store).pragma("temp_store") == 2


def test_a_creation_cut_off_before_its_last_step_is_completed(store: ProfileStore, folder: Path) -> None:
    store.add_events(EVENTS)
    store.close()
    (folder / "profile.db").rename(folder / "profile.db.draft")
    with ProfileStore.open(folder, raw_key()) as again:
        assert again.events() == EVENTS
    assert sorted(contents(folder)) == ["key.json", "profile.db"]


def test_a_draft_that_nobody_was_told_of_is_replaced(store: ProfileStore, folder: Path) -> None:
    store.close()
    (folder / "profile.db").rename(folder / "profile.db.draft")
    (folder / "key.json").rename(folder / "key.json.partial")
    assert not ProfileStore.exists(folder)
    with ProfileStore.create(folder, Key.bytes(bytes(31) + b"x")) as other:
        assert other.profile_id != store.profile_id
    assert sorted(contents(folder)) == ["key.json", "profile.db"]
