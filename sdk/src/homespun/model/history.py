"""From events to the model's input: what the person likes, how much each of it counts, and for whom they pass.

Pure: nothing here reads a clock, a disk or a model.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from homespun.model.habits import Habit
from homespun.protocol.bundle import HistoryRule, Kernel
from homespun.protocol.events import Event, in_order
from homespun.protocol.read_only import ReadOnlyDict

Positions = NDArray[np.int64]
Reals = NDArray[np.float64]

LEAST_SHARE = 2.0**-10
"""Of the largest weight: what counts less counts as nothing."""


class Wish(NamedTuple):
    """An item that the person wants more or less like of, or that a list is about, and how much it counts."""

    item: str
    control: Literal["more_like", "less_like", "similar"]
    weight: float


@dataclass(frozen=True)
class History:
    """The model's input: the distinct items that a person likes, oldest first, then those that they named.

    Attributes:
        events: The event behind each of the first items.
        positions: int64 [h], the items' positions in the bundle.
        weights: float64 [C, h], β_c · w_c(i).
        wishes: What is behind each of the other items.
        level: The activity level whose weights hold.
        priors: float64 [T], θ.
        context: int64 [f], rows of the context table, the taste's last.
        context_weights: float64 [f], γ.
        circumstances: The feature and the value behind each of the first rows.
        taste: Which archetype, from 0; None: none.
        repeats: What having liked it before adds to an item, by ascending position, habits and all.
        habits: What of it is due to the person's habits in the request's circumstances.
    """

    events: tuple[Event, ...]
    positions: Positions
    weights: Reals
    wishes: tuple[Wish, ...]
    level: int
    priors: Reals
    context: Positions
    context_weights: Reals
    circumstances: tuple[tuple[str, str], ...] = ()
    taste: int | None = None
    repeats: Mapping[int, float] = field(default_factory=ReadOnlyDict)
    habits: tuple[Habit, ...] = ()

    @cached_property
    def repeat_arrays(self) -> tuple[Positions, Reals]:
        """The keys of ``repeats``, int64 [r] ascending, and its values, float64 [r]."""
        count = len(self.repeats)
        return np.fromiter(self.repeats, np.int64, count), np.fromiter(self.repeats.values(), np.float64, count)


def likes(events: Iterable[Event], rule: HistoryRule) -> list[Event]:
    """Return the event that stands for every item that the person likes by the bundle's rule, oldest first.

    It is the item's last event with a weight, or its last event if none has one.

    Raises:
        MisuseError: If something else than an Event is among the events.
    """
    # A float, as weights are: the decimal 0.3 is a touch more than the weight 0.3.
    least = None if rule.min_weight is None else float(rule.min_weight)
    negative = frozenset(rule.negative_kinds)
    last: dict[str, str] = {}
    standing: dict[str, Event] = {}
    for event in in_order(events):
        last[event.item] = event.kind
        before = standing.get(event.item)
        if before is None or before.weight is None or event.weight is not None:
            standing.pop(event.item, None)
            standing[event.item] = event
    return [
        event
        for item, event in standing.items()
        if last[item] not in negative and (least is None or event.weight is None or event.weight >= least)
    ]


def in_favour(events: Iterable[Event], known: Mapping[str, int], rule: HistoryRule) -> list[Event]:
    """Return the events that speak for known items, in the order given."""
    least = -np.inf if rule.min_weight is None else float(rule.min_weight)
    negative = frozenset(rule.negative_kinds)
    return [
        event
        for event in events
        if event.item in known and event.kind not in negative and (event.weight is None or event.weight >= least)
    ]


def times_in_favour(favoured: Iterable[Event], known: Mapping[str, int]) -> dict[int, int]:
    """Return how many of the events that ``in_favour`` returns speak for an item, by ascending position."""
    return dict(sorted(Counter(known[event.item] for event in favoured).items()))


def kernel_weights(liked: Sequence[Event], kernels: Sequence[Kernel]) -> Reals:
    """Return how much each liked item counts for each component; float64 [C, h].

    Args:
        liked: The event behind each item, oldest first; those without a time come first.
        kernels: The components'.
    """
    count = len(liked)
    times = np.array([np.nan if event.time is None else event.time for event in liked])
    timed = ~np.isnan(times)
    ages = np.where(timed, np.arange(count - 1, -1, -1, dtype=np.float64), 0.0)
    gaps = np.where(timed, times[-1:] - times, 0.0) if timed.any() else np.zeros(count)
    return np.array([_weights(kernel, ages, gaps, timed) for kernel in kernels]).reshape(len(kernels), count)


def _weights(kernel: Kernel, ages: Reals, gaps: Reals, timed: NDArray[np.bool_]) -> Reals:
    exponents = np.zeros(ages.size)
    if kernel.age is not None:
        exponents -= ages / float(kernel.age)
    if kernel.gap is not None:
        exponents -= gaps / float(kernel.gap)
    weights: Reals = np.exp(exponents)
    if kernel.ordered:
        weights[~timed] = 0.0
    weights[weights < LEAST_SHARE * weights.max(initial=0.0)] = 0.0
    return weights
