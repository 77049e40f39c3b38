"""A person's events, prepared once for all questions of how many there are."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from homespun.model.history import Positions
from homespun.protocol.events import Event
from homespun.protocol.policy.conditions import HistoryTest, ItemTest
from homespun.ranking.rules.items import fitting
from homespun.ranking.rules.shelf import Shelf

SECONDS_PER_DAY = 86_400.0

_Question = tuple[tuple[str, ...] | None, ItemTest | None]
"""Which kinds and which items a test counts."""


@dataclass(frozen=True)
class _Columns:
    """Events with known items, in the order of positions, which makes looking them up quick; e of them.

    Attributes:
        times: float64 [e], infinite where there is none.
        positions: int64 [e], of their items, ascending.
        kinds: The distinct kinds.
        kind: int64 [e], which of the kinds each has.
    """

    times: NDArray[np.float64]
    positions: Positions
    kinds: tuple[str, ...]
    kind: Positions


class Past:
    """The events of one person with items of one bundle. A new event makes a new one.

    What was counted once is kept, so that asking again at another time is a search in sorted times.
    """

    def __init__(self, events: Sequence[Event], shelf: Shelf) -> None:
        """Take the events.

        Args:
            events: In any order; those with items that the bundle does not have are passed over.
            shelf: The bundle, as it is when its rules are asked: local items on top.
        """
        self._shelf = shelf
        self._events = events
        self._by_test: dict[int, tuple[HistoryTest, list[float]]] = {}
        self._by_question: dict[_Question, list[float]] = {}

    def count(self, test: HistoryTest, now: float) -> int:
        """Return how many events a test counts.

        With ``days`` these are the events from so many days before ``now`` to ``now``, both included; without, all of
        them, those without a time too.

        Args:
            test: The test; its thresholds are not looked at.
            now: Seconds since 1970.
        """
        # By identity first: the hash of a test reads every id that it names.
        asked = self._by_test.get(id(test))
        if asked is None:
            # The test is kept beside the answer, so that no other one gets its identity.
            asked = self._by_test[id(test)] = test, self._times(test.kinds, test.items)
        times = asked[1]
        if test.days is None:
            return len(times)
        return bisect_right(times, now) - bisect_left(times, now - test.days * SECONDS_PER_DAY)

    def _times(self, kinds: tuple[str, ...] | None, items: ItemTest | None) -> list[float]:
        """Return the times of the events that a test counts, ascending; infinite where there is none."""
        question = kinds, items
        if question not in self._by_question:
            columns = self._columns
            counted = np.ones(columns.times.size, np.bool_)
            if items is not None:
                counted &= fitting(items, self._shelf, columns.positions)
            if kinds is not None:
                counted &= np.array([kind in kinds for kind in columns.kinds], np.bool_)[columns.kind]
            self._by_question[question] = np.sort(columns.times[counted]).tolist()
        return self._by_question[question]

    @cached_property
    def _columns(self) -> _Columns:
        events, shelf = self._events, self._shelf
        known = {item: shelf.position(item) for item in {event.item for event in events} if item in shelf}
        kinds = {kind: place for place, kind in enumerate({event.kind for event in events})}
        times = np.array([math.inf if event.time is None else event.time for event in events], np.float64)
        positions = np.array([known.get(event.item, -1) for event in events], np.int64)
        order = np.argsort(positions)[np.count_nonzero(positions < 0) :]
        return _Columns(
            times=times[order],
            positions=positions[order],
            kinds=tuple(kinds),
            kind=np.array([kinds[event.kind] for event in events], np.int64)[order],
        )
