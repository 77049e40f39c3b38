"""Takes a score apart into what each history item and the prior add.

The parts hold the history, its weights and the stage decisions fixed. What a list would really look like
without an event is another question: removing it also changes the weights of the others.
"""

from collections.abc import Sequence

import numpy as np

from homespun.errors import UnknownItemError
from homespun.explain.explanation import Attribution, Explanation
from homespun.explain.rendering import because, verb
from homespun.model.bundle import Bundle
from homespun.model.scoring import Reals, parts_of
from homespun.ranking.decision import Decision

_SECOND_REASON = 0.3
"""A second item is named as a reason if it adds at least this share of what the first adds."""


def explain(decision: Decision, item: str) -> Explanation:
    """Explain why ``item`` has its score in a decision's list.

    Raises:
        UnknownItemError: If the item is not in the bundle or not in the list.
    """
    bundle = decision.bundle
    places = np.flatnonzero(decision.ranked.positions == bundle.position(item))
    if not places.size:
        raise UnknownItemError(f"{item!r} is not in the list that is being explained.")
    ranked = decision.ranked.take(places[:1])
    score = float(ranked.scores[0])
    parts = parts_of(decision.history, ranked)
    attributions = [
        *_attributions(decision, parts.history[:, :, 0]),
        Attribution("prior", None, None, "", float(parts.bias[0])),
    ]
    return Explanation(
        item=item,
        title=bundle.title(item),
        score=score,
        reason=_reasons(decision, parts.history.sum(axis=0))[0],
        attributions=tuple(sorted(attributions, key=lambda part: -abs(part.value))),
        residual=score - sum(part.value for part in attributions),
        personalized=decision.personalized,
        bundle=bundle.id,
        time=decision.time,
    )


def reasons(decision: Decision) -> list[str]:
    """Return the main reason for every item of a decision's list, in its order."""
    return _reasons(decision, parts_of(decision.history, decision.ranked).history.sum(axis=0))


def _attributions(decision: Decision, added: Reals) -> list[Attribution]:
    titles = decision.bundle.titles_at(decision.history.positions.tolist())
    return [
        Attribution("history", component.name, event, title, value)
        for component, row in zip(decision.bundle.manifest.components, added.tolist(), strict=True)
        for event, title, value in zip(decision.history.events, titles, row, strict=True)
    ]


def _reasons(decision: Decision, totals: Reals) -> list[str]:
    """Word the main reasons from what each history item adds to each listed item (float64 [h, p])."""
    general = "popular with everybody" if _knows_popularity(decision.bundle) else "from the catalogue"
    if not decision.allowed:
        return [f"{general}; not personalized, because you did not allow it"] * totals.shape[1]
    if not decision.personalized:
        return [f"{general}; nothing is known about you yet"] * totals.shape[1]
    named = _strongest(totals)
    phrases = _phrases(decision, sorted({place for places in named for place in places}))
    nothing = f"{general}; nothing you did speaks for it"
    return [because([phrases[place] for place in places]) if places else nothing for places in named]


def _strongest(totals: Reals) -> list[list[int]]:
    """Return for every column of float64 [h, p] the one or two rows that add most, none if none adds anything."""
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
    """Return what was done and the title for some of the history's items, by their place in it."""
    titles = decision.bundle.titles_at(decision.history.positions[list(places)].tolist())
    events = [decision.history.events[place] for place in places]
    return {place: (verb(event.kind), title) for place, event, title in zip(places, events, titles, strict=True)}


def _knows_popularity(bundle: Bundle) -> bool:
    return any(component.name == "collaborative" for component in bundle.manifest.components)
