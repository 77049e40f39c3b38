"""Evaluation under strong generalization: users whom training never saw, by the client's own code.

80% of a test user's items are folded in, the rest must be found in a full ranking. Every figure is computed
from people's data without noise: it is non-private and stays with the operator, unless it is released.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from homespun.model.bundle import Bundle
from homespun.protocol.events import Event
from homespun_server.statistics.likes import HeldOutUser
from homespun_server.training.metrics import Interval, bootstrap, ndcg, recall

DEPTH = 100
"""Length of the ranked lists."""

COVERAGE_AT = 20

Reals = NDArray[np.float64]
Progress = Callable[[int, int], None]


class Recommender(Protocol):
    """Anything that ranks for a test user."""

    def recommend(self, user: HeldOutUser, k: int) -> Sequence[str]:
        """Return the ids of at most k items, best first, none of them folded in."""


class BundleRecommender:
    """Ranks with an exported bundle exactly as a device does."""

    def __init__(self, folder: Path) -> None:
        """Verify and load the bundle in ``folder``.

        Raises:
            BundleError: If a device would refuse it.
        """
        self._bundle = Bundle.open(folder)

    def recommend(self, user: HeldOutUser, k: int) -> Sequence[str]:
        """Return what a device would list for the folded-in items."""
        events = [Event(item) for item in user.fold_in]
        return [scored.item for scored in self._bundle.rank(events, k=k)]

    def proposal_recall(self, users: Sequence[HeldOutUser], k: int = DEPTH) -> float:
        """Return the share of the exact top k that the quantized proposals contain, over the test users."""
        everything = np.arange(self._bundle.manifest.items)
        found = []
        for user in users:
            history = self._bundle.history([Event(item) for item in user.fold_in])
            exact = self._bundle.scorer.score(history, everything)
            allowed = ~np.isin(everything, history.positions)
            if not allowed.any():
                # Whoever has everything misses nothing.
                found.append(1.0)
                continue
            order = np.argsort(-exact.scores[allowed], kind="stable")[:k]
            proposed = self._bundle.candidates(history, k, user.fold_in).positions
            found.append(float(np.isin(everything[allowed][order], proposed).mean()))
        return float(np.mean(found))

    def close(self) -> None:
        """Close the bundle."""
        self._bundle.close()


@dataclass(frozen=True)
class Evaluation:
    """One model's figures, per test user in the same order for every model of a run.

    Attributes:
        name: The model's name.
        recall_20: float64 [users].
        recall_50: float64 [users].
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
    users: Sequence[HeldOutUser],
    catalogue_items: int,
    progress: Progress | None = None,
) -> Evaluation:
    """Measure one model on the test users.

    Args:
        name: The model's name.
        recommender: The model.
        users: Test users; at least one.
        catalogue_items: Size of the catalogue, for coverage.
        progress: Called with (users done, users in all).
    """
    rows = []
    shown: set[str] = set()
    for done, user in enumerate(users, start=1):
        ranked = recommender.recommend(user, DEPTH)
        shown.update(ranked[:COVERAGE_AT])
        rows.append(
            (
                recall(ranked, user.held_out, 20),
                recall(ranked, user.held_out, 50),
                ndcg(ranked, user.held_out, DEPTH),
            )
        )
        if progress is not None:
            progress(done, len(users))
    figures = np.array(rows)
    return Evaluation(name, figures[:, 0], figures[:, 1], figures[:, 2], len(shown) / catalogue_items)


def best(evaluations: Iterable[Evaluation]) -> Evaluation:
    """Return the evaluation with the highest mean NDCG@100."""
    return max(evaluations, key=lambda evaluation: float(evaluation.ndcg_100.mean()))
