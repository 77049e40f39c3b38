"""What was received is lost, changed, counted twice, put in a wrong order, or erased by halves."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Executable, delete, insert, text, update
from sqlalchemy.exc import IntegrityError

from homespun.errors import ReceiptError
from homespun.protocol.consent_report import verify_receipt
from homespun_server.compliance.consent import ConsentLedger, Gap
from homespun_server.compliance.log import TransparencyLog
from homespun_server.errors import ConflictError, StoreError
from homespun_server.store import Store
from homespun_server.store.schema_consent import consent_erasing, consent_events
from tests.server.compliance.consent.support import (
    ADA,
    KEYS,
    NOON,
    NOTICE,
    PHONE,
    TABLET,
    VOUCHER,
    Hands,
    both,
    changed,
    gpc,
    granted,
    record,
    report,
    subject_of,
)


@both
def test_a_report_is_lost_or_another(ledger: ConsentLedger) -> None:
    given = report(record(1, valid_until=2e9, exception="gpc"))
    receipt = ledger.record(given)
    verify_receipt(receipt, given, public_key=KEYS.receipts_key)
    assert receipt.received == "2025-03-01T12:00:00+00:00"
    (event,) = ledger.events_of(subject_of(ledger))
    assert event.choice == given.choice
    assert event.record == record(1, valid_until=2e9, exception="gpc")
    assert (event.source, event.sequence, event.origin, event.sdk) == (PHONE, 1, "device", "1.2.3")
    assert (event.received, event.log) == (receipt.received, receipt.log)
    assert [(each.sha256, each.text) for each in ledger.notices.shown()] == [(NOTICE.sha256, NOTICE.text)]


def test_a_choice_is_not_in_the_log(ledger: ConsentLedger, store: Store) -> None:
    receipt = ledger.record(report(record(1)))
    assert receipt.log is not None
    entry = TransparencyLog(store, KEYS).entry(receipt.log)
    assert entry.kind == "consent"
    assert entry.opening is not None
    content = json.loads(entry.opening.content)
    assert content["event"]["purpose"] == "personalization"
    assert ADA not in repr(entry)


@both
def test_a_replay_changes_something(ledger: ConsentLedger, clock: Hands) -> None:
    given = report(record(1))
    first = ledger.record(given)
    before = ledger.events_of(subject_of(ledger)), ledger.counts()
    clock.pass_(days=3)
    assert ledger.record(given) == first
    assert (ledger.events_of(subject_of(ledger)), ledger.counts()) == before
    assert ledger.size() == (1, 0)


@pytest.mark.parametrize("fields", [{"action": "withdraw"}, {"time": "5.000000"}, {"surface": "elsewhere"}])
def test_another_report_takes_the_place_of_the_first(ledger: ConsentLedger, fields: dict[str, str]) -> None:
    given = report(record(1))
    ledger.record(given)
    before = ledger.events_of(subject_of(ledger)), ledger.counts()
    for _ in range(2):
        with pytest.raises(ConflictError, match="refused"):
            ledger.record(changed(given, **fields))
    assert (ledger.events_of(subject_of(ledger)), ledger.counts()) == before
    # It is visible, once.
    (conflict,) = ledger.conflicts_of(subject_of(ledger))
    assert (conflict.source, conflict.sequence) == (PHONE, 1)
    assert ledger.size() == (1, 1)


def test_an_older_choice_that_comes_late_overrules_a_newer_one(ledger: ConsentLedger, clock: Hands) -> None:
    ledger.record(report(record(3, action="withdraw")))
    assert ledger.gaps(subject_of(ledger)) == (Gap(PHONE, 1, 2),)
    clock.pass_(hours=1)
    ledger.record(report(record(2)))
    assert granted(ledger) == set()
    assert ledger.gaps(subject_of(ledger)) == (Gap(PHONE, 1, 1),)
    ledger.record(report(record(1, "device_storage")))
    assert ledger.gaps(subject_of(ledger)) == ()
    assert granted(ledger) == {"device_storage"}


def test_a_late_choice_of_one_device_overrules_a_newer_one_of_another(ledger: ConsentLedger, clock: Hands) -> None:
    ledger.record(report(record(2, "measurement"), source=PHONE))
    clock.pass_(hours=1)
    ledger.record(report(record(1, action="withdraw"), source=TABLET))
    clock.pass_(hours=1)
    # It had been chosen before what the phone reported first, so before the tablet's withdrawal.
    ledger.record(report(record(1), source=PHONE), voucher=VOUCHER)
    assert granted(ledger) == {"measurement"}


def test_a_tie_between_devices_is_won_by_what_allows(ledger: ConsentLedger) -> None:
    for source in (PHONE, TABLET):
        ledger.record(report(record(1), source=source))
    ledger.record(report(record(2, action="withdraw"), source=PHONE))
    assert granted(ledger) == set()
    ledger.record(report(record(3), source=PHONE))
    assert granted(ledger) == {"personalization"}


def test_the_order_of_receipt_between_devices_is_lost(ledger: ConsentLedger, clock: Hands) -> None:
    ledger.record(report(record(1, action="withdraw", time=9e9), source=PHONE))
    clock.pass_(seconds=1)
    ledger.record(report(record(1, time=clock().timestamp()), source=TABLET), voucher=VOUCHER)
    assert granted(ledger) == {"personalization"}


@both
def test_a_past_status_changes_with_what_comes_later(ledger: ConsentLedger, clock: Hands) -> None:
    ledger.record(report(record(1)))
    clock.pass_(days=1)
    ledger.record(report(record(2, action="withdraw", time=0.0)))
    clock.pass_(days=1)
    assert granted(ledger, NOON) == {"personalization"}
    assert granted(ledger, NOON + timedelta(days=1)) == granted(ledger) == set()
    assert granted(ledger, NOON - timedelta(seconds=1)) == set()


@both
@pytest.mark.parametrize("back", [timedelta(seconds=1), timedelta(days=400)])
def test_a_servers_clock_that_is_set_back_overrules_a_withdrawal(
    ledger: ConsentLedger, clock: Hands, back: timedelta
) -> None:
    ledger.record(report(record(1)))
    clock.now = NOON - back
    assert granted(ledger) == {"personalization"}
    receipt = ledger.record(report(record(1, action="withdraw"), source=TABLET))
    # Received no earlier than what was received before it, on the receipt too.
    assert receipt.received == "2025-03-01T12:00:00+00:00"
    assert granted(ledger) == granted(ledger, NOON) == set()
    clock.now = NOON + timedelta(days=1)
    assert granted(ledger) == set()
    # A later grant is one again.
    ledger.record(report(record(2)), voucher=VOUCHER)
    assert granted(ledger) == {"personalization"}


def test_a_signal_leaves_a_purpose_allowed(ledger: ConsentLedger, clock: Hands) -> None:
    for sequence, purpose in enumerate(("contribution", "measurement", "personalization"), start=1):
        ledger.record(report(record(sequence, purpose)))
    clock.pass_(hours=1)
    ledger.record(report(gpc(1), source=TABLET))
    assert granted(ledger) == {"personalization"}
    status = ledger.status_as_of(subject_of(ledger))["contribution"]
    assert (status.because, status.since) == ("forbidden by Global Privacy Control", "2025-03-01T13:00:00+00:00")
    clock.pass_(hours=1)
    ledger.record(report(record(4, "contribution", exception="gpc")), voucher=VOUCHER)
    assert granted(ledger) == {"personalization", "contribution"}
    clock.pass_(hours=1)
    ledger.record(report(gpc(2, on=False), source=TABLET), voucher=VOUCHER)
    assert granted(ledger) == {"personalization", "contribution", "measurement"}


@both
def test_a_header_is_recorded_again_and_again(ledger: ConsentLedger, clock: Hands) -> None:
    first = ledger.signal(ADA, "account")
    clock.pass_(days=1)
    assert ledger.signal(ADA, "account", sdk="2") == first
    assert ledger.size() == (1, 0)
    (event,) = ledger.events_of(subject_of(ledger))
    assert (event.origin, event.choice.method, event.log) == ("browser", "Sec-GPC", first.log)
    ledger.record(report(gpc(1, on=False)))
    clock.pass_(days=1)
    assert ledger.signal(ADA, "account").sequence == 2
    assert not ledger.status_as_of(subject_of(ledger))["measurement"].granted


def test_a_device_prolongs_a_term_by_its_clock(ledger: ConsentLedger, clock: Hands) -> None:
    # A term of ten days, by a clock that is years ahead, and one of a clock that is years behind.
    ledger.record(report(record(1, time=3e9, valid_until=3e9 + 864_000)))
    assert granted(ledger, NOON + timedelta(days=9)) == {"personalization"}
    assert granted(ledger, NOON + timedelta(days=11)) == set()
    ledger.record(report(record(2, "measurement", time=1e9, valid_until=1e9 + 864_000)))
    assert granted(ledger) == {"personalization"}


@both
def test_a_count_is_not_that_of_the_events(ledger: ConsentLedger, clock: Hands) -> None:
    ledger.record(report(record(1)))
    ledger.record(report(record(1), subject="bob"))
    clock.pass_(days=1)
    ledger.record(report(record(2, action="withdraw")))
    ledger.record(report(gpc(3)))
    found = [(each.day, each.purpose, each.version, each.action, each.number) for each in ledger.counts()]
    assert found == [
        ("2025-03-01", "personalization", "7", "grant", 2),
        ("2025-03-02", "gpc", "", "signal", 1),
        ("2025-03-02", "personalization", "7", "withdraw", 1),
    ]
    assert ledger.counts(since=datetime(2025, 3, 2, tzinfo=UTC).date()) == ledger.counts()[1:]
    assert ledger.counts(until=datetime(2025, 3, 2, tzinfo=UTC).date()) == ledger.counts()[:1]


@both
def test_an_erasure_leaves_something_of_a_person(ledger: ConsentLedger, store: Store) -> None:
    given = report(record(1))
    receipt = ledger.record(given)
    ledger.record(report(record(1), subject="bob"))
    with pytest.raises(ConflictError):
        ledger.record(changed(given, action="refuse"))
    subject = subject_of(ledger)
    log = TransparencyLog(store, KEYS)
    with store.writing() as connection:
        assert ledger.erase_within(connection, subject) == 1
        assert ledger.subjects.forget_within(connection, ADA) == subject
        assert log.forget_within(connection, subject) == 1
    assert ledger.subjects.pseudonym(ADA) is None
    assert ledger.events_of(subject) == ()
    assert ledger.conflicts_of(subject) == ()
    assert [each.number for each in ledger.counts()] == [1]
    assert receipt.log is not None
    assert log.entry(receipt.log).opening is None
    # What the person holds still shows that the report was received.
    verify_receipt(receipt, given, public_key=KEYS.receipts_key)
    # Whoever comes back is another.
    ledger.record(given)
    assert subject_of(ledger) != subject


@both
@pytest.mark.parametrize("way", ["update", "delete", "empty"])
def test_an_event_is_changed_or_removed_behind_the_ledger(ledger: ConsentLedger, store: Store, way: str) -> None:
    ledger.record(report(record(1)))
    before = ledger.events_of(subject_of(ledger))
    statement: Executable = {
        "update": update(consent_events).values(action="withdraw"),
        "delete": delete(consent_events),
        "empty": text(
            "TRUNCATE homespun_consent_events" if "postgresql" in store.name else "DELETE FROM homespun_consent_events"
        ),
    }[way]  # type: ignore[assignment]
    with pytest.raises((StoreError, IntegrityError)), store.writing() as connection:
        connection.execute(statement)
    assert ledger.events_of(subject_of(ledger)) == before


@both
def test_the_mark_of_one_erasure_lets_another_person_go(ledger: ConsentLedger, store: Store) -> None:
    ledger.record(report(record(1)))
    ledger.record(report(record(1), subject="bob"))
    subject = subject_of(ledger)

    def erase() -> None:
        with store.writing() as connection:
            connection.execute(insert(consent_erasing).values(subject=subject))
            connection.execute(delete(consent_events))

    with pytest.raises((StoreError, IntegrityError), match="whole subject"):
        erase()
    assert ledger.size() == (2, 0)


def test_a_receipt_of_somebody_else_is_taken(ledger: ConsentLedger) -> None:
    mine, theirs = report(record(1)), report(record(1), subject="bob")
    receipt = ledger.record(mine)
    ledger.record(theirs)
    with pytest.raises(ReceiptError, match="another report"):
        verify_receipt(receipt, theirs, public_key=KEYS.receipts_key)
