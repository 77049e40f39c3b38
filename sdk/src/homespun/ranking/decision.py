"""A ranked list together with everything that it was made from.

Where personal data may not be used, because the person did not allow it or a control forbids it, neither
events nor tastes nor attributes nor what was shown are looked at, whatever the caller passes. What the person
hid stays hidden in such a list too: an instruction is no profile. Nor are the circumstances of the request.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from homespun.model.arguments import as_list, item_ids, list_length
from homespun.model.bundle import Bundle
from homespun.model.candidates import Limits, arranged, best_items
from homespun.model.history import History, Positions
from homespun.model.scoring import Pool, Truths
from homespun.protocol.controls import NEUTRAL, Refusal, Steering
from homespun.protocol.events import ContextValue, Event
from homespun.protocol.read_only import ReadOnlyDict
from homespun.ranking.constraints import Bar, bars_of, capped_items
from homespun.ranking.diversity import pool_size, spread_out
from homespun.ranking.tastes import interest_terms, local_terms, tag_parts, wishes_of


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
        spread: Whether unlike items were put side by side.
        reserved: Places of the list, from 0, that a new item has because they are kept for such.
        attributes: What the person declares about themselves that the scores depend on, as the model names it.
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
    spread: bool = False
    reserved: frozenset[int] = frozenset()
    attributes: Mapping[str, str] = field(default_factory=ReadOnlyDict)
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
    context: Mapping[str, ContextValue] | None = None,
    attributes: Mapping[str, ContextValue] | None = None,
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
        context: Circumstances of the request.
        attributes: What the person declares about themselves; used like circumstances that the request does not have.

    Raises:
        MisuseError: If ``k`` is not a whole number from 1 up, ``exclude`` not ids of items, or ``shown`` not
            a mapping.
    """
    excluded, length = item_ids("exclude", exclude), list_length(k)
    basis = _basis(bundle, events, steering, shown, context, attributes)
    # Who wants more like an item knows it.
    seen = (*(event.item for event in basis.known), *basis.steering.more_like) if exclude_seen else ()
    left_out = excluded.union(seen)
    capped = tuple(item for item in basis.capped if item not in left_out)
    barred = left_out.union(basis.steering.hidden_items, capped)
    ranked, places, reserved = _ranked(basis, _limits(basis, barred, now), length)
    return _decision(basis, now, ranked, capped=capped, places=places, reserved=reserved)


def decide_one(
    bundle: Bundle,
    events: Iterable[Event] | None,
    item: str,
    *,
    now: float,
    steering: Steering = NEUTRAL,
    shown: Mapping[str, int] | None = None,
    attributes: Mapping[str, ContextValue] | None = None,
) -> Decision:
    """Score one item for a person's events and controls, whether or not it would be listed.

    Raises:
        UnknownItemError: If the bundle does not have the item.
        MisuseError: If ``shown`` is not a mapping.
    """
    position = np.array([bundle.position(item)], np.int64)
    basis = _basis(bundle, events, steering, shown, None, attributes)
    scored = bundle.scorer.score(basis.history, position)
    if basis.terms:
        scored = replace(scored, scores=scored.scores + tag_parts(bundle, basis.terms, position).sum(axis=0))
    return _decision(basis, now, scored, bars=bars_of(bundle, basis.steering, item, basis.capped, now))


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
        attributes: What the person declares that the scores depend on.
        allowed: Whether personal data may be used.
        refusal: The control that forbids it.
    """

    bundle: Bundle
    known: list[Event]
    history: History
    steering: Steering
    terms: Mapping[str, float]
    capped: dict[str, int]
    attributes: Mapping[str, str]
    allowed: bool
    refusal: Refusal | None


def _basis(
    bundle: Bundle,
    events: Iterable[Event] | None,
    steering: Steering,
    shown: Mapping[str, int] | None,
    context: Mapping[str, ContextValue] | None,
    attributes: Mapping[str, ContextValue] | None,
) -> _Basis:
    refusal = steering.refusal
    allowed = events is not None and refusal is None
    known = [] if events is None or refusal else as_list("events", events)
    usable = steering if allowed else steering.without_personal_data()
    declared = {name: value for name, value in (attributes or {}).items() if allowed and name not in (context or {})}
    wishes = wishes_of(bundle, usable)
    history = bundle.history(known, {**declared, **(context or {})}, wishes)
    terms = interest_terms(bundle, bundle.liked(known), history, usable) if usable.interests else ReadOnlyDict()
    return _Basis(
        bundle=bundle,
        known=known,
        history=history,
        steering=usable,
        terms=terms,
        capped=capped_items(bundle, usable, shown),
        attributes=ReadOnlyDict({name: value for name, value in history.circumstances if name in declared}),
        allowed=allowed,
        refusal=refusal,
    )


def _ranked(basis: _Basis, limits: Limits, length: int) -> tuple[Pool, Positions | None, frozenset[int]]:
    """Return the list; each item's place by score alone, if some were moved; and the places given to new items."""
    bundle, diversity = basis.bundle, basis.steering.diversity
    new_items = bundle.manifest.new_items
    pool = best_items(bundle.scorer.query(basis.history), pool_size(length) if diversity else length, limits)
    usual = np.arange(pool.positions.size, dtype=np.int64)
    if diversity:
        usual = spread_out(bundle, pool, length, diversity, basis.history.level)
    places = arranged(pool, usual, length, new_items)
    moved = bool(diversity) or not np.array_equal(places, usual[: places.size])
    reserved = frozenset(
        place
        for place in range(new_items.every - 1, places.size, new_items.every or 1)
        if new_items.every and pool.positions[places[place]] >= new_items.first
    )
    return pool.take(places), places if moved else None, reserved if moved else frozenset()


def _limits(basis: _Basis, left_out: Iterable[str], now: float) -> Limits:
    bundle, tags, unavailable = basis.bundle, basis.steering.hidden_tags, basis.bundle.unavailable(now)
    barred: Truths | None = None
    if tags or unavailable.size:
        barred = np.zeros(bundle.size, np.bool_)
        barred[unavailable] = True
        for tag in tags:
            barred[bundle.tagged(tag)] = True
    local = local_terms(bundle, basis.terms) if basis.terms else None
    return Limits(bundle.positions_of(left_out), barred, local)


def _decision(
    basis: _Basis,
    now: float,
    ranked: Pool,
    *,
    capped: tuple[str, ...] = (),
    places: Positions | None = None,
    reserved: frozenset[int] = frozenset(),
    bars: tuple[Bar, ...] = (),
) -> Decision:
    # Any event counts, also of an unknown or a disliked item: it was read, and it can change a list by what
    # is left out. A list and the explanation of an item must not say different things of the same events.
    personal = bool(basis.known or basis.steering.has_tastes or basis.capped or basis.attributes)
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
        spread=places is not None and bool(basis.steering.diversity),
        reserved=reserved,
        attributes=basis.attributes,
        bars=bars,
    )
