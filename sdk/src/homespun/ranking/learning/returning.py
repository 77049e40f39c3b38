"""When a person comes back to things: within a sitting, or later.

Whoever buys fills a basket and does not buy the same twice in it; whoever listens plays a song again and again. A
model knows one number for all people. Here every return of the person to a known item is one of two kinds, to an item
of the same sitting or to one from before, and is compared with what drawing evenly among the items known by then would
give. With k returns of a kind where e were to be expected, the posterior mean of their ratio under a Gamma(1, 1) prior
on it is

    r = (k + 1) / (e + 1)

and an item known to the person gets ``return_weight`` · log r of its kind, in spreads of the pool's scores.

Rules: events without a time say nothing; nothing but the events is kept. Non-goals: how often somebody returns at all,
which the model's repeat terms know, and intervals beyond a sitting, which one person's events do not tell apart.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from homespun.model.bundle import Bundle
from homespun.model.history import Positions, Reals
from homespun.model.membership import contains
from homespun.protocol.events import Event, in_order
from homespun.ranking.learning.rule import LearningRule

SITTING = 3600.0
"""Seconds without an event after which a sitting has ended."""

MOST_EVENTS = 2000
"""Latest events that are looked at."""

_PRIOR = 1.0


@dataclass(frozen=True, eq=False)
class Returns:
    """How a person comes back to things.

    Attributes:
        sitting: log r of an item of the same sitting.
        earlier: log r of an item from before.
        current: int64 [s], ascending positions of the items of the last sitting.
        before: int64 [b], ascending positions of the others that are known to the person.
        latest: Time of the last event, seconds since 1970.
        rule: The settings.
    """

    sitting: float
    earlier: float
    current: Positions
    before: Positions
    latest: float
    rule: LearningRule

    @classmethod
    def of(cls, bundle: Bundle, events: Iterable[Event], rule: LearningRule) -> "Returns | None":
        """Return what a person's events say; None if there are too few, or nothing may be learned from them.

        Args:
            bundle: The bundle; items that it does not know are passed over.
            events: The events in favour of items (``homespun.model.history.in_favour``), repeats among them.
            rule: The settings; ``least_events`` counts distinct items here too.
        """
        timed = [event for event in in_order(events) if event.time is not None and event.item in bundle][-MOST_EVENTS:]
        if not rule.return_weight or len({event.item for event in timed}) < rule.least_events:
            return None
        known, sitting, observed, expected, returns = _counted(timed)
        return cls(
            sitting=_log_ratio(observed, expected),
            earlier=_log_ratio(returns - observed, returns - expected),
            current=np.sort(bundle.positions_of(sitting)),
            before=np.sort(bundle.positions_of(known - sitting)),
            latest=timed[-1].time or 0.0,
            rule=rule,
        )

    def values(self, positions: Positions, now: float, spread: float) -> Reals:
        """Return what is added to the scores of items (int64 [p]); float64 [p].

        Args:
            positions: The items.
            now: Time of the request, seconds since 1970.
            spread: Standard deviation of the pool's scores.
        """
        unit, bound = self.rule.return_weight, self.rule.bound
        earlier, sitting = (min(max(unit * ratio, -bound), bound) * spread for ratio in (self.earlier, self.sitting))
        values = np.zeros(positions.size)
        values[contains(self.before, positions)] = earlier
        values[contains(self.current, positions)] = sitting if now - self.latest <= SITTING else earlier
        return values


def _counted(timed: list[Event]) -> tuple[set[str], set[str], int, float, int]:
    """Return the known items, those of the last sitting, its returns, how many to expect, and all returns."""
    known: set[str] = set()
    sitting: set[str] = set()
    observed, expected, returns, before = 0, 0.0, 0, -math.inf
    for event in timed:
        time = event.time or 0.0
        if time - before > SITTING:
            sitting = set()
        if event.item in known:
            returns += 1
            observed += event.item in sitting
            expected += len(sitting) / len(known)
        known.add(event.item)
        sitting.add(event.item)
        before = time
    return known, sitting, observed, expected, returns


def _log_ratio(observed: float, expected: float) -> float:
    # Differences of sums can be a hair below zero.
    return math.log((max(0.0, observed) + _PRIOR) / (max(0.0, expected) + _PRIOR))
