import math
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.consent import ConsentLedger, Purpose
from homespun.errors import MisuseError
from tests.sdk.consent.histories import DAY, RECORDS, WORDS, because, granted, numbered, record

P = Purpose.PERSONALIZATION


def for_a_week() -> ConsentLedger:
    return ConsentLedger(ConsentLedger().grant(P, notice=WORDS, now=0, valid_days=7))


def test_a_grant_outlives_its_term() -> None:
    ledger = for_a_week()
    assert ledger.granted(P, now=7 * DAY - 1)
    assert not ledger.granted(P, now=7 * DAY)
    assert because(ledger, P, 7 * DAY) == "lapsed"


def test_a_grant_without_a_term_lapses() -> None:
    ledger = ConsentLedger(ConsentLedger().grant(P, notice=WORDS, now=0))
    assert ledger.granted(P, now=1e11)
    assert ledger.lapsed(1e11) == ()


def test_a_clock_that_is_set_back_revives_a_grant_whose_end_was_recorded() -> None:
    ledger = for_a_week()
    assert ledger.lapsed(7 * DAY - 1) == ()
    ended = ledger.lapsed(8 * DAY)
    assert numbered(ended) == [(2, P, "expire")]
    assert (ended[0].notice, ended[0].valid_until) == (WORDS.shown(), 7 * DAY)
    ledger = ledger.extended(ended)
    assert not ledger.granted(P, now=DAY)
    assert not ledger.granted(P)
    assert ledger.lapsed(9 * DAY) == ()


def test_a_clock_that_is_set_back_revives_a_grant_although_a_later_record_saw_its_end() -> None:
    ledger = for_a_week()
    ledger = ledger.extended(ledger.grant(Purpose.MEASUREMENT, notice=WORDS, now=8 * DAY))
    assert not ledger.granted(P, now=DAY)


def test_one_record_from_the_far_future_makes_every_later_grant_lapse() -> None:
    ledger = for_a_week()
    ledger = ledger.extended(ledger.withdraw(Purpose.MEASUREMENT, now=9e9))
    assert not ledger.granted(P, now=DAY)
    ledger = ledger.extended(ledger.grant(P, notice=WORDS, now=DAY, valid_days=7))
    assert ledger.granted(P, now=2 * DAY)
    assert not ledger.granted(P, now=8 * DAY)


def test_a_renewal_is_not_recorded() -> None:
    ledger = for_a_week()
    renewed = ledger.grant(P, notice=WORDS, now=6 * DAY, valid_days=7)
    assert numbered(renewed) == [(2, P, "grant")]
    assert ledger.extended(renewed).granted(P, now=12 * DAY)
    assert ledger.grant(P, notice=WORDS, now=0, valid_days=7) == ()


def test_a_shorter_term_is_not_recorded() -> None:
    ledger = ConsentLedger(ConsentLedger().grant(P, notice=WORDS, now=0))
    ledger = ledger.extended(ledger.grant(P, notice=WORDS, now=1, valid_days=1))
    assert not ledger.granted(P, now=2 * DAY)


def test_a_lapsed_grant_cannot_be_granted_again() -> None:
    ledger = for_a_week()
    ledger = ledger.extended(ledger.lapsed(8 * DAY))
    ledger = ledger.extended(ledger.grant(P, notice=WORDS, now=8 * DAY, valid_days=7))
    assert ledger.granted(P, now=9 * DAY)


@given(RECORDS, st.integers(0, 9))
def test_what_lapsed_is_allowed_at_some_time_after_its_end_was_recorded(records: list[Any], now: int) -> None:
    ledger = ConsentLedger(records)
    ended = ledger.lapsed(now)
    after = ledger.extended(ended)
    declared = {Purpose.DEVICE_STORAGE} if after.declared is not None else set()
    assert granted(after).isdisjoint({each.purpose for each in ended} - declared)
    assert after.lapsed(now) == ()
    assert granted(after, now) <= granted(ledger, now)


@given(RECORDS)
def test_a_later_time_allows_more(records: list[Any]) -> None:
    ledger = ConsentLedger(records)
    for earlier, later in pairwise(granted(ledger, now) for now in (None, *range(11))):
        assert later <= earlier


@pytest.mark.parametrize("days", [0, -1, math.nan, math.inf, "7", True, 1e9])
def test_a_term_that_is_none_is_taken(days: Any) -> None:
    with pytest.raises(MisuseError, match="valid_days"):
        ConsentLedger().grant(P, notice=WORDS, now=0, valid_days=days)


@pytest.mark.parametrize("now", [-1, math.nan, 1e18, None])
def test_a_time_that_is_none_ends_terms(now: Any) -> None:
    with pytest.raises(MisuseError, match="now"):
        for_a_week().lapsed(now)


def test_a_record_of_the_first_schema_is_read_otherwise_than_it_was_meant() -> None:
    text = (
        '{"schema":1,"sequence":3,"purpose":"personalization","action":"grant","notice":{"text":"May we?",'
        '"language":"en","version":"1","sha256":"00"},"surface":"s","method":"m","time":5.5}'
    )
    read = msgspec.json.decode(text, type=type(record(1, "", "grant")))
    assert (read.schema, read.valid_until, read.exception, read.outcome) == (1, None, None, ())
    assert ConsentLedger([read]).granted(P, now=1e11)


@pytest.mark.parametrize("surfaces", [("a", "b"), ("b", "a")])
def test_of_two_grants_with_one_number_the_longer_one_wins(surfaces: tuple[str, str]) -> None:
    short = record(1, P, "grant", valid_until=5.0, surface=surfaces[0])
    long = record(1, P, "grant", valid_until=9.0, surface=surfaces[1])
    ledger = ConsentLedger([short, long])
    assert ledger.granted(P, now=4)
    assert not ledger.granted(P, now=5)
    assert numbered(ledger.lapsed(5)) == [(2, P, "expire")]


def test_a_grant_that_a_wrong_clock_ended_cannot_be_given_again_in_the_same_words() -> None:
    ledger = for_a_week()
    ledger = ledger.extended(ledger.withdraw(Purpose.MEASUREMENT, now=9e9))
    assert numbered(ledger.grant(P, notice=WORDS, now=0, valid_days=7)) == [(3, P, "grant")]
