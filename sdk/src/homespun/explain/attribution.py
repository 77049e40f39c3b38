"""Takes a score apart into what each event, each control, the priors, the circumstances and each stage add.

The parts hold the history, its weights and the stage decisions fixed. What a list would really look like
without an event is another question: removing it also changes the weights of the others, and the inferred
interests that edits are measured from. That one is answered by counterfactuals.
"""

import numpy as np

from homespun.explain.explanation import Attribution
from homespun.model.history import Reals
from homespun.model.scoring import Pool, parts_of
from homespun.protocol.bundle import own_name
from homespun.ranking.additions import Addition, Boosts, ComingBack, Novelty, Taste
from homespun.ranking.decision import Decision
from homespun.ranking.tastes import tag_parts


def attributions_of(decision: Decision, scored: Pool) -> tuple[Attribution, ...]:
    """Return everything that adds up to the score of one item, largest magnitude first.

    Args:
        decision: The decision.
        scored: The item, of which the scores that ranked are not looked at.
    """
    item = decision.bundle.items[int(scored.positions[0])]
    parts = parts_of(decision.history, scored, decision.bundle.layout)
    local = tag_parts(decision.bundle, decision.terms, scored.positions)
    found = [
        *_of_history(decision, parts.history[:, :, 0]),
        *_of_interests(decision, local[:, 0]),
        *_of_everybody(decision, parts.priors[:, 0]),
        *_of_context(decision, parts.context[:, 0]),
        *_of_repeats(item, float(parts.repeats[0])),
        *_of_habits(decision, parts.habits[:, 0]),
    ]
    for addition in decision.additions:
        found += _of_stage(decision, addition, scored, item)
    if scored.positions[0] >= decision.bundle.manifest.items:
        # What is learned from people says nothing of what the application added.
        found = [part for part in found if part.value]
    values = np.array([part.value for part in found])
    return tuple([found[place] for place in np.argsort(-np.abs(values), kind="stable").tolist()])


def _of_stage(decision: Decision, addition: Addition, scored: Pool, item: str) -> list[Attribution]:
    """Return the parts of what one stage adds to an item."""
    if isinstance(addition, Boosts):
        values = addition.spread * addition.firing.parts(scored.positions)[:, 0]
        rules = addition.firing.boosting
        return [
            Attribution("rule", rule.name, None, "", value)
            for rule, value in zip(rules, values.tolist(), strict=True)
            if value
        ]
    if isinstance(addition, Taste):
        return _of_taste(decision, addition, scored)
    value = float(addition.values(scored)[0])
    if isinstance(addition, ComingBack):
        return [Attribution("returns", None, None, "", value, target=item)] if value else []
    if isinstance(addition, Novelty):
        return [Attribution("recency", addition.setting.attribute, None, "", value)] if value else []
    return [Attribution("popularity", None, None, "", value)]


def _of_taste(decision: Decision, addition: Taste, scored: Pool) -> list[Attribution]:
    """Return what was learned from each event; liked items first, then disliked."""
    values = addition.term.parts(scored.decoder[addition.term.posterior.table])[:, 0]
    person, bundle = decision.person, decision.bundle
    events = [*person.liking.events, *person.against]
    titles = person.titles_at([bundle.position(event.item) for event in events])
    return [
        Attribution("learning", None, event, title, value)
        for event, title, value in zip(events, titles, values.tolist(), strict=True)
    ]


def _of_history(decision: Decision, added: Reals) -> list[Attribution]:
    """Return the parts of the history's items from what they add to one item (float64 [C, h])."""
    history = decision.history
    titles, known = decision.person.titles_at(history.positions.tolist()), len(history.events)
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
