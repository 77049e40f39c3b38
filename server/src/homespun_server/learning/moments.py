"""When it is for trends, and into which stretches of time events are sorted."""

from collections.abc import Sequence
from datetime import datetime

from homespun_server.learning.data import FitData
from homespun_server.learning.options import FitOptions
from homespun_server.privacy.provenance import Sourced, fixed, non_private
from homespun_server.statistics.raw import Raw

_FINE = 8
"""Stretches in the shortest half-life, and in each doubling of age or so."""

_REMEMBERED = 10
"""Half-lives after which an event is not counted any more."""


def moment(data: FitData, options: FitOptions, now: datetime, *, private: bool) -> Sourced[int] | None:
    """Return when it is for trends, seconds since 1970; None where there are none.

    Args:
        data: The people.
        options: What a fit may vary.
        now: The time of the fit.
        private: Whether nothing may be read off the table: without privacy it is the time of the last event.
    """
    if not (data.timed and options.wants("trend")):
        return None
    if options.as_of is not None:
        return options.stated(options.as_of)
    if private:
        return fixed(int(now.timestamp()))
    (row,) = data.interactions.connection.execute("SELECT max(time) FROM interactions").fetchall()
    return None if row[0] is None else non_private(Raw(int(row[0]) + 1), "the time of the last event")


def stretches(as_of: int, half_lives: Sequence[int]) -> tuple[int, ...]:
    """Return the edges of stretches that end at ``as_of``: fine ones lately, coarse ones long ago.

    Args:
        as_of: Seconds since 1970.
        half_lives: In seconds; the shortest one says how fine, the longest one how far back.
    """
    finest = max(min(half_lives) // _FINE, 1)
    ages = [0]
    while ages[-1] < _REMEMBERED * max(half_lives) and ages[-1] < as_of:
        ages.append(ages[-1] + max(finest, ages[-1] // _FINE))
    return tuple(sorted({max(as_of - age, 0) for age in ages}))
