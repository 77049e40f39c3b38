"""RecTools: EASE (Steck 2019, "Embarrassingly Shallow Autoencoders for Sparse Data").

The library learns the weights; lists are made here, because it recommends to the people whom it learnt from only.
A history x scores x·B with B_ij = -P_ij / P_jj, as the paper has it.

``Ease`` is the paper's: who has an item has it, whenever that was. ``RecentEase`` is not published under a name:
the same weights, asked with a history that fades, since that is the least change that lets it follow an order.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import exp, inf

import numpy as np
import pandas as pd
from rectools import Columns
from rectools.dataset import Dataset
from rectools.models import EASEModel

from benchmarks.peers.runner.cases import Case
from benchmarks.peers.runner.events import Events, binary
from benchmarks.peers.runner.ranking import Scorer, Scores
from benchmarks.peers.runner.tuning import Peer, Setting

_LAMBDA_AND_FADING = (
    (500.0, 5.0),
    (500.0, 10.0),
    (500.0, 2.5),
    (100.0, 5.0),
    (500.0, 20.0),
    (1000.0, 5.0),
    (100.0, 20.0),
    (500.0, 50.0),
)


class Ease(Peer):
    """A linear item-item model with a zero diagonal, fitted to who has what, not to how often."""

    def settings(self) -> Sequence[Setting]:
        """Return values of λ."""
        return [{"regularization": value} for value in (500.0, 100.0, 1000.0, 250.0, 50.0, 2000.0, 20.0, 5000.0)]

    def fit(self, events: Events, setting: Setting) -> Scorer:
        """Invert the regularized Gram matrix."""
        pairs = events.matrix().tocoo()
        frame = pd.DataFrame({Columns.User: pairs.row, Columns.Item: pairs.col})
        frame[Columns.Weight] = 1.0
        frame[Columns.Datetime] = pd.Timestamp(0)
        dataset = Dataset.construct(frame)
        model = EASEModel(regularization=float(setting["regularization"]))
        model.fit(dataset)
        return EaseScorer(model, dataset, events, float(setting.get("fading_events", inf)))


class RecentEase(Ease):
    """The same weights; an item that lies ``age`` events back counts exp(-age / ``fading_events``)."""

    def settings(self) -> Sequence[Setting]:
        """Return values of λ and of how fast the history fades."""
        names = ("regularization", "fading_events")
        return [dict(zip(names, values, strict=True)) for values in _LAMBDA_AND_FADING]


class EaseScorer:
    """Scores by one product with a dense matrix."""

    def __init__(self, model: EASEModel, dataset: Dataset, events: Events, fading: float) -> None:
        """Take a fitted model and what it was fitted to."""
        self._weights = model.weight
        self._order = dataset.item_id_map.get_external_sorted_by_internal()
        self._events = events
        self._fading = fading

    @property
    def model_bytes(self) -> int:
        """Bytes of the float32 matrix."""
        return int(self._weights.nbytes)

    def scores(self, cases: Sequence[Case]) -> Scores:
        """Multiply the histories with the weights."""
        if self._fading == inf:
            rows = binary(self._events.rows(cases))
        else:
            rows = self._events.rows(faded(case, self._fading) for case in cases)
        scores = np.empty((len(cases), len(self._events.ids)), np.float32)
        scores[:, self._order] = rows[:, self._order] @ self._weights
        return scores


def faded(case: Case, events: float) -> Case:
    """Return a case whose history counts exp(-age / events), the last event 1."""
    oldest = len(case.items) - 1
    return replace(case, weights=[exp((place - oldest) / events) for place in range(len(case.items))])
