"""Ranking metrics of one list, and paired bootstrap intervals over users.

Definitions follow Liang et al. 2018 ("Variational Autoencoders for Collaborative Filtering"): recall is
divided by min(k, relevant), and NDCG by the gain of the best possible list of length k.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]

_RESAMPLES = 2000
_SEED = 20_130_101
_BATCH = 200


def recall(ranked: Sequence[str], relevant: Collection[str], k: int) -> float:
    """Return how many of the relevant items are among the first k, relative to the best possible."""
    hits = sum(item in relevant for item in ranked[:k])
    return hits / min(k, len(relevant))


def ndcg(ranked: Sequence[str], relevant: Collection[str], k: int) -> float:
    """Return the discounted gain of the first k, 1/log2(rank + 1) a hit, relative to the best possible."""
    discounts = 1 / np.log2(np.arange(2, k + 2))
    gain = sum(float(discount) for item, discount in zip(ranked, discounts, strict=False) if item in relevant)
    return gain / float(discounts[: min(k, len(relevant))].sum())


@dataclass(frozen=True)
class Interval:
    """A mean with a 95% interval."""

    mean: float
    low: float
    high: float


def bootstrap(values: Reals) -> Interval:
    """Return the mean of per-user values and its percentile bootstrap interval.

    Args:
        values: float64 [users]; for a paired comparison, each user's difference.
    """
    rng = np.random.default_rng(_SEED)
    means = []
    for start in range(0, _RESAMPLES, _BATCH):
        draws = rng.integers(0, values.size, (min(_BATCH, _RESAMPLES - start), values.size))
        means.append(values[draws].mean(axis=1))
    low, high = np.quantile(np.concatenate(means), [0.025, 0.975])
    return Interval(float(values.mean()), float(low), float(high))
