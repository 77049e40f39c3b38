"""What lists are like, beyond being right: how much of the catalogue they show, how evenly, how new, how varied.

Two figures describe all lists together (coverage and Gini's coefficient, from how often each item was shown), and
three each list (novelty, diversity, calibration).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from homespun_server.evaluation.facts import ItemFacts

CALIBRATION_ALPHA = 0.01
"""Share of the history's tags that is mixed into the list's, so that the divergence stays finite."""

NOWHERE = -1
"""Position of the places that a short list leaves empty."""

Reals = NDArray[np.float64]
Integers = NDArray[np.int64]


def coverage(shown: Integers) -> float:
    """Return the share of the catalogue that was shown to anybody (Herlocker et al. 2004).

    Args:
        shown: int64 [items], how often each item was shown.
    """
    return float((shown > 0).mean()) if shown.size else 0.0


def gini(shown: Integers) -> float:
    """Return Gini's coefficient of exposure: 0 if all items are shown equally often, near 1 if few are shown.

    G = Σᵢ (2i − n − 1)·xᵢ / (n·Σx), x ascending, i from 1 (Gini 1912, in the form of Dixon et al. 1987).

    Args:
        shown: int64 [items], how often each item was shown; items that never were count too.
    """
    total = int(shown.sum())
    if not total:
        return 0.0
    ranks = 2 * np.arange(1, shown.size + 1) - shown.size - 1
    return float((ranks * np.sort(shown)).sum() / (shown.size * total))


def lorenz(shown: Integers, points: int = 101) -> tuple[float, ...]:
    """Return the share of all exposure that the least shown items have, at even shares of the catalogue from 0 to 1.

    Args:
        shown: int64 [items], how often each item was shown.
        points: How many shares.
    """
    total = max(1, int(shown.sum()))
    held = np.concatenate([[0.0], np.cumsum(np.sort(shown)) / total])
    places = np.linspace(0, shown.size, points)
    return tuple(np.interp(places, np.arange(shown.size + 1), held).tolist())


@dataclass(frozen=True, eq=False)
class Lists:
    """Some lists and the histories that they were made for.

    Attributes:
        shown: int64 [cases, depth], positions of items, NOWHERE after the end of a list.
        histories: One array of positions a case, one entry an event.
        facts: The items.
    """

    shown: Integers
    histories: Sequence[Integers]
    facts: ItemFacts

    def novelty(self, k: int) -> Reals:
        """Return the mean of −log₂(share of training users who like the item) over each list: float64 [cases].

        Mean self-information (Zhou et al. 2010; Vargas, Castells 2011). An item that nobody likes counts as one that
        one user does. NaN for an empty list.
        """
        surprise = -np.log2(np.maximum(self.facts.counts, 1) / self.facts.users)
        there = self.shown[:, :k] != NOWHERE
        total = np.where(there, surprise[self.shown[:, :k]], 0.0).sum(axis=1)
        return _mean(total, there.sum(axis=1))

    def diversity(self, k: int) -> Reals:
        """Return 1 − the mean cosine of the tags of two items of the list: float64 [cases] (Ziegler et al. 2005).

        Two items of which one has no tags are as different as can be. NaN for a list of less than two items.
        """
        lengths = self._lengths(k)
        together = self._chosen(k) @ self.facts.tags
        own = self._chosen(k) @ np.asarray(self.facts.tags.power(2).sum(axis=1)).ravel()
        squared = np.asarray(together.power(2).sum(axis=1)).ravel()
        return 1 - _mean(squared - own, lengths * (lengths - 1))

    def calibration(self, k: int) -> Reals:
        """Return the divergence KL(p‖q̃) of the list's tags from the history's: float64 [cases] (Steck 2018).

        p(g) is the mean over events, and q(g) over the list, of p(g|item) = 1/tags of the item;
        q̃ = (1 − α)·q + α·p with α = .01. NaN where the history or the list has no tags. In nats; 0 is best.
        """
        past = _normal(_chosen(self.histories, len(self.facts.ids)) @ self.facts.shares)
        listed = _normal(self._chosen(k) @ self.facts.shares)
        mixed = (1 - CALIBRATION_ALPHA) * listed + CALIBRATION_ALPHA * past
        held = past > 0
        terms = np.zeros_like(past)
        terms[held] = past[held] * np.log(past[held] / mixed[held])
        known = held.any(axis=1) & (listed > 0).any(axis=1)
        return np.where(known, terms.sum(axis=1), np.nan)

    def exposure(self, k: int) -> Integers:
        """Return how often each item was shown among the first k: int64 [items]."""
        places = self.shown[:, :k]
        return np.bincount(places[places != NOWHERE], minlength=len(self.facts.ids))

    def _lengths(self, k: int) -> Integers:
        lengths: Integers = (self.shown[:, :k] != NOWHERE).sum(axis=1)
        return lengths

    def _chosen(self, k: int) -> csr_matrix:
        return _chosen([row[row != NOWHERE] for row in self.shown[:, :k]], len(self.facts.ids))


def _chosen(rows: Sequence[Integers], items: int) -> csr_matrix:
    """Return rows of positions as a matrix that sums over them: float64 CSR [cases, items]."""
    bounds = np.cumsum([0, *(row.size for row in rows)])
    columns = np.concatenate([np.empty(0, np.int64), *rows])
    return csr_matrix((np.ones(columns.size), columns, bounds), shape=(len(rows), items))


def _mean(totals: Reals, numbers: Integers) -> Reals:
    means = np.full(totals.size, np.nan)
    np.divide(totals, numbers, out=means, where=numbers > 0)
    return means


def _normal(rows: csr_matrix) -> Reals:
    dense: Reals = rows.toarray()
    totals = dense.sum(axis=1, keepdims=True)
    normal: Reals = np.divide(dense, totals, out=np.zeros_like(dense), where=totals > 0)
    return normal
