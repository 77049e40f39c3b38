"""The main reason of an item in words: what adds most to its score."""

from collections.abc import Sequence

import numpy as np

from homespun.explain.rendering import because, verb
from homespun.model.bundle import Bundle
from homespun.model.scoring import Reals
from homespun.protocol.controls import Refusal
from homespun.ranking.decision import Decision

_SECOND_REASON = 0.3
"""A second part is named as a reason if it adds at least this share of what the first adds."""

_REFUSED: dict[Refusal | None, str] = {
    None: "you did not allow it",
    "non_profiled": "you chose lists without personal data",
    "restriction": "you restricted the use of your data",
    "objection": "you objected to it",
}


def reasons_of(decision: Decision, totals: Reals) -> list[str]:
    """Word the main reason of every listed item.

    Args:
        decision: The decision.
        totals: float64 [h + t, p], what each history item, then each edited interest adds to each item.
    """
    general = "popular with everybody" if _knows_popularity(decision.bundle) else "from the catalogue"
    if not decision.allowed:
        return [f"{general}; not personalized, because {_REFUSED[decision.refusal]}"] * totals.shape[1]
    if not decision.personalized:
        return [f"{general}; nothing is known about you yet"] * totals.shape[1]
    named = _strongest(totals)
    phrases = _phrases(decision, sorted({place for places in named for place in places}))
    nothing = f"{general}; nothing you did speaks for it"
    return [because([phrases[place] for place in places]) if places else nothing for places in named]


def _strongest(totals: Reals) -> list[list[int]]:
    """Return for every column of float64 [n, p] the one or two rows that add most, none if none adds anything."""
    if not totals.size:
        return [[] for _ in range(totals.shape[1])]
    columns = np.arange(totals.shape[1])
    first = totals.argmax(axis=0)
    others = totals.copy()
    others[first, columns] = -np.inf
    second = others.argmax(axis=0)
    # Of equals, argmax takes the first: the older item.
    pairs = zip(first, totals[first, columns], second, others[second, columns], strict=True)
    return [
        [] if most <= 0 else [int(best)] if more < _SECOND_REASON * most else [int(best), int(next_best)]
        for best, most, next_best, more in pairs
    ]


def _phrases(decision: Decision, places: Sequence[int]) -> dict[int, tuple[str, str]]:
    """Return what was done and to what, for some of the history's items and of the interests after them."""
    history = decision.history
    items = [place for place in places if place < history.positions.size]
    titles = decision.bundle.titles_at(history.positions[items].tolist())
    kinds = [*(event.kind for event in history.events), *(wish.control for wish in history.wishes)]
    phrases = {place: (verb(kinds[place]), title) for place, title in zip(items, titles, strict=True)}
    tags = list(decision.terms)
    for place in places[len(items) :]:
        phrases[place] = (verb("interest"), tags[place - history.positions.size])
    return phrases


def _knows_popularity(bundle: Bundle) -> bool:
    return any(component.name == "collaborative" for component in bundle.manifest.components)
