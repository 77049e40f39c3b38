"""The best items of the whole catalogue: proposed by the quantized products, ranked by the exact scores.

The L items that an application adds behind the catalogue's N are all scored exactly.

Some items are left out, some come down by a control or a repeat, some come up. With n proposals the best n
items by the model are known. An item outside them can come first only if something raises it, and every such
item is scored anyway. So the list is right as soon as n holds enough items that nothing lowers or keeps out.
What is hidden by its tag can be most of the catalogue, so n grows until it does.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from homespun.model.history import Positions, Reals
from homespun.model.scoring import Pool, Query, Truths
from homespun.protocol.bundle import NewItems

SPARE_CANDIDATES = 100
"""Proposed beyond what is asked for, because proposals are ordered by quantized products."""

SPARE_NEW = 20
"""The same for new items, of which fewer have a place."""

_MARGIN = 1.25
"""What is first asked for beyond the share of items that is kept out: it is not the same everywhere."""


@dataclass(frozen=True)
class Limits:
    """What changes the order of the model.

    Attributes:
        left_out: int64 [e], distinct positions that must not appear.
        barred: Truth values [N + L], items that must not appear either; None: none.
        local: float64 [N + L], what is added to every item's score; None: nothing.
    """

    left_out: Positions
    barred: Truths | None = None
    local: Reals | None = None


def best_items(query: Query, count: int, limits: Limits) -> Pool:
    """Return the best ``count`` items, best first, equal scores by position; then more of them.

    Where places are reserved for new items, enough of these are among those that follow.

    Args:
        query: Whom for.
        count: How many items are wanted, at least 1.
        limits: What else counts.
    """
    out, lowered, raised = _sorted(query, limits)
    positions = _enough(query, count, limits, lowered)
    wanted = positions[~out[positions]]
    if raised is not None:
        raised[wanted] = True
        wanted = np.flatnonzero(raised[: query.layout.items]).astype(np.int64, copy=False)
    pool = query.score(np.concatenate([wanted, _best_added(query, count, out, limits.local)]))
    if limits.local is not None:
        pool = replace(pool, scores=pool.scores + limits.local[pool.positions])
    order = np.argsort(-pool.scores, kind="stable").astype(np.int64, copy=False)
    first_new = query.layout.first_new
    if first_new is None:
        return pool.take(order[:count])
    new = order[count:][pool.positions[order[count:]] >= first_new]
    return pool.take(np.concatenate([order[:count], new]))


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


def _sorted(query: Query, limits: Limits) -> tuple[Truths, Truths, Truths | None]:
    """Return which items are out, which come down or are out, and which come up (None: none does)."""
    items = query.items
    out = np.zeros(items, np.bool_) if limits.barred is None else limits.barred.copy()
    out[limits.left_out] = True
    lowered = out if limits.local is None else out | (limits.local < 0)
    raised = None if limits.local is None else limits.local > 0
    positions, repeats = query.repeats
    if positions.size:
        lowered, raised = lowered.copy(), np.zeros(items, np.bool_) if raised is None else raised
        lowered[positions[repeats < 0]] = True
        raised[positions[repeats > 0]] = True
    if raised is not None:
        raised &= ~out
    return out, lowered, raised


def _best_added(query: Query, count: int, out: Truths, local: Reals | None) -> Positions:
    """Return the positions of the best ``count`` of the items that were added, equal ones by position; ascending."""
    first = query.layout.items
    places = np.flatnonzero(~out[first:]).astype(np.int64, copy=False)
    if places.size > count:
        scores = query.added_scores()[places]
        if local is not None:
            scores = scores + local[first + places]
        least = np.partition(scores, -count)[-count]
        better, equal = np.flatnonzero(scores > least), np.flatnonzero(scores == least)
        places = places[np.sort(np.concatenate([better, equal[: count - better.size]]))]
    return first + places


def _enough(query: Query, count: int, limits: Limits, lowered: Truths) -> Positions:
    """Return proposals of which at least ``count``, and some to spare, are not lowered; all items, if need be."""
    items = query.layout.items
    first_new = items if query.layout.first_new is None else query.layout.first_new
    new = items - first_new
    lowered = lowered[:items]
    named = int(np.count_nonzero(limits.left_out < items))
    wanted, new_wanted = count + SPARE_CANDIDATES, count + SPARE_NEW
    # What is left out by name is few and likely among the best; what is lowered besides is anywhere.
    share = (np.count_nonzero(lowered) - named) / items
    factor = 1 / (1 - share) * _MARGIN if 0 < share < 1 else 1.0
    asked = min(items, int(factor * wanted) + named)
    asked_new = min(new, int(factor * new_wanted) + named)
    while True:
        positions = query.propose(asked, min(items, count), asked_new)
        few = asked < items and asked - np.count_nonzero(lowered[positions]) < wanted
        few_new = (
            asked_new < new and asked_new - np.count_nonzero(lowered[positions[positions >= first_new]]) < new_wanted
        )
        if not few and not few_new:
            return positions
        asked = min(items, 2 * asked) if few else asked
        asked_new = min(new, 2 * asked_new) if few_new else asked_new
