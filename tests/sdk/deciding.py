"""Decisions in one line, for tests: what the façade puts together."""

from collections.abc import Iterable, Mapping
from typing import Any

from homespun.model.bundle import Bundle
from homespun.protocol.controls import NEUTRAL, Steering
from homespun.protocol.events import ContextValue, Event
from homespun.protocol.policy import Policy
from homespun.ranking.decision import Decision
from homespun.ranking.decision import decide as make
from homespun.ranking.default import DEFAULT
from homespun.ranking.request import Inputs, Request
from homespun.ranking.surfaces import Compiled


def decide(
    bundle: Bundle,
    events: Iterable[Event] | None,
    *,
    k: int,
    now: float,
    steering: Steering = NEUTRAL,
    attributes: Mapping[str, ContextValue] | None = None,
    policy: Policy = DEFAULT,
    **others: Any,
) -> Decision:
    """Make a list; nothing of the events is read where the controls forbid it."""
    known = events if events is None or steering.refusal else list(events)
    return make(
        Compiled(bundle, policy),
        Inputs(known, steering, attributes or {}),  # type: ignore[arg-type] # an iterator that must not be read
        Request.of(k, now, **others),
    )


def decide_one(bundle: Bundle, events: Iterable[Event] | None, item: str, *, now: float, **others: Any) -> Decision:
    """Make a list and ask about one item."""
    return decide(bundle, events, k=10, now=now, asked=item, **others)
