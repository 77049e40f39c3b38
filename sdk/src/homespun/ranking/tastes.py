"""What the person said about their taste, as it enters the score.

Two ways, both exact parts of it. An item to show more or less like of is an item of the history with a
weight of its own; if the person likes it by their events too, it stands there once, with that weight,
because what somebody says overrules what is inferred. It has no time, so parts of the score for which order
matters pass it over. An edited interest adds to every item that carries
the tag, on top of what the model says:

    local(j) = s · Σ_{t in tags(j), t edited} (edited_t − inferred_t)

where inferred_t is the share of the liked items that carry t, and s is INTEREST_SPREADS times the spread of
scores that this history gives over the catalogue. An unedited interest adds nothing: the model has it in the
history already.
"""

from collections.abc import Mapping

import numpy as np

from homespun.model.bundle import Bundle
from homespun.model.history import History, Positions, Reals, Wish
from homespun.model.membership import contains
from homespun.protocol.controls import Steering
from homespun.protocol.read_only import ReadOnlyDict

MORE_LIKE_WEIGHT = 3.0
"""Weight of an item to show more like of: three items that are liked."""

LESS_LIKE_WEIGHT = -2.0
"""Weight of an item to show less like of: more than a like takes away again, without ruling the list."""

INTEREST_SPREADS = 3.0
"""Standard deviations of the scores that a whole interest adds: an average item comes near the best ones."""

_SAMPLE = 256
"""Items, evenly spread over the catalogue, whose scores tell their spread."""


def wishes_of(bundle: Bundle, steering: Steering) -> tuple[Wish, ...]:
    """Return the items that the person wants more or less like of; unknown ones are passed over."""
    more = sorted(bundle.positions_of(steering.more_like).tolist())
    less = sorted(bundle.positions_of(steering.less_like).tolist())
    return (
        *(Wish(bundle.items[position], "more_like", MORE_LIKE_WEIGHT) for position in more),
        *(Wish(bundle.items[position], "less_like", LESS_LIKE_WEIGHT) for position in less),
    )


def interest_terms(bundle: Bundle, likes: Positions, history: History, steering: Steering) -> Mapping[str, float]:
    """Return what each edited interest adds to an item that carries the tag: s · (edited − inferred).

    Tags that no item carries, and edits that change nothing, are left out.

    Args:
        bundle: The bundle.
        likes: int64 [h], positions of what the person likes, from which interests are inferred.
        history: The model's input, whose scores have the spread.
        steering: What the person set.
    """
    changes: dict[str, float] = {}
    for tag, weight in sorted(steering.interests.items()):
        tagged = bundle.tagged(tag)
        change = weight - inferred_weight(tagged, likes)
        if tagged.size and change != 0:
            changes[tag] = change
    if not changes:
        return ReadOnlyDict()
    scale = INTEREST_SPREADS * _spread(bundle, history)
    return ReadOnlyDict({tag: scale * change for tag, change in changes.items()})


def local_terms(bundle: Bundle, terms: Mapping[str, float]) -> Reals:
    """Return what the terms add to every item of the bundle; float64 [N + L]."""
    added = np.zeros(bundle.size)
    for tag, term in terms.items():
        added[bundle.tagged(tag)] += term
    return added


def tag_parts(bundle: Bundle, terms: Mapping[str, float], positions: Positions) -> Reals:
    """Return what each term (in the order of ``terms``) adds to each of some items; float64 [t, p]."""
    parts = [added * contains(bundle.tagged(tag), positions) for tag, added in terms.items()]
    return np.array(parts, np.float64).reshape(len(terms), positions.size)


def inferred_weight(tagged: Positions, liked: Positions) -> float:
    """Return the share of the liked items (int64 [h]) that are among the tagged ones (int64 [n], ascending)."""
    return float(contains(tagged, liked).mean()) if liked.size else 0.0


def _spread(bundle: Bundle, history: History) -> float:
    """Return the standard deviation of the scores; 1 where all are alike, so that an edit still counts."""
    items = bundle.manifest.items
    sample = np.linspace(0, items - 1, min(items, _SAMPLE)).astype(np.int64)
    return float(bundle.scorer.score(history, sample).scores.std()) or 1.0
