from typing import Any

import pytest
from hypothesis import given

from homespun.consent import ConsentLedger, Purpose
from homespun.errors import MisuseError
from tests.sdk.consent.histories import DAY, RECORDS, WORDS, because, granted, numbered, record

STORAGE = Purpose.DEVICE_STORAGE
REASON = "The shelf that the person keeps is all that this application is."


def declared(ledger: ConsentLedger | None = None) -> ConsentLedger:
    ledger = ledger or ConsentLedger()
    return ledger.extended(ledger.declare_necessary(REASON, 1))


def test_a_declaration_allows_nothing_or_more_than_storage() -> None:
    ledger = declared()
    assert ledger.may_store
    assert granted(ledger) == {STORAGE}
    assert because(ledger, STORAGE) == "declared strictly necessary by the application"
    assert ledger.status()[STORAGE].decided_by == ledger.records[0]
    assert ledger.records[0].basis == REASON


def test_every_start_declares_again() -> None:
    ledger = declared()
    assert ledger.declare_necessary(REASON, 2) == ()
    assert numbered(ledger.declare_necessary("Another reason.", 2)) == [(2, STORAGE, "declare")]
    assert ConsentLedger().declare_necessary(None, 1) == ()


def test_a_declaration_cannot_be_taken_back() -> None:
    ledger = declared()
    ledger = ledger.extended(ledger.declare_necessary(None, 2))
    assert not ledger.may_store
    assert because(ledger, STORAGE) == "never asked"


@pytest.mark.parametrize("no", ["withdraw", "refuse", "invented"])
def test_a_declaration_overrules_a_persons_no(no: str) -> None:
    ledger = declared(ConsentLedger([record(1, STORAGE, no)]))
    assert not ledger.may_store
    assert not declared(ConsentLedger([record(1, "", no)])).may_store


def test_a_declaration_stands_in_the_way_of_consent() -> None:
    ledger = declared(ConsentLedger([record(1, STORAGE, "refuse")]))
    ledger = ledger.extended(ledger.grant(STORAGE, notice=WORDS, now=3))
    assert ledger.status()[STORAGE].because == "granted"


def test_storage_that_is_necessary_ends_with_the_term_of_a_grant() -> None:
    ledger = ConsentLedger(ConsentLedger().grant(STORAGE, notice=WORDS, now=0, valid_days=1))
    ledger = declared(ledger)
    assert ledger.granted(STORAGE, now=2 * DAY)
    ledger = ledger.extended(ledger.lapsed(2 * DAY))
    assert ledger.may_store


def test_another_purpose_can_be_declared_necessary() -> None:
    assert granted(ConsentLedger([record(1, "personalization", "declare", basis=REASON)])) == set()
    assert granted(ConsentLedger([record(1, STORAGE, "declare", basis=REASON, schema=3)])) == set()


@given(RECORDS)
def test_a_declaration_changes_another_purpose(records: list[Any]) -> None:
    ledger = ConsentLedger(records)
    assert granted(declared(ledger)) - {STORAGE} == granted(ledger) - {STORAGE}


@pytest.mark.parametrize("reason", ["", " ", "a\nb", 5, "x" * 2001])
def test_a_declaration_without_a_reason_is_taken(reason: Any) -> None:
    with pytest.raises(MisuseError, match="reason"):
        ConsentLedger().declare_necessary(reason, 1)
