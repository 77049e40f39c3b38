"""Takes a score apart into what each history item and the prior add.

The parts hold the history, its weights and the stage decisions fixed. What a list would really look like
without an event is another question: removing it also changes the weights of the others.
"""

from homespun.errors import UnknownItemError
from homespun.explain.explanation import Attribution, Explanation
from homespun.model.bundle import Bundle
from homespun.ranking.decision import Decision


def explain(decision: Decision, item: str) -> Explanation:
    """Explain why ``item`` has its score in a decision's list.

    Raises:
        UnknownItemError: If the item is not in the bundle or not in the list.
    """
    (explanation,) = explain_all(decision, [item])
    return explanation


def explain_all(decision: Decision, items: list[str]) -> list[Explanation]:
    """Explain several items of one list; cheaper than one by one.

    Raises:
        UnknownItemError: If an item is not in the bundle or not in the list.
    """
    bundle = decision.bundle
    scores = dict(zip(decision.ranked.positions.tolist(), decision.ranked.scores.tolist(), strict=True))
    positions = [bundle.position(item) for item in items]
    for item, position in zip(items, positions, strict=True):
        if position not in scores:
            raise UnknownItemError(f"{item!r} is not in the list that is being explained.")
    parts = bundle.scorer.parts(decision.history, positions)
    titles = [bundle.title(event.item) for event in decision.history.events]
    explained = []
    for index, (item, position) in enumerate(zip(items, positions, strict=True)):
        attributions = _attributions(bundle, decision, titles, parts.history[:, :, index].tolist())
        attributions.append(Attribution("prior", None, None, "", float(parts.bias[index])))
        explained.append(_explanation(decision, item, scores[position], attributions))
    return explained


def _attributions(
    bundle: Bundle, decision: Decision, titles: list[str], values: list[list[float]]
) -> list[Attribution]:
    return [
        Attribution("history", component.name, event, title, value)
        for component, row in zip(bundle.manifest.components, values, strict=True)
        for event, title, value in zip(decision.history.events, titles, row, strict=True)
    ]


def _explanation(decision: Decision, item: str, score: float, attributions: list[Attribution]) -> Explanation:
    ordered = sorted(attributions, key=lambda part: -abs(part.value))
    return Explanation(
        item=item,
        title=decision.bundle.title(item),
        score=score,
        attributions=tuple(ordered),
        residual=score - sum(part.value for part in attributions),
        allowed=decision.allowed,
        personalized=decision.personalized,
        popularity=any(part.name == "collaborative" for part in decision.bundle.manifest.components),
        bundle=decision.bundle.id,
        time=decision.time,
    )
