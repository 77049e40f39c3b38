"""Which events are in favour of an item, and which items a person likes: the rule, over a batch."""

import numpy as np
from numpy.typing import NDArray

from homespun.protocol.statistics.declaration import LikeRule
from homespun.protocol.statistics.grid import Integers
from homespun.protocol.statistics.histories import Histories


def in_favour(histories: Histories, rule: LikeRule) -> NDArray[np.bool_]:
    """Return which events speak for an item of the universe: bool [n]."""
    favour = (histories.items >= 0) & ~histories.mask_of(rule.negative_kinds)
    if rule.min_weight is not None:
        favour &= ~(histories.weights < float(rule.min_weight))  # NaN, no weight, is not less
    return favour


def liked(histories: Histories, rule: LikeRule) -> tuple[Integers, Integers]:
    """Return the distinct items of the universe that people like.

    An item is liked if its last event is of no negative kind and if, where there is a least weight and some of
    its events have a weight, the last of these reaches it.

    Returns:
        int64 [m] people and int64 [m] items, ascending.
    """
    known = np.flatnonzero(histories.items >= 0)
    order = known[np.lexsort((histories.items[known], histories.owners[known]))]  # stable: time within an item
    owners, items = histories.owners[order], histories.items[order]
    first = np.flatnonzero(_changes(owners) | _changes(items))
    last = np.append(first[1:], order.size) - 1 if first.size else first
    negative = histories.mask_of(rule.negative_kinds)[order[last]]
    like = ~negative & _heavy_enough(histories.weights[order], first, rule)
    return owners[last[like]], items[last[like]]


def _heavy_enough(weights: NDArray[np.float64], first: Integers, rule: LikeRule) -> NDArray[np.bool_]:
    """Return for every group of events, given where they begin, whether its last weight reaches the least."""
    if rule.min_weight is None or not first.size:
        return np.ones(first.size, np.bool_)
    with_weight = np.where(np.isnan(weights), -1, np.arange(weights.size))
    last = np.maximum.reduceat(with_weight, first)
    # A float, as weights are: the decimal 0.3 is a touch more than the weight 0.3.
    enough: NDArray[np.bool_] = np.logical_or(last < 0, weights[last] >= float(rule.min_weight))
    return enough


def _changes(values: Integers) -> NDArray[np.bool_]:
    changes: NDArray[np.bool_] = np.diff(values, prepend=-1) != 0
    return changes
