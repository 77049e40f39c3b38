"""How much each part of the score weighs, for each activity level: the manifest's numbers as floats."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from homespun.model.habits import Habit, own_odds
from homespun.protocol.bundle import ACTIVITY_LEVELS, Manifest, context_text
from homespun.protocol.events import ContextValue, Event
from homespun.protocol.read_only import ReadOnlyDict

Reals = NDArray[np.float64]

_NOTHING = (Decimal(0),) * len(ACTIVITY_LEVELS)


@dataclass(frozen=True)
class Blend:
    """The weights of a bundle's parts; A activity levels.

    Attributes:
        components: float64 [C, A], β.
        priors: float64 [T, A], θ.
        contexts: float64 [F, A], γ.
        habits: float64 [F, A], δ; zeros where the person's own habits add nothing.
        archetypes: float64 [A]; zeros without any.
        repeats: float64 [2, A], of counts and of having been seen; None where repeats add nothing.
        rows: For each feature its number, and the context table's row of every value.
        tastes: How many archetypes there are.
        first_taste: The row of the first one.
    """

    components: Reals
    priors: Reals
    contexts: Reals
    habits: Reals
    archetypes: Reals
    repeats: Reals | None
    rows: Mapping[str, tuple[int, Mapping[str, int]]]
    tastes: int
    first_taste: int

    def circumstances(self, given: Mapping[str, ContextValue]) -> dict[str, str]:
        """Return those of a request's circumstances that the model knows, as manifests name them."""
        named = {feature: context_text(given[feature]) for feature in self.rows if feature in given}
        return {feature: value for feature, value in named.items() if value in self.rows[feature][1]}

    def context(self, named: Mapping[str, str], level: int) -> tuple[list[int], list[float]]:
        """Return the context table's rows for what ``circumstances`` returns, and their weights."""
        rows = [self.rows[feature][1][value] for feature, value in named.items()]
        return rows, [float(self.contexts[self.rows[feature][0], level]) for feature in named]

    def habit(
        self, favoured: Sequence[Event], known: Mapping[str, int], named: Mapping[str, str], level: int
    ) -> tuple[Habit, ...]:
        """Return the person's habits in what ``circumstances`` returns, those that add nothing left out.

        Args:
            favoured: Their events in favour of known items.
            known: Position of every item that is known.
            named: The circumstances.
            level: The activity level.
        """
        found = []
        for feature, value in named.items():
            number, rows = self.rows[feature]
            weight = float(self.habits[number, level])
            if weight:
                odds = own_odds(favoured, known, feature, rows.keys(), value)
                found.append(Habit(feature, value, weight, ReadOnlyDict(odds)))
        return tuple(found)

    def repeat(self, times: Iterable[int], level: int) -> list[float]:
        """Return what items with so many events in favour get for them."""
        if self.repeats is None:
            return []
        count, seen = self.repeats[:, level].tolist()
        return [count * (math.log(number + 0.1) - math.log(0.1)) + seen for number in times]


def blend_of(manifest: Manifest) -> Blend:
    """Return a manifest's weights."""
    rows: dict[str, tuple[int, Mapping[str, int]]] = {}
    first = 0
    for number, context in enumerate(manifest.contexts):
        rows[context.feature] = number, {value: first + row for row, value in enumerate(context.values)}
        first += len(context.values)
    tastes, repeats = manifest.archetypes, manifest.repeats
    return Blend(
        components=_floats(*(part.weights for part in manifest.components)),
        priors=_floats(*(prior.weights for prior in manifest.priors)),
        contexts=_floats(*(context.weights for context in manifest.contexts)),
        habits=_floats(*(context.own_weights or _NOTHING for context in manifest.contexts)),
        archetypes=_floats(tastes.weights)[0] if tastes else np.zeros(len(ACTIVITY_LEVELS)),
        repeats=_floats(repeats.count_weights, repeats.seen_weights) if repeats else None,
        rows=rows,
        tastes=tastes.count if tastes else 0,
        first_taste=first,
    )


def _floats(*weights: tuple[Decimal, ...]) -> Reals:
    return np.array([[float(weight) for weight in row] for row in weights]).reshape(len(weights), len(ACTIVITY_LEVELS))
