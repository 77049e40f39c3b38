"""What a data set's users may lose at most: by period, and ever.

Periods are spans of UTC time that follow each other. A change of the policy never begins a new one: what was
spent in what the new policy calls a period stays charged until its first renewal, earlier periods joined to it.
"""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from functools import cached_property
from typing import Literal

from homespun.errors import MisuseError
from homespun_server.errors import PrivacyParameterError
from homespun_server.privacy.zcdp import DEFAULT_DELTA, check_parameters, check_spendable, rho_for

DAY = 86_400
MAX_DAYS = 36_525

LATEST = int(datetime(9000, 1, 1, tzinfo=UTC).timestamp())
"""No clock is taken seriously from then on, seconds since 1970."""

Period = Literal["month", "once"] | int
"""A calendar month, one period that never ends, or a number of days."""


@dataclass(frozen=True)
class Span:
    """One period: from ``start`` until before ``end``, seconds since 1970 UTC; an ``end`` of None never comes."""

    start: int
    end: int | None


@dataclass(frozen=True, kw_only=True)
class BudgetPolicy:
    """The ceilings of a data set. The unit is the user, neighbours differ by adding or removing one.

    Attributes:
        epsilon: ε per user and period; None: spending is only counted.
        delta: δ of every ε that is stated.
        period: ``month`` (a calendar month, UTC), ``once`` (never renewed), or a number of days.
        lifetime: ε per user for ever, whatever is renewed; None: only counted.
    """

    epsilon: float | None = None
    delta: float = DEFAULT_DELTA
    period: Period = "month"
    lifetime: float | None = None

    def __post_init__(self) -> None:
        """Refuse what promises nothing.

        Raises:
            PrivacyParameterError: If an ε, δ or period is out of range.
        """
        if not (self.period in ("month", "once") or (type(self.period) is int and 1 <= self.period <= MAX_DAYS)):
            raise PrivacyParameterError(
                f"the period is {self.period!r}; it must be 'month', 'once' or 1 to {MAX_DAYS} days."
            )
        check_parameters(1.0, self.delta)
        for epsilon in (self.epsilon, self.lifetime):
            if epsilon is not None:
                check_spendable(epsilon, self.delta)

    @cached_property
    def ceiling(self) -> Fraction | None:
        """The largest ρ per user and period."""
        return None if self.epsilon is None else Fraction(rho_for(self.epsilon, self.delta))

    @cached_property
    def lifetime_ceiling(self) -> Fraction | None:
        """The largest ρ per user for ever."""
        return None if self.lifetime is None else Fraction(rho_for(self.lifetime, self.delta))

    def span_from(self, time: int, start: int | None = None) -> Span:
        """Return the period that begins at ``start`` (at ``time`` if None), if the policy is set at ``time``."""
        end: int | None = None
        if self.period == "month":
            end = _next_month(time)
        elif isinstance(self.period, int):
            end = time - time % DAY + self.period * DAY
        return Span(time if start is None else start, end)

    def reaches_back(self, time: int) -> int:
        """Return since when the period of ``time`` counts, if the policy is set then; 0 for ever."""
        if self.period == "month":
            return _month(time)
        return max(0, time - self.period * DAY) if isinstance(self.period, int) else 0

    def span_at(self, span: Span, time: int) -> Span:
        """Return the period of ``time``, ``span`` being an earlier one; never one before it."""
        if span.end is None or time < span.end:
            return span
        if isinstance(self.period, int):
            length = self.period * DAY
            start = span.end + (time - span.end) // length * length
            return Span(start, start + length)
        return Span(_month(time), _next_month(time))


def whole_seconds(now: float) -> int:
    """Return the second of a clock's time.

    Raises:
        MisuseError: If it is no time that a ledger can hold.
    """
    if not (math.isfinite(now) and 0 <= now < LATEST):
        raise MisuseError(f"the clock says {now}; a ledger needs seconds since 1970, before the year 9000.")
    return int(now)


def _month(time: int) -> int:
    first = datetime.fromtimestamp(time, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return int(first.timestamp())


def _next_month(time: int) -> int:
    return _month(int((datetime.fromtimestamp(_month(time), UTC) + timedelta(days=31)).timestamp()))
