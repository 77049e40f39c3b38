"""Several bundles beside the references, on the same test users in one run."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from homespun.errors import MisuseError
from homespun_server.evaluation.cases import Case, Recommender
from homespun_server.evaluation.evaluation import DEPTH, Evaluation, Reals, best, evaluate
from homespun_server.evaluation.held_out import Cases, HeldOut
from homespun_server.evaluation.proposal import proposal_recall
from homespun_server.evaluation.recommenders import BundleRecommender
from homespun_server.evaluation.references import EASE_REGULARISATION, EaseReference, ExactSums, PopularityReference
from homespun_server.evaluation.report import PROTOCOL, Quality, quality_rows
from homespun_server.statistics.likes import MIN_TEST_LIKES, Likes
from homespun_server.statistics.raw import Raw

Observer = Callable[[str, int, int], None]

METRICS = ("ndcg_100", "recall_20", "recall_50")
"""What is measured of every user, each in 0..1."""


@dataclass(frozen=True)
class Measured:
    """A bundle's figures, and the share of the exact top k that its quantized proposals contain."""

    evaluation: Evaluation
    proposal_recall: float

    @property
    def metrics(self) -> Raw[Reals]:
        """Every user's ``METRICS``: float64 [users, metrics]."""
        return Raw(np.column_stack([getattr(self.evaluation, name) for name in METRICS]))


@dataclass(frozen=True)
class Comparison:
    """The references on one set of test users, ready to have bundles held against them."""

    cases: Sequence[Case]
    catalogue_items: int
    popularity: Evaluation
    ease: Evaluation
    observer: Observer

    def measure(self, name: str, folder: Path) -> Measured:
        """Measure the bundle in a folder."""
        with closing(BundleRecommender(folder)) as recommender:
            evaluation = _measure(name, recommender, self.cases, self.catalogue_items, self.observer)
            return Measured(evaluation, proposal_recall(recommender.bundle, self.cases, DEPTH))

    def quality(self, measured: Sequence[Measured]) -> Raw[Quality]:
        """Lay bundles beside the references; proposal recall is the worst of them."""
        rows = quality_rows([each.evaluation for each in measured], self.popularity, self.ease)
        recall = min((each.proposal_recall for each in measured), default=1.0)
        return Raw(Quality(PROTOCOL, len(self.cases), recall, rows))


def compare(
    likes: Likes, observer: Observer, *, ease_regularisation: Sequence[float] = EASE_REGULARISATION
) -> Comparison:
    """Measure popularity and EASE on the test users.

    Args:
        likes: The likes.
        observer: Called with (step, done, in all).
        ease_regularisation: λ to try; the best on the test users stands in the table.

    Raises:
        MisuseError: If no test user has enough likes.
    """
    if not evaluable(likes):
        raise MisuseError(
            f"no test user has {MIN_TEST_LIKES} likes or more, so nothing can be evaluated. Keep more users aside."
        )
    cases = list(Cases(HeldOut.of_likes(likes), rolling=False))
    sums = ExactSums(likes)
    items = len(likes.ids)
    popularity = _measure("popularity", PopularityReference.of_likes(sums), cases, items, observer)
    ease = best(
        _measure(f"EASE, λ={value:g}", EaseReference(sums, value), cases, items, observer)
        for value in ease_regularisation
    )
    return Comparison(cases, items, popularity, ease, observer)


def evaluable(likes: Likes) -> bool:
    """Return whether any test user has enough likes to be evaluated on."""
    with closing(likes.test_users()) as users:
        return next(users, None) is not None


def _measure(name: str, recommender: Recommender, cases: Sequence[Case], items: int, observer: Observer) -> Evaluation:
    return evaluate(name, recommender, cases, items, lambda done, total: observer(f"evaluate {name}", done, total))
