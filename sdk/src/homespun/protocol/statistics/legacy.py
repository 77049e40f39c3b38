"""Statistics: declared sums over users of bounded integer vectors, and the one encoder for them.

A person's contribution is a vector of integers on a grid of 2⁻¹³ (``GRID`` steps make 1.0) whose L2
norm is at most ``GRID``. Everything rounds towards zero, so the bound holds exactly and not merely up
to rounding; that is what the privacy claim stands on. A table of interactions and a device compute a
contribution with the same functions.
"""

from math import isqrt

import msgspec
import numpy as np
from numpy.typing import NDArray

from homespun.errors import MisuseError

GRID = 1 << 13
"""Integer steps in 1.0; also the L2 bound of one person's contribution, in steps."""

WEIGHT_GRID = 1 << 10
"""Integer steps in an item weight of 1.0."""

MAX_ITEM_WEIGHT = 1 << 15
"""Largest published item weight, so that products of three weights fit 64 bits."""

MAX_UNIVERSE = 1 << 16
"""Largest number of items in a universe, so that no sum over one person can wrap 64 bits."""


class Statistic(msgspec.Struct, frozen=True):
    """The declaration of one sum over users.

    Attributes:
        name: The statistic's name in ledgers and cards.
        counts: What is summed, in plain words.
        shape: ``vector`` (one number an item) or ``upper_triangle`` (one number a pair i < j).
        per_user: What one person's contribution is.
        l2_bound: The largest L2 norm of a contribution, in grid steps.
        grid: Steps in 1.0.
        purpose: What the released sum is used for.
        retention: How long the un-noised sum exists.
    """

    name: str
    counts: str
    shape: str
    per_user: str
    l2_bound: int
    grid: int
    purpose: str
    retention: str


ITEM_COUNTS = Statistic(
    name="item-counts",
    counts="how many people like each item of the catalogue",
    shape="vector",
    per_user="1/√n for each of a person's n items, rounded down to the grid",
    l2_bound=GRID,
    grid=GRID,
    purpose="choose the universe of items, weigh them, rank the popular ones",
    retention="in memory until the noise is added",
)

ITEM_PAIRS = Statistic(
    name="item-pairs",
    counts="how many people like both items of each pair in the universe",
    shape="upper_triangle",
    per_user="q_i·q_j divided by the norm of all the person's pairs, rounded down to the grid; q are public",
    l2_bound=GRID,
    grid=GRID,
    purpose="learn which items are liked by the same people",
    retention="in memory until the noise is added",
)


def encode_count(items: int) -> int:
    """Return the number that a person with ``items`` distinct items adds to each of them.

    It is the largest integer c with ``items`` · c² ≤ GRID².

    Raises:
        MisuseError: If ``items`` is not positive.
    """
    if items < 1:
        raise MisuseError(f"a contribution needs at least one item, got {items}.")
    return isqrt(GRID * GRID // items)


def encode_pairs(weights: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return what a person adds to the pairs of their items.

    Args:
        weights: int64 of shape [n], the published weights q of the person's distinct items, each in
            1..MAX_ITEM_WEIGHT.

    Returns:
        int64 of shape [n, n], zero on and below the diagonal; entry (i, j) is ⌊GRID·q_i·q_j / N⌋ with
        N = ⌈√Σ_{i<j} q_i²q_j²⌉, so that the L2 norm is at most GRID. A person with fewer than two items
        adds nothing.

    Raises:
        MisuseError: If a weight is out of range or there are more than MAX_UNIVERSE items.
    """
    _check_weights(weights)
    if weights.size < 2:  # noqa: PLR2004 - a pair
        return np.zeros((weights.size, weights.size), np.int64)
    squares = weights * weights
    # Python integers: the fourth powers of many weights do not fit 64 bits.
    total = int(squares.sum())
    fourth_powers = sum(int(square) ** 2 for square in squares)
    norm_squared = (total * total - fourth_powers) // 2
    norm = isqrt(norm_squared - 1) + 1
    shares: NDArray[np.int64] = np.outer(weights * GRID, weights) // norm
    return np.triu(shares, 1)


def item_weights(popularity: NDArray[np.float64], power: float) -> NDArray[np.int64]:
    """Return the published integer weights q of d^-power, d being popularity relative to its maximum.

    Args:
        popularity: Positive float64 of shape [n]: a release, never a raw count.
        power: The exponent b of the down-weighting of popular items.

    Returns:
        int64 of shape [n], in 1..MAX_ITEM_WEIGHT.

    Raises:
        MisuseError: If there is no popularity, or one is not positive and finite.
    """
    if not (popularity.size and np.isfinite(popularity).all() and popularity.min() > 0):
        raise MisuseError("popularity must be positive and finite; leave out or clip what noise made negative.")
    relative = popularity / popularity.max()
    with np.errstate(over="ignore"):  # infinity is clipped like any other excess
        steps = np.rint(WEIGHT_GRID * relative**-power)
    weights: NDArray[np.int64] = np.clip(steps, 1, MAX_ITEM_WEIGHT).astype(np.int64)
    return weights


def _check_weights(weights: NDArray[np.int64]) -> None:
    if weights.dtype != np.int64 or weights.ndim != 1 or weights.size > MAX_UNIVERSE:
        raise MisuseError(f"weights must be int64 of shape [n] with n ≤ {MAX_UNIVERSE}.")
    if weights.size and not 1 <= int(weights.min()) <= int(weights.max()) <= MAX_ITEM_WEIGHT:
        raise MisuseError(f"item weights must lie in 1..{MAX_ITEM_WEIGHT}.")
