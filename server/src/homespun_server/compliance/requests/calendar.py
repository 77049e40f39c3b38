"""When a term ends: months, calendar days and working days, in the controller's time zone.

The rules are those of Regulation (EEC, Euratom) No 1182/71, which EDPB Guidelines 01/2022 (paragraphs 157 to 160)
apply to GDPR Art. 12(3):

- The day of receipt is not counted, and a term ends with the last hour of its last day (Art. 3(1) and (2)).
- A term of months ends on the day of the same date; where that month has none, on its last day (Art. 3(2)(c)).
- Where a regulation's profile says so (``roll``), a term that would end on a day off ends with the next working day
  (Art. 3(4)). A profile without it gets the stricter end.

Pure. Months are counted from the day of receipt at once, never a month after a month: from 31 January, three months
end on 30 April, and not on the 28th.
"""

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

Unit = Literal["month", "day", "working_day"]

_SECOND = timedelta(seconds=1)


class Term(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long something may take.

    Attributes:
        amount: How many.
        unit: Of what.
    """

    amount: Annotated[int, Meta(ge=1, le=3_660)]
    unit: Unit

    def __str__(self) -> str:
        """Return it in words, for instance ``45 days``."""
        return f"{self.amount} {self.unit.replace('_', ' ')}{'' if self.amount == 1 else 's'}"


class Calendar(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which days are days off, and where.

    Attributes:
        zone: The time zone whose days count, an IANA name.
        days_off: Days of the week, Monday is 1.
        yearly: Holidays of every year, ``MM-DD``.
        dates: Further holidays.
        roll: Whether a term that would end on a day off ends with the next working day.
    """

    zone: str
    days_off: tuple[Annotated[int, Meta(ge=1, le=7)], ...] = (6, 7)
    yearly: tuple[Annotated[str, Meta(pattern=r"^(0[1-9]|1[0-2])-[0-3][0-9]\Z")], ...] = ()
    dates: tuple[date, ...] = ()
    roll: bool

    def is_off(self, day: date) -> bool:
        """Return whether nobody works on a day."""
        return day.isoweekday() in self.days_off or f"{day:%m-%d}" in self.yearly or day in self.dates

    def next_working(self, day: date) -> date:
        """Return the first working day from a day on."""
        while self.is_off(day):
            day += timedelta(days=1)
        return day

    def local_day(self, moment: datetime) -> date:
        """Return the day that it is there at a moment."""
        return moment.astimezone(ZoneInfo(self.zone)).date()

    def last_second(self, day: date) -> datetime:
        """Return the last second of a day there, in UTC; days of 23 and 25 hours end when they end."""
        after = day + timedelta(days=1)
        return datetime(after.year, after.month, after.day, tzinfo=ZoneInfo(self.zone)).astimezone(UTC) - _SECOND

    def with_dates(self, dates: tuple[date, ...]) -> Self:
        """Return the calendar with further holidays."""
        return msgspec.structs.replace(self, dates=(*self.dates, *dates))


def last_day(start: date, terms: tuple[Term, ...], calendar: Calendar) -> date:
    """Return the last day of terms that follow on each other, from the day of an event.

    Args:
        start: The day of the event, which is not counted.
        terms: At least one; those of one unit are counted at once.
        calendar: Which days are days off.
    """
    day = start
    for term in _joined(terms):
        day = _end_of(day, term, calendar)
    return calendar.next_working(day) if calendar.roll else day


def deadline(received: datetime, terms: tuple[Term, ...], calendar: Calendar) -> datetime:
    """Return the last second of terms that follow on each other, in UTC.

    Args:
        received: When the event was, aware of its time zone.
        terms: At least one.
        calendar: Where, and which days are days off.
    """
    return calendar.last_second(last_day(calendar.local_day(received), terms, calendar))


def _joined(terms: tuple[Term, ...]) -> tuple[Term, ...]:
    """Return the terms with neighbours of one unit added up."""
    joined: list[Term] = []
    for term in terms:
        if joined and joined[-1].unit == term.unit:
            term = Term(joined.pop().amount + term.amount, term.unit)  # noqa: PLW2901 - it grew
        joined.append(term)
    return tuple(joined)


def _end_of(start: date, term: Term, calendar: Calendar) -> date:
    if term.unit == "day":
        return start + timedelta(days=term.amount)
    if term.unit == "month":
        years, month = divmod(start.month - 1 + term.amount, 12)
        year = start.year + years
        return date(year, month + 1, min(start.day, monthrange(year, month + 1)[1]))
    day = start
    for _ in range(term.amount):
        day = calendar.next_working(day + timedelta(days=1))
    return day
