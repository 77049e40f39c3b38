"""An explanation: the exact parts of a score, and how they are told."""

from dataclasses import dataclass
from typing import Literal

from homespun.explain.rendering import additive_table, because, verb
from homespun.protocol.events import Event
from homespun.protocol.records import SCHEMA_VERSION, AttributionEntry, ExplanationRecord, real

_SECOND_REASON = 0.3
"""A second item is named as a reason if it adds at least this share of what the first adds."""


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

    @property
    def reason(self) -> str:
        """The main reason in words, for instance ``because you rated The Matrix and Alien``."""
        general = "popular with everybody" if self.popularity else "from the catalogue"
        if not self.allowed:
            return f"{general}; not personalized, because you did not allow it"
        if not self.personalized:
            return f"{general}; nothing is known about you yet"
        strongest = self._strongest()
        return because(strongest) if strongest else f"{general}; nothing you did speaks for it"

    def table(self, rows: int = 12) -> str:
        """Return the additive table as text: parts, the rest in one line, residual and score.

        Args:
            rows: How many parts to list; the others are summed in one line.
        """
        parts = [(part.label, part.value) for part in self.attributions]
        return additive_table(parts, self.residual, self.score, rows)

    def __str__(self) -> str:
        return f"{self.title}: {self.reason}\n\n{self.table()}"

    def _strongest(self) -> list[tuple[str, str]]:
        """Verb and title of the one or two items that speak most for this one; components are joined."""
        totals: dict[str, float] = {}
        phrases: dict[str, tuple[str, str]] = {}
        for part in self.attributions:
            if part.event is not None:
                totals[part.event.item] = totals.get(part.event.item, 0.0) + part.value
                phrases[part.event.item] = (verb(part.event.kind), part.title)
        speaking = sorted((item for item in totals if totals[item] > 0), key=lambda item: -totals[item])[:2]
        return [phrases[item] for item in speaking if totals[item] >= _SECOND_REASON * totals[speaking[0]]]

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
