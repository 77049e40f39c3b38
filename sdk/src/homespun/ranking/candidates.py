"""Candidates where controls keep items out or change scores: as exact as without them, and no slower than needed.

What is hidden by its tag can be most of the catalogue, so it is not asked for in addition, as excluded items
are: the number of proposals grows until enough of them are left. With n proposals the best n items by the
model are known. An item outside them can come first only if an interest raises it, and every such item is
a candidate anyway. So the list is right as soon as n holds enough items that nothing lowers or keeps out.
"""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from homespun.model.bundle import Bundle
from homespun.model.scoring import SPARE_CANDIDATES, History, Pool, Positions, Reals, Truths

_MARGIN = 1.25
"""What is first asked for beyond the share of items that is kept out: it is not the same everywhere."""


def steered_candidates(
    bundle: Bundle,
    history: History,
    count: int,
    left_out: Positions,
    hidden: Iterable[Positions],
    local: Reals | None,
) -> Pool:
    """Return the best ``count`` items, best first, equal scores by position.

    Args:
        bundle: The bundle.
        history: The model's input.
        count: How many items.
        left_out: int64 [e], distinct positions that must not appear.
        hidden: Positions that must not appear either, in any number.
        local: float64 [N], what interests add to every item of the bundle; None if nothing.
    """
    barred: Truths = np.zeros(bundle.manifest.items, np.bool_)
    for positions in hidden:
        barred[positions] = True
    lowered = barred.copy() if local is None else barred | (local < 0)
    share = np.count_nonzero(lowered) / lowered.size
    barred[left_out] = lowered[left_out] = True
    raised = None if local is None else (local > 0) & ~barred
    pool, order = _enough(bundle, history, count + SPARE_CANDIDATES, left_out.size, share, lowered, raised)
    if local is not None:
        pool = replace(pool, scores=pool.scores + local[pool.positions])
        order = _by_score(pool)
    return pool.take(order[~barred[pool.positions[order]]][:count])


def _enough(
    bundle: Bundle, history: History, wanted: int, left_out: int, share: float, lowered: Truths, raised: Truths | None
) -> tuple[Pool, Positions]:
    """Return scored proposals, enough of them, and their places by the model's score, best first.

    Enough is: every raised item, and so many of the best items that ``wanted`` of them are not lowered.

    Args:
        bundle: The bundle.
        history: The model's input.
        wanted: How many.
        left_out: How many items are left out whatever they are.
        share: Share of the catalogue that is lowered besides.
        lowered: Truth values [N]: items that come down or are kept out.
        raised: Truth values [N]: items that come up; None if none does.
    """
    items = lowered.size
    beyond = _MARGIN * wanted * share / (1 - share) if share < 1 else items
    asked = min(items, wanted + left_out + int(min(beyond, items)))
    while True:
        positions = bundle.scorer.propose(history, asked)
        if raised is not None:
            among = raised.copy()
            among[positions] = True
            positions = np.flatnonzero(among).astype(np.int64, copy=False)
        pool = bundle.scorer.score(history, positions)
        order = _by_score(pool)
        if asked == items or np.count_nonzero(~lowered[positions[order[:asked]]]) >= wanted:
            return pool, order
        asked = min(items, 2 * asked)


def _by_score(pool: Pool) -> Positions:
    return np.argsort(-pool.scores, kind="stable")
