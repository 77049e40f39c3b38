"""Where a person stands: by their own events and the time of the request, computed on the device and never sent.

Pure. Events without a time say how much is known, and nothing of when; somebody with nothing but such events is active.
"""

from collections.abc import Iterable
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
    if likes < rule.onboarding_below:
        return "onboarding"
    times = sorted(min(event.time, now) for event in events if event.time is not None)
    if not times:
        return "active"
    silence = rule.silent_days * _DAY
    if now - times[-1] >= silence:
        return "lapsing"
    returns = (after for before, after in pairwise(times) if after - before >= silence)
    return "returning" if now - max(returns, default=-float("inf")) < rule.returning_days * _DAY else "active"
