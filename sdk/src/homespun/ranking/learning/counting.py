"""How much an event counts: by what the person gave it, and by what came after it."""

from collections.abc import Sequence

import numpy as np

from homespun.model.history import Reals
from homespun.protocol.events import Event
from homespun.ranking.learning.prior import LEAST

MOST_GRADES = 2.0
"""Standard deviations beyond which an event's weight is no more unusual."""


def grades(events: Sequence[Event], grade: float) -> Reals:
    """Return how much each liked item counts by its weight: 1 + grade · (weight − mean) / deviation; float64 [h].

    Mean and deviation are the person's own. An event without a weight counts 1, and so do all where weights do not
    differ.
    """
    weights = np.array([np.nan if event.weight is None else event.weight for event in events], np.float64)
    known = np.flatnonzero(~np.isnan(weights))
    counts = np.ones(weights.size)
    if not known.size:
        return counts
    # Scaled first, as the square of a large weight would overflow.
    scaled = weights[known] / max(1.0, float(weights[known].max()))
    deviation = float(scaled.std())
    if deviation > LEAST:
        unusual = np.clip((scaled - scaled.mean()) / deviation, -MOST_GRADES, MOST_GRADES)
        counts[known] += grade * unusual
    return counts


def fading(count: int, forgetting: float) -> Reals:
    """Return how much each of ``count`` items counts, oldest first, by those after it: exp(−age / forgetting)."""
    weights: Reals = np.exp(-np.arange(count - 1, -1, -1, dtype=np.float64) / forgetting)
    return weights
