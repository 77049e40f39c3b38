"""Whoever has the tables, or a person's name, learns more than they should; or what was destroyed is still there."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import text

from homespun_server.compliance.consent import ConsentEvent, Subjects
from homespun_server.compliance.consent.status import statuses
from homespun_server.compliance.consent.subjects import overwritten
from homespun_server.compliance.keys import ComplianceKeys
from homespun_server.store import Store, open_store
from homespun_server.store.schema import metadata
from tests.server.compliance.consent.support import (
    ADA,
    KEYS,
    NOON,
    PHONE,
    TABLET,
    Hands,
    ledger_of,
    record,
    report,
    subject_of,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


def on_disk(path: Path) -> bytes:
    """Return every byte of a store: its file, and what is written ahead."""
    return b"".join(each.read_bytes() for each in sorted(path.parent.glob(f"{path.name}*")))


def test_a_name_is_in_the_database(path: Path) -> None:
    with open_store(path) as store:
        ledger = ledger_of(store, Hands())
        ledger.record(report(record(1)))
        ledger.signal(ADA, "account")
        assert ADA.encode() not in on_disk(path)
        assert ADA[::-1].encode() not in on_disk(path)


def test_a_key_is_on_the_disk_after_it_was_destroyed(path: Path) -> None:
    with open_store(path) as store:
        ledger = ledger_of(store, Hands())
        ledger.record(report(record(1)))
        subject = subject_of(ledger)
        with store.reading() as connection:
            key = ledger.subjects.key_within(connection, ADA, create=False)
        assert key is not None
        assert key in on_disk(path)
        with store.writing() as connection:
            ledger.erase_within(connection, subject)
            ledger.subjects.forget_within(connection, ADA)
        assert overwritten(store)
        assert key not in on_disk(path)
        assert subject.encode() not in _tables(store)


def _tables(store: Store) -> bytes:
    """Return every row of every table but the log's, whose openings the log destroys."""
    rows: list[object] = []
    with store.reading() as connection:
        for table in metadata.sorted_tables:
            if not table.name.startswith("homespun_log"):
                rows += connection.execute(table.select()).all()
    return repr(rows).encode()


def test_a_pseudonym_follows_from_a_name_and_the_tables(path: Path) -> None:
    with open_store(path) as store:
        subjects = Subjects(store, KEYS)
        with store.writing() as connection:
            mine = subjects.pseudonym_within(connection, ADA, create=True)
        assert mine is not None
        # Without the compliance keys the row of a name cannot be found.
        thief = Subjects(store, ComplianceKeys.drawn())
        assert thief.pseudonym(ADA) is None
        with store.writing() as connection:
            assert subjects.forget_within(connection, ADA) == mine
            assert subjects.forget_within(connection, ADA) is None
        # Not even with them once the person's own key is gone.
        assert subjects.pseudonym(ADA) is None
        with store.writing() as connection:
            assert subjects.pseudonym_within(connection, ADA, create=True) != mine


def test_two_people_are_one(path: Path) -> None:
    with open_store(path) as store:
        ledger = ledger_of(store, Hands())
        # The very same stream and place, by two names.
        for name in (ADA, "bob"):
            ledger.record(report(record(1), subject=name))
        assert subject_of(ledger) != subject_of(ledger, "bob")
        assert [len(ledger.events_of(subject_of(ledger, name))) for name in (ADA, "bob")] == [1, 1]


def test_an_interrupted_erasure_leaves_a_door_open(path: Path) -> None:
    with open_store(path) as store:
        ledger = ledger_of(store, Hands())
        ledger.record(report(record(1)))
        subject = subject_of(ledger)

        def broken_off() -> None:
            with store.writing() as connection:
                ledger.erase_within(connection, subject)
                raise RuntimeError

        with pytest.raises(RuntimeError):
            broken_off()
        assert len(ledger.events_of(subject)) == ledger.size()[0] == 1
        with store.reading() as connection:
            assert connection.scalar(text("SELECT count(*) FROM homespun_consent_erasing")) == 0


CHOICES = st.lists(
    st.tuples(
        st.sampled_from([PHONE, TABLET]),
        st.sampled_from(["personalization", "measurement"]),
        st.sampled_from(["grant", "withdraw", "refuse", "signal"]),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=8,
)


@given(CHOICES, st.lists(st.floats(-1e12, 1e12), min_size=8, max_size=8))
@hypothesis_settings(max_examples=150)
def test_a_callers_clock_decides(choices: list[tuple[str, str, str, int]], clocks: list[float]) -> None:
    assert _decided(choices, [1e9] * len(choices)) == _decided(choices, clocks)


def _decided(choices: list[tuple[str, str, str, int]], clocks: list[float]) -> object:
    events, places = [], {PHONE: 0, TABLET: 0}
    for number, ((source, purpose, action, minute), time) in enumerate(zip(choices, clocks, strict=False), start=1):
        places[source] += 1
        fields = {"signal": "gpc", "signal_value": True} if action == "signal" else {}
        made = record(places[source], "" if action == "signal" else purpose, action, time=time, **fields)
        events.append(
            ConsentEvent(
                number=number,
                source=source,
                sequence=places[source],
                origin="device",
                received=NOON.replace(minute=minute).isoformat(timespec="seconds"),
                sdk="",
                log=None,
                choice=report(made).choice,
            )
        )
    return statuses(events, NOON.replace(hour=23))
