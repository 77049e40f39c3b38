"""From histories as the population numbers them to histories as one statistic does.

Items become indices into the statistic's universe, and context values indices into its declaration; what it does
not count becomes −1. What does not fit together is refused before any history is read: a kind that the population
does not tell apart would seem not to occur.
"""

from collections.abc import Sequence

import numpy as np

from homespun.errors import MisuseError
from homespun.protocol.statistics.declaration import NO_ITEMS, ItemContext, Outcomes, Statistic, universe_of
from homespun.protocol.statistics.grid import Integers
from homespun.protocol.statistics.histories import UNKNOWN, Histories
from homespun_server.statistics.population import Population


class Translation:
    """The translation for one statistic."""

    def __init__(self, statistic: Statistic, population: Population, selection: Integers | None) -> None:
        """Prepare it.

        Args:
            statistic: The declaration.
            population: Where histories come from.
            selection: int64 [M], distinct positions in the catalogue that are the universe; None: all of it.

        Raises:
            MisuseError: If these do not fit together.
        """
        _check_told_apart(statistic, population)
        self._lookup = _lookup(statistic, population.ids, selection)
        self._codes = _codes(statistic, population)

    def of(self, histories: Histories, people: slice) -> Histories:
        """Return the histories of some of the people."""
        bounds = histories.starts[people.start : people.stop + 1]
        events = slice(int(bounds[0]), int(bounds[-1]))
        return Histories(
            starts=bounds - bounds[0],
            items=self._lookup[histories.items[events]],
            times=histories.times[events],
            kinds=histories.kinds[events],
            weights=histories.weights[events],
            secrets=histories.secrets[people],
            kind_names=histories.kind_names,
            contexts={name: codes[histories.contexts[name][events]] for name, codes in self._codes.items()},
        )


def _check_told_apart(statistic: Statistic, population: Population) -> None:
    """Refuse a declaration of kinds or contexts that the population does not tell apart: they would seem absent."""
    form = statistic.transformation
    kinds = {*statistic.rule.negative_kinds, *(form.kinds if isinstance(form, Outcomes) else ())}
    if unknown := sorted(kinds - set(population.kinds)):
        raise MisuseError(f"{statistic.name} needs the kinds {', '.join(unknown)}; give them to the Population.")
    if isinstance(form, ItemContext):
        values = population.contexts.get(form.feature, ())
        if unknown := sorted(set(form.values) - set(values)):
            raise MisuseError(
                f"{statistic.name} needs the values {', '.join(unknown)} of {form.feature}; give them to the "
                "Population."
            )


def _lookup(statistic: Statistic, ids: Sequence[str], selection: Integers | None) -> Integers:
    """Return the index in the statistic's universe of every position in the catalogue, −1 where it has none."""
    lookup = np.full(len(ids), UNKNOWN, np.int64)
    if statistic.universe == NO_ITEMS:
        return lookup
    positions = np.arange(len(ids)) if selection is None else selection
    if positions.dtype != np.int64 or positions.ndim != 1 or np.unique(positions).size < positions.size:
        raise MisuseError(f"the universe of {statistic.name} must be int64 [M], positions that differ.")
    if positions.size and not 0 <= int(positions.min()) <= int(positions.max()) < len(ids):
        raise MisuseError(f"the universe of {statistic.name} has positions outside the catalogue of {len(ids)} items.")
    if universe_of([ids[position] for position in positions.tolist()]) != statistic.universe:
        raise MisuseError(
            f"{statistic.name} was declared for another universe than the {positions.size:,} items that are given: "
            "other items, or in another order. Declare it with universe_of(ids)."
        )
    lookup[positions] = np.arange(positions.size)
    return lookup


def _codes(statistic: Statistic, population: Population) -> dict[str, Integers]:
    """Return for the context that is counted where the population's values are in the declaration.

    The last entry stands for values that the population does not tell apart, whose code is −1.
    """
    form = statistic.transformation
    if not isinstance(form, ItemContext):
        return {}
    place = {value: code for code, value in enumerate(form.values)}
    told = population.contexts[form.feature]
    return {form.feature: np.array([*(place.get(value, UNKNOWN) for value in told), UNKNOWN], np.int64)}
