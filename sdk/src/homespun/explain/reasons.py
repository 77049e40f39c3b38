"""The main reason of an item in words: what adds most to its score."""

from collections.abc import Sequence

import numpy as np

from homespun.explain.rendering import because, habit, popularity, verb
from homespun.model.bundle import Bundle
from homespun.model.history import Positions, Reals
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


def reasons_of(decision: Decision, positions: Positions, totals: Reals, priors: Reals) -> list[str]:
    """Word the main reason of listed items.

    Args:
        decision: The decision.
        positions: int64 [p], the items.
        totals: float64 [h + t + 1 + b, p], what each history item, each edited interest, repeating, then each habit
            adds to each item.
        priors: float64 [T, p], what each prior adds.
    """
    general = _general(decision.bundle, positions, priors)
    if not decision.allowed:
        return [f"{words}; not personalized, because {_REFUSED[decision.refusal]}" for words in general]
    if not decision.personalized:
        return [f"{words}; nothing is known about you yet" for words in general]
    named = _strongest(totals)
    phrases = _phrases(decision, sorted({place for places in named for place in places}))
    return [
        because([phrases[place] for place in places]) if places else f"{words}; nothing you did speaks for it"
        for places, words in zip(named, general, strict=True)
    ]


def _strongest(totals: Reals) -> list[list[int]]:
    """Return for every column of float64 [n, p] the one or two rows that add most, none if none adds anything."""
    if not totals.shape[1]:
        return []
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
    """Return what was done and to what, for some of the history's items and of what comes after them."""
    history = decision.history
    items = [place for place in places if place < history.positions.size]
    titles = decision.bundle.titles_at(history.positions[items].tolist())
    kinds = [*(event.kind for event in history.events), *(wish.control for wish in history.wishes)]
    phrases = {place: (verb(kinds[place]), title) for place, title in zip(items, titles, strict=True)}
    others = [*((verb("interest"), tag) for tag in decision.terms), (verb("repeat"), "it before")]
    # Only what adds something is a reason.
    others += [("choose", habit(each.feature, each.value, often=each.is_often(1.0))) for each in history.habits]
    for place in places[len(items) :]:
        phrases[place] = others[place - history.positions.size]
    return phrases


def _general(bundle: Bundle, positions: Positions, priors: Reals) -> list[str]:
    """Return what speaks for each item apart from the person: the prior that adds most (float64 [T, p])."""
    if all(part.name == "content" for part in bundle.manifest.components):
        return ["from the catalogue"] * priors.shape[1]
    words = [popularity(prior.name) for prior in bundle.manifest.priors]
    places = zip(positions.tolist(), priors.argmax(axis=0).tolist(), strict=True)
    return [words[place] if position < bundle.manifest.items else "new here" for position, place in places]
