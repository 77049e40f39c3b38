"""From scores to lists, alike for every peer, and how good lists are."""

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.runner.cases import Case
from benchmarks.peers.runner.events import Events

Scores = NDArray[np.float32]

_BATCH = 500
"""Cases scored at once: memory is bounded by that many rows of scores."""


class Scorer(Protocol):
    """A fitted peer."""

    @property
    def model_bytes(self) -> int:
        """Bytes of what scores, as it is in memory."""

    def scores(self, cases: Sequence[Case]) -> Scores:
        """Return float32 [cases, items], the items in the order of the events that it was fitted to."""


def recommend(scorer: Scorer, events: Events, cases: Sequence[Case]) -> Iterator[list[str]]:
    """Yield each case's list.

    Items with the same score follow in the order of popularity; so does everything for somebody of whose
    history nothing is known.
    """
    for start in range(0, len(cases), _BATCH):
        batch = cases[start : start + _BATCH]
        for case, scores in zip(batch, scorer.scores(batch), strict=True):
            yield [events.ids[place] for place in best(scores, _excluded(events, case), case.k)]


def best(scores: Scores, excluded: Sequence[int], k: int) -> list[int]:
    """Return the places of the k highest scores, the earlier place first where they are the same.

    Args:
        scores: float32 [items].
        excluded: Places that may not be returned.
        k: How many; fewer are returned if no more are left.

    Raises:
        ValueError: If a score is no number: the peer failed to learn.
    """
    if np.isnan(scores).any():
        raise ValueError("a score is NaN: training diverged, or the model was given what it cannot take.")
    allowed = np.delete(np.arange(scores.size), np.asarray(excluded, np.int64))
    k = min(k, allowed.size)
    if k <= 0:
        return []
    left = scores[allowed]
    candidates = np.flatnonzero(left >= np.partition(left, -k)[-k])
    return [int(place) for place in allowed[candidates[np.argsort(-left[candidates], kind="stable")]][:k]]


def mean_ndcg(lists: Sequence[Sequence[str]], cases: Sequence[Case]) -> float:
    """Return the mean of NDCG@k over cases with targets: 1/log2(rank + 1) a hit, relative to the best list."""
    return float(np.mean([_ndcg(ranked, case) for ranked, case in zip(lists, cases, strict=True)]))


def _ndcg(ranked: Sequence[str], case: Case) -> float:
    discounts = 1 / np.log2(np.arange(2, case.k + 2))
    gain = sum(discount for item, discount in zip(ranked, discounts, strict=False) if item in case.targets)
    return float(gain / discounts[: len(case.targets)].sum())


def _excluded(events: Events, case: Case) -> list[int]:
    return [events.places[item] for item in case.exclude if item in events.places]
