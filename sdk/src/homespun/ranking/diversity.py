"""Puts unlike items beside each other: maximal marginal relevance (Carbonell and Goldstein, 1998).

After the best item the next one is, again and again, the one with the largest

    (1 − level) · relevance(j) − level · max_{i chosen} cos(β·E[i], β·E[j])

with relevance the score scaled to 0..1 over the pool, and E the encoder rows of all low-rank tables, each times
its component's β: items are alike if they speak for the same others. Sparse tables, which are about what comes
after what, have no say. Scores stay as they are; only places change.
"""

import numpy as np

from homespun.model.bundle import Bundle
from homespun.model.history import Positions, Reals
from homespun.model.scoring import Pool

MAX_PLACES = 200
"""Places at the head of a list that are spread out; those behind stay ordered by score."""

_LEAST_POOL = 100
_POOL_PER_PLACE = 5


def pool_size(length: int) -> int:
    """Return how many of the best items a list of ``length`` is chosen from."""
    return max(length, _LEAST_POOL, _POOL_PER_PLACE * min(length, MAX_PLACES))


def spread_out(bundle: Bundle, pool: Pool, length: int, level: float, activity: int) -> Positions:
    """Return the places in ``pool`` (best first) of the items of a list, in its order; int64 [≤ length].

    Args:
        bundle: The bundle that scored.
        pool: The best items, best first.
        length: How many items.
        level: From 0, the pool's own order, to 1.
        activity: The activity level whose β hold.
    """
    rows = _directions(bundle, pool, activity)
    relevance = (1 - level) * _relevance(pool.scores)
    nearest = np.full(pool.positions.size, -1.0)
    left = np.ones(pool.positions.size, np.bool_)
    chosen: list[int] = []
    for _ in range(min(length, MAX_PLACES, pool.positions.size)):
        # Of equals, argmax takes the first: the better score.
        best = int(np.where(left, relevance - level * nearest, -np.inf).argmax()) if chosen else 0
        chosen.append(best)
        left[best] = False
        nearest = np.maximum(nearest, rows @ rows[best])
    return np.array([*chosen, *np.flatnonzero(left).tolist()], np.int64)[:length]


def _directions(bundle: Bundle, pool: Pool, activity: int) -> Reals:
    """Return the pool's encoder rows side by side, of length 1, or 0 where an item has none; float64 [p, Σ d]."""
    sources = bundle.scorer.sources(pool.positions)
    parts = [
        float(part.weights[activity]) * sources[part.low_rank].astype(np.float64)
        for part in bundle.manifest.components
        if part.low_rank is not None
    ]
    rows = np.concatenate([np.zeros((pool.positions.size, 1)), *parts], axis=1)
    # Scaled by the largest entry first, because squares of large and small numbers leave the range of floats.
    rows /= np.maximum(np.abs(rows).max(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    directions: Reals = rows / np.maximum(np.sqrt((rows * rows).sum(axis=1, keepdims=True)), 0.5)
    return directions


def _relevance(scores: Reals) -> Reals:
    spread = np.ptp(scores) if scores.size else 0.0
    return np.zeros(scores.size) if spread == 0 else (scores - scores.min()) / spread
