"""Weights that are published with a declaration: computed once, in floating point, from releases or public facts.

Published are the integers; nobody computes them again, so no two programs can differ.
"""

import math

import numpy as np
from numpy.typing import NDArray

from homespun.errors import MisuseError
from homespun.protocol.statistics.declaration import MAX_ITEM_WEIGHT, MAX_LAG_WEIGHT

WEIGHT_GRID = 1 << 10
"""Integer steps in an item weight of 1.0."""


def item_weights(popularity: NDArray[np.float64], power: float) -> tuple[int, ...]:
    """Return the published integer weights q of d^-power, d being popularity relative to its maximum.

    Args:
        popularity: Positive float64 of shape [n]: a release, never a raw count.
        power: The exponent b of the down-weighting of popular items.

    Returns:
        n integers in 1..MAX_ITEM_WEIGHT.

    Raises:
        MisuseError: If there is no popularity, one is not positive and finite, or the power is not finite.
    """
    if not math.isfinite(power):
        raise MisuseError(f"the power {power} must be finite.")
    if not (popularity.size and np.isfinite(popularity).all() and popularity.min() > 0):
        raise MisuseError("popularity must be positive and finite; leave out or clip what noise made negative.")
    relative = popularity / popularity.max()
    with np.errstate(over="ignore", divide="ignore"):  # infinity is clipped like any other excess
        steps = np.rint(WEIGHT_GRID * relative**-power)
    return tuple(np.clip(steps, 1, MAX_ITEM_WEIGHT).astype(np.int64).tolist())


def lag_weights(decay: float, lags: int) -> tuple[int, ...]:
    """Return the published integer weights of e^{−(l−1)/decay} for the lags l = 1..lags.

    Raises:
        MisuseError: If ``decay`` or ``lags`` is not positive.
    """
    if not (math.isfinite(decay) and decay > 0 and lags > 0):
        raise MisuseError(f"decay {decay} and lags {lags} must be positive.")
    return tuple(round(MAX_LAG_WEIGHT * math.exp(-lag / decay)) for lag in range(lags))
