"""The best items of the whole catalogue: proposed by the quantized products, ranked by the exact scores.

The L items that an application adds behind the catalogue's N are all scored exactly.

Some items are kept out, some come down by a control or a repeat, some come up. With n proposals the best n
items by the model are known. An item outside them can come first only if something raises it, and every such
item is scored anyway. So the list is right as soon as n holds enough items that nothing lowers or keeps out.
What is kept out is asked about proposals alone, never about the whole catalogue: what is hidden by its tag can be most
of it, so n grows until it is enough.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

import numpy as np

from homespun.model.history import Positions, Reals
from homespun.model.membership import NOTHING, contains, distinct
from homespun.model.scoring import Pool, Query, Truths
from homespun.protocol.bundle import NewItems

SPARE_CANDIDATES = 100
"""Proposed beyond what is asked for, because proposals are ordered by quantized products."""

SPARE_NEW = 20
"""The same for new items, of which fewer have a place."""

_MOST_NAMED = 100
"""Of what is kept out by name, so many are expected among the best; where there are more, more are asked for."""

_MARGIN = 1.25
"""What is asked for beyond the share of items that is kept out: it is not the same everywhere."""

Barred = Callable[[Positions], Truths]
"""Which of some items (int64 [p]) must not appear; truth values [p]."""


@dataclass(frozen=True)
class Limits:
    """What changes the order of the model.

    Attributes:
        barred: Which items must not appear.
        few: How many of these are named one by one, and so are likely among the best; a guess will do.
        local: float64 [N + L], what is added to every item's score; None: nothing.
        named: int64 [n], items that are looked at in any case.
    """

    barred: Barred
    few: int = 0
    local: Reals | None = None
    named: Positions = field(default_factory=lambda: NOTHING)


def without(left_out: Positions) -> Limits:
    """Return what keeps out the items at some positions (int64 [e], distinct)."""
    ascending = np.sort(left_out)
    return Limits(lambda positions: contains(ascending, positions), ascending.size)


def best_items(query: Query, count: int, limits: Limits, each: int | None = None) -> Pool:
    """Return the best ``count`` items and all that are named, best first, equal scores by position.

    Where places are reserved for new items, enough of these are among the items besides.

    Args:
        query: Whom for.
        count: How many items are wanted, at least 1.
        limits: What else counts.
        each: How many items each part of the score proposes by itself; None: ``count``.
    """
    proposed = _enough(query, count, limits, min(count, each or count))
    besides = distinct([_raised(query, limits), limits.named])
    wanted = [proposed, besides[~limits.barred(besides)] if besides.size else besides]
    positions = distinct([*wanted, _best_added(query, count, limits)])
    pool = query.score(positions)
    if limits.local is not None:
        pool = replace(pool, scores=pool.scores + limits.local[pool.positions])
    order = np.argsort(-pool.scores, kind="stable").astype(np.int64, copy=False)
    first_new = query.layout.first_new
    kept = contains(limits.named, positions) if first_new is None else positions >= first_new
    if first_new is not None and limits.named.size:
        kept |= contains(limits.named, positions)
    kept[order[:count]] = True
    return pool.take(order[kept[order]])


def scored_all(query: Query, positions: Positions, limits: Limits) -> Pool:
    """Return some items (int64 [p], distinct), best first, equal scores by position, without those kept out."""
    wanted = np.sort(positions)
    pool = query.score(wanted[~limits.barred(wanted)])
    if limits.local is not None:
        pool = replace(pool, scores=pool.scores + limits.local[pool.positions])
    return pool.take(np.argsort(-pool.scores, kind="stable").astype(np.int64, copy=False))


def arranged(pool: Pool, order: Positions, length: int, new_items: NewItems) -> Positions:
    """Return the places in ``pool`` of a list's items, with its reserved places given to new items; int64 [≤ length].

    Args:
        pool: What ``best_items`` returns.
        order: Places in it, int64, in the list's order without reserved places.
        length: How many items.
        new_items: Which places are reserved, and for what.
    """
    if not new_items.every:
        return order[:length]
    fresh = np.flatnonzero(pool.positions >= new_items.first)
    return np.array(_merged(order.tolist(), fresh.tolist(), length, new_items.every), np.int64)


def _merged(order: Sequence[int], fresh: Sequence[int], length: int, every: int) -> list[int]:
    chosen: dict[int, None] = {}
    usual, new = iter(order), iter(fresh)
    for place in range(1, length + 1):
        source = chain(new, usual) if place % every == 0 else usual
        found = next((candidate for candidate in source if candidate not in chosen), None)
        if found is None:
            break
        chosen[found] = None
    return list(chosen)


def _raised(query: Query, limits: Limits) -> Positions:
    """Return the model's items that something beside the model raises, ascending (int64 [r])."""
    repeated, repeats = query.repeats
    raised = repeated[repeats > 0]
    if limits.local is not None:
        raised = distinct([raised, np.flatnonzero(limits.local > 0).astype(np.int64, copy=False)])
    return raised[: raised.searchsorted(query.layout.items)]


def _lowered(query: Query, limits: Limits, positions: Positions, barred: Truths) -> Truths:
    """Return which items (int64 [p]) are kept out (truth values [p]), or come down by more than the model knows."""
    lowered = barred
    if limits.local is not None:
        lowered = lowered | (limits.local[positions] < 0)
    repeated, repeats = query.repeats
    sunk = repeated[repeats < 0]
    return lowered | contains(sunk, positions) if sunk.size else lowered


def _best_added(query: Query, count: int, limits: Limits) -> Positions:
    """Return the positions of the best ``count`` of the items that were added, equal ones by position; ascending."""
    first = query.layout.items
    if query.items == first:
        return NOTHING
    added = np.arange(first, query.items, dtype=np.int64)
    places = np.flatnonzero(~limits.barred(added)).astype(np.int64, copy=False)
    if places.size > count:
        scores = query.added_scores()[places]
        if limits.local is not None:
            scores = scores + limits.local[first + places]
        least = np.partition(scores, -count)[-count]
        better, equal = np.flatnonzero(scores > least), np.flatnonzero(scores == least)
        places = places[np.sort(np.concatenate([better, equal[: count - better.size]]))]
    return first + places


def _enough(query: Query, count: int, limits: Limits, each: int) -> Positions:
    """Return proposals that are not kept out; of all, at least ``count`` and some to spare are not lowered.

    All items are proposed, if need be.
    """
    items = query.layout.items
    first_new = items if query.layout.first_new is None else query.layout.first_new
    new = items - first_new
    wanted, new_wanted = count + SPARE_CANDIDATES, count + SPARE_NEW
    few = min(limits.few, _MOST_NAMED)
    asked, asked_new = min(items, wanted + few), min(new, new_wanted + few)
    while True:
        positions = query.propose(asked, min(items, each), asked_new)
        barred = limits.barred(positions)
        lowered = _lowered(query, limits, positions, barred)
        fresh = positions >= first_new
        short = asked < items and asked - np.count_nonzero(lowered) < wanted
        short_new = asked_new < new and asked_new - np.count_nonzero(lowered & fresh) < new_wanted
        if not short and not short_new:
            return positions[~barred]
        asked = min(items, _more(asked, wanted, limits.few, lowered)) if short else asked
        asked_new = min(new, _more(asked_new, new_wanted, limits.few, lowered[fresh])) if short_new else asked_new


def _more(asked: int, wanted: int, named: int, lowered: Truths) -> int:
    """Return how many proposals to ask for next: by the share of those that were lowered, at least twice as many."""
    left = 1 - np.count_nonzero(lowered) / max(1, lowered.size)
    return max(2 * asked, int(_MARGIN * wanted / left) + named if left else 0)
