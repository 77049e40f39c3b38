"""A person's own habits: how much likelier they choose an item in the circumstances of a request than otherwise.

Computed from the person's own events alone, on the device: nothing of it is in a bundle, summed or sent.
Pure: nothing here reads a clock, a disk or a model.
"""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from homespun.protocol.bundle import HABIT_SHRINKAGE, context_text
from homespun.protocol.events import Event
from homespun.protocol.read_only import ReadOnlyDict


@dataclass(frozen=True)
class Habit:
    """What a person's habits in one circumstance of a request add to items that they chose before.

    Attributes:
        feature: The circumstance's name.
        value: The request's value of it.
        weight: δ of the activity level; not 0.
        odds: What ``own_odds`` returns.
    """

    feature: str
    value: str
    weight: float
    odds: Mapping[int, float]

    @property
    def added(self) -> dict[int, float]:
        """What it adds to an item, by ascending position."""
        return {position: self.weight * odds for position, odds in self.odds.items()}

    def is_often(self, added: float) -> bool:
        """Return whether it says of an item to which it adds so much that the person chooses it more often then."""
        # Also where a bundle takes a habit for a reason to show something else.
        return (added > 0) == (self.weight > 0)


def with_habits(repeats: Iterable[tuple[int, float]], habits: Iterable[Habit]) -> ReadOnlyDict[int, float]:
    """Return what having chosen items before adds to them, by position, with what habits add to these."""
    total: dict[int, float] = {}
    for habit in habits:
        for position, value in habit.added.items():
            total[position] = total.get(position, 0.0) + value
    return ReadOnlyDict({position: value + total.get(position, 0.0) for position, value in repeats})


def own_odds(
    favoured: Iterable[Event], known: Mapping[str, int], feature: str, values: Collection[str], value: str
) -> dict[int, float]:
    """Return log[p(value | item) / p(value)] by a person's events, by ascending position.

    With a = ``HABIT_SHRINKAGE``, n_jc events of item j with the value, n_j with any declared one, N_c and N over all
    items, and V declared values it is log[(n_jc + a·p) / ((n_j + a)·p)] with p = (N_c + 1)/(N + V): what few events say
    is shrunk towards what the person does anyway, and that towards no preference.

    Args:
        favoured: The events in favour of known items, as ``homespun.model.history.in_favour`` returns them.
        known: Position of every item that is known.
        feature: The circumstance's name.
        values: Its declared values, each once; events with another one, or none, are passed over.
        value: The request's value, one of them, as manifests name it.

    Returns:
        Items without an event that is counted are left out.
    """
    given = [(event.item, event.context[feature]) for event in favoured if event.context and feature in event.context]
    told = [(known[item], text) for item, each in given if (text := context_text(each)) in values]
    counted = Counter(position for position, _ in told)
    alike = Counter(position for position, text in told if text == value)
    share = (alike.total() + 1) / (counted.total() + len(values))
    expected = HABIT_SHRINKAGE * share
    return {
        position: math.log((alike[position] + expected) / ((counted[position] + HABIT_SHRINKAGE) * share))
        for position in sorted(counted)
    }
