"""A ranked list together with everything that it was made from.

Where personal data may not be used, because the person did not allow it or a control forbids it, neither
events nor tastes nor what was shown are looked at, whatever the caller passes. What the person hid stays
hidden in such a list too: an instruction is no profile.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from homespun.model.arguments import as_list, item_ids, list_length
from homespun.model.bundle import Bundle
from homespun.model.scoring import History, Pool, Positions
from homespun.protocol.controls import NEUTRAL, Refusal, Steering
from homespun.protocol.events import ContextValue, Event
from homespun.protocol.read_only import ReadOnlyDict
from homespun.ranking.candidates import steered_candidates
from homespun.ranking.constraints import Bar, bars_of, capped_items
from homespun.ranking.diversity import pool_size, spread_out
from homespun.ranking.tastes import interest_terms, local_terms, tag_parts, with_wishes


@dataclass(frozen=True)
class Decision:
    """One ranked list and its inputs, kept unchanged for explanations.

    Attributes:
        bundle: The bundle that scored.
        history: The model's input; empty if nothing that is known is a like of one of its items.
        allowed: Whether personal data may be used: the person allowed it and no control forbids it.
        personalized: Whether personal data was used: whether there was any and it was allowed. What is
            hidden and the diversity are settings, not personal data in this sense.
        time: When it was made, seconds since 1970.
        ranked: The items, best first, with their scores and rows.
        refusal: The control that forbids personal data; None if none does.
        terms: What each edited interest adds to the items that carry its tag.
        capped: The items of the bundle that were kept out because they were shown too often, by id.
        places: int64 [p], each item's place by score alone, from 0; None if nothing was moved.
        bars: What keeps the only item, which was asked for by name, out of lists; empty for a list.
    """

    bundle: Bundle
    history: History
    allowed: bool
    personalized: bool
    time: float
    ranked: Pool
    refusal: Refusal | None = None
    terms: Mapping[str, float] = field(default_factory=ReadOnlyDict)
    capped: tuple[str, ...] = ()
    places: Positions | None = None
    bars: tuple[Bar, ...] = ()


def decide(
    bundle: Bundle,
    events: Iterable[Event] | None,
    *,
    k: int,
    now: float,
    exclude: Iterable[str] = (),
    exclude_seen: bool = True,
    steering: Steering = NEUTRAL,
    shown: Mapping[str, int] | None = None,
    context: Mapping[str, ContextValue] | None = None,  # noqa: ARG001 - see the docstring
) -> Decision:
    """Rank for a person's events and controls.

    Args:
        bundle: The bundle.
        events: The person's events, or None if they may not be used. No events make a list that is the
            same for everybody.
        k: How many items.
        now: Time of the request, seconds since 1970.
        exclude: Items that must not appear.
        exclude_seen: Whether items with an event, and those that more is wanted like of, are left out.
        steering: What the person set.
        shown: How often each item was shown in the days that the frequency cap counts.
        context: Circumstances of the request. No component of contract 1 depends on them.

    Raises:
        MisuseError: If ``k`` is not a whole number from 1 up, ``exclude`` not ids of items, or ``shown`` not
            a mapping.
    """
    excluded, length = item_ids("exclude", exclude), list_length(k)
    basis = _basis(bundle, events, steering, shown)
    # Who wants more like an item knows it.
    seen = (*(event.item for event in basis.known), *basis.steering.more_like) if exclude_seen else ()
    left_out = excluded.union(seen)
    if not basis.steering.changes_lists:
        return _decision(basis, now, bundle.candidates(basis.history, length, left_out))
    capped = tuple(item for item in basis.capped if item not in left_out)
    left_out = left_out.union(basis.steering.hidden_items, capped)
    ranked, places = _steered(basis, left_out, length)
    return _decision(basis, now, ranked, capped=capped, places=places)


def decide_one(
    bundle: Bundle,
    events: Iterable[Event] | None,
    item: str,
    *,
    now: float,
    steering: Steering = NEUTRAL,
    shown: Mapping[str, int] | None = None,
) -> Decision:
    """Score one item for a person's events and controls, whether or not it would be listed.

    Raises:
        UnknownItemError: If the bundle does not have the item.
        MisuseError: If ``shown`` is not a mapping.
    """
    position = np.array([bundle.position(item)], np.int64)
    basis = _basis(bundle, events, steering, shown)
    scored = bundle.scorer.score(basis.history, position)
    if basis.terms:
        scored = replace(scored, scores=scored.scores + tag_parts(bundle, basis.terms, position).sum(axis=0))
    return _decision(basis, now, scored, bars=bars_of(bundle, basis.steering, item, basis.capped))


@dataclass(frozen=True)
class _Basis:
    """What a decision may use, and the model's input made from it.

    Attributes:
        bundle: The bundle.
        known: The events.
        history: The model's input.
        steering: What holds of the controls.
        terms: What each edited interest adds.
        capped: Items of the bundle that were shown too often, with how often.
        allowed: Whether personal data may be used.
        refusal: The control that forbids it.
    """

    bundle: Bundle
    known: list[Event]
    history: History
    steering: Steering
    terms: Mapping[str, float]
    capped: dict[str, int]
    allowed: bool
    refusal: Refusal | None


def _basis(
    bundle: Bundle, events: Iterable[Event] | None, steering: Steering, shown: Mapping[str, int] | None
) -> _Basis:
    refusal = steering.refusal
    allowed = events is not None and refusal is None
    known = [] if events is None or refusal else as_list("events", events)
    usable = steering if allowed else steering.without_personal_data()
    likes = bundle.history(known)
    history = with_wishes(bundle, likes, usable)
    terms = interest_terms(bundle, likes, history, usable)
    capped = capped_items(bundle, usable, shown)
    return _Basis(bundle, known, history, usable, terms, capped, allowed, refusal)


def _steered(basis: _Basis, left_out: Iterable[str], length: int) -> tuple[Pool, Positions | None]:
    """Return the list, and each item's place by score alone if some were moved."""
    diversity = basis.steering.diversity
    if not diversity:
        return _candidates(basis, left_out, length), None
    pool = _candidates(basis, left_out, pool_size(length))
    places = spread_out(basis.bundle, pool, length, diversity)
    return pool.take(places), places


def _candidates(basis: _Basis, left_out: Iterable[str], count: int) -> Pool:
    bundle, tags = basis.bundle, basis.steering.hidden_tags
    if not tags and not basis.terms:
        return bundle.candidates(basis.history, count, left_out)
    hidden = [bundle.tagged(tag) for tag in tags]
    local = local_terms(bundle, basis.terms) if basis.terms else None
    return steered_candidates(bundle, basis.history, count, bundle.positions_of(left_out), hidden, local)


def _decision(
    basis: _Basis,
    now: float,
    ranked: Pool,
    *,
    capped: tuple[str, ...] = (),
    places: Positions | None = None,
    bars: tuple[Bar, ...] = (),
) -> Decision:
    # Any event counts, also of an unknown or a disliked item: it was read, and it can change a list by what
    # is left out. A list and the explanation of an item must not say different things of the same events.
    personal = bool(basis.known or basis.steering.has_tastes or basis.capped)
    return Decision(
        bundle=basis.bundle,
        history=basis.history,
        allowed=basis.allowed,
        personalized=personal,
        time=now,
        ranked=ranked,
        refusal=basis.refusal,
        terms=basis.terms,
        capped=capped,
        places=places,
        bars=bars,
    )
