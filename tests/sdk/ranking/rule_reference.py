"""A shelf of invented items, and the plainest reading of conditions and item tests to compare with."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from homespun.protocol.bundle import context_text
from homespun.protocol.events import Event
from homespun.protocol.policy.conditions import Condition, HistoryTest, ItemTest, ValueTest
from homespun.ranking.rules import Situation


@dataclass(frozen=True)
class Thing:
    """One item."""

    id: str
    tags: tuple[str, ...] = ()
    attributes: Mapping[str, str | float] | None = None
    popularity: float = 0.0


class FakeShelf:
    """Items in a list."""

    def __init__(self, things: Sequence[Thing]) -> None:
        self.things = things
        self._places = {thing.id: place for place, thing in enumerate(things)}

    @property
    def size(self) -> int:
        return len(self.things)

    def __contains__(self, item: object) -> bool:
        return item in self._places

    def position(self, item: str) -> int:
        return self._places[item]

    def positions_of(self, items: Iterable[str]) -> NDArray[np.int64]:
        # Backwards: the order is not promised.
        return np.array(sorted({self._places[item] for item in items if item in self}, reverse=True), np.int64)

    def tagged(self, tag: str) -> NDArray[np.int64]:
        return np.array([place for place, thing in enumerate(self.things) if tag in thing.tags], np.int64)

    def numbers(self, name: str) -> NDArray[np.float64]:
        found = [value_of(thing, name) for thing in self.things]
        return np.array([math.nan if isinstance(value, str | None) else value for value in found])

    def texts(self, name: str) -> tuple[tuple[str, ...], NDArray[np.int32]]:
        found = [value_of(thing, name) for thing in self.things]
        values = sorted({value for value in found if isinstance(value, str)})
        codes = [values.index(value) if isinstance(value, str) else -1 for value in found]
        return tuple(values), np.array(codes, np.int32)

    def popularity(self, positions: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.array([self.things[place].popularity for place in positions.tolist()], np.float64)


def value_of(thing: Thing, name: str) -> str | float | None:
    return (thing.attributes or {}).get(name)


def item_fits(test: ItemTest, thing: Thing) -> bool:
    if test.all is not None:
        return all(item_fits(part, thing) for part in test.all)
    if test.any is not None:
        return any(item_fits(part, thing) for part in test.any)
    if test.not_ is not None:
        return not item_fits(test.not_, thing)
    if test.tag is not None:
        return test.tag in thing.tags
    if test.items is not None:
        return thing.id in test.items
    assert test.attribute is not None
    return value_fits(test.attribute, value_of(thing, test.attribute.name))


def value_fits(test: ValueTest, value: str | float | None) -> bool:
    if value is None:
        return False
    if test.values is not None:
        return context_text(value) in test.values
    if isinstance(value, str | bool):
        return False
    return in_range(value, test.at_least, test.below)


def in_range(value: float, least: float | None, below: float | None) -> bool:
    return (least is None or value >= least) and (below is None or value < below)


def counted(test: HistoryTest, events: Iterable[Event], things: Sequence[Thing], now: float) -> int:
    by_id = {thing.id: thing for thing in things}
    number = 0
    for event in events:
        thing = by_id.get(event.item)
        if thing is None or (test.kinds is not None and event.kind not in test.kinds):
            continue
        if test.items is not None and not item_fits(test.items, thing):
            continue
        if test.days is not None and (event.time is None or not now - test.days * 86_400 <= event.time <= now):
            continue
        number += 1
    return number


def holds(
    condition: Condition, situation: Situation, events: Sequence[Event] | None, things: Sequence[Thing]
) -> bool | None:
    """Return the truth by Kleene's tables, in which unknown lies in the middle between no and yes."""
    parts = condition.all or condition.any
    if parts is not None:
        extreme = min if condition.all else max
        return from_degree(extreme(degree(holds(part, situation, events, things)) for part in parts))
    if condition.not_ is not None:
        return from_degree(2 - degree(holds(condition.not_, situation, events, things)))
    if condition.context is not None:
        return value_fits(condition.context, situation.context.get(condition.context.name))
    if events is None or situation.lifecycle is None:
        return None
    return holds_of_person(condition, situation, events, things)


def holds_of_person(
    condition: Condition, situation: Situation, events: Sequence[Event], things: Sequence[Thing]
) -> bool:
    if condition.likes is not None:
        return in_range(situation.likes, condition.likes.at_least, condition.likes.below)
    if condition.history is not None:
        number = counted(condition.history, events, things, situation.now)
        return in_range(number, condition.history.at_least, condition.history.below)
    return situation.lifecycle in (condition.lifecycle or ())


ANSWERS = (False, None, True)


def degree(answer: object) -> int:
    return next(number for number, each in enumerate(ANSWERS) if each is answer)


def from_degree(number: int) -> bool | None:
    return ANSWERS[number]
