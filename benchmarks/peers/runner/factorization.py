"""``implicit``: alternating least squares for implicit feedback (Hu, Koren, Volinsky 2008)."""

from collections.abc import Sequence

import numpy as np
from implicit.als import AlternatingLeastSquares
from threadpoolctl import threadpool_limits

from benchmarks.peers.runner.cases import Case
from benchmarks.peers.runner.events import Events
from benchmarks.peers.runner.ranking import Scorer, Scores
from benchmarks.peers.runner.tuning import Peer, Setting

ITERATIONS = 20
_FACTORS_LAMBDA_ALPHA = (
    (128, 10.0, 4.0),
    (32, 10.0, 8.0),
    (128, 30.0, 8.0),
    (32, 30.0, 20.0),
    (64, 30.0, 8.0),
    (128, 60.0, 20.0),
    (64, 0.1, 1.0),
    (16, 10.0, 8.0),
)


class Als(Peer):
    """Factors of people and items; a case's person is folded in by solving for theirs."""

    def __init__(self, seed: int) -> None:
        """Start every fit from this seed."""
        self._seed = seed

    def settings(self) -> Sequence[Setting]:
        """Return factors, λ and α; λ is not scaled by the number of events."""
        names = ("factors", "regularization", "alpha")
        return [dict(zip(names, values, strict=True)) for values in _FACTORS_LAMBDA_ALPHA]

    def fit(self, events: Events, setting: Setting) -> Scorer:
        """Factorize the sums of weights."""
        model = AlternatingLeastSquares(**setting, iterations=ITERATIONS, random_state=self._seed)
        # The library warns of a linear algebra library that starts threads of its own under its threads.
        with threadpool_limits(1, "blas"):
            model.fit(events.matrix(), show_progress=False)
        return AlsScorer(model, events)


class AlsScorer:
    """Scores by the product of factors."""

    def __init__(self, model: AlternatingLeastSquares, events: Events) -> None:
        """Take a fitted model."""
        self._model = model
        self._events = events

    @property
    def model_bytes(self) -> int:
        """Bytes of the float32 factors of the items."""
        return int(self._model.item_factors.nbytes)

    def scores(self, cases: Sequence[Case]) -> Scores:
        """Solve for the factors of the cases' people and multiply."""
        factors = self._model.recalculate_user(np.arange(len(cases)), self._events.rows(cases))
        return np.asarray(factors @ self._model.item_factors.T, np.float32)
