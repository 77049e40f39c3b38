"""The one encoder: what each person adds to a declared statistic. Devices and tables use this very code.

Two named steps: ``cells`` finds what a person would add, ``clip`` scales it to the declared bound, exactly. The
third, noise, is not here: it is added once, to the sum.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isqrt
from operator import index
from typing import Any

import numpy as np
from numpy.typing import NDArray

from homespun.errors import MisuseError
from homespun.protocol.statistics import cells as find
from homespun.protocol.statistics.cells import Cells, FindCells
from homespun.protocol.statistics.declaration import (
    Archetypes,
    ItemContext,
    ItemCounts,
    ItemPairs,
    ItemTrend,
    Metrics,
    Outcomes,
    People,
    Repeats,
    Statistic,
    Transitions,
    validated,
)
from homespun.protocol.statistics.grid import Integers, clip, starts_of
from homespun.protocol.statistics.histories import Histories
from homespun.protocol.statistics.variants import Variants


@dataclass(frozen=True)
class Contributions:
    """What the people of a batch add.

    Attributes:
        owners: int64 [n], the person, ascending.
        cells: int64 [n], flat indices into the statistic's shape, distinct for each person.
        values: int64 [n], grid steps ≥ 0; the squares of one person's add up to at most the bound squared.
    """

    owners: Integers
    cells: Integers
    values: Integers


class Encoder:
    """Encodes histories for one statistic.

    Attributes:
        statistic: The declaration.
    """

    def __init__(self, statistic: Statistic) -> None:
        """Prepare the encoder.

        Raises:
            MisuseError: If the declaration is not valid, or is of metrics or of an experiment's outcomes, which are no
                function of a history.
        """
        self.statistic = validated(statistic)
        form = self.statistic.transformation
        if isinstance(form, Metrics):
            raise MisuseError(f"{statistic.name}: metrics are no function of a history; use encode_metrics.")
        if isinstance(form, Variants):
            raise MisuseError(f"{statistic.name}: outcomes are no function of a history; use encode_variants.")
        self._find = _FINDERS[type(form)](self.statistic, form)

    def encode(self, histories: Histories) -> Contributions:
        """Return what each person adds.

        Raises:
            MisuseError: If the histories' items or contexts are not the declaration's.
        """
        return self.clip(self.cells(histories), histories.people)

    def cells(self, histories: Histories) -> Cells:
        """Return what each person would add, not yet bounded.

        Raises:
            MisuseError: If the histories' items or contexts are not the declaration's.
        """
        self._check(histories)
        return self._find(histories)

    def clip(self, found: Cells, people: int) -> Contributions:
        """Scale each person's weights to the declared L2 bound, rounding down."""
        values = clip(found.weights, starts_of(found.owners, people), self.statistic.l2_bound)
        return Contributions(found.owners, found.cells, values)

    def _check(self, histories: Histories) -> None:
        items = self.statistic.universe.items
        form = self.statistic.transformation
        if items and histories.items.size and int(histories.items.max()) >= items:
            raise MisuseError(f"{self.statistic.name}: an item is not in its universe of {items}.")
        if isinstance(form, ItemContext) and form.feature not in histories.contexts:
            raise MisuseError(f"{self.statistic.name}: the histories have no context {form.feature!r}.")


def encode_metrics(statistic: Statistic, metrics: NDArray[np.float64]) -> Contributions:
    """Return what each person adds to sums of metrics: one, and each metric, over √(metrics + 1).

    Args:
        statistic: A declaration of metrics.
        metrics: float64 [people, metrics]; values outside 0..1 count as the nearer end.

    Raises:
        MisuseError: If the declaration is of something else, or a metric is missing or not a number.
    """
    form = validated(statistic).transformation
    if not isinstance(form, Metrics) or metrics.ndim != 2 or metrics.shape[1] != len(form.names):  # noqa: PLR2004
        raise MisuseError(f"{statistic.name}: give one row a person and one column a declared metric.")
    if np.isnan(metrics).any():
        raise MisuseError(f"{statistic.name}: a metric is not a number; leave the person out.")
    unit = isqrt(statistic.l2_bound**2 // (metrics.shape[1] + 1))
    bounded = np.floor(np.clip(metrics, 0.0, 1.0) * unit).astype(np.int64)
    rows = np.column_stack([np.full(metrics.shape[0], unit, np.int64), bounded])
    people, numbers = rows.shape
    return Contributions(np.repeat(np.arange(people), numbers), np.tile(np.arange(numbers), people), rows.ravel())


def encode_variants(statistic: Statistic, variant: int | None, values: Sequence[int]) -> Integers:
    """Return what one person adds to the sums of an experiment, exactly and rounded down.

    Args:
        statistic: A declaration of an experiment's outcomes.
        variant: Which variant the person met, by its place; None: none, and nothing is added.
        values: Of each declared measure, whole and not negative; not looked at without a variant.

    Returns:
        int64 [statistic.size], grid steps ≥ 0, variant by variant; the squares add up to at most the bound squared.

    Raises:
        MisuseError: If the declaration is of something else, there is no such variant, or a value is missing or
            negative.
    """
    form = validated(statistic).transformation
    if not isinstance(form, Variants):
        raise MisuseError(f"{statistic.name}: it does not declare outcomes of an experiment.")
    vector = np.zeros(statistic.shape, np.int64)
    if variant is not None:
        if not 0 <= variant < len(form.variants):
            raise MisuseError(f"{statistic.name}: there is no variant {variant}; they are {', '.join(form.variants)}.")
        own = tuple(map(index, values))
        if len(own) != len(form.measures) or min(own) < 0:
            raise MisuseError(f"{statistic.name}: give one whole number a declared measure, none of them negative.")
        vector[variant] = form.row(own, form.unit(statistic.l2_bound))
    return vector.ravel()


_FINDERS: Mapping[type, Callable[[Statistic, Any], FindCells]] = {
    ItemCounts: find.item_counts,
    ItemTrend: find.item_trend,
    ItemPairs: find.item_pairs,
    Transitions: find.transitions,
    ItemContext: find.item_context,
    Repeats: find.repeats,
    Outcomes: find.outcomes,
    Archetypes: find.archetypes,
    People: find.people,
}
