"""The peer ``implicit``: alternating least squares for implicit feedback (Hu, Koren, Volinsky 2008)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from implicit.als import AlternatingLeastSquares
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from homespun_server.evaluation.cases import Case
from homespun_server.evaluation.references import ExactSums

SEED = 20_130_101


@dataclass(frozen=True)
class AlsSetting:
    """Hyperparameters.

    Attributes:
        factors: Dimensions.
        regularization: λ.
        alpha: Confidence of a like; what is not liked has 1.
        iterations: Sweeps.
    """

    factors: int
    regularization: float
    alpha: float
    iterations: int

    def __str__(self) -> str:
        return f"d={self.factors} λ={self.regularization:g} α={self.alpha:g}"


FACTORS = (64, 128)


def grid(factors: int) -> Iterator[AlsSetting]:
    """Yield the settings that are tried: the best of a wider search on MovieLens-1M lie inside.

    From 15 to 30 sweeps the figures differ by less than two seeds do.
    """
    for regularization, alpha in product((30.0, 45.0, 60.0, 80.0), (6.0, 8.0)):
        yield AlsSetting(factors, regularization, alpha, iterations=20)


class AlsReference:
    """ALS fitted to the training users' likes; test users are folded in by solving for their factors."""

    def __init__(self, sums: ExactSums, setting: AlsSetting) -> None:
        """Fit with a fixed seed."""
        self._ids = sums.ids
        self._place = {identity: place for place, identity in enumerate(sums.ids)}
        self._model = AlternatingLeastSquares(
            factors=setting.factors,
            regularization=setting.regularization,
            alpha=setting.alpha,
            iterations=setting.iterations,
            num_threads=1,  # its threads wait by spinning, which costs most where others compute too
            random_state=SEED,
        )
        self._model.fit(sums.matrix.astype(np.float32), show_progress=False)

    @property
    def model_bytes(self) -> int:
        """Bytes of the float32 factors of the items."""
        return int(self._model.item_factors.nbytes)

    def recommend(self, case: Case, k: int) -> Sequence[str]:
        """Return the k best items that the user has not seen."""
        places = np.array([self._place[item] for item in sorted(case.seen)], np.int64)
        row = history_row(places, len(self._ids))
        items, _ = self._model.recommend(0, row, N=k, recalculate_user=True)
        return [self._ids[item] for item in items]


def history_row(places: NDArray[np.int64], items: int) -> csr_matrix:
    """Return one user's 0/1 row, float32 [1, items]."""
    return csr_matrix((np.ones(places.size, np.float32), places, [0, places.size]), shape=(1, items))


def als_with_random_factors(items: int, factors: int, rng: np.random.Generator) -> AlternatingLeastSquares:
    """Return a model that scores ``items`` items as a fitted one does: time does not depend on the values."""
    model = AlternatingLeastSquares(factors=factors, num_threads=1, random_state=SEED)
    model.item_factors = rng.standard_normal((items, factors), np.float32)
    model.user_factors = np.zeros((1, factors), np.float32)
    return model
