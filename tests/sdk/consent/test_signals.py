from typing import Any

import pytest
from hypothesis import given

from homespun.consent import FORBIDS, ConsentLedger, Purpose
from homespun.errors import MisuseError
from homespun.protocol.consent import ConsentRecord
from tests.sdk.consent.histories import OTHER_WORDS, RECORDS, WORDS, because, gpc, granted, numbered, record

FORBIDDEN = {Purpose.CONTRIBUTION, Purpose.MEASUREMENT}


def everything(**fields: Any) -> ConsentLedger:
    return ConsentLedger(ConsentLedger().grant(*Purpose, notice=WORDS, now=1, **fields))


def signalled(ledger: ConsentLedger, *, on: bool = True) -> ConsentLedger:
    return ledger.extended(ledger.signal(gpc=on, now=2))


def test_the_signal_does_not_beat_earlier_grants() -> None:
    ledger = signalled(everything())
    assert granted(ledger) == set(Purpose) - FORBIDDEN
    assert because(ledger, Purpose.CONTRIBUTION) == "forbidden by Global Privacy Control"
    assert set(FORBIDS["gpc"]) == FORBIDDEN


def test_the_signal_its_conflict_and_its_outcome_are_not_recorded() -> None:
    ledger = ConsentLedger(ConsentLedger().grant(Purpose.CONTRIBUTION, notice=WORDS, now=1))
    assert ledger.signal(gpc=True, now=2, surface="browser", method="Sec-GPC") == (
        ConsentRecord(
            sequence=2,
            purpose="",
            action="signal",
            notice=None,
            surface="browser",
            method="Sec-GPC",
            time=2.0,
            signal="gpc",
            signal_value=True,
            outcome=("contribution", "measurement"),
            choices=("contribution",),
        ),
    )


def test_every_start_records_the_same_signal_again() -> None:
    ledger = ConsentLedger()
    assert ledger.signal(gpc=False, now=1) == ()
    ledger = signalled(ledger)
    assert ledger.signal(gpc=True, now=3) == ()
    ledger = ledger.extended(ledger.signal(gpc=False, now=3))
    assert ledger.signal(gpc=False, now=4) == ()
    assert numbered(ledger.signal(gpc=True, now=4)) == [(3, "", "signal")]


def test_a_plain_grant_overcomes_the_signal() -> None:
    ledger = signalled(ConsentLedger())
    ledger = ledger.extended(ledger.grant(*FORBIDDEN, notice=WORDS, now=3))
    assert granted(ledger) == set()
    assert len(ledger.records) == 3
    assert ledger.grant(*FORBIDDEN, notice=WORDS, now=4) == ()


def test_an_explicit_exception_does_not_count_or_cannot_be_withdrawn() -> None:
    ledger = signalled(everything())
    ledger = ledger.extended(ledger.grant(Purpose.MEASUREMENT, notice=WORDS, now=3, exception="gpc"))
    assert granted(ledger) == set(Purpose) - {Purpose.CONTRIBUTION}
    assert because(ledger, Purpose.MEASUREMENT) == "granted, as an exception to Global Privacy Control"
    assert ledger.grant(Purpose.MEASUREMENT, notice=WORDS, now=4, exception="gpc") == ()
    ledger = ledger.extended(ledger.withdraw(Purpose.MEASUREMENT, now=5))
    assert granted(ledger) == set(Purpose) - FORBIDDEN


def test_a_later_plain_grant_inherits_an_exception() -> None:
    ledger = signalled(everything())
    ledger = ledger.extended(ledger.grant(Purpose.MEASUREMENT, notice=WORDS, now=3, exception="gpc"))
    ledger = ledger.extended(ledger.grant(Purpose.MEASUREMENT, notice=OTHER_WORDS, now=4))
    assert not ledger.granted(Purpose.MEASUREMENT)


def test_an_exception_that_was_made_before_the_signal_survives_it() -> None:
    ledger = signalled(ConsentLedger())
    ledger = ledger.extended(ledger.grant(Purpose.MEASUREMENT, notice=WORDS, now=3, exception="gpc"))
    ledger = signalled(signalled(ledger, on=False))
    assert not ledger.granted(Purpose.MEASUREMENT)
    again = ledger.grant(Purpose.MEASUREMENT, notice=WORDS, now=4, exception="gpc")
    assert ledger.extended(again).granted(Purpose.MEASUREMENT)


def test_a_signal_that_goes_off_keeps_forbidding_or_grants_what_was_never_granted() -> None:
    ledger = ConsentLedger(ConsentLedger().grant(Purpose.CONTRIBUTION, notice=WORDS, now=1))
    assert granted(signalled(signalled(ledger), on=False)) == {Purpose.CONTRIBUTION}


def test_a_signal_and_an_exception_with_one_number_allow() -> None:
    ledger = ConsentLedger([gpc(2), record(2, "measurement", "grant", exception="gpc")])
    assert not ledger.granted(Purpose.MEASUREMENT)
    assert not ConsentLedger([gpc(2), gpc(2, "off"), record(1, "measurement", "grant")]).granted(Purpose.MEASUREMENT)


@given(RECORDS)
def test_the_signal_leaves_something_that_it_forbids_or_adds_anything(records: list[Any]) -> None:
    ledger = ConsentLedger(records)
    after = ledger.extended([gpc(ledger.next_sequence)])
    assert granted(after) == granted(ledger) - FORBIDDEN


@given(RECORDS)
def test_turning_the_signal_off_allows_what_no_grant_allows(records: list[Any]) -> None:
    ledger = signalled(ConsentLedger(records), on=False)
    for purpose in granted(ledger) & FORBIDDEN:
        assert ledger.deciding[purpose].action == "grant"


@pytest.mark.parametrize("value", [None, 1, "true"])
def test_a_signal_that_is_neither_on_nor_off_is_taken(value: Any) -> None:
    with pytest.raises(MisuseError, match="True or False"):
        ConsentLedger().signal(gpc=value, now=1)


@pytest.mark.parametrize("exception", ["dnt", "", 5, ["gpc"]])
def test_an_exception_to_nothing_is_taken(exception: Any) -> None:
    with pytest.raises(MisuseError, match="name the signal"):
        ConsentLedger().grant(Purpose.MEASUREMENT, notice=WORDS, now=1, exception=exception)


def test_an_exception_for_what_is_not_forbidden_is_taken() -> None:
    with pytest.raises(MisuseError, match="does not forbid personalization"):
        ConsentLedger().grant(Purpose.MEASUREMENT, Purpose.PERSONALIZATION, notice=WORDS, now=1, exception="gpc")
