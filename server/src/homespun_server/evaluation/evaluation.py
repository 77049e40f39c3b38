"""The three figures of a fit's report: evaluation under strong generalization, one model at a time.

Every figure is computed from people's data without noise: it is non-private and stays with the operator, unless it
is released.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from homespun_server.evaluation.cases import Case, Recommender
from homespun_server.evaluation.intervals import Interval, bootstrap
from homespun_server.evaluation.metrics import capped_recall_at, hits_of, ndcg_at

DEPTH = 100
"""Length of the ranked lists."""

COVERAGE_AT = 20

Reals = NDArray[np.float64]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Evaluation:
    """One model's figures, per test user in the same order for every model of a run.

    Attributes:
        name: The model's name.
        recall_20: float64 [users], relative to the best that 20 places can hold.
        recall_50: float64 [users], likewise.
        ndcg_100: float64 [users].
        coverage: Share of the catalogue that stands in anybody's first 20.
    """

    name: str
    recall_20: Reals = field(repr=False)
    recall_50: Reals = field(repr=False)
    ndcg_100: Reals = field(repr=False)
    coverage: float

    def lead_over(self, other: "Evaluation") -> Interval:
        """Return the paired difference in NDCG@100 with its interval."""
        return bootstrap(self.ndcg_100 - other.ndcg_100)


def evaluate(
    name: str,
    recommender: Recommender,
    cases: Sequence[Case],
    catalogue_items: int,
    progress: Progress | None = None,
) -> Evaluation:
    """Measure one model on the test users.

    Args:
        name: The model's name.
        recommender: The model.
        cases: One a test user; at least one.
        catalogue_items: Size of the catalogue, for coverage.
        progress: Called with (users done, users in all).
    """
    lists = []
    for done, case in enumerate(cases, start=1):
        lists.append(recommender.recommend(case, DEPTH))
        if progress is not None:
            progress(done, len(cases))
    hits = hits_of(lists, [case.relevant for case in cases], DEPTH)
    shown = {item for ranked in lists for item in ranked[:COVERAGE_AT]}
    return Evaluation(
        name,
        recall_20=capped_recall_at(hits, 20),
        recall_50=capped_recall_at(hits, 50),
        ndcg_100=ndcg_at(hits, DEPTH),
        coverage=len(shown) / catalogue_items,
    )


def best(evaluations: Iterable[Evaluation]) -> Evaluation:
    """Return the evaluation with the highest mean NDCG@100."""
    return max(evaluations, key=lambda evaluation: float(evaluation.ndcg_100.mean()))
