"""A term ends on the wrong day: at a month's end, in a leap year, over a change of the clock, or on a day off."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun_server.compliance.requests.calendar import Calendar, Term, deadline, last_day
from homespun_server.compliance.requests.profile import shipped

STRICT = Calendar(zone="UTC", roll=False)
ROLLING = Calendar(zone="Europe/Brussels", yearly=("01-01", "12-25"), roll=True)
MONTH, YEAR_AND_MORE = Term(1, "month"), Term(14, "month")

days = st.dates(date(1999, 1, 1), date(2100, 12, 31))
calendars = st.builds(
    Calendar,
    zone=st.sampled_from(["UTC", "Europe/Brussels", "America/Los_Angeles", "Pacific/Apia", "Asia/Beirut"]),
    yearly=st.lists(st.sampled_from(["01-01", "02-29", "05-01", "12-25"]), unique=True).map(tuple),
    dates=st.lists(days, max_size=5).map(tuple),
    roll=st.booleans(),
)
terms = st.builds(Term, st.integers(1, 60), st.sampled_from(["month", "day", "working_day"]))


@pytest.mark.parametrize(
    ("start", "term", "end"),
    [
        # Regulation 1182/71, Art. 3(2)(c): the same date, or the month's last day.
        (date(2025, 3, 5), MONTH, date(2025, 4, 5)),
        (date(2025, 8, 31), MONTH, date(2025, 9, 30)),
        (date(2025, 1, 31), MONTH, date(2025, 2, 28)),
        (date(2024, 1, 31), MONTH, date(2024, 2, 29)),
        (date(2024, 2, 29), Term(12, "month"), date(2025, 2, 28)),
        (date(2023, 12, 31), YEAR_AND_MORE, date(2025, 2, 28)),
        # The day of receipt is not counted.
        (date(2025, 1, 1), Term(45, "day"), date(2025, 2, 15)),
        (date(2024, 1, 15), Term(45, "day"), date(2024, 2, 29)),
        (date(2025, 2, 28), Term(1, "working_day"), date(2025, 3, 3)),
        (date(2025, 3, 1), Term(10, "working_day"), date(2025, 3, 14)),
    ],
)
def test_a_term_ends_a_day_early_or_late(start: date, term: Term, end: date) -> None:
    assert last_day(start, (term,), STRICT) == end


def test_three_months_are_a_month_and_two_shortened_ones() -> None:
    assert last_day(date(2025, 1, 31), (MONTH, Term(2, "month")), STRICT) == date(2025, 4, 30)


def test_a_term_ends_while_nobody_works() -> None:
    # 5 April 2025 is a Saturday; 25 December 2025 a holiday, followed by a Friday.
    assert last_day(date(2025, 3, 5), (MONTH,), ROLLING) == date(2025, 4, 7)
    assert last_day(date(2025, 11, 25), (MONTH,), ROLLING) == date(2025, 12, 26)
    assert last_day(date(2025, 3, 5), (MONTH,), STRICT) == date(2025, 4, 5)


def test_the_server_is_elsewhere_and_the_day_another() -> None:
    # 23:30 UTC on 28 February is 1 March in Brussels.
    received = datetime(2025, 2, 28, 23, 30, tzinfo=UTC)
    assert deadline(received, (MONTH,), ROLLING) == datetime(2025, 4, 1, 21, 59, 59, tzinfo=UTC)
    assert deadline(received, (MONTH,), STRICT) == datetime(2025, 3, 28, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize("zone", ["Europe/Brussels", "America/Los_Angeles", "Asia/Beirut", "America/Havana"])
def test_a_day_of_23_or_25_hours_ends_at_another_hour(zone: str) -> None:
    calendar = Calendar(zone=zone, roll=False)
    day = date(2025, 1, 1)
    while day.year == 2025:
        end = calendar.last_second(day)
        assert calendar.local_day(end) == day
        assert calendar.local_day(end + timedelta(seconds=1)) > day
        day += timedelta(days=1)


@given(days, terms, calendars)
def test_a_term_ends_before_it_began_or_on_a_day_off(start: date, term: Term, calendar: Calendar) -> None:
    end = last_day(start, (term,), calendar)
    assert end > start
    if calendar.roll or term.unit == "working_day":
        assert not calendar.is_off(end)


@given(days, terms, terms, calendars)
def test_an_extension_makes_a_term_shorter(start: date, term: Term, more: Term, calendar: Calendar) -> None:
    assert last_day(start, (term, more), calendar) >= last_day(start, (term,), calendar)


@given(days, days, terms, calendars)
def test_who_came_later_is_due_earlier(one: date, other: date, term: Term, calendar: Calendar) -> None:
    first, second = sorted((one, other))
    assert last_day(first, (term,), calendar) <= last_day(second, (term,), calendar)


@given(days, st.integers(1, 60), calendars)
def test_a_working_day_is_counted_twice_or_left_out(start: date, amount: int, calendar: Calendar) -> None:
    end = last_day(start, (Term(amount, "working_day"),), calendar)
    between = [start + timedelta(days=n) for n in range(1, (end - start).days + 1)]
    assert sum(not calendar.is_off(day) for day in between) == amount


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)), terms, calendars)  # noqa: DTZ001 - made aware below
def test_a_deadline_is_at_another_hour_than_a_days_last_second(
    moment: datetime, term: Term, calendar: Calendar
) -> None:
    end = deadline(moment.replace(tzinfo=UTC), (term,), calendar)
    assert end.tzinfo is UTC
    after = (end + timedelta(seconds=1)).astimezone(ZoneInfo(calendar.zone))
    assert after.date() > end.astimezone(ZoneInfo(calendar.zone)).date()


def test_the_shipped_profiles_say_other_terms_than_the_law() -> None:
    gdpr, ccpa = shipped("gdpr"), shipped("ccpa")
    # Art. 12(3); § 7021; § 7026(f).
    assert (gdpr.terms.answer, gdpr.terms.extension) == (MONTH, Term(2, "month"))
    assert (ccpa.terms.answer, ccpa.terms.extension) == (Term(45, "day"), Term(45, "day"))
    assert ccpa.terms.confirmation == Term(10, "working_day")
    opt_out = ccpa.rules("opt-out")
    assert (opt_out.answer, opt_out.extension, opt_out.identity) == (Term(15, "working_day"), None, False)
