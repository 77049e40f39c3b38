"""Makes a list follow the person's own tags in the right proportions: calibrated recommendations (Steck, 2018).

With p(t) the share of tag t in what the person likes, q(t) its share in the list, an item's own share of each of its
tags being 1 divided by their number, and q̃ = (1 − α) q + α p, a list is as far from the person as

    KL(p ‖ q̃) = Σ_t p(t) log(p(t) / q̃(t))

Items are chosen one after the other, each time the one with the largest

    (1 − λ) / rank(j) − λ · KL(p ‖ q̃ of the list with j)

where rank is the item's by score, from 1, equal scores having the same one: how scores spread differs between bundles
and people, and with ranks λ means the same for all. Scores stay as they are; only places change. Pure.
"""

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]
Positions = NDArray[np.int64]

ALPHA = 0.01
"""Steck's α: how much of p is mixed into q, so that no tag's share is zero."""


def shares_of(counts: Reals) -> Reals:
    """Return counts by tag (float64 [t], not negative) as shares; zeros if there are none."""
    total = float(counts.sum())
    return counts / total if total > 0 else np.zeros(counts.size)


def divergence(target: Reals, shares: Reals) -> Reals:
    """Return KL(p ‖ q̃) for each of some lists.

    Args:
        target: float64 [t], p.
        shares: float64 [n, t], q of each list.
    """
    told = np.flatnonzero(target)
    wanted = target[told]
    mixed = (1 - ALPHA) * shares[:, told] + ALPHA * wanted
    found: Reals = np.einsum("nt,t->n", np.log(wanted / mixed), wanted)
    return found


def calibrated(scores: Reals, tags: Reals, target: Reals, level: float, length: int) -> Positions:
    """Return the places of a list's items in the pool, in its order; int64 [≤ length].

    Args:
        scores: float64 [p], descending.
        tags: float64 [p, t], each row an item's share of each tag; rows sum to 1, or 0 for an item without any.
        target: float64 [t], p; without any share the pool's own order stays.
        level: λ from 0 to 1.
        length: How many.
    """
    size = scores.size
    if not level or not target.any() or size == 0:
        return np.arange(min(length, size), dtype=np.int64)
    relevance = (1 - level) * inverse_ranks(scores)
    left = np.ones(size, np.bool_)
    listed = np.zeros(target.size)
    chosen: list[int] = []
    for number in range(1, min(length, size) + 1):
        gains = relevance - level * divergence(target, (listed + tags) / number)
        # Of equals, argmax takes the first: the better score.
        best = int(np.where(left, gains, -np.inf).argmax())
        chosen.append(best)
        left[best] = False
        listed += tags[best]
    return np.array(chosen, np.int64)


def inverse_ranks(scores: Reals) -> Reals:
    """Return 1/rank of each item, equal scores having the same rank; float64 [p], of descending scores."""
    return 1.0 / (1.0 + np.searchsorted(-scores, -scores).astype(np.float64))
