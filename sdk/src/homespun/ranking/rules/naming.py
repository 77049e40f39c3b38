"""Which items have to be candidates so that a rule can do what it says.

A rule that boosts, pins or reserves is about items that the model alone might not propose: those that it names by id,
or else the most popular ones that it is about. Rules that bury, filter or cap name none: they are about what is there
already. Nor does a rule about all items.
"""

from collections.abc import Callable, Sequence

import numpy as np

from homespun.model.bundle import Bundle
from homespun.model.history import Positions, Reals
from homespun.protocol.policy.conditions import ItemTest
from homespun.protocol.policy.rules import Boost, Pin, Reserve, Rule
from homespun.ranking.rules.shelf import Shelf
from homespun.ranking.rules.table import ItemTable

MAX_POPULAR = 32
"""Candidates that a rule names if it names no item by id."""

MAX_BY_ID = 256
"""Candidates that a rule names by id, the most popular ones: each one is scored in every request."""

Popularity = Callable[[Positions], Reals]
"""Returns how popular items are: int64 [p] to float64 [p]."""

_NONE: Positions = np.zeros(0, np.int64)
_NONE.setflags(write=False)


def popularity_of(bundle: Bundle) -> Popularity:
    """Return the bundle's first prior as a function of positions."""
    return lambda positions: bundle.scorer.priors(positions)[:, 0].astype(np.float64)


def named_items(rules: Sequence[Rule], table: ItemTable, shelf: Shelf, popularity: Popularity) -> tuple[Positions, ...]:
    """Return what each rule names; int64 [n], ascending and distinct, read-only.

    Args:
        rules: The rules.
        table: Which items fit the rules' tests; a column for each rule, in their order.
        shelf: The bundle.
        popularity: How popular items are; called at most once.
    """
    wanted = [_wanted(rule, table, column, shelf) for rule, column in zip(rules, table.columns, strict=True)]
    choosing = np.zeros(shelf.size, np.bool_)
    for positions, count in wanted:
        choosing[positions] |= positions.size > count
    asked = np.flatnonzero(choosing).astype(np.int64, copy=False)
    popular = np.zeros(shelf.size)
    if asked.size:
        popular[asked] = popularity(asked)
    return tuple([_best(positions, count, popular) for positions, count in wanted])


def _wanted(rule: Rule, table: ItemTable, column: int, shelf: Shelf) -> tuple[Positions, int]:
    """Return what a rule may name, ascending, and how many it names at most."""
    if rule.items is None or not isinstance(rule.then, Boost | Pin | Reserve):
        return _NONE, 0
    fits = table.whole(column)
    by_id = np.sort(shelf.positions_of(_ids(rule.items)))
    by_id = by_id[fits[by_id]]
    if by_id.size:
        return by_id, MAX_BY_ID
    return np.flatnonzero(fits).astype(np.int64, copy=False), MAX_POPULAR


def _ids(test: ItemTest) -> list[str]:
    parts = [*(test.all or ()), *(test.any or ()), *((test.not_,) if test.not_ else ())]
    return [*(test.items or ()), *(item for part in parts for item in _ids(part))]


def _best(positions: Positions, count: int, popular: Reals) -> Positions:
    """Return the most popular ``count`` of ``positions``, equal ones by position; ascending."""
    found = positions
    if positions.size > count:
        values = popular[positions]
        least = np.partition(values, -count)[-count]
        better, equal = positions[values > least], positions[values == least]
        found = np.sort(np.concatenate([better, equal[: count - better.size]]))
    found.setflags(write=False)
    return found
