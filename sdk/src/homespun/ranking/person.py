"""What follows from a person's events and settings alone, whatever they are shown: computed once, when first needed.

A new event, or another setting, makes a new person. Pure: nothing here reads a clock, a disk or a profile.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from homespun.model.arguments import as_list
from homespun.model.bundle import Bundle
from homespun.model.foldin import Evidence, Liking
from homespun.model.history import History, Positions, in_favour
from homespun.model.scoring import Query
from homespun.protocol.events import ContextValue, Event, in_order
from homespun.protocol.policy.conditions import LifecycleStage
from homespun.protocol.policy.policy import Lifecycle
from homespun.protocol.policy.stages import Learning
from homespun.protocol.read_only import ReadOnlyDict
from homespun.ranking.learning import Learner, LearningRule, Posterior, Returns
from homespun.ranking.lifecycle import Visits
from homespun.ranking.request import Inputs
from homespun.ranking.rules import Past
from homespun.ranking.tastes import interest_terms, wishes_of

_MOST_HISTORIES = 64
"""Circumstances in which a person's history is remembered."""


class Seen(NamedTuple):
    """The latest event of each kind with each known item; e of them.

    Attributes:
        positions: int64 [e].
        kinds: Their kinds.
        kind: int64 [e], which of these each has.
        times: float64 [e], seconds since 1970; −∞ where no event of the kind with the item has a time.
    """

    positions: Positions
    kinds: tuple[str, ...]
    kind: Positions
    times: NDArray[np.float64]


class Person:
    """Somebody as one bundle sees them. Immutable but for what it remembers, and safe for several threads.

    Attributes:
        bundle: The bundle, with local items on top.
        refusal: The control that forbids personal data; None if none does.
        allowed: Whether personal data may be used.
        known: The events that may be used.
        steering: What holds of the controls.
    """

    def __init__(self, bundle: Bundle, inputs: Inputs, base: "Person | None" = None) -> None:
        """Look at what may be used.

        Args:
            bundle: The bundle, with local items on top.
            inputs: What is known of them.
            base: The same person by other settings: what follows from the events alone is not worked out again.

        Raises:
            MisuseError: If something else than an Event is among the events.
        """
        self.bundle = bundle
        self.inputs = inputs
        self.refusal = inputs.steering.refusal
        self.allowed = inputs.allowed
        self.known: list[Event] = as_list("events", inputs.events or ()) if self.allowed else []
        self.steering = inputs.steering if self.allowed else inputs.steering.without_personal_data()
        self._base = base
        self._query: Query | None = None
        self._titles: dict[int, str] = {}
        self._histories: dict[tuple[tuple[str, str], ...], History] = {}
        self._learned: dict[LearningRule, tuple[Posterior | None, Returns | None]] = {}

    @property
    def _same(self) -> "Person | None":
        """The base, if it has the same events, which may be used."""
        base = self._base
        if base is None or not base.allowed or not self.allowed or base.inputs.events is not self.inputs.events:
            return None
        return base

    @property
    def declared(self) -> Mapping[str, ContextValue]:
        """What they declare about themselves, as far as it may be used."""
        return self.inputs.attributes if self.allowed else ReadOnlyDict()

    def history(self, context: Mapping[str, ContextValue]) -> History:
        """Return the model's input in the circumstances of a request; the same object for the same ones."""
        together = {**self.declared, **context}
        named = self.bundle.circumstances(together)
        found = self._histories.get(named)
        if found is None:
            found = self.bundle.in_circumstances(self.liking, together)
            if len(self._histories) >= _MOST_HISTORIES:
                self._histories.clear()
            self._histories[named] = found
        return found

    def query(self, history: History) -> Query:
        """Return what scores for a history; the rows of the latest one that was weighed alike are not read again."""
        last = self._query
        if last is None or last.history.weights is not history.weights:
            last = self.bundle.scorer.query(history)
        found = self._query = last.in_circumstances(history)
        return found

    @cached_property
    def evidence(self) -> Evidence:
        """What all their events say of their taste."""
        return self.bundle.evidence(self.known) if self._same is None else self._same.evidence

    @cached_property
    def liking(self) -> Liking:
        """What they like, without the items that they took out of it."""
        wishes = wishes_of(self.bundle, self.steering)
        return self.bundle.liking(self.evidence.without(self.steering.ignored_items), wishes)

    def titles_at(self, positions: Sequence[int]) -> list[str]:
        """Return titles of items that they have to do with, each of which is read once."""
        missing = [position for position in positions if position not in self._titles]
        if missing:
            self._titles.update(zip(missing, self.bundle.titles_at(missing), strict=True))
        return [self._titles[position] for position in positions]

    @cached_property
    def used(self) -> list[Event]:
        """The events that say what they like: without those of items that they took out of it."""
        ignored = self.steering.ignored_items
        return [event for event in self.known if event.item not in ignored] if ignored else self.known

    @cached_property
    def liked(self) -> Positions:
        """What they like by their events alone, oldest first; int64 [h]."""
        events = self.evidence.without(self.steering.ignored_items).liked[-self.bundle.manifest.history.max_items :]
        return np.array([self.bundle.position(event.item) for event in events], np.int64)

    def interests(self, history: History) -> Mapping[str, float]:
        """Return what each edited interest adds to an item that carries the tag."""
        if not self.steering.interests:
            return ReadOnlyDict()
        return interest_terms(self.bundle, self.liked, history, self.steering)

    @cached_property
    def past(self) -> Past:
        """Their events, for conditions that count them."""
        return Past(self.known, self.bundle) if self._same is None else self._same.past

    @cached_property
    def likes(self) -> int:
        """How many distinct items they like."""
        return len(self.liking.events)

    @cached_property
    def _visits(self) -> Visits:
        return Visits.of(self.known) if self._same is None else self._same._visits  # noqa: SLF001 - of the same class

    def lifecycle(self, now: float, rule: Lifecycle) -> LifecycleStage | None:
        """Return where they stand; None where personal data may not be used."""
        return self._visits.stage(self.likes, now, rule) if self.allowed else None

    @cached_property
    def disliked_events(self) -> tuple[Event, ...]:
        """The last event of each known item whose last event speaks against it, oldest first."""
        if self._same is not None:
            return self._same.disliked_events
        negative = frozenset(self.bundle.manifest.history.negative_kinds)
        last: dict[str, Event] = {}
        for event in in_order(self.known) if negative else ():
            last.pop(event.item, None)
            last[event.item] = event
        return tuple(event for item, event in last.items() if event.kind in negative and item in self.bundle)

    @cached_property
    def disliked(self) -> Positions:
        """Their items; int64 [m]."""
        return np.array([self.bundle.position(event.item) for event in self.disliked_events], np.int64)

    @property
    def against(self) -> tuple[Event, ...]:
        """The events of ``disliked_events`` that say something about taste."""
        return tuple(event for event in self.disliked_events if event.item not in self.steering.ignored_items)

    @cached_property
    def seen(self) -> Seen:
        """What they have events with."""
        if self._same is not None:
            return self._same.seen
        bundle, latest = self.bundle, dict[tuple[str, str], float]()
        for event in self.known:
            key, time = (event.item, event.kind), -np.inf if event.time is None else event.time
            latest[key] = max(time, latest.get(key, -np.inf))
        entries = [(bundle.position(item), kind, time) for (item, kind), time in latest.items() if item in bundle]
        kinds = {kind: number for number, kind in enumerate(dict.fromkeys(kind for _, kind, _ in entries))}
        return Seen(
            positions=np.array([position for position, _, _ in entries], np.int64),
            kinds=tuple(kinds),
            kind=np.array([kinds[kind] for _, kind, _ in entries], np.int64),
            times=np.array([time for _, _, time in entries], np.float64),
        )

    def learned(self, learner: Learner | None, stage: Learning) -> tuple[Posterior | None, Returns | None]:
        """Return what the device learned of them: their lasting taste, and how they come back to things."""
        rule = replace(
            LearningRule(),
            weight=LearningRule.weight * stage.weight,
            return_weight=LearningRule.return_weight * stage.weight,
            least_events=stage.least_events,
            full_events=max(stage.least_events, LearningRule.full_events),
        )
        if rule not in self._learned:
            self._learned[rule] = self._learn(learner, rule)
        return self._learned[rule]

    def _learn(self, learner: Learner | None, rule: LearningRule) -> tuple[Posterior | None, Returns | None]:
        bundle = self.bundle
        known = {event.item: bundle.position(event.item) for event in self.used if event.item in bundle}
        returns = None
        if bundle.manifest.repeats is not None:
            returns = Returns.of(bundle, in_favour(self.used, known, bundle.manifest.history), rule)
        against = np.array([bundle.position(event.item) for event in self.against], np.int64)
        posterior = None if learner is None else learner.learn(self.liking, against, rule)
        return posterior, returns

    @cached_property
    def tag_shares(self) -> Mapping[str, float]:
        """The share of each tag in what they like, an item's share of each of its tags being 1 by their number."""
        liked = self.liked.tolist()
        shares: dict[str, float] = {}
        for tags in self.bundle.tags_of(liked):
            for tag in set(tags):
                shares[tag] = shares.get(tag, 0.0) + 1 / len(set(tags))
        total = sum(shares.values())
        return ReadOnlyDict({tag: share / total for tag, share in sorted(shares.items())} if total else {})
