"""An explanation: the exact parts of a score, and how they are told."""

from dataclasses import dataclass
from typing import Literal

from homespun.explain.rendering import additive_table, verb
from homespun.protocol.events import Event
from homespun.protocol.records import SCHEMA_VERSION, AttributionEntry, ExplanationRecord, real


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

    @property
    def label(self) -> str:
        """What the part is, in words."""
        if self.event is None:
            return "the same for everybody"
        return f"you {verb(self.event.kind)} {self.title} ({self.component})"


@dataclass(frozen=True)
class Explanation:
    """Why an item stands in a list.

    Attributes:
        item: The recommended item.
        title: Its title.
        score: The score that ranked.
        reason: The main reason in words, for instance ``because you rated The Matrix and Alien``.
        attributions: The additive parts, largest magnitude first.
        residual: score − Σ attributions: rounding, at most 1e-5 · Σ|attributions|.
        personalized: Whether personal data was used for the list.
        bundle: Identity of the bundle that scored.
        time: When the list was made, seconds since 1970.
    """

    item: str
    title: str
    score: float
    reason: str
    attributions: tuple[Attribution, ...]
    residual: float
    personalized: bool
    bundle: str
    time: float

    def table(self, rows: int = 12) -> str:
        """Return the additive table as text: parts, the rest in one line, residual and score.

        Args:
            rows: How many parts to list; the others are summed in one line.
        """
        parts = [(part.label, part.value) for part in self.attributions]
        return additive_table(parts, self.residual, self.score, rows)

    def __str__(self) -> str:
        return f"{self.title}: {self.reason}\n\n{self.table()}"

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
