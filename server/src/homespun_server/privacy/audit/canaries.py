"""Canaries: synthetic people for the audit, of whom no two add to the same number of a statistic.

A canary owns the cells that it adds to, and adds the same to each, so the sum of the released values of its cells
is the matched filter for it. Each would add at least ``FACTOR`` times the bound if it were not clipped. A canary of
item counts likes four items of its own; the others like three items each, of a Steiner triple system (Bose 1939):
every two of its items are together in exactly one triple. Every triple is walked in both directions for transitions,
which are ordered, and twice, an hour apart, so that each counts two.

They are nobody's data: they are made here, and nothing else is in the audited sums.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from homespun.protocol.statistics.cells import triangle_index
from homespun.protocol.statistics.declaration import MAX_LAG_WEIGHT, Statistic, universe_of
from homespun.protocol.statistics.grid import Integers
from homespun.protocol.statistics.published import WEIGHT_GRID
from homespun.protocol.statistics.standard import item_counts, item_pairs, transitions

ITEMS_COUNTED = 4
"""Items that a canary of item counts likes: not clipped, they are √4 times the bound."""

PAIR_WEIGHT = 2
"""Published weight of every item where pairs are audited, so that a pair counts four."""

WALKS = 2

_MINUTE = 60
_HOUR = 3600
_START = 1_700_000_000


@dataclass(frozen=True)
class Canaries:
    """The canaries of one statistic.

    Attributes:
        statistic: The declaration.
        ids: The catalogue, which is the statistic's universe.
        items: int64 [m, e], positions of the items of every canary's events, in the order in which they happen.
        times: int64 [e], when they happen, in seconds since 1970.
        cells: int64 [m, k], flat indices of every canary's own cells.
        unclipped: What a canary would add without clipping, in multiples of the bound.
    """

    statistic: Statistic
    ids: tuple[str, ...] = field(repr=False)
    items: Integers = field(repr=False)
    times: Integers = field(repr=False)
    cells: Integers = field(repr=False)
    unclipped: float

    @property
    def number(self) -> int:
        """How many there are."""
        return int(self.items.shape[0])


def _of_item_counts(number: int) -> Canaries:
    items = np.arange(number * ITEMS_COUNTED).reshape(number, ITEMS_COUNTED)
    ids = _ids(items.size)
    statistic = item_counts(universe_of(ids), max_items=ITEMS_COUNTED)
    return Canaries(statistic, ids, items, _times(ITEMS_COUNTED), items, math.sqrt(ITEMS_COUNTED))


def _of_item_pairs(number: int) -> Canaries:
    size, triples = triple_system(number)
    ids = _ids(size)
    statistic = item_pairs(universe_of(ids), [PAIR_WEIGHT * WEIGHT_GRID] * size, max_items=3)
    cells = np.stack([triangle_index(triples[:, i], triples[:, j], size) for i, j in ((0, 1), (0, 2), (1, 2))], axis=1)
    return Canaries(statistic, ids, triples, _times(3), cells, PAIR_WEIGHT**2 * math.sqrt(3))


def _of_transitions(number: int) -> Canaries:
    size, triples = triple_system(-(-number // 2))
    walks = np.concatenate([triples, triples[:, ::-1]])[:number]
    ids = _ids(size)
    # What is further apart than a minute counts nothing, so the two walks do not join.
    statistic = transitions(
        universe_of(ids), lags=(MAX_LAG_WEIGHT, MAX_LAG_WEIGHT), gaps=((_MINUTE, 1),), max_events=3 * WALKS
    )
    cells = np.stack([walks[:, i] * size + walks[:, j] for i, j in ((0, 1), (0, 2), (1, 2))], axis=1)
    times = np.concatenate([_times(3) + walk * _HOUR for walk in range(WALKS)])
    return Canaries(statistic, ids, np.tile(walks, (1, WALKS)), times, cells, WALKS * math.sqrt(3))


CANARIES: Mapping[str, Callable[[int], Canaries]] = {
    "item-counts": _of_item_counts,
    "item-pairs": _of_item_pairs,
    "transitions": _of_transitions,
}
"""By the name of the statistic: a function from how many canaries are wanted to so many of them."""


def triple_system(number: int) -> tuple[int, Integers]:
    """Return the size of a Steiner triple system with at least ``number`` triples, and the first of them.

    Bose's construction: the items are Z_n × Z_3 for an odd n, numbered n·i + x; the triples are {(x, 0), (x, 1),
    (x, 2)} for all x, and {(x, i), (y, i), ((x + y)/2, i + 1)} for all i and x < y. There are v(v − 1)/6 of them for
    v = 3n items.

    Returns:
        v, and int64 [number, 3], ascending in every row.
    """
    order = 1
    while 3 * order * (3 * order - 1) // 6 < number:
        order += 2
    level = np.arange(order)
    x, y = np.triu_indices(order, 1)
    half = (x + y) * ((order + 1) // 2) % order
    across = np.stack([level, order + level, 2 * order + level], axis=1)
    within = [np.stack([i * order + x, i * order + y, (i + 1) % 3 * order + half], axis=1) for i in range(3)]
    triples: NDArray[np.int64] = np.sort(np.concatenate([across, *within]), axis=1).astype(np.int64)
    return 3 * order, triples[:number]


def _ids(size: int) -> tuple[str, ...]:
    return tuple(f"item-{number:06d}" for number in range(size))


def _times(events: int) -> Integers:
    return _START + np.arange(events)
