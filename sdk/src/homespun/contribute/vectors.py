"""What this installation adds to a task's sum: its own events, by the encoder that sums over tables use.

Rules:

- The vector depends on the events, the task and the installation's secret alone: the same events make the same
  vector, on a device and in a table.
- Where a window is declared, an event outside it or without a time does not count, as in a table.
- Whoever has nothing to say adds zeros: that a report arrives must not tell whether there was something.

Pure.
"""

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from homespun.errors import CollectionError, MisuseError
from homespun.protocol.collection.task import Task
from homespun.protocol.events import ContextValue, Event, in_order
from homespun.protocol.statistics.declaration import ItemContext, Outcomes, Statistic
from homespun.protocol.statistics.encoding import Encoder
from homespun.protocol.statistics.grid import Integers
from homespun.protocol.statistics.histories import UNKNOWN, Histories

Vector = NDArray[np.int64]

VectorOf = Callable[[Task], Vector]
"""Gives what this installation adds to a task that is not about its events, for instance of an experiment: int64
[size], with an L2 norm of at most the statistic's bound. Raises CollectionError where it cannot."""


def is_of_events(statistic: Statistic) -> bool:
    """Return whether a statistic is a function of a person's events, as all but metrics and experiments are."""
    try:
        Encoder(statistic)
    except MisuseError:
        return False
    return True


def vector_of_events(task: Task, ids: Sequence[str], events: Iterable[Event], secret: bytes) -> Vector:
    """Return what these events add: int64 [size], grid steps, of an L2 norm of at most the statistic's bound.

    Args:
        task: The task.
        ids: The ids of the items that it counts, in order; empty where it counts none.
        events: The person's events, in the order in which they were recorded.
        secret: 32 bytes that key what is sampled where there is too much; the installation's own.

    Raises:
        CollectionError: The task's statistic is no function of events, or ``ids`` are not its universe's.
    """
    statistic = task.statistic
    if not is_of_events(statistic) or len(ids) != statistic.universe.items:
        raise CollectionError(f"{task.name}: what it asks for cannot be computed from events.")
    within = [event for event in in_order(events) if _counts(task, event)]
    found = Encoder(statistic).encode(_history(statistic, ids, within, secret))
    vector = np.zeros(statistic.size, np.int64)
    vector[found.cells] = found.values
    return vector


def check_vector(task: Task, vector: Vector) -> Vector:
    """Return a vector that may be added.

    Raises:
        CollectionError: It has another form, or is longer than the bound; aggregators would refuse it.
    """
    statistic = task.statistic
    fits = isinstance(vector, np.ndarray) and vector.dtype == np.int64 and vector.shape == (statistic.size,)
    if not fits or (np.abs(vector) > statistic.l2_bound).any() or int(vector @ vector) > statistic.l2_bound**2:
        raise CollectionError(
            f"{task.name}: what this installation would add is not {statistic.size} numbers with a norm of at most "
            f"{statistic.l2_bound}; nothing is sent."
        )
    return vector


def context_text(value: ContextValue) -> str:
    """Return a context's value as the text by which declared values are told apart, as in a table of interactions."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)


def _counts(task: Task, event: Event) -> bool:
    since, until = task.events_from, task.events_until
    if since is None and until is None:
        return True
    second = _second(event)
    return second >= (0 if since is None else since) and (until is None or second < until)


def _history(statistic: Statistic, ids: Sequence[str], events: Sequence[Event], secret: bytes) -> Histories:
    form = statistic.transformation
    kinds = tuple(dict.fromkeys((*statistic.rule.negative_kinds, *(form.kinds if isinstance(form, Outcomes) else ()))))
    places = {identity: place for place, identity in enumerate(ids)}
    codes = {kind: code for code, kind in enumerate(kinds)}
    return Histories(
        starts=np.array([0, len(events)], np.int64),
        items=_integers(places.get(event.item, UNKNOWN) for event in events),
        times=_integers(_second(event) for event in events),
        kinds=_integers(codes.get(event.kind, UNKNOWN) for event in events),
        weights=np.array([math.nan if event.weight is None else event.weight for event in events], np.float64),
        secrets=[secret],
        kind_names=kinds,
        contexts=_contexts(form, events) if isinstance(form, ItemContext) else {},
    )


def _contexts(form: ItemContext, events: Sequence[Event]) -> dict[str, Integers]:
    codes = {value: code for code, value in enumerate(form.values)}
    values = ((event.context or {}).get(form.feature) for event in events)
    return {
        form.feature: _integers(
            UNKNOWN if value is None else codes.get(context_text(value), UNKNOWN) for value in values
        )
    }


def _second(event: Event) -> int:
    return UNKNOWN if event.time is None else math.floor(event.time)


def _integers(values: Iterable[int]) -> Integers:
    return np.array(list(values), np.int64)
