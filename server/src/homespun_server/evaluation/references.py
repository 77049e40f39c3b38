"""Reference models for evaluation, made from exact counts: never released, never bundled.

Popularity is what a model must beat; EASE (Steck 2019, "Embarrassingly Shallow Autoencoders for Sparse
Data") is what it is measured against.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack
from scipy.sparse import csr_matrix

from homespun_server.errors import TrainingError
from homespun_server.evaluation.cases import Case
from homespun_server.evaluation.protocols import Liked
from homespun_server.evaluation.queries import LIKED
from homespun_server.statistics.interactions import Interactions
from homespun_server.statistics.likes import Likes

EASE_REGULARISATION = (100.0, 250.0, 350.0, 500.0, 700.0, 1000.0)
"""λ that are tried; the best on the test users themselves is reported, in EASE's favour."""

EASE_ITEMS = 4000
"""EASE is given the most liked items up to this many: its dense inverse does not allow more here."""

Reals = NDArray[np.float64]


class ExactSums:
    """The training users' exact item counts and Gram matrix."""

    def __init__(self, likes: Likes) -> None:
        """Read the training likes."""
        self.ids = likes.ids
        everything = np.arange(len(likes.ids))
        baskets = list(likes.baskets(everything))
        bounds = np.cumsum([0, *(basket.size for basket in baskets)])
        items = np.concatenate(baskets) if baskets else np.empty(0, np.int64)
        shape = (len(baskets), len(likes.ids))
        self.matrix = csr_matrix((np.ones(items.size), items, bounds), shape=shape)
        self.counts: Reals = np.asarray(self.matrix.sum(axis=0)).ravel()

    def popular(self) -> NDArray[np.int64]:
        """Return the liked items' positions, most liked first."""
        order = np.argsort(-self.counts, kind="stable")
        return order[self.counts[order] > 0]


class PopularityReference:
    """Everybody gets the items with the highest scores that they may get."""

    def __init__(self, ids: Sequence[str], scores: Reals, *, repeats: bool = False) -> None:
        """Order the items once.

        Args:
            ids: The items.
            scores: float64 [items]; items without a positive one are never listed.
            repeats: Whether items that the person has seen may be listed.
        """
        order = np.argsort(-scores, kind="stable")
        self._ranked = [ids[item] for item in order[scores[order] > 0].tolist()]
        self._repeats = repeats

    @classmethod
    def of_likes(cls, sums: ExactSums, *, repeats: bool = False) -> "PopularityReference":
        """Return the reference that ranks by how many training users like an item."""
        return cls(sums.ids, sums.counts, repeats=repeats)

    @classmethod
    def recent(cls, interactions: Interactions, liked: Liked, half_life: float, *, repeats: bool) -> Self:
        """Return the reference that ranks by events, each weighing half as much after every half-life.

        Args:
            interactions: The training events; the latest of them is now.
            liked: Which events count.
            half_life: Seconds.
            repeats: Whether items that the person has seen may be listed.
        """
        scores = np.zeros(len(interactions.items.ids))
        found = interactions.connection.execute(_RECENT, {"half_life": half_life, **liked.parameters}).fetchnumpy()
        scores[found["item"]] = found["score"]
        return cls(interactions.items.ids, scores, repeats=repeats)

    def recommend(self, case: Case, k: int) -> list[str]:
        """Return the k best items that the person may get."""
        barred = frozenset() if self._repeats else case.seen
        return [item for item in self._ranked[: k + len(barred)] if item not in barred][:k]


class RandomReference:
    """Everybody gets items by chance: the floor under every figure. Equal people get equal lists."""

    def __init__(self, ids: Sequence[str], *, repeats: bool = False) -> None:
        """Take the items."""
        self._ids = ids
        self._repeats = repeats

    def recommend(self, case: Case, k: int) -> list[str]:
        """Return k items by chance, from a generator that the user's id seeds."""
        rng = np.random.default_rng(int.from_bytes(hashlib.sha256(case.user.encode()).digest()[:8], "big"))
        barred = frozenset() if self._repeats else case.seen
        drawn = rng.permutation(len(self._ids))[: k + len(barred)].tolist()
        return [self._ids[item] for item in drawn if self._ids[item] not in barred][:k]


class EaseReference:
    """EASE on the exact Gram matrix."""

    def __init__(self, sums: ExactSums, regularisation: float, *, repeats: bool = False) -> None:
        """Solve for the item–item weights: B = −P/diag(P) with a zero diagonal, P = (XᵀX + λI)⁻¹."""
        items = sums.popular()[:EASE_ITEMS]
        if not items.size:
            raise TrainingError("no training user likes anything, so there is nothing to compare with.")
        self._ids = [sums.ids[item] for item in items]
        self._place = {identity: place for place, identity in enumerate(self._ids)}
        chosen = sums.matrix[:, items]
        gram = (chosen.T @ chosen).toarray()
        gram[np.diag_indices_from(gram)] += regularisation
        precision = _inverse(gram)
        self._weights = -precision / np.diag(precision)
        np.fill_diagonal(self._weights, 0.0)
        self._repeats = repeats

    def recommend(self, case: Case, k: int) -> list[str]:
        """Return the k best items that the person may get."""
        seen = self._known(sorted(case.seen))
        scores = self._weights[seen].sum(axis=0)
        if not self._repeats:
            scores[seen] = -np.inf
        best = np.argsort(-scores, kind="stable")[:k]
        return [self._ids[item] for item in best if np.isfinite(scores[item])]

    def _known(self, items: Iterable[str]) -> list[int]:
        return [self._place[item] for item in items if item in self._place]


def _inverse(matrix: Reals) -> Reals:
    """Invert a positive definite matrix by its Cholesky factor: half the work of a general inverse."""
    factor, failed = lapack.dpotrf(matrix, lower=True, overwrite_a=True)
    if failed:
        raise TrainingError("the Gram matrix of the likes is not positive definite; EASE cannot be computed.")
    lower, _ = lapack.dpotri(factor, lower=True, overwrite_c=True)
    lower = np.tril(lower)
    inverse: Reals = lower + np.tril(lower, -1).T
    return inverse


_RECENT = f"""
SELECT item, sum(2 ** ((time - (SELECT max(time) FROM interactions)) / $half_life)) AS score
FROM interactions WHERE time IS NOT NULL AND {LIKED} GROUP BY item
"""  # noqa: S608 - own names
