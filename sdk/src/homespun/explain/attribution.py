"""Takes a score apart into what each history item, each control and the prior add.

The parts hold the history, its weights and the stage decisions fixed. What a list would really look like
without an event is another question: removing it also changes the weights of the others, and the inferred
interests that edits are measured from.
"""

import numpy as np

from homespun.errors import UnknownItemError
from homespun.explain.explanation import Attribution, Explanation
from homespun.explain.moves import moves_of
from homespun.explain.reasons import reasons_of
from homespun.model.scoring import Parts, Reals, parts_of
from homespun.ranking.decision import Decision
from homespun.ranking.tastes import tag_parts


def explain(decision: Decision, item: str) -> Explanation:
    """Explain why ``item`` has its score and its place in a decision's list.

    Raises:
        UnknownItemError: If the item is not in the bundle or not in the list.
    """
    bundle = decision.bundle
    places = np.flatnonzero(decision.ranked.positions == bundle.position(item))
    if not places.size:
        raise UnknownItemError(f"{item!r} is not in the list that is being explained.")
    ranked = decision.ranked.take(places[:1])
    score = float(ranked.scores[0])
    parts, local = parts_of(decision.history, ranked), tag_parts(bundle, decision.terms, ranked.positions)
    attributions = [
        *_of_history(decision, parts.history[:, :, 0]),
        *_of_interests(decision, local[:, 0]),
        Attribution("prior", None, None, "", float(parts.bias[0])),
    ]
    return Explanation(
        item=item,
        title=bundle.title(item),
        score=score,
        reason=reasons_of(decision, _totals(parts, local))[0],
        attributions=tuple(sorted(attributions, key=lambda part: -abs(part.value))),
        residual=score - sum(part.value for part in attributions),
        personalized=decision.personalized,
        bundle=bundle.id,
        time=decision.time,
        moves=moves_of(decision, int(places[0])),
    )


def reasons(decision: Decision) -> list[str]:
    """Return the main reason for every item of a decision's list, in its order."""
    local = tag_parts(decision.bundle, decision.terms, decision.ranked.positions)
    return reasons_of(decision, _totals(parts_of(decision.history, decision.ranked), local))


def _totals(parts: Parts, local: Reals) -> Reals:
    """Return what each history item, then each edited interest (float64 [t, p]) adds; float64 [h + t, p]."""
    by_item: Reals = parts.history.sum(axis=0)
    return np.concatenate([by_item, local]) if local.size else by_item


def _of_history(decision: Decision, added: Reals) -> list[Attribution]:
    """Return the parts of the history's items from what they add to one item (float64 [C, h])."""
    history = decision.history
    titles = decision.bundle.titles_at(history.positions.tolist())
    known = len(history.events)
    parts = []
    for component, values in zip(decision.bundle.manifest.components, added.tolist(), strict=True):
        parts += [
            Attribution("history", component.name, event, title, value)
            for event, title, value in zip(history.events, titles[:known], values[:known], strict=True)
        ]
        parts += [
            Attribution("control", component.name, None, title, value, wish.control, wish.item)
            for wish, title, value in zip(history.wishes, titles[known:], values[known:], strict=True)
        ]
    return parts


def _of_interests(decision: Decision, added: Reals) -> list[Attribution]:
    """Return the parts of the edited interests that one item carries (float64 [t])."""
    return [
        Attribution("control", None, None, tag, value, "interest", tag)
        for tag, value in zip(decision.terms, added.tolist(), strict=True)
        if value
    ]
