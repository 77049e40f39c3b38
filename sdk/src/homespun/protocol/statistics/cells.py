"""From events to cells: which numbers of a statistic a person adds to, and with what weight before clipping.

One function a transformation, over a whole batch; every one returns a person's distinct cells in order.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import isqrt

import numpy as np
from numpy.typing import NDArray

from homespun.protocol.statistics.declaration import (
    Archetypes,
    ItemContext,
    ItemCounts,
    ItemPairs,
    ItemTrend,
    Outcomes,
    People,
    Repeats,
    Statistic,
    Transitions,
)
from homespun.protocol.statistics.grid import Integers, starts_of
from homespun.protocol.statistics.histories import UNKNOWN, Histories
from homespun.protocol.statistics.likes import in_favour, liked
from homespun.protocol.statistics.sampling import sample

_UNIT = 1 << 12
"""Weight of 1.0 where weights are not whole numbers."""


@dataclass(frozen=True)
class Cells:
    """What people add to, before clipping.

    Attributes:
        owners: int64 [n], the person, ascending.
        cells: int64 [n], flat indices into the statistic's shape, distinct and ascending for each person.
        weights: int64 [n], not negative.
    """

    owners: Integers
    cells: Integers
    weights: Integers


FindCells = Callable[[Histories], Cells]


def item_counts(statistic: Statistic, form: ItemCounts) -> FindCells:
    """Count liked items once each."""

    def find(histories: Histories) -> Cells:
        owners, items = liked(histories, statistic.rule)
        taken = sample(owners, histories, form.max_items, statistic.name)
        return _ones(owners[taken], items[taken])

    return find


def item_pairs(statistic: Statistic, form: ItemPairs) -> FindCells:
    """Weigh each pair of liked items by the product of the published weights."""
    published = np.array(form.weights, np.int64)
    size = statistic.universe.items

    def find(histories: Histories) -> Cells:
        owners, items = liked(histories, statistic.rule)
        taken = sample(owners, histories, form.max_items, statistic.name)
        owners, items = owners[taken], items[taken]
        left, right = _pairs(starts_of(owners, histories.people))
        cells = triangle_index(items[left], items[right], size)
        return Cells(owners[left], cells, published[items[left]] * published[items[right]])

    return find


def item_trend(statistic: Statistic, form: ItemTrend) -> FindCells:
    """Count each item once for every stretch of time with an event in favour."""
    edges = np.array(form.edges, np.int64)

    def find(histories: Histories) -> Cells:
        stretch = np.searchsorted(edges, histories.times, side="right") - 1
        seen = in_favour(histories, statistic.rule) & (stretch >= 0) & (stretch < edges.size - 1)
        return _distinct(histories, statistic, stretch, seen, form.max_cells)

    return find


def item_context(statistic: Statistic, form: ItemContext) -> FindCells:
    """Count events in favour for every value of a context and item, up to a limit."""

    def find(histories: Histories) -> Cells:
        values = histories.contexts[form.feature]
        seen = in_favour(histories, statistic.rule) & (values >= 0) & (values < len(form.values))
        counted = _counted(histories.owners[seen], (values * statistic.universe.items + histories.items)[seen])
        taken = sample(counted.owners, histories, form.max_cells, statistic.name)
        return Cells(counted.owners[taken], counted.cells[taken], np.minimum(counted.weights[taken], form.max_count))

    return find


def repeats(statistic: Statistic, form: Repeats) -> FindCells:
    """Count an item for every threshold that the person's number of events in favour reaches."""
    thresholds = np.array(form.thresholds, np.int64)

    def find(histories: Histories) -> Cells:
        seen = in_favour(histories, statistic.rule)
        counted = _counted(histories.owners[seen], histories.items[seen])
        place, level = np.nonzero(counted.weights[:, None] >= thresholds)
        cells = level * statistic.universe.items + counted.cells[place]
        owners = counted.owners[place]
        order = np.lexsort((cells, owners))
        taken = order[sample(owners, histories, form.max_cells, statistic.name)]
        return _ones(owners[taken], cells[taken])

    return find


def outcomes(statistic: Statistic, form: Outcomes) -> FindCells:
    """Count each item once for every declared kind of event, whether in favour or not."""

    def find(histories: Histories) -> Cells:
        rows = np.array([_place(form.kinds, name) for name in histories.kind_names] + [UNKNOWN], np.int64)
        row = rows[histories.kinds]  # kind −1 takes the last entry, which is unknown
        return _distinct(histories, statistic, row, (row >= 0) & (histories.items >= 0), form.max_cells)

    return find


def transitions(statistic: Statistic, form: Transitions) -> FindCells:
    """Weigh each ordered pair of items by how many events and how much time lie between."""
    size = statistic.universe.items
    limits = np.array([gap.seconds for gap in form.gaps], np.int64)
    # Beyond the last limit, and only there, the appended weight is taken.
    by_gap = np.array([gap.weight for gap in form.gaps] + [0], np.int64)

    def gap_weights(before: Integers, after: Integers) -> Integers:
        if not limits.size:
            return np.ones(before.size, np.int64)
        apart = np.where((before < 0) | (after < 0), 0, after - before)
        weights: Integers = by_gap[np.searchsorted(limits, apart)]
        return weights

    def find(histories: Histories) -> Cells:
        events = _latest(np.flatnonzero(in_favour(histories, statistic.rule)), histories, form.max_events)
        owners, items, times = histories.owners[events], histories.items[events], histories.times[events]
        found: list[tuple[Integers, Integers, Integers]] = []
        for lag, weight in enumerate(form.lag_weights, start=1):
            follows = (owners[lag:] == owners[:-lag]) & (items[lag:] != items[:-lag])
            one, other = np.flatnonzero(follows), np.flatnonzero(follows) + lag
            weights = weight * gap_weights(times[one], times[other])
            some = weights > 0
            found.append((owners[one][some], (items[one] * size + items[other])[some], weights[some]))
        return _added(*(np.concatenate(column) for column in zip(*found, strict=True)))

    return find


def archetypes(statistic: Statistic, form: Archetypes) -> FindCells:
    """Add liked items, and one person, to the row of the nearest centroid."""
    centroids = np.array(form.centroids, np.int64)
    width = statistic.universe.items + 1

    def find(histories: Histories) -> Cells:
        owners, items = liked(histories, statistic.rule)
        taken = sample(owners, histories, form.max_items, statistic.name)
        owners, items = owners[taken], items[taken]
        people, first, counts = np.unique(owners, return_index=True, return_counts=True)
        if not people.size:
            return _ones(owners, items)
        # One centroid after the other: a table of all of them for each item of a long history would not fit.
        products = np.array([np.add.reduceat(centroid[items], first) for centroid in centroids])
        nearest = products.argmax(axis=0)
        # √n units for the person beside one unit an item: half of the squared norm is theirs.
        member = np.array([isqrt(int(count) * _UNIT * _UNIT) for count in counts], np.int64)
        cells = np.repeat(nearest, counts) * width + items
        return _merged(
            Cells(owners, cells, np.full(items.size, _UNIT)), Cells(people, nearest * width + width - 1, member)
        )

    return find


def people(statistic: Statistic, form: People) -> FindCells:  # noqa: ARG001 - as all of them
    """Count everybody with an event."""

    def find(histories: Histories) -> Cells:
        owners = np.flatnonzero(np.diff(histories.starts))
        return _ones(owners, np.zeros(owners.size, np.int64))

    return find


def triangle_index(rows: Integers, columns: Integers, size: int) -> Integers:
    """Return the flat index of (row < column) in the strict upper triangle of a [size, size] matrix, row by row."""
    index: Integers = rows * (2 * size - rows - 1) // 2 + columns - rows - 1
    return index


def _ones(owners: Integers, cells: Integers) -> Cells:
    return Cells(owners, cells, np.ones(owners.size, np.int64))


def _distinct(histories: Histories, statistic: Statistic, rows: Integers, seen: NDArray[np.bool_], most: int) -> Cells:
    """Return the distinct (row, item) cells of the events that are seen, sampled."""
    counted = _counted(histories.owners[seen], (rows * statistic.universe.items + histories.items)[seen])
    taken = sample(counted.owners, histories, most, statistic.name)
    return _ones(counted.owners[taken], counted.cells[taken])


def _counted(owners: Integers, cells: Integers) -> Cells:
    return _added(owners, cells, np.ones(owners.size, np.int64))


def _added(owners: Integers, cells: Integers, weights: Integers) -> Cells:
    """Return distinct cells with the weights of equal ones added."""
    size = int(cells.max()) + 1 if cells.size else 1
    order = np.argsort(owners * size + cells)  # at most 2³¹ people and 2³¹ cells: no product wraps
    owners, cells = owners[order], cells[order]
    first = np.flatnonzero((np.diff(owners, prepend=-1) != 0) | (np.diff(cells, prepend=-1) != 0))
    totals = np.add.reduceat(weights[order], first) if first.size else weights
    return Cells(owners[first], cells[first], totals)


def _merged(one: Cells, other: Cells) -> Cells:
    return _added(
        np.concatenate([one.owners, other.owners]),
        np.concatenate([one.cells, other.cells]),
        np.concatenate([one.weights, other.weights]),
    )


def _pairs(starts: Integers) -> tuple[Integers, Integers]:
    """Return all pairs of entries of the same person, first before second, person by person."""
    sizes = np.diff(starts)
    after = np.repeat(starts[1:], sizes) - np.arange(starts[-1]) - 1  # entries of the person behind each entry
    left = np.repeat(np.arange(starts[-1]), after)
    begun = np.cumsum(after) - after
    right = left + 1 + np.arange(left.size) - begun[left]
    return left, right


def _latest(events: Integers, histories: Histories, most: int) -> Integers:
    """Return only the last ``most`` of every person's events, given as ascending indices."""
    owners = histories.owners[events]
    starts = starts_of(owners, histories.people)
    latest: Integers = events[starts[owners + 1] - np.arange(events.size) <= most]
    return latest


def _place(names: tuple[str, ...], name: str) -> int:
    return names.index(name) if name in names else UNKNOWN
