"""Where a person stands: by their own events and the time of the request, computed on the device and never sent.

Pure. Events without a time say how much is known, and nothing of when; somebody with nothing but such events is active.
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from homespun.protocol.events import Event
from homespun.protocol.policy import Lifecycle
from homespun.protocol.policy.conditions import LifecycleStage

_DAY = 86_400.0


def lifecycle_of(events: Iterable[Event], likes: int, now: float, rule: Lifecycle) -> LifecycleStage:
    """Return a person's stage.

    Args:
        events: All their events, in any order; those after ``now`` count as of now, because clocks get corrected.
        likes: How many distinct items they like.
        now: Time of the request, seconds since 1970.
        rule: Where one stage ends and the next begins.
    """
    return Visits.of(events).stage(likes, now, rule)


@dataclass(frozen=True)
class Visits:
    """When a person did something; prepared once for questions at any time.

    Attributes:
        times: Seconds since 1970, ascending.
    """

    times: tuple[float, ...]

    @classmethod
    def of(cls, events: Iterable[Event]) -> "Visits":
        """Return those of some events, in any order."""
        return cls(tuple(sorted(event.time for event in events if event.time is not None)))

    def stage(self, likes: int, now: float, rule: Lifecycle) -> LifecycleStage:
        """Return a person's stage; see ``lifecycle_of``."""
        if likes < rule.onboarding_below:
            return "onboarding"
        if not self.times:
            return "active"
        silence = rule.silent_days * _DAY
        if now - min(self.times[-1], now) >= silence:
            return "lapsing"
        return "returning" if self._came_back(now, silence, now - rule.returning_days * _DAY) else "active"

    def _came_back(self, now: float, silence: float, since: float) -> bool:
        """Return whether a silence ended after ``since``."""
        # Only what happened after it, and what came before the first of that.
        first = max(0, bisect_right(self.times, since) - 1)
        recent = [min(time, now) for time in self.times[first:]]
        return any(after - before >= silence and after > since for before, after in pairwise(recent))
