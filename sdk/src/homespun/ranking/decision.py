"""A ranked list together with everything that it was made from."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from homespun.model.bundle import Bundle
from homespun.model.scoring import History, Pool
from homespun.protocol.events import Event


@dataclass(frozen=True)
class Decision:
    """One ranked list and its inputs, kept unchanged for explanations.

    Attributes:
        bundle: The bundle that scored.
        history: The model's input; empty if the list is not personalized.
        allowed: Whether the person allowed that personal data is used.
        personalized: Whether personal data was used.
        time: When it was made, seconds since 1970.
        ranked: Positions and scores, best first.
    """

    bundle: Bundle
    history: History
    allowed: bool
    personalized: bool
    time: float
    ranked: Pool


def decide(
    bundle: Bundle,
    events: Iterable[Event] | None,
    *,
    k: int,
    now: float,
    exclude: Iterable[str] = (),
    exclude_seen: bool = True,
) -> Decision:
    """Rank for a person's events.

    The list counts as personalized as soon as personal data can have changed it: through the history or
    by leaving out what was seen.

    Args:
        bundle: The bundle.
        events: The person's events, or None if they may not be used. No events make a list that is the
            same for everybody.
        k: How many items.
        now: Time of the request, seconds since 1970.
        exclude: Items that must not appear.
        exclude_seen: Whether items with an event are left out.

    Raises:
        MisuseError: If ``k`` is not positive.
    """
    known = [] if events is None else list(events)
    history = bundle.history(known)
    seen = {event.item for event in known} if exclude_seen else set()
    ranked = bundle.candidates(history, k, {*exclude, *seen})
    return Decision(bundle, history, events is not None, bool(history.events or seen), now, ranked)


def decide_one(bundle: Bundle, events: Iterable[Event] | None, item: str, *, now: float) -> Decision:
    """Score one item for a person's events, whether or not it would be listed.

    Raises:
        UnknownItemError: If the bundle does not have the item.
    """
    history = bundle.history([] if events is None else events)
    scored = bundle.scorer.score(history, np.array([bundle.position(item)], np.int64))
    return Decision(bundle, history, events is not None, bool(history.events), now, scored)
