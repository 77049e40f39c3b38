"""A ranked list together with everything that it was made from."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from homespun.model.arguments import as_list, item_ids
from homespun.model.bundle import Bundle
from homespun.model.scoring import History, Pool
from homespun.protocol.events import Event


@dataclass(frozen=True)
class Decision:
    """One ranked list and its inputs, kept unchanged for explanations.

    Attributes:
        bundle: The bundle that scored.
        history: The model's input; empty if nothing that is known is a like of one of its items.
        allowed: Whether the person allowed that personal data is used.
        personalized: Whether personal data was used: whether there was any and it was allowed.
        time: When it was made, seconds since 1970.
        ranked: The items, best first, with their scores and rows.
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

    Args:
        bundle: The bundle.
        events: The person's events, or None if they may not be used. No events make a list that is the
            same for everybody.
        k: How many items.
        now: Time of the request, seconds since 1970.
        exclude: Items that must not appear.
        exclude_seen: Whether items with an event are left out.

    Raises:
        MisuseError: If ``k`` is not a whole number from 1 up, or ``exclude`` not ids of items.
    """
    excluded = item_ids("exclude", exclude)
    known = [] if events is None else as_list("events", events)
    history = bundle.history(known)
    seen = (event.item for event in known) if exclude_seen else ()
    ranked = bundle.candidates(history, k, excluded.union(seen))
    return _decided(bundle, known, history, ranked, now, allowed=events is not None)


def decide_one(bundle: Bundle, events: Iterable[Event] | None, item: str, *, now: float) -> Decision:
    """Score one item for a person's events, whether or not it would be listed.

    Raises:
        UnknownItemError: If the bundle does not have the item.
    """
    position = bundle.position(item)
    known = [] if events is None else as_list("events", events)
    history = bundle.history(known)
    scored = bundle.scorer.score(history, np.array([position], np.int64))
    return _decided(bundle, known, history, scored, now, allowed=events is not None)


def _decided(
    bundle: Bundle, known: list[Event], history: History, ranked: Pool, now: float, *, allowed: bool
) -> Decision:
    # Any event counts, also of an unknown or a disliked item: it was read, and it can change a list by what
    # is left out. A list and the explanation of an item must not say different things of the same events.
    return Decision(bundle, history, allowed, bool(known), now, ranked)
