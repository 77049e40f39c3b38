"""What a record's list is made from, made again with its bundle; and made once more without the main reason.

The main reason of a list is what the person did or set that adds most to the scores of what is listed. Without it the
list is made again, by the same code, and compared; nothing is estimated.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from homespun.errors import MisuseError, RecordError
from homespun.explain.attribution import attributions_of
from homespun.explain.counterfactual import Change, Counterfactual, changes_of, counterfactual, without
from homespun.explain.explaining import reasons
from homespun.explain.explanation import Attribution
from homespun.explain.recording import inputs_of
from homespun.explain.verifying import Verifier
from homespun.explain.wording import DEFAULT, Wording
from homespun.model.bundle import Bundle
from homespun.protocol.policy import Policy
from homespun.protocol.read_only import ReadOnlyDict
from homespun.protocol.records import ExplanationRecord
from homespun.ranking.decision import Decision, decide
from homespun.ranking.default import DEFAULT as DEFAULT_POLICY
from homespun.ranking.surfaces import Compiled


@dataclass(frozen=True)
class Executed:
    """What a list would have been without its main reason.

    Attributes:
        change: The main reason; None: nothing that the person did or set adds to it.
        before: The list's items.
        after: Those of the list without it.
        items: For each listed item, without what it would not be listed.
    """

    change: Change | None
    before: tuple[str, ...]
    after: tuple[str, ...]
    items: tuple[Counterfactual, ...]

    @property
    def gone(self) -> tuple[str, ...]:
        """The items that would not be listed."""
        return tuple(item for item in self.before if item not in self.after)

    @property
    def come(self) -> tuple[str, ...]:
        """The items that would be listed instead."""
        return tuple(item for item in self.after if item not in self.before)


def opened(folder: Path) -> Bundle:
    """Verify and load a bundle, which is the caller's to close.

    Raises:
        BundleError: It is damaged.
    """
    return Bundle.open(folder)


class Remaker:
    """Makes the lists of one bundle's records again."""

    def __init__(
        self, bundle: Bundle, policies: Iterable[Policy] = (), titles: Mapping[str, str] = ReadOnlyDict()
    ) -> None:
        """Make ready.

        Args:
            bundle: The bundle, which stays the caller's to close.
            policies: Policies that lists were made by, beside the bundle's own and the default one.
            titles: What items are called, in place of the bundle's titles and of items that it does not have. Records
                are compared with what the bundle says.
        """
        self.bundle = bundle
        self.titles = titles
        titled = bundle.with_titles(titles)
        given = tuple(policies)
        self._verifier = Verifier(bundle, given)
        own = [bundle.policy] if bundle.policy else []
        self._compiled = {
            found.identity: found for found in (Compiled(titled, policy) for policy in (*given, *own, DEFAULT_POLICY))
        }

    def remade(self, record: ExplanationRecord) -> Decision:
        """Return a record's decision, made again.

        Raises:
            RecordError: It does not come out as it was recorded, so there is nothing to explain by it.
        """
        self._verifier.check(record)
        compiled = self._compiled.get(record.policy or "")
        if compiled is None:
            raise RecordError("the record's policy is not known.")
        inputs, request = inputs_of(record)
        return decide(compiled.beside(), inputs, request)

    def executed(self, decision: Decision) -> Executed:
        """Return what a decision's list would have been without its main reason."""
        change = main_reason(decision)
        before = _listed(decision)
        after = before if change is None else _listed(_made_without(decision, change))
        return Executed(change, before, after, tuple(counterfactual(decision, item) for item in before))

    def called(self, items: Iterable[str]) -> dict[str, str]:
        """Return titles of items, those without one left out."""
        found = {item: self.bundle.title(item) for item in items if item in self.bundle}
        return found | {item: self.titles[item] for item in items if item in self.titles}

    def reasons(self, decision: Decision, wording: Wording = DEFAULT) -> list[str]:
        """Return the main reason of every listed item, in words; by default those that records have."""
        return reasons(decision, wording)


def parts_of(decision: Decision) -> Iterator[tuple[Attribution, ...]]:
    """Yield the parts of every listed item's score, largest first."""
    for place in range(decision.ranked.positions.size):
        yield attributions_of(decision, decision.ranked.take(np.array([place], np.int64)))


def main_reason(decision: Decision) -> Change | None:
    """Return what adds most to a list's scores among what the person could take away; None: nothing adds to them."""
    sums: dict[tuple[str, str], float] = {}
    named: dict[tuple[str, str], Change] = {}
    for part in (each for parts in parts_of(decision) for each in parts):
        for change in _changes(part):
            key = (change.kind, change.target)
            sums[key] = sums.get(key, 0.0) + part.value
            named.setdefault(key, change)
    best = max(sums, key=lambda key: (sums[key], key), default=None)
    return named[best] if best is not None and sums[best] > 0 else None


def _changes(part: Attribution) -> tuple[Change, ...]:
    try:
        return changes_of(part)
    except MisuseError:  # the same for everybody, or a stage's: nothing to take away
        return ()


def _made_without(decision: Decision, change: Change) -> Decision:
    inputs, request = without(decision.person.inputs, decision.request, [change])
    return decide(decision.compiled.beside(decision.person), inputs, request)


def _listed(decision: Decision) -> tuple[str, ...]:
    return tuple(decision.bundle.items[position] for position in decision.ranked.positions.tolist())
