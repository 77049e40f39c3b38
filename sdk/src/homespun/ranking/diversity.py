"""Puts unlike items beside each other: maximal marginal relevance (Carbonell and Goldstein, 1998).

After the best item the next one is, again and again, the one with the largest

    (1 − level) · 1/rank(j) − level · max_{i chosen} cos(E[i], E[j])

with rank(j) the item's rank by score, equal scores having the same one, and E the encoder rows of content: items are
alike if they are the same kind of thing. Where a bundle has no content, E is that of all low-rank tables side by side,
each times its component's β: items are then alike if they speak for the same others. Scores stay as they are; only
places change.

Ranks and not scores, because how scores spread differs between bundles and people, and content and not all tables: both
get more diversity for the same loss of accuracy (measured on people of whom none is in a reported figure).
"""

from collections.abc import Sequence

import numpy as np

from homespun.model.bundle import Bundle
from homespun.model.history import Positions, Reals
from homespun.protocol.bundle import Component, Manifest
from homespun.ranking.calibration import inverse_ranks

MAX_PLACES = 200
"""Places at the head of a list that are spread out; those behind stay ordered by score."""

_LEAST_POOL = 100
_POOL_PER_PLACE = 5
_CONTENT = "content"


def pool_size(length: int) -> int:
    """Return how many of the best items a list of ``length`` is chosen from."""
    return max(length, _LEAST_POOL, _POOL_PER_PLACE * min(length, MAX_PLACES))


def spread_out(rows: Reals, scores: Reals, length: int, level: float) -> Positions:
    """Return all places of some items, in the order in which unlike ones stand side by side; int64 [p].

    Args:
        rows: float64 [p, D], their directions, in the order before.
        scores: float64 [p], descending; nothing but their order counts.
        length: How many places count; those behind keep their order.
        level: From 0, the order before, to 1.
    """
    likeness = level * (rows @ rows.T)
    gains = (1 - level) * inverse_ranks(scores)
    nearest = np.full(scores.size, -level)
    chosen: list[int] = []
    for _ in range(min(length, MAX_PLACES, scores.size)):
        # Of equals, argmax takes the first: the better score.
        best = int((gains - nearest).argmax()) if chosen else 0
        chosen.append(best)
        gains[best] = -np.inf
        np.maximum(nearest, likeness[best], out=nearest)
    left = np.ones(scores.size, np.bool_)
    left[chosen] = False
    return np.array([*chosen, *np.flatnonzero(left).tolist()], np.int64)


def directions(bundle: Bundle, positions: Positions, activity: int) -> Reals:
    """Return what items are alike by: rows of length 1, or 0 where an item has none; float64 [p, D].

    Args:
        bundle: The bundle.
        positions: int64 [p].
        activity: The activity level whose β hold, in a bundle without content.
    """
    sources = bundle.scorer.sources(positions)
    parts = [
        (1.0 if part.name == _CONTENT else float(part.weights[activity])) * sources[part.low_rank].astype(np.float64)
        for part in _alike_by(bundle.manifest)
        if part.low_rank is not None
    ]
    rows = np.concatenate([np.zeros((positions.size, 1)), *parts], axis=1)
    # Scaled by the largest entry first, because squares of large and small numbers leave the range of floats.
    rows /= np.maximum(np.abs(rows).max(axis=1, keepdims=True, initial=0), np.finfo(np.float64).tiny)
    found: Reals = rows / np.maximum(np.sqrt((rows * rows).sum(axis=1, keepdims=True)), 0.5)
    return found


def _alike_by(manifest: Manifest) -> Sequence[Component]:
    content = [part for part in manifest.components if part.name == _CONTENT and part.low_rank is not None]
    return content or manifest.components
