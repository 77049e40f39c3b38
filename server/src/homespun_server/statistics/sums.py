"""Exact sums over people of bounded contributions. They never leave this process un-noised.

What a person adds is decided by the protocol's encoder alone, the one that devices use; here contributions are
added up, several statistics in one pass over the people. ``UserSum`` is what a release is made from; it is not a
release, and nothing that trains accepts it.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from homespun.errors import MisuseError
from homespun.protocol.statistics.declaration import (
    Archetypes,
    ItemPairs,
    Repeats,
    Statistic,
    Transitions,
)
from homespun.protocol.statistics.encoding import Contributions, Encoder, encode_metrics
from homespun.protocol.statistics.grid import Integers
from homespun.protocol.statistics.histories import Histories
from homespun_server.statistics.cohort import Cohort
from homespun_server.statistics.population import BATCH_EVENTS, Population
from homespun_server.statistics.translation import Translation

MOST_CELLS = 1 << 18
"""Cells that are held at once, as far as people can be told apart: a few megabytes, which caches hold."""

Observer = Callable[[str, int, int], None]
"""Called with (step, events read, events in all)."""


@dataclass(frozen=True, repr=False, eq=False)
class UserSum:
    """An exact, un-noised sum over people: not to be shown, stored or trained from.

    Every figure in it is raw; its text shows none.

    Attributes:
        statistic: The declaration, whose bound each person's contribution respects.
        values: int64 [size], in grid steps.
        cohort: Whose contributions were added up.
        contributors: How many people added anything.
        kept: Share of the unclipped weight that clipping kept, in 0..1. Unclipped, a person's heaviest cell would
            add the whole bound, and the others in proportion.
        mark: Which secret people's windows were chosen by; empty: none is known.
    """

    statistic: Statistic
    values: Integers
    cohort: Cohort
    contributors: int
    kept: float
    mark: bytes = b""

    def __repr__(self) -> str:
        """Return what was summed over whom, without a figure: texts end up in logs."""
        return f"UserSum({self.statistic.name!r}, {self.cohort!r})"


def sum_over_people(
    statistics: Sequence[Statistic],
    population: Population,
    cohort: Cohort,
    *,
    selections: Mapping[str, Integers] | None = None,
    observer: Observer = lambda _step, _done, _total: None,
    batch_events: int = BATCH_EVENTS,
) -> tuple[UserSum, ...]:
    """Sum several statistics over a cohort in one pass.

    Args:
        statistics: The declarations; their names differ.
        population: Everybody.
        cohort: Whose contributions are added up.
        selections: By a statistic's name, int64 [M] distinct positions in the catalogue: its universe, in order.
            Without one, the universe is the whole catalogue.
        observer: Called as the pass goes on.
        batch_events: How much is read at once; it changes nothing but time and memory.

    Raises:
        MisuseError: Before anything is read, if a declaration and its universe, or what the population tells
            apart, do not fit together, or if names repeat; afterwards, if more people contributed than a
            declaration allows, so that its sum might wrap.
    """
    names = [statistic.name for statistic in statistics]
    chosen = selections or {}
    if len(set(names)) < len(names) or not chosen.keys() <= set(names):
        raise MisuseError(f"statistics {names} with selections for {sorted(chosen)}: each name once, and no other.")
    summands = [_Summand(statistic, population, chosen.get(statistic.name)) for statistic in statistics]
    step = f"sum {', '.join(names)}"
    read = population.histories(cohort, batch_events, progress=lambda done, total: observer(step, done, total))
    for histories in read:
        for summand in summands:
            summand.add(histories)
    return tuple(summand.total.of(cohort, population.mark) for summand in summands)


def sum_metrics(statistic: Statistic, metrics: NDArray[np.float64], cohort: Cohort) -> UserSum:
    """Sum people's metrics.

    Args:
        statistic: A declaration of metrics.
        metrics: float64 [people, metrics], one row a person of the cohort; values outside 0..1 count as the
            nearer end.
        cohort: Whose they are.

    Raises:
        MisuseError: If the declaration is of something else, a metric is not a number, or there are more people
            than declared.
    """
    contributions = encode_metrics(statistic, metrics)
    total = _Total(statistic)
    total.add(contributions, unclipped=float(contributions.values.sum()) * math.sqrt(statistic.size))
    return total.of(cohort)


class _Total:
    """What contributions add up to, so far."""

    def __init__(self, statistic: Statistic) -> None:
        self._statistic = statistic
        self._values = np.zeros(statistic.size, np.int64)
        self._contributors = 0
        self._clipped = 0.0
        self._unclipped = 0.0

    def add(self, contributions: Contributions, unclipped: float) -> None:
        """Add the contributions of people of whom none was added before; refuse too many people."""
        self._contributors += int(np.count_nonzero(np.diff(contributions.owners, prepend=-1)))
        # Before they are added, so that no sum has wrapped.
        if self._contributors > self._statistic.max_people:
            raise MisuseError(
                f"{self._statistic.name} is declared for at most {self._statistic.max_people:,} people, and more have "
                "contributed, so the sum might wrap. Nothing was released. Declare more people, or a smaller cohort."
            )
        np.add.at(self._values, contributions.cells, contributions.values)
        self._clipped += float(contributions.values.sum())
        self._unclipped += unclipped

    def of(self, cohort: Cohort, mark: bytes = b"") -> UserSum:
        """Return the sum."""
        self._values.setflags(write=False)
        kept = min(1.0, self._clipped / self._unclipped) if self._unclipped else 1.0
        return UserSum(self._statistic, self._values, cohort, self._contributors, kept, mark)


class _Summand:
    """One statistic being summed."""

    def __init__(self, statistic: Statistic, population: Population, selection: Integers | None) -> None:
        self.total = _Total(statistic)
        self._statistic = statistic
        self._encoder = Encoder(statistic)
        self._translation = Translation(statistic, population, selection)

    def add(self, histories: Histories) -> None:
        """Add what the people of a batch contribute, so many of them at once that memory stays bounded."""
        for people in _slices(_most_cells(self._statistic, np.diff(histories.starts))):
            part = self._translation.of(histories, people)
            found = self._encoder.cells(part)
            unclipped = _unclipped(found.owners, found.weights) * self._statistic.l2_bound
            self.total.add(self._encoder.clip(found, part.people), unclipped)


def _most_cells(statistic: Statistic, events: Integers) -> Integers:
    """Return how many numbers a person with so many events can take while encoding, about and at most."""
    match statistic.transformation:
        case ItemPairs(max_items=most):
            return np.minimum(events, most) ** 2 // 2
        case Transitions(lag_weights=lags, max_events=most):
            return np.minimum(events, most) * len(lags)
        case Repeats(thresholds=rows) | Archetypes(centroids=rows):
            return events * len(rows)
        case _:
            return events


def _slices(cells: Integers) -> Iterator[slice]:
    """Cut people into slices of at most MOST_CELLS cells together; only a single person may have more."""
    ends = np.cumsum(cells)
    start = 0
    while start < cells.size:
        before = int(ends[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + MOST_CELLS, side="right")))
        yield slice(start, stop)
        start = stop


def _unclipped(owners: Integers, weights: Integers) -> float:
    """Return what the weights add up to, each person's largest counted as 1."""
    if not owners.size:
        return 0.0
    starts = np.flatnonzero(np.diff(owners, prepend=-1))
    totals, largest = np.add.reduceat(weights, starts), np.maximum.reduceat(weights, starts)
    return float((totals / np.maximum(largest, 1)).sum())
