from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from homespun.consent import ConsentLedger, Purpose
from homespun.protocol.consent import ConsentRecord, permits
from tests.sdk.consent.histories import RECORDS, TIMES, WORDS, allowed, gpc, granted, record

P = Purpose.PERSONALIZATION


def grant(sequence: int, time: float, **fields: Any) -> ConsentRecord:
    return record(sequence, P, "grant", time=time, **fields)


def withdrawal(sequence: int, time: float) -> ConsentRecord:
    return record(sequence, P, "withdraw", time=time)


def was_granted(records: list[ConsentRecord], *times: float) -> list[bool]:
    ledger = ConsentLedger(records)
    return [ledger.status_as_of(time)[P].granted for time in times]


def test_the_past_is_not_what_was_recorded_then() -> None:
    story = [grant(1, 100), withdrawal(2, 200), grant(3, 300)]
    assert was_granted(story, 99, 100, 199, 200, 299, 300) == [False, True, True, False, False, True]


def test_a_withdrawal_by_a_clock_that_is_behind_counts_only_from_when_the_grant_was_made() -> None:
    assert was_granted([grant(1, 100), withdrawal(2, 50)], 60, 100, 1000) == [False, False, False]


def test_a_grant_counts_before_all_that_came_before_it() -> None:
    assert was_granted([withdrawal(1, 500), grant(2, 100)], 100, 499, 500) == [False, False, True]


def test_a_withdrawal_from_the_future_does_not_count_although_later_records_are_from_before() -> None:
    story = [grant(1, 100), withdrawal(2, 1000), record(3, "measurement", "grant", time=200)]
    assert was_granted(story, 199, 200, 999) == [True, False, False]


def test_a_grant_counts_in_the_past_beyond_its_term() -> None:
    assert was_granted([grant(1, 100, valid_until=200.0)], 199, 200) == [True, False]


def test_a_signal_counts_only_from_its_own_time_on() -> None:
    story = [record(1, "measurement", "grant", time=100), gpc(2, time=50), gpc(3, "off", time=150)]
    ledger = ConsentLedger(story)
    assert [ledger.status_as_of(time)[Purpose.MEASUREMENT].granted for time in (100, 149, 150)] == [False, False, True]


@given(RECORDS, TIMES)
def test_the_past_allowed_what_no_ordering_would(records: list[ConsentRecord], time: float) -> None:
    """It never allows more than the two plain readings do: by sequence among the records with a time up to then,
    and the same with every denial counting from the beginning of time that its own clock or a later one claims."""
    then = allowed(ConsentLedger(records).status_as_of(time))
    claimed = [each for each in records if each.time <= time]
    assert then <= granted(ConsentLedger(claimed), time)
    for each in records:
        # A denial whose place in the sequence is before something that had been made by then.
        if not permits(each) and any(later.time <= time for later in records if later.sequence >= each.sequence):
            assert then <= granted(ConsentLedger([*claimed, each]), time)


@given(RECORDS, TIMES)
def test_with_clocks_that_agree_the_past_is_not_what_the_ledger_said_then(
    records: list[ConsentRecord], time: float
) -> None:
    agreeing = [record_at(each, float(each.sequence)) for each in records]
    known = ConsentLedger([each for each in agreeing if each.time <= time])
    assert ConsentLedger(agreeing).status_as_of(time) == known.status(time)


@given(RECORDS)
def test_the_latest_past_is_not_the_present(records: list[ConsentRecord]) -> None:
    ledger = ConsentLedger(records)
    assert ledger.status_as_of(10.0) == ledger.status(10.0)


@given(RECORDS, st.data())
def test_one_wrong_clock_allows_something_in_the_past(records: list[ConsentRecord], data: st.DataObject) -> None:
    """Whatever one record's clock claims, nothing that was denied at the true time becomes allowed by an honest
    denial after it."""
    honest = [record_at(each, float(each.sequence)) for each in records]
    if not honest:
        return
    liar = data.draw(st.integers(0, len(honest) - 1))
    skewed = [*honest]
    skewed[liar] = record_at(honest[liar], data.draw(TIMES))
    last = max(each.sequence for each in honest)
    no = [record(last + 1, purpose, "withdraw", time=float(last + 1)) for purpose in Purpose]
    for time in (last + 1.0, last + 5.0):
        assert allowed(ConsentLedger([*skewed, *no]).status_as_of(time)) == set()


def test_the_past_before_everything_allows_something() -> None:
    ledger = ConsentLedger(ConsentLedger().grant(*Purpose, notice=WORDS, now=100))
    assert allowed(ledger.status_as_of(99.9)) == set()
    assert allowed(ledger.status_as_of(100)) == set(Purpose)
    assert ledger.status_as_of(0)[P].because == "never asked"


def record_at(each: ConsentRecord, time: float) -> ConsentRecord:
    return ConsentRecord(**{name: getattr(each, name) for name in each.__struct_fields__} | {"time": time})
