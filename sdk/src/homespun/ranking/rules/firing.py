"""The rules that act in one request, and what they are about in its pool of candidates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from homespun.model.history import Positions, Reals
from homespun.model.membership import distinct
from homespun.model.scoring import Truths
from homespun.protocol.policy.rules import Action, Boost, Bury, Filter, Rule
from homespun.ranking.rules.table import ItemTable


@dataclass(frozen=True)
class Reach:
    """What each of some rules is about in one bundle, whichever of them act; made by ``reach_of``.

    Attributes:
        rules: The rules.
        columns: By a rule's name, the column of its item test in ``table``.
        named: int64 [n], ascending: what each rule names.
        table: Which items fit which test.
        amounts: What each rule adds to an item that it is about, in spreads; 0 for rules of other kinds.
        filters: The places of the rules that filter.
    """

    rules: tuple[Rule, ...]
    columns: Mapping[str, int]
    named: tuple[Positions, ...]
    table: ItemTable
    amounts: tuple[float, ...]
    filters: frozenset[int]


def reach_of(rules: tuple[Rule, ...], named: tuple[Positions, ...], table: ItemTable) -> Reach:
    """Return what rules are about; ``table`` has a column for each, in their order."""
    return Reach(
        rules=rules,
        columns={rule.name: column for rule, column in zip(rules, table.columns, strict=True)},
        named=named,
        table=table,
        amounts=tuple([_amount(rule.then) for rule in rules]),
        filters=frozenset(place for place, rule in enumerate(rules) if isinstance(rule.then, Filter)),
    )


def _amount(action: Action) -> float:
    if isinstance(action, Bury):
        return -action.by
    return action.by if isinstance(action, Boost) else 0.0


class Firing:
    """The rules that hold in a situation, on its surface.

    Attributes:
        rules: In the policy's order.
        boosting: Those that add to scores or take from them, in order.
    """

    def __init__(self, places: Sequence[int], reach: Reach) -> None:
        """Say what acts; others come here by ``RuleBook.firing``.

        Args:
            places: Of the acting rules, ascending.
            reach: What all rules are about.
        """
        rules, amounts, filters = reach.rules, reach.amounts, reach.filters
        self.rules = tuple([rules[place] for place in places])
        self.boosting = tuple([rules[place] for place in places if amounts[place]])
        self._filters = tuple([rules[place] for place in places if place in filters])
        self._places = places
        self._reach = reach

    @property
    def candidates(self) -> Positions:
        """What acting rules name; int64 [n], ascending and distinct."""
        return distinct([self._reach.named[place] for place in self._places])

    def parts(self, positions: Positions) -> Reals:
        """Return what each of ``boosting`` (b rules) adds to some items (int64 [p]), in spreads; float64 [b, p]."""
        parts: Reals = self.masks(self.boosting, positions) * self._amounts[:, None]
        return parts

    def spreads(self, positions: Positions) -> Reals:
        """Return what all of ``boosting`` add to some items (int64 [p]): the sum of ``parts``; float64 [p]."""
        # Not ``@``: see the scorer.
        total: Reals = np.einsum("bp,b->p", self.masks(self.boosting, positions), self._amounts)
        return total

    def barred(self, positions: Positions) -> Truths:
        """Return which of some items (int64 [p]) a rule filters; [p]."""
        found: Truths = np.logical_or.reduce(self.masks(self._filters, positions), axis=0)
        return found

    def filtering(self, position: int) -> tuple[Rule, ...]:
        """Return the rules that filter an item."""
        found = self.masks(self._filters, np.array([position], np.int64))[:, 0]
        return tuple([rule for rule, fits in zip(self._filters, found.tolist(), strict=True) if fits])

    def masks(self, rules: Sequence[Rule], positions: Positions) -> Truths:
        """Return which of some items (int64 [p]) each of some rules of the book (r of them) is about; [r, p]."""
        if not rules:
            return np.zeros((0, positions.size), np.bool_)
        columns = self._reach.columns
        return self._reach.table.lookup([columns[rule.name] for rule in rules], positions)

    @cached_property
    def _amounts(self) -> Reals:
        """What each of ``boosting`` adds to an item; float64 [b]."""
        amounts = self._reach.amounts
        return np.array([amounts[place] for place in self._places if amounts[place]], np.float64)
