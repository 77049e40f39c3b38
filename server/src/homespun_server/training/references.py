"""Reference models for evaluation, made from exact counts: never released, never bundled.

Popularity is what a model must beat; EASE (Steck 2019, "Embarrassingly Shallow Autoencoders for Sparse
Data") is what it is measured against.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack
from scipy.sparse import csr_matrix

from homespun_server.errors import TrainingError
from homespun_server.statistics.likes import HeldOutUser, Likes

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
    """Everybody gets the most liked items that they have not seen."""

    def __init__(self, sums: ExactSums) -> None:
        """Order the items once."""
        self._ranked = [sums.ids[item] for item in sums.popular()]

    def recommend(self, user: HeldOutUser, k: int) -> list[str]:
        """Return the k most liked items that the user has not seen."""
        seen = set(user.fold_in)
        return [item for item in self._ranked[: k + len(seen)] if item not in seen][:k]


class EaseReference:
    """EASE on the exact Gram matrix."""

    def __init__(self, sums: ExactSums, regularisation: float) -> None:
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

    def recommend(self, user: HeldOutUser, k: int) -> list[str]:
        """Return the k best items that the user has not seen."""
        seen = self._known(user.fold_in)
        scores = self._weights[seen].sum(axis=0)
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
