"""Takes a score apart into what each history item, each control, the priors and the circumstances add.

The parts hold the history, its weights and the stage decisions fixed. What a list would really look like
without an event is another question: removing it also changes the weights of the others, and the inferred
interests that edits are measured from.
"""

import numpy as np

from homespun.errors import UnknownItemError
from homespun.explain.explanation import Attribution, Explanation
from homespun.explain.moves import moves_of
from homespun.explain.reasons import reasons_of
from homespun.model.history import Reals
from homespun.model.scoring import Parts, parts_of
from homespun.protocol.bundle import own_name
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
    parts = parts_of(decision.history, ranked, bundle.layout)
    local = tag_parts(bundle, decision.terms, ranked.positions)
    attributions = [
        *_of_history(decision, parts.history[:, :, 0]),
        *_of_interests(decision, local[:, 0]),
        *_of_everybody(decision, parts.priors[:, 0]),
        *_of_context(decision, parts.context[:, 0]),
        *_of_repeats(item, float(parts.repeats[0])),
        *_of_habits(decision, parts.habits[:, 0]),
    ]
    if ranked.positions[0] >= bundle.manifest.items:
        # What is learned from people says nothing of what the application added.
        attributions = [part for part in attributions if part.value]
    return Explanation(
        item=item,
        title=bundle.title(item),
        score=score,
        reason=reasons_of(decision, ranked.positions, _totals(parts, local), parts.priors)[0],
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
    parts = parts_of(decision.history, decision.ranked, decision.bundle.layout)
    return reasons_of(decision, decision.ranked.positions, _totals(parts, local), parts.priors)


def _totals(parts: Parts, local: Reals) -> Reals:
    """Return what each history item, each edited interest (float64 [t, p]), repeating, then each habit adds.

    It is float64 [h + t + 1 + b, p].
    """
    by_item: Reals = parts.history.sum(axis=0)
    return np.concatenate([by_item, local, parts.repeats[None], parts.habits])


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


def _of_everybody(decision: Decision, added: Reals) -> list[Attribution]:
    """Return the parts of the priors (float64 [T])."""
    priors = decision.bundle.manifest.priors
    return [
        Attribution("prior", prior.name, None, "", value) for prior, value in zip(priors, added.tolist(), strict=True)
    ]


def _of_context(decision: Decision, added: Reals) -> list[Attribution]:
    """Return the parts of the circumstances, then of the taste (float64 [f])."""
    history, values = decision.history, added.tolist()
    known = len(history.circumstances)
    parts = [
        Attribution("context", feature, None, "", part, target=value)
        for (feature, value), part in zip(history.circumstances, values[:known], strict=True)
    ]
    return parts + [
        Attribution("archetype", None, None, "", part, target=str(history.taste)) for part in values[known:]
    ]


def _of_repeats(item: str, added: float) -> list[Attribution]:
    return [Attribution("repeat", None, None, "", added, target=item)] if added else []


def _of_habits(decision: Decision, added: Reals) -> list[Attribution]:
    """Return the parts of the person's habits that one item has to do with (float64 [b])."""
    return [
        Attribution(
            "context",
            own_name(habit.feature),
            None,
            habit.feature,
            value,
            target=habit.value,
            often=habit.is_often(value),
        )
        for habit, value in zip(decision.history.habits, added.tolist(), strict=True)
        if value
    ]
