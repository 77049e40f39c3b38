"""Equal effort: every peer may try as many settings on the validation cases, within the same time.

The settings of a peer are written down in an order that has the most promising first, so that a peer that runs
out of time lost the least. What was tried, and whether time ran out, is among the facts.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.peers.runner.events import Events
from benchmarks.peers.runner.ranking import Scorer

TRIALS = 8
"""Settings that every peer is offered, if it has as many."""

Setting = Mapping[str, float | int | str]
Judge = Callable[[Scorer], float]
Clock = Callable[[], float]
Progress = Callable[[str, int, int], None]


class UnsuitableDataError(Exception):
    """The data lack what a peer learns from."""


@dataclass(frozen=True)
class Trial:
    """One setting, tried.

    Attributes:
        setting: What to fit again with; may hold more than was tried, like where training had to stop.
        score: Mean NDCG@k of the validation cases.
        seconds: Of fitting and judging.
        note: What is worth knowing, or empty.
    """

    setting: Setting
    score: float
    seconds: float = 0.0
    note: str = ""


class Peer(ABC):
    """A method that is compared."""

    @abstractmethod
    def settings(self) -> Sequence[Setting]:
        """Return at most ``TRIALS`` settings, the most promising first."""

    @abstractmethod
    def fit(self, events: Events, setting: Setting) -> Scorer:
        """Fit with one setting.

        Raises:
            UnsuitableDataError: If nothing can be learnt from such data.
        """

    def try_setting(self, events: Events, setting: Setting, judge: Judge, within: "Allowance") -> Trial:
        """Fit with one setting and judge the result; what trains in steps keeps within its allowance."""
        del within
        return Trial(setting, judge(self.fit(events, setting)))


@dataclass(frozen=True)
class Allowance:
    """Time that may be used.

    Attributes:
        seconds: How many.
        clock: Where the time comes from.
        started: What the clock said at the beginning.
    """

    seconds: float
    clock: Clock
    started: float

    @property
    def used(self) -> float:
        """Seconds since the beginning."""
        return self.clock() - self.started

    @property
    def is_used_up(self) -> bool:
        """Whether there is none left."""
        return self.used >= self.seconds


def tune(peer: Peer, events: Events, judge: Judge, within: Allowance, progress: Progress) -> list[Trial]:
    """Try the peer's settings until the time is used up; at least one."""
    tried: list[Trial] = []
    settings = peer.settings()
    for setting in settings:
        if tried and within.is_used_up:
            break
        tried.append(_timed(peer, events, setting, judge, within))
        progress("tune", len(tried), len(settings))
    return tried


def best_of(tried: Sequence[Trial]) -> Trial:
    """Return the trial with the highest score, the first of equals."""
    return max(tried, key=lambda trial: trial.score)


def _timed(peer: Peer, events: Events, setting: Setting, judge: Judge, within: Allowance) -> Trial:
    start = within.clock()
    trial = peer.try_setting(events, setting, judge, within)
    return Trial(trial.setting, trial.score, within.clock() - start, trial.note)
