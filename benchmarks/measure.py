"""Repeated timing in rounds, so that a disturbance hits everything that is compared alike."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

Clock = Callable[[], float]
"""Seconds since any fixed moment."""


@dataclass(frozen=True)
class Spread:
    """A repeated measurement.

    Attributes:
        median: Of all runs.
        low: The smallest.
        high: The largest.
        runs: How many.
    """

    median: float
    low: float
    high: float
    runs: int


def spread(values: Sequence[float]) -> Spread:
    """Return the median and the range of the values; at least one."""
    return Spread(statistics.median(values), min(values), max(values), len(values))


def ratio(values: Sequence[float], peer: Sequence[float]) -> Spread:
    """Return the spread of value / peer, each pair taken in one round.

    Raises:
        ValueError: If the two do not have as many values.
    """
    return spread([value / other for value, other in zip(values, peer, strict=True)])


def scaled(values: Sequence[float], factor: float) -> Spread:
    """Return the spread in another unit."""
    return spread([value * factor for value in values])


def time_in_rounds(
    subjects: Mapping[str, Callable[[], object]], clock: Clock, *, rounds: int, least_seconds: float
) -> dict[str, list[float]]:
    """Time every subject once a round.

    Args:
        subjects: What to call, by name.
        clock: Where the time comes from.
        rounds: How many rounds.
        least_seconds: A subject is called so often in a round that it takes about this long at least, for
            the clock's grain not to matter.

    Returns:
        Seconds per call, one value a round, by name.
    """
    # The first call of anything may import, allocate or warm a cache; it is not counted.
    calls = {name: max(1, int(least_seconds / _warm_call(subject, clock))) for name, subject in subjects.items()}
    seconds: dict[str, list[float]] = {name: [] for name in subjects}
    for _ in range(rounds):
        for name, subject in subjects.items():
            seconds[name].append(_seconds_per_call(subject, calls[name], clock))
    return seconds


def _warm_call(subject: Callable[[], object], clock: Clock) -> float:
    subject()
    return max(_seconds_per_call(subject, 1, clock), 1e-7)


def _seconds_per_call(subject: Callable[[], object], calls: int, clock: Clock) -> float:
    start = clock()
    for _ in range(calls):
        subject()
    return (clock() - start) / calls
