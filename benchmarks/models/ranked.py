"""Lists of models for the same cases, and what they are worth: means, and paired ratios with intervals over users."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from homespun_server.evaluation.cases import Case, Recommender
from homespun_server.evaluation.intervals import Integers, Interval, Reals, clustered, ratio
from homespun_server.evaluation.metrics import hit_rate_at, hits_of, ndcg_at

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Metric:
    """A metric of lists, such as NDCG@10."""

    name: str
    k: int

    def __str__(self) -> str:
        return f"{self.name}@{self.k}"


NDCG_10, NDCG_100, HR_10 = Metric("NDCG", 10), Metric("NDCG", 100), Metric("HR", 10)

_METRICS = {"NDCG": ndcg_at, "HR": hit_rate_at}


@dataclass(frozen=True)
class Ranked:
    """A model's lists.

    Attributes:
        name: The model's name.
        lists: One a case, best first.
        model_bytes: Of what scores; None where that means nothing.
        note: How it came about.
    """

    name: str
    lists: Sequence[Sequence[str]] = field(repr=False)
    model_bytes: int | None = None
    note: str = ""


def rank(
    name: str,
    recommender: Recommender,
    cases: Sequence[Case],
    depth: int,
    observer: Progress,
    *,
    model_bytes: int | None = None,
    note: str = "",
) -> Ranked:
    """Ask a model for all cases, in the order of time where they have one: a refreshed model goes with it."""
    lists: list[Sequence[str]] = [()] * len(cases)
    for done, place in enumerate(sorted(range(len(cases)), key=lambda place: cases[place].now or 0.0), start=1):
        lists[place] = recommender.recommend(cases[place], depth)
        observer(f"rank with {name}", done, len(cases))
    return Ranked(name, lists, model_bytes, note)


@dataclass(frozen=True, eq=False)
class Judged:
    """Some of the cases, as judges of models.

    Attributes:
        cases: All cases that models were asked for.
        chosen: bool [cases], which of them count.
    """

    cases: Sequence[Case]
    chosen: NDArray[np.bool_]

    @classmethod
    def all(cls, cases: Sequence[Case]) -> "Judged":
        """Let all cases count."""
        return cls(cases, np.ones(len(cases), np.bool_))

    def where(self, condition: Callable[[Case], bool]) -> "Judged":
        """Let those of the cases count that meet a condition."""
        return Judged(self.cases, self.chosen & np.array([condition(case) for case in self.cases], np.bool_))

    @property
    def count(self) -> int:
        """How many cases count."""
        return int(self.chosen.sum())

    @cached_property
    def users(self) -> Integers:
        """Whose each case that counts is: int64 [count]."""
        numbers: dict[str, int] = {}
        found = [numbers.setdefault(case.user, len(numbers)) for case in self.cases]
        return np.array(found, np.int64)[self.chosen]

    def values(self, ranked: Ranked, metric: Metric) -> Reals:
        """Return a metric of every case that counts: float64 [count]."""
        hits = hits_of(ranked.lists, [case.relevant for case in self.cases], metric.k)
        return np.asarray(_METRICS[metric.name](hits, metric.k))[self.chosen]

    def mean(self, ranked: Ranked, metric: Metric) -> Interval | None:
        """Return the mean of a metric; None if no case counts."""
        return clustered(self.values(ranked, metric)[:, None], self.users)[0] if self.count else None

    def ratio(self, own: Ranked, other: Ranked, metric: Metric) -> Interval | None:
        """Return the ratio of one model's mean to another's; None where there is none."""
        if not self.count:
            return None
        return ratio(self.values(own, metric), self.values(other, metric), self.users)
