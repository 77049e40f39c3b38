"""The course of a request: where it is, what was done, and what is missing.

Rules:

- A request is worked on only after it was accepted, and accepted only after identity was settled, where the rules ask.
- It closes only with evidence: for every store of its frozen data map an effect with a level, or a reason why nothing
  is there. Devices that have not answered, and models that are to be made again, are ``pending`` and never done: it
  then stays open, or closes as ``closed_pending`` where its rules allow.
- A request for an explanation closes only with one, or with the reason and evidence why there is none.
- A deadline moves once, forward, with a reason and with evidence that the person was told before the first one.

Pure: moments are given. Non-goal: who may do what; that is the roles' table.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import msgspec

from homespun_server.compliance.requests.calendar import deadline
from homespun_server.compliance.requests.effects import (
    DEVICES,
    EXPLANATIONS,
    MODELS,
    Effect,
    of_devices,
    of_models,
)
from homespun_server.compliance.requests.profile import Rules

State = Literal[
    "received",
    "identified",
    "accepted",
    "refused",
    "working",
    "partial",
    "completed",
    "closed",
    "closed_pending",
    "withdrawn",
]

What = Literal[
    "opened",
    "confirmed",
    "identified",
    "accepted",
    "refused",
    "withdrawn",
    "extended",
    "working",
    "began",
    "effect",
    "asked",
    "answered",
    "scheduled",
    "retrained",
    "exported",
    "unexplained",
    "closed",
    "lifted",
    "returned",
]

ENDED: frozenset[State] = frozenset({"refused", "withdrawn", "closed", "closed_pending"})
"""States in which nothing waits for the operator any more."""

WORKED: frozenset[State] = frozenset({"working", "partial", "completed"})

COPIES = frozenset({"access", "portability", "explanation"})
"""Kinds whose answer is a copy, so that they close only once one was made."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to a request.

    Attributes:
        sequence: Its place, from 1.
        moment: ISO 8601, UTC; the server's clock.
        who: Who did it.
        role: In which role.
        what: What happened.
        detail: What else belongs to it.
    """

    sequence: int
    moment: str
    who: str
    role: str
    what: What
    detail: dict[str, object]


@dataclass(frozen=True, kw_only=True)
class Course:
    """What the events of a request add up to.

    Attributes:
        rules: As they were when it was opened.
        connectors: The stores of the data map, by name, as they were then.
        received: When the clock started.
        due: Until when it is answered.
        confirm_by: Until when receipt is confirmed; None: nothing is said.
        state: Where it is.
        sequence: How many events there were.
        confirmed: Whether receipt was confirmed.
        extended: Whether the deadline was extended.
        effects: The last effect by store.
        began: Most records that were found in a store before it was worked on.
        devices: Whether each device that was asked has answered.
        declined: Devices on which the person declined what was asked.
        models: The models that are to be made again, and the bundle that was made instead.
        pipelines: What makes them, by bundle, where that is known.
        copied: Whether a copy was made.
        lifted: Whether a restriction was lifted; what was done for it before stays in the record.
    """

    rules: Rules
    connectors: tuple[str, ...]
    received: datetime
    due: datetime
    confirm_by: datetime | None
    state: State = "received"
    sequence: int = 0
    confirmed: bool = False
    extended: bool = False
    effects: Mapping[str, Effect] = field(default_factory=dict)
    began: Mapping[str, int] = field(default_factory=dict)
    devices: Mapping[str, bool] = field(default_factory=dict)
    declined: frozenset[str] = frozenset()
    models: Mapping[str, str | None] = field(default_factory=dict)
    pipelines: Mapping[str, str] = field(default_factory=dict)
    copied: bool = False
    lifted: bool = False

    @property
    def next(self) -> datetime | None:
        """The next deadline; None: nothing waits for the operator."""
        if self.state in ENDED:
            return None
        if self.confirm_by is not None and not self.confirmed:
            return min(self.confirm_by, self.due)
        return self.due

    @property
    def waiting(self) -> tuple[str, ...]:
        """The devices that have not answered."""
        return tuple(sorted(device for device, answered in self.devices.items() if not answered))

    @property
    def untrained(self) -> tuple[str, ...]:
        """The models that were not made again yet."""
        return tuple(sorted(bundle for bundle, evidence in self.models.items() if evidence is None))

    def outcome(self, connector: str) -> Effect | None:
        """Return how things stand with a store; None: nothing was recorded."""
        if connector == DEVICES and self.devices:
            return of_devices(len(self.devices), len(self.waiting), len(self.declined))
        if connector == MODELS and self.models:
            return of_models(len(self.models), self.untrained, self.pipelines)
        return self.effects.get(connector)

    @property
    def missing(self) -> tuple[str, ...]:
        """The stores without evidence, in the data map's order."""
        found = ((name, self.outcome(name)) for name in self.connectors)
        return tuple(name for name, effect in found if effect is None or not effect.final)

    @property
    def only_pending(self) -> bool:
        """Whether all that is missing waits for others than the operator: nobody else makes an explanation."""
        found = [self.outcome(name) for name in self.missing]
        return (
            bool(found)
            and EXPLANATIONS not in self.missing
            and all(each is not None and each.outcome == "pending" for each in found)
        )


def opening(rules: Rules, connectors: tuple[str, ...], received: datetime) -> Course:
    """Return the course of a request that was just received.

    Args:
        rules: What goes for it.
        connectors: The stores of the data map.
        received: The server's time of receipt.
    """
    terms = rules.confirmation
    return Course(
        rules=rules,
        connectors=connectors,
        received=received,
        due=deadline(received, (rules.answer,), rules.calendar),
        confirm_by=None if terms is None else deadline(received, (terms,), rules.calendar),
        # Where nobody's identity is checked, there is nothing to wait for.
        state="received" if rules.identity else "identified",
        sequence=1,
    )


def extended_due(course: Course) -> datetime:
    """Return until when it is answered if it is extended; never earlier than now."""
    rules = course.rules
    terms = (rules.answer,) if rules.extension is None else (rules.answer, rules.extension)
    return max(course.due, deadline(course.received, terms, rules.calendar))
