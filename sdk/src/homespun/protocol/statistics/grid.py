"""The grid that contributions live on, and the step that bounds them: exact, in integers, rounding down.

A person's contribution is a vector of integers whose L2 norm is at most a bound, usually ``GRID`` steps, of
which ``GRID`` make 1.0. The bound holds exactly and not up to rounding, because every value is rounded towards
zero after a division by a norm that was rounded up; that is what the privacy claim stands on.
"""

from math import isqrt

import numpy as np
from numpy.typing import NDArray

from homespun.errors import MisuseError

GRID = 1 << 13
"""Integer steps in 1.0; also the L2 bound of one person's contribution, in steps."""

MAX_BOUND = 1 << 16
"""Largest L2 bound in steps."""

MAX_WEIGHT = (1 << 30) - 1
"""Largest weight of one cell before clipping; larger ones count as it."""

MAX_CELLS = 1 << 29
"""Most cells of one batch, so that no sum of squares wraps 64 bits."""

_PRECISION = 16
"""Bits by which a norm is known more finely than weights; values lose less than 2⁻¹⁶ of themselves to it."""

_HALF = 15
"""A weight is split into halves of so many bits, whose products add up in 64 bits."""

Integers = NDArray[np.int64]


def owners_of(starts: Integers) -> Integers:
    """Return which person each entry belongs to: int64 [n] for ``starts`` int64 [people + 1]."""
    return np.repeat(np.arange(starts.size - 1), np.diff(starts))


def starts_of(owners: Integers, people: int) -> Integers:
    """Return where each person's entries start: int64 [people + 1] for ``owners`` int64 [n], ascending."""
    return np.searchsorted(owners, np.arange(people + 1))


def clip(weights: Integers, starts: Integers, bound: int = GRID) -> Integers:
    """Scale each person's weights to an L2 norm of at most ``bound``, and round down.

    Args:
        weights: int64 [n], not negative; person p has the entries starts[p] to starts[p + 1].
        starts: int64 [people + 1], ascending, from 0 to n.
        bound: The largest norm, in steps.

    Returns:
        int64 [n]: ⌊bound · w / N⌋ with N ≥ √Σw² over the person's entries, so that the squares of a person's
        values add up to at most bound². N exceeds the norm by less than 2⁻¹⁶.

    Raises:
        MisuseError: If a weight is negative, or sizes are out of range.
    """
    if weights.size > MAX_CELLS or not 1 <= bound <= MAX_BOUND:
        raise MisuseError(f"{weights.size} cells and a bound of {bound} are not within {MAX_CELLS} and {MAX_BOUND}.")
    if weights.size and int(weights.min()) < 0:
        raise MisuseError("a weight is negative; contributions are made of weights that are not.")
    weights = np.minimum(weights, MAX_WEIGHT)
    divisors = np.array([_root_up(square << 2 * _PRECISION) for square in _squares(weights, starts)], np.int64)
    scaled: Integers = (weights * (bound << _PRECISION)) // divisors[owners_of(starts)]
    return scaled


def ceiling_root(value: int) -> int:
    """Return ⌈√value⌉ of a whole number, exactly."""
    return isqrt(value - 1) + 1 if value > 0 else 0


def _root_up(value: int) -> int:
    return max(1, ceiling_root(value))  # nobody divides by the norm of nothing


def _squares(weights: Integers, starts: Integers) -> list[int]:
    """Return Σw² of every person in Python's integers, which do not wrap."""
    high, low = weights >> _HALF, weights & ((1 << _HALF) - 1)
    parts = [_segment_sums(part, starts) for part in (high * high, high * low, low * low)]
    shifts = (2 * _HALF, _HALF + 1, 0)
    return [sum(part << shift for part, shift in zip(own, shifts, strict=True)) for own in zip(*parts, strict=True)]


def _segment_sums(values: Integers, starts: Integers) -> list[int]:
    running = np.concatenate([np.zeros(1, np.int64), np.cumsum(values)])
    sums: list[int] = (running[starts[1:]] - running[starts[:-1]]).tolist()
    return sums
