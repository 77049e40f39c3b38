"""What each change would do to a list by the exact parts of its scores alone: a guide to what is worth trying."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from homespun.model.history import Reals
from homespun.model.totals import history_totals
from homespun.ranking.additions import Taste
from homespun.ranking.decision import Decision
from homespun.ranking.tastes import tag_parts

Kind = Literal["event", "more_like", "less_like", "interest", "diversity", "exploration", "context", "attribute"]
"""What can be taken away."""

Named = tuple[Kind, str, str]
"""Kind, target and words of a change."""

_CHUNK = 2000


@dataclass(frozen=True)
class Linear:
    """How far an item is above each other candidate, and what each change takes from that.

    Attributes:
        lead: float32 [p], the item's score less the candidate's.
        taken: float32 [u, p], by how much each change lowers the lead.
        k: How many places the list has.
    """

    lead: np.ndarray[tuple[int], np.dtype[np.float32]]
    taken: np.ndarray[tuple[int, int], np.dtype[np.float32]]
    k: int

    def margin(self, numbers: Sequence[int]) -> float:
        """Return the lead over the k-th best of the others after some changes; below 0 the item is out."""
        if self.k > self.lead.size:
            return np.inf
        left = self.lead - self.taken[list(numbers)].sum(axis=0)
        return float(np.partition(left, self.k - 1)[self.k - 1])

    def singles(self) -> Reals:
        """Return the margin after each single change; float64 [u]."""
        if self.k > self.lead.size:
            return np.full(self.taken.shape[0], np.inf)
        left = np.partition(self.lead - self.taken, self.k - 1, axis=1)
        return left[:, self.k - 1].astype(np.float64)

    def pairs(self, singles: Reals, most: int) -> tuple[list[tuple[int, int]], bool]:
        """Return the pairs after which the item is out, best first, and whether all were looked at.

        Args:
            singles: What ``singles`` returns.
            most: How many pairs to look at.
        """
        size = singles.size
        if size < 2 or self.k > self.lead.size:  # noqa: PLR2004 - a pair
            return [], True
        # A change takes from no lead more than its largest entry, so most pairs cannot be enough.
        largest = self.taken.max(axis=1).astype(np.float64)
        possible = (singles[:, None] < largest[None, :]) & (singles[None, :] < largest[:, None])
        firsts, seconds = np.nonzero(np.triu(possible, 1))
        hopeful = np.argsort(singles[firsts] + singles[seconds], kind="stable")
        complete = hopeful.size <= most
        firsts, seconds = firsts[hopeful[:most]], seconds[hopeful[:most]]
        found: list[tuple[float, int, int]] = []
        for start in range(0, firsts.size, _CHUNK):
            one, two = firsts[start : start + _CHUNK], seconds[start : start + _CHUNK]
            left = self.lead - self.taken[one] - self.taken[two]
            enough = np.flatnonzero(np.count_nonzero(left < 0, axis=1) >= self.k)
            found += [(self.margin((int(one[at]), int(two[at]))), int(one[at]), int(two[at])) for at in enough[:100]]
        return [(first, second) for _, first, second in sorted(found)], complete

    def best_besides(self, chosen: Sequence[int]) -> int:
        """Return the change that lowers the margin most, beside some."""
        lead = self.lead - self.taken[list(chosen)].sum(axis=0) if chosen else self.lead
        margins = Linear(lead, self.taken, self.k).singles()
        margins[list(chosen)] = np.inf
        if np.isinf(margins).all():
            # There are fewer others than places; any will do.
            return next(number for number in range(margins.size) if number not in chosen)
        return int(margins.argmin())


def linear_parts(decision: Decision, position: int) -> tuple[list[Named], Linear]:
    """Return everything that can be taken away, and what it would do to one item's lead by the parts."""
    pool, history = decision.pool, decision.history
    place = int(np.flatnonzero(pool.positions == position)[0])
    rows: dict[Named, Reals] = {}
    totals = history_totals(history, pool, decision.bundle.layout)
    titles = decision.person.titles_at(history.positions.tolist())
    for number, event in enumerate(history.events):
        rows["event", event.item, titles[number]] = totals[number]
    first = len(history.events)
    for number, wish in enumerate(history.wishes, first):
        if wish.control != "similar":
            wanted = "more" if wish.control == "more_like" else "less"
            rows[wish.control, wish.item, f"your wish for {wanted} like {titles[number]}"] = totals[number]
    _add_learned(decision, rows)
    _add_repeated(decision, rows)
    _add_settings(decision, rows)
    _add_circumstances(decision, rows)
    added = np.array(list(rows.values()), np.float64).reshape(len(rows), pool.positions.size)
    others = np.delete(np.arange(pool.positions.size), place)
    lead = decision.scores[place] - decision.scores[others]
    taken = added[:, place : place + 1] - added[:, others]
    return list(rows), Linear(lead.astype(np.float32), taken.astype(np.float32), decision.request.k)


def _add_learned(decision: Decision, rows: dict[Named, Reals]) -> None:
    taste = next((each for each in decision.additions if isinstance(each, Taste)), None)
    if taste is None:
        return
    bundle, person = decision.bundle, decision.person
    values = taste.term.rough_parts(decision.pool.decoder[taste.term.posterior.table])
    events = [*person.liking.events, *person.against]
    titles = person.titles_at([bundle.position(event.item) for event in events])
    for number, event in enumerate(events):
        key: Named = "event", event.item, titles[number]
        rows[key] = values[number] + rows[key] if key in rows else values[number]


def _add_repeated(decision: Decision, rows: dict[Named, Reals]) -> None:
    for key, values in rows.items():
        if key[0] == "event":
            own = decision.pool.positions == decision.bundle.position(key[1])
            if own.any():
                rows[key] = values + own * decision.pool.repeats


def _add_settings(decision: Decision, rows: dict[Named, Reals]) -> None:
    parts = tag_parts(decision.bundle, decision.terms, decision.pool.positions)
    for tag, values in zip(decision.terms, parts, strict=True):
        rows["interest", tag, f"your interest in {tag}"] = values
    if decision.person.steering.diversity:
        rows["diversity", "", "your dial for diversity"] = np.zeros(decision.pool.positions.size)
    if decision.person.steering.exploration and decision.plan.source == "all":
        rows["exploration", "", "your dial for exploration"] = np.zeros(decision.pool.positions.size)


def _add_circumstances(decision: Decision, rows: dict[Named, Reals]) -> None:
    history, declared = decision.history, decision.attributes
    for number, (name, value) in enumerate(history.circumstances):
        kind: Kind = "attribute" if name in declared else "context"
        own = sum(
            (habit.weight * _odds(decision, habit.odds) for habit in history.habits if habit.feature == name), 0.0
        )
        values = history.context_weights[number] * decision.pool.context[number].astype(np.float64) + own
        rows[kind, name, f"{name} being {value}"] = values
    for name in decision.request.context.keys() - dict(history.circumstances).keys():
        # What the model does not know can still matter to a rule.
        rows["context", name, f"{name} being {decision.request.context[name]}"] = np.zeros(decision.pool.positions.size)


def _odds(decision: Decision, odds: Mapping[int, float]) -> Reals:
    return np.array([odds.get(item, 0.0) for item in decision.pool.positions.tolist()])
