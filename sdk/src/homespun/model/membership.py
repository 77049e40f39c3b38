"""Sets of positions as ascending arrays: as quick as a request needs, and without a mask as long as the catalogue."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Positions = NDArray[np.int64]
Truths = NDArray[np.bool_]

NOTHING: Positions = np.zeros(0, np.int64)
NOTHING.setflags(write=False)


def contains(ascending: Positions, positions: Positions) -> Truths:
    """Return for each of ``positions`` (int64 [p]) whether it is among ``ascending`` (int64 [n])."""
    if not ascending.size:
        return np.zeros(positions.size, np.bool_)
    # The largest place is one too many; the last entry is not equal to what would come behind it.
    places = np.minimum(ascending.searchsorted(positions), ascending.size - 1)
    found: Truths = ascending[places] == positions
    return found


def distinct(groups: Sequence[Positions]) -> Positions:
    """Return everything in some groups of positions once, ascending; int64 [n]."""
    filled = [group for group in groups if group.size]
    if not filled:
        return NOTHING
    # Not np.unique, whose first use imports masked arrays.
    ordered = np.sort(np.concatenate(filled))
    first = np.ones(ordered.size, np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    found: Positions = ordered[first]
    return found
