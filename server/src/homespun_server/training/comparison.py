"""Several bundles beside the references, on the same test users in one run."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from homespun.errors import MisuseError
from homespun_server.statistics.likes import MIN_TEST_LIKES, HeldOutUser, Likes
from homespun_server.training.evaluation import (
    BundleRecommender,
    Evaluation,
    Recommender,
    best,
    evaluate,
)
from homespun_server.training.references import EASE_REGULARISATION, EaseReference, ExactSums, PopularityReference
from homespun_server.training.report import PROTOCOL, Quality, quality_rows

Observer = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Comparison:
    """The references on one set of test users, ready to have bundles held against them."""

    users: Sequence[HeldOutUser]
    catalogue_items: int
    popularity: Evaluation
    ease: Evaluation
    observer: Observer

    def quality(self, bundles: Mapping[str, Path]) -> Quality:
        """Measure the bundles in the given folders, by name; proposal recall is the worst of them."""
        models, recalls = [], []
        for name, folder in bundles.items():
            with closing(BundleRecommender(folder)) as recommender:
                models.append(_measure(name, recommender, self.users, self.catalogue_items, self.observer))
                recalls.append(recommender.proposal_recall(self.users))
        rows = quality_rows(models, self.popularity, self.ease)
        return Quality(PROTOCOL, len(self.users), min(recalls, default=1.0), rows)


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
    users = list(likes.test_users())
    sums = ExactSums(likes)
    items = len(likes.ids)
    popularity = _measure("popularity", PopularityReference(sums), users, items, observer)
    ease = best(
        _measure(f"EASE, λ={value:g}", EaseReference(sums, value), users, items, observer)
        for value in ease_regularisation
    )
    return Comparison(users, items, popularity, ease, observer)


def evaluable(likes: Likes) -> bool:
    """Return whether any test user has enough likes to be evaluated on."""
    with closing(likes.test_users()) as users:
        return next(users, None) is not None


def _measure(
    name: str, recommender: Recommender, users: Sequence[HeldOutUser], items: int, observer: Observer
) -> Evaluation:
    return evaluate(name, recommender, users, items, lambda done, total: observer(f"evaluate {name}", done, total))
