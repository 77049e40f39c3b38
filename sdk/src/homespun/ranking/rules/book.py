"""The rules of a policy, compiled for one bundle."""

import math
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from homespun.errors import PolicyError
from homespun.model.history import Positions
from homespun.protocol.policy.rules import Rule
from homespun.ranking.rules.conditions import Conditions
from homespun.ranking.rules.firing import Firing, reach_of
from homespun.ranking.rules.naming import Popularity, named_items
from homespun.ranking.rules.report import RuleReport, report_of
from homespun.ranking.rules.shelf import Shelf
from homespun.ranking.rules.situation import Situation
from homespun.ranking.rules.table import ItemTable


class _Entry(NamedTuple):
    """A rule as it is looked at in every request; without a condition its number is None."""

    place: int
    since: float
    until: float
    condition: int | None


class RuleBook:
    """Rules, ready to be asked. Immutable, and safe to use from several threads at once.

    Build another one for another bundle, and whenever an application adds items to it.

    Attributes:
        rules: As given.
        named: int64 [n], ascending: which items have to be candidates if the rule acts, for each rule.
    """

    def __init__(self, rules: Sequence[Rule], shelf: Shelf, popularity: Popularity) -> None:
        """Compile rules.

        Args:
            rules: In the order in which they act.
            shelf: The bundle, with local items on top if there are any.
            popularity: How popular its items are, for instance ``popularity_of(bundle)``.

        Raises:
            PolicyError: If two rules have the same name.
        """
        self.rules = tuple(rules)
        _check_names(self.rules)
        self._table = ItemTable([rule.items for rule in rules], shelf)
        self.named: tuple[Positions, ...] = named_items(self.rules, self._table, shelf, popularity)
        self._reach = reach_of(self.rules, self.named, self._table)
        self._conditions = Conditions([rule.when for rule in rules if rule.when is not None])
        self._everywhere = self._entries(None)
        surfaces = {surface for rule in rules for surface in rule.surfaces or ()}
        self._by_surface = {surface: self._entries(surface) for surface in surfaces}

    def firing(self, situation: Situation) -> Firing:
        """Return what acts in a situation."""
        now, answers = situation.now, self._conditions.answers(situation)
        places = [
            place
            for place, since, until, condition in self._by_surface.get(situation.surface, self._everywhere)
            if since <= now < until and (condition is None or answers[condition])
        ]
        return Firing(places, self._reach)

    def report(self, situation: Situation) -> list[RuleReport]:
        """Return for each rule whether it would act in a situation, and why: a dry run.

        The reasons tell what is known of the person, and are for who may see that.
        """
        return [
            report_of(rule, situation, self._conditions, int(self._table.whole(column).sum()))
            for rule, column in zip(self.rules, self._table.columns, strict=True)
        ]

    def _entries(self, surface: str | None) -> tuple[_Entry, ...]:
        return tuple(
            [
                _Entry(
                    place,
                    _seconds(rule.since, -math.inf),
                    _seconds(rule.until, math.inf),
                    None if rule.when is None else self._conditions.number(rule.when),
                )
                for place, rule in enumerate(self.rules)
                if rule.surfaces is None or surface in rule.surfaces
            ]
        )


def _check_names(rules: Sequence[Rule]) -> None:
    names = [rule.name for rule in rules]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise PolicyError(f"two rules are called {twice!r}, so nobody could tell them apart; rename one.")


def _seconds(moment: datetime | None, otherwise: float) -> float:
    return otherwise if moment is None else moment.timestamp()
