"""Accuracy of ranked lists, per case: binary relevance, full rankings, ranks from 1.

A list that is shorter than k counts as if it went on with wrong items. Where a case has several relevant items, two
recalls are told apart: ``recall`` is relative to all of them, ``capped_recall`` to the best that k places can hold.

Non-goals: graded relevance, and averages over cases; see ``intervals``.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from homespun.errors import MisuseError

Reals = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Hits:
    """Where the lists of some cases were right.

    Attributes:
        found: bool [cases, depth], whether the item at each rank is relevant.
        relevant: int64 [cases], how many relevant items each case has; from 1.
    """

    found: NDArray[np.bool_]
    relevant: NDArray[np.int64]

    def first(self, k: int) -> NDArray[np.bool_]:
        """Return the first k ranks.

        Raises:
            MisuseError: If the lists are not known so far.
        """
        if not 1 <= k <= self.found.shape[1]:
            raise MisuseError(
                f"a figure at {k} of lists that are known up to {self.found.shape[1]}; ask for longer ones."
            )
        return self.found[:, :k]

    def number(self, k: int) -> Reals:
        """Return how many of the first k are relevant: float64 [cases]."""
        return np.asarray(self.first(k).sum(axis=1, dtype=np.float64))


def hits_of(lists: Sequence[Sequence[str]], relevant: Sequence[Collection[str]], depth: int) -> Hits:
    """Return where lists hold what is relevant.

    Args:
        lists: One a case, best first.
        relevant: One collection a case, not empty.
        depth: How many ranks are looked at.
    """
    found = np.zeros((len(lists), depth), np.bool_)
    for row, (ranked, wanted) in enumerate(zip(lists, relevant, strict=True)):
        found[row, : len(ranked)] = [item in wanted for item in ranked[:depth]]
    return Hits(found, np.array([len(wanted) for wanted in relevant], np.int64))


def recall_at(hits: Hits, k: int) -> Reals:
    """Return the share of the relevant items that is among the first k: float64 [cases] (Cleverdon 1967)."""
    return hits.number(k) / hits.relevant


def capped_recall_at(hits: Hits, k: int) -> Reals:
    """Return how many relevant items are among the first k, relative to min(k, relevant) (Liang et al. 2018)."""
    return hits.number(k) / np.minimum(k, hits.relevant)


def precision_at(hits: Hits, k: int) -> Reals:
    """Return the share of the first k places that holds a relevant item (Cleverdon 1967)."""
    return hits.number(k) / k


def f1_at(hits: Hits, k: int) -> Reals:
    """Return the harmonic mean of precision and recall, 2·hits/(k + relevant) (van Rijsbergen 1979)."""
    return 2 * hits.number(k) / (k + hits.relevant)


def average_precision_at(hits: Hits, k: int) -> Reals:
    """Return the sum of the precisions at the ranks of hits, divided by the relevant items (TREC; its mean is MAP)."""
    found = hits.first(k)
    precisions = np.cumsum(found, axis=1) / np.arange(1, k + 1)
    total: Reals = np.asarray((precisions * found).sum(axis=1))
    return total / hits.relevant


def reciprocal_rank_at(hits: Hits, k: int) -> Reals:
    """Return 1/rank of the first relevant item, 0 where none is among the first k (Voorhees 1999; its mean is MRR)."""
    found = hits.first(k)
    return np.where(found.any(axis=1), 1 / (1 + found.argmax(axis=1)), 0.0)


def ndcg_at(hits: Hits, k: int) -> Reals:
    """Return Σ 1/log₂(rank + 1) over hits, relative to the best list of length k (Järvelin, Kekäläinen 2002)."""
    discounts: Reals = 1 / np.log2(np.arange(2, k + 2))
    best: Reals = np.asarray(np.cumsum(discounts)[np.minimum(k, hits.relevant) - 1])
    gain: Reals = np.asarray(hits.first(k) @ discounts)
    return gain / best


def hit_rate_at(hits: Hits, k: int) -> Reals:
    """Return 1 where a relevant item is among the first k, else 0 (Deshpande, Karypis 2004)."""
    return np.minimum(1.0, hits.number(k))


ACCURACY: Mapping[str, Callable[[Hits, int], Reals]] = MappingProxyType(
    {
        "ndcg": ndcg_at,
        "recall": recall_at,
        "capped_recall": capped_recall_at,
        "precision": precision_at,
        "f1": f1_at,
        "map": average_precision_at,
        "mrr": reciprocal_rank_at,
        "hit_rate": hit_rate_at,
    }
)
"""Every metric of accuracy, by its name."""


def ndcg(ranked: Sequence[str], relevant: Collection[str], k: int) -> float:
    """Return the NDCG of one list; see ``ndcg_at``."""
    return float(ndcg_at(hits_of([ranked], [relevant], k), k)[0])
