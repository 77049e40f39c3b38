"""Popularity, of all time and of late: the least that a method has to beat."""

from collections.abc import Sequence

import numpy as np

from benchmarks.peers.runner.cases import Case
from benchmarks.peers.runner.events import Events, Integers, Reals
from benchmarks.peers.runner.ranking import Scorer, Scores
from benchmarks.peers.runner.tuning import Peer, Setting, UnsuitableDataError

DAY = 86_400.0


class Popularity(Peer):
    """The items with the most people, or with the largest sum of weights."""

    def settings(self) -> Sequence[Setting]:
        """Return what can be counted."""
        return [{"count": "people"}, {"count": "weights"}]

    def fit(self, events: Events, setting: Setting) -> Scorer:
        """Count."""
        if setting["count"] == "weights":
            return SameForAll(np.bincount(events.items, events.weights, len(events.ids)))
        pairs = np.unique(events.users * len(events.ids) + events.items)
        return SameForAll(np.bincount(pairs % len(events.ids), minlength=len(events.ids)))


class RecentPopularity(Peer):
    """Sums of weights that halve with age, as of the last event that was learnt from."""

    def settings(self) -> Sequence[Setting]:
        """Return half-lives in days."""
        return [{"half_life_days": days} for days in (14.0, 60.0, 2.0, 365.0, 30.0, 7.0, 1.0, 0.25)]

    def fit(self, events: Events, setting: Setting) -> Scorer:
        """Sum.

        Raises:
            UnsuitableDataError: If an event has no time.
        """
        if np.isnan(events.times).any():
            raise UnsuitableDataError("the events have no times")
        ages = (events.times.max() - events.times) / (float(setting["half_life_days"]) * DAY)
        return SameForAll(np.bincount(events.items, events.weights * np.exp2(-ages), len(events.ids)))


class SameForAll:
    """Recommends everybody the same."""

    def __init__(self, scores: Reals | Integers) -> None:
        """Take [items], of any scale."""
        # As ranks they survive float32, whatever their range.
        self._ranks = np.unique(scores, return_inverse=True)[1].reshape(-1).astype(np.float32)

    @property
    def model_bytes(self) -> int:
        """Bytes of one number an item."""
        return int(self._ranks.nbytes)

    def scores(self, cases: Sequence[Case]) -> Scores:
        """Return the same row for every case."""
        return np.broadcast_to(self._ranks, (len(cases), self._ranks.size))
