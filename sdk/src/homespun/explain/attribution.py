"""Takes a score apart into what each history item and the prior add.

The parts hold the history, its weights and the stage decisions fixed. What a list would really look like
without an event is another question: removing it also changes the weights of the others.
"""

from dataclasses import dataclass
from typing import Literal

from homespun.errors import UnknownItemError
from homespun.model.bundle import Bundle
from homespun.protocol.events import Event
from homespun.protocol.records import SCHEMA_VERSION, AttributionEntry, ExplanationRecord, real
from homespun.ranking.decision import Decision


@dataclass(frozen=True)
class Attribution:
    """One additive part of a score.

    Attributes:
        source: ``history`` or ``prior``.
        component: The model's component; None for the prior.
        event: The event behind the history item; None for the prior.
        title: The history item's title; empty for the prior.
        value: What it adds; negative if it speaks against the item.
    """

    source: Literal["history", "prior"]
    component: str | None
    event: Event | None
    title: str
    value: float


@dataclass(frozen=True)
class Explanation:
    """Why an item stands in a list.

    Attributes:
        item: The recommended item.
        title: Its title.
        score: The score that ranked.
        attributions: The additive parts, largest magnitude first.
        residual: score − Σ attributions: rounding, at most 1e-5 · Σ|attributions|.
        allowed: Whether the person allowed that personal data is used.
        personalized: Whether personal data was used for the list.
        popularity: Whether the prior is popularity; without it the catalogue's order decides.
        bundle: Identity of the bundle that scored.
        time: When the list was made, seconds since 1970.
    """

    item: str
    title: str
    score: float
    attributions: tuple[Attribution, ...]
    residual: float
    allowed: bool
    personalized: bool
    popularity: bool
    bundle: str
    time: float

    def record(self) -> ExplanationRecord:
        """Return the explanation as a record that can be stored and checked."""
        entries = tuple(
            AttributionEntry(part.source, part.component, part.event.item if part.event else None, real(part.value))
            for part in self.attributions
        )
        return ExplanationRecord(
            schema=SCHEMA_VERSION,
            bundle=self.bundle,
            time=real(self.time),
            item=self.item,
            personalized=self.personalized,
            score=real(self.score),
            attributions=entries,
            residual=real(self.residual),
        )


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
