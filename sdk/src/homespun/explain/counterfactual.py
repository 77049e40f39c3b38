"""The smallest set of the person's own events, settings and circumstances without which an item leaves a list.

Rules: nothing is claimed that was not executed: each set that is told was taken away, the list made again, and the item
was gone. Which sets are tried, and in which order, follows from the exact parts of the scores (``linear``), which hold
weights and stage decisions fixed: every single change and every pair that could be enough by them, then greedily up to
``MOST_CHANGES``. So a smaller set may exist that works for a reason the parts do not show, and ``executed`` says how
many were tried; that none was found is said as it is.

What is taken away of an item is what the person did with it, as far as it says something of their taste: the item stays
known, and does not come back into the list itself. That is what ``Personalizer.without`` can set, and take back.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from homespun.errors import MisuseError, UnknownItemError
from homespun.explain.explanation import Attribution
from homespun.explain.linear import Kind, Linear, linear_parts
from homespun.protocol.read_only import ReadOnlyDict
from homespun.ranking.decision import Decision, decide
from homespun.ranking.request import Inputs, Request

MOST_CHANGES = 5
"""Changes of the largest set that is tried."""

MOST_EXECUTED = 12
"""Lists that are made again by default."""

MOST_PAIRS = 20_000
"""Pairs that are looked at by the parts."""


@dataclass(frozen=True)
class Change:
    """One thing that is taken away.

    Attributes:
        kind: What it is: everything done with an item (``event``), a setting, a circumstance of the request, or
            something that the person declared.
        target: The item, the tag, or the name; empty for a dial.
        label: What it is, in words.
    """

    kind: Kind
    target: str
    label: str


@dataclass(frozen=True)
class Counterfactual:
    """What would have to be otherwise for an item not to be listed.

    Attributes:
        item: The item.
        k: How many places the list has.
        changes: The changes, each of which is needed; empty if none was found.
        executed: How many lists were made again to find that out.
        exhaustive: Whether no smaller set, and no set at all if none was found, would be enough by the parts, up to two
            changes.
    """

    item: str
    k: int
    changes: tuple[Change, ...]
    executed: int
    exhaustive: bool

    @property
    def found(self) -> bool:
        """Whether there is an answer."""
        return bool(self.changes)

    def __str__(self) -> str:
        if not self.changes:
            return f"none found within {MOST_CHANGES} changes: it would stay among the first {self.k}"
        told = [change.label for change in self.changes]
        named = told[0] if len(told) == 1 else f"{', '.join(told[:-1])} and {told[-1]}"
        return f"without {named} it would not be among the first {self.k}"


def counterfactual(decision: Decision, item: str, executions: int = MOST_EXECUTED) -> Counterfactual:
    """Return the smallest set within the search that takes an item out of a decision's list.

    Args:
        decision: The decision.
        item: A listed item.
        executions: How many lists are made again at most.

    Raises:
        UnknownItemError: The item is not in the bundle, or not in the list.
    """
    position = decision.bundle.position(item)
    if position not in decision.ranked.positions:
        raise UnknownItemError(f"{item!r} is not in the list, so there is nothing that keeps it there.")
    changes, linear = linear_parts(decision, position)
    search = _Search(decision, position, [Change(*each) for each in changes], linear, executions)
    found = search.smallest()
    return Counterfactual(item, decision.request.k, found, search.executed, exhaustive=search.exhaustive)


def without(inputs: Inputs, request: Request, changes: Iterable[Change]) -> tuple[Inputs, Request]:
    """Return what a list is made from when some of it is taken away."""
    steering, attributes, context = inputs.steering, dict(inputs.attributes), dict(request.context)
    for change in changes:
        gone = frozenset({change.target})
        if change.kind == "event":
            steering = replace(steering, ignored_items=steering.ignored_items | gone)
        elif change.kind == "more_like":
            steering = replace(steering, more_like=steering.more_like - gone)
        elif change.kind == "less_like":
            steering = replace(steering, less_like=steering.less_like - gone)
        elif change.kind == "interest":
            kept = {tag: weight for tag, weight in steering.interests.items() if tag != change.target}
            steering = replace(steering, interests=ReadOnlyDict(kept))
        elif change.kind == "diversity":
            steering = replace(steering, diversity=0.0)
        elif change.kind == "exploration":
            steering = replace(steering, exploration=None)
        elif change.kind == "context":
            context.pop(change.target, None)
        else:
            attributes.pop(change.target, None)
    changed = replace(inputs, steering=steering, attributes=ReadOnlyDict(attributes))
    return changed, replace(request, context=ReadOnlyDict(context), asked=None)


def changes_of(reason: Counterfactual | Change | Attribution) -> tuple[Change, ...]:
    """Return what a reason says could be taken away.

    Raises:
        MisuseError: It is none, or nothing that the person can take away.
    """
    if isinstance(reason, Counterfactual):
        if not reason.found:
            raise MisuseError(
                "nothing was found that takes the item out of the list, so there is nothing to set; "
                "give one of its attributions instead."
            )
        return reason.changes
    if isinstance(reason, Change):
        return (reason,)
    if not isinstance(reason, Attribution):
        raise MisuseError(f"a reason is of type {type(reason).__name__}; give an attribution or a counterfactual.")
    kind = _kind_of(reason)
    if kind is None:
        raise MisuseError(f"{reason.label!r} is nothing that you did or set, so it cannot be taken away.")
    if kind == "context":
        return (Change(kind, reason.title or reason.component or "", reason.label),)
    target = reason.target if reason.event is None else reason.event.item
    return (Change(kind, target or "", reason.label),)


def _kind_of(part: Attribution) -> Kind | None:
    if part.event is not None or part.source == "repeat":
        return "event"
    if part.control is not None and part.control != "similar":
        return part.control
    return "context" if part.source == "context" else None


class _Search:
    def __init__(
        self, decision: Decision, position: int, changes: Sequence[Change], linear: Linear, executions: int
    ) -> None:
        self._decision = decision
        # Beside the one in use, which remembers the person as they are.
        self._compiled = decision.compiled.beside(decision.person)
        self._position = position
        self._changes = changes
        self._linear = linear
        self._left = executions
        self.executed = 0
        self.exhaustive = True

    def smallest(self) -> tuple[Change, ...]:
        """Return the changes of the first set that works; none if none was found."""
        for numbers in self._sets():
            if not self._left:
                self.exhaustive = False
                return ()
            if self._works(numbers):
                return tuple(self._changes[number] for number in self._pruned(numbers))
        return ()

    def _sets(self) -> Iterator[tuple[int, ...]]:
        linear = self._linear
        if not self._changes:
            return
        singles = linear.singles()
        yield from [(number,) for number in np.argsort(singles, kind="stable").tolist() if singles[number] < 0]
        # What adds to no score can move items all the same: a dial, or a circumstance that only rules know.
        unseen = np.flatnonzero(~linear.taken.any(axis=1)).tolist()
        yield from [(number,) for number in unseen if singles[number] >= 0 and self._changes[number].kind != "event"]
        pairs, complete = linear.pairs(singles, MOST_PAIRS)
        self.exhaustive = complete
        yield from pairs
        chosen: tuple[int, ...] = ()
        for _ in range(min(MOST_CHANGES, len(self._changes))):
            chosen = (*chosen, linear.best_besides(chosen))
            # Fewer were tried already, where they could work by the parts.
            if len(chosen) > 2 or linear.margin(chosen) >= 0:  # noqa: PLR2004 - more than a pair
                yield chosen

    def _works(self, numbers: Sequence[int]) -> bool:
        decision = self._decision
        self._left -= 1
        self.executed += 1
        gone = [self._changes[number] for number in numbers]
        inputs, request = without(decision.person.inputs, decision.request, gone)
        made = decide(self._compiled, inputs, request)
        return self._position not in made.ranked.positions

    def _pruned(self, numbers: Sequence[int]) -> Sequence[int]:
        """Return a set that works without what it does not need: greedy choices can turn out to be too many."""
        kept = list(numbers)
        for number in numbers if len(numbers) > 1 else ():
            fewer = [each for each in kept if each != number]
            if self._left and fewer and self._works(fewer):
                kept = fewer
        return kept
