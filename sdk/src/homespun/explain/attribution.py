"""Takes a score apart into what each history item and the prior add.

The parts hold the history, its weights and the stage decisions fixed. What a list would really look like
without an event is another question: removing it also changes the weights of the others.
"""

import numpy as np

from homespun.errors import UnknownItemError
from homespun.explain.explanation import Attribution, Explanation
from homespun.explain.rendering import because, verb
from homespun.model.bundle import Bundle
from homespun.model.scoring import Reals
from homespun.ranking.decision import Decision

_SECOND_REASON = 0.3
"""A second item is named as a reason if it adds at least this share of what the first adds."""


def explain(decision: Decision, item: str) -> Explanation:
    """Explain why ``item`` has its score in a decision's list.

    Raises:
        UnknownItemError: If the item is not in the bundle or not in the list.
    """
    bundle = decision.bundle
    position = bundle.position(item)
    (places,) = np.nonzero(decision.ranked.positions == position)
    if not places.size:
        raise UnknownItemError(f"{item!r} is not in the list that is being explained.")
    score = float(decision.ranked.scores[places[0]])
    parts = bundle.scorer.parts(decision.history, [position])
    added = parts.history[:, :, 0]
    attributions = [*_attributions(decision, added), Attribution("prior", None, None, "", float(parts.bias[0]))]
    return Explanation(
        item=item,
        title=bundle.title(item),
        score=score,
        reason=_reason(decision, added.sum(axis=0)),
        attributions=tuple(sorted(attributions, key=lambda part: -abs(part.value))),
        residual=score - sum(part.value for part in attributions),
        personalized=decision.personalized,
        bundle=bundle.id,
        time=decision.time,
    )


def reasons(decision: Decision) -> list[str]:
    """Return the main reason for every item of a decision's list, in its order."""
    parts = decision.bundle.scorer.parts(decision.history, decision.ranked.positions.tolist())
    totals = parts.history.sum(axis=0)
    return [_reason(decision, totals[:, place]) for place in range(totals.shape[1])]


def _attributions(decision: Decision, added: Reals) -> list[Attribution]:
    titles = [decision.bundle.title(event.item) for event in decision.history.events]
    return [
        Attribution("history", component.name, event, title, value)
        for component, row in zip(decision.bundle.manifest.components, added.tolist(), strict=True)
        for event, title, value in zip(decision.history.events, titles, row, strict=True)
    ]


def _reason(decision: Decision, totals: Reals) -> str:
    """Word the main reason from what each history item adds in all (float64 [h])."""
    general = "popular with everybody" if _knows_popularity(decision.bundle) else "from the catalogue"
    if not decision.allowed:
        return f"{general}; not personalized, because you did not allow it"
    if not decision.personalized:
        return f"{general}; nothing is known about you yet"
    strongest = [place for place in np.argsort(-totals, kind="stable")[:2] if totals[place] > 0]
    if not strongest:
        return f"{general}; nothing you did speaks for it"
    named = [place for place in strongest if totals[place] >= _SECOND_REASON * totals[strongest[0]]]
    events = [decision.history.events[place] for place in named]
    return because([(verb(event.kind), decision.bundle.title(event.item)) for event in events])


def _knows_popularity(bundle: Bundle) -> bool:
    return any(component.name == "collaborative" for component in bundle.manifest.components)
