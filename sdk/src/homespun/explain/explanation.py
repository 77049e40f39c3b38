"""An explanation: the exact parts of a score, and how they are told."""

from dataclasses import dataclass
from typing import Literal

from homespun.explain.rendering import additive_table, habit, popularity, verb
from homespun.protocol.events import Event
from homespun.protocol.records import SCHEMA_VERSION, AttributionEntry, ExplanationRecord, Source, real


@dataclass(frozen=True)
class Attribution:
    """One additive part of a score.

    Attributes:
        source: ``history`` (an item that the person liked), ``control`` (something that they set), ``prior`` (the same
            for everybody), ``context`` (a circumstance of the request), ``archetype`` (the kind of taste that their
            likes show) or ``repeat`` (they chose the item itself before).
        component: The model's component, the prior's name, or the circumstance's, with ``:own`` behind it where the
            part is about the person's own habits and not about everybody's; None for the others.
        event: The event behind the history item; None for the others.
        title: The title of the history item, or of the item that the control is about; an interest's tag; the
            name of the circumstance of a habit; empty for the others.
        value: What it adds; negative if it speaks against the item.
        control: Which control; None for the others.
        target: The item or the tag that the control is about, the circumstance's value, the number of the taste, or
            the item that is repeated; None for the others.
        often: Of a habit, whether the person chooses the item more often in this circumstance than else, or less;
            None for the others.
    """

    source: Source
    component: str | None
    event: Event | None
    title: str
    value: float
    control: Literal["more_like", "less_like", "interest"] | None = None
    target: str | None = None
    often: bool | None = None

    @property
    def label(self) -> str:
        """What the part is, in words."""
        if self.control == "interest":
            return f"your interest in {self.title}, as you set it"
        if self.event is not None:
            return f"you {verb(self.event.kind)} {self.title} ({self.component})"
        if self.control is not None:
            return f"you {verb(self.control)} {self.title} ({self.component})"
        if self.often is not None:
            return f"you choose {habit(self.title, self.target or '', often=self.often)}"
        general = {
            "context": f"{self.component}: {self.target}",
            "archetype": "the kind of taste that your choices show",
            "repeat": "you chose it before",
        }
        return general.get(self.source) or f"{popularity(self.component or '')}, the same for everybody"

    def entry(self) -> AttributionEntry:
        """Return the part as records hold it."""
        is_item = self.source in {"history", "repeat"} or self.control in {"more_like", "less_like"}
        return AttributionEntry(
            source=self.source,
            component=self.component,
            item=(self.target if self.event is None else self.event.item) if is_item else None,
            value=real(self.value),
            control=self.control,
            tag=self.target if self.control == "interest" else None,
            choice=self.target if self.source in {"context", "archetype"} else None,
        )


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
        moves: What constraints did to its place, in words; or what keeps it out of lists, if it was asked
            for by name.
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
    moves: tuple[str, ...] = ()

    def table(self, rows: int = 12) -> str:
        """Return the additive table as text: parts, the rest in one line, residual and score.

        Args:
            rows: How many parts to list; the others are summed in one line.
        """
        parts = [(part.label, part.value) for part in self.attributions]
        return additive_table(parts, self.residual, self.score, rows)

    def __str__(self) -> str:
        told = "".join(f"\n{move}" for move in self.moves)
        return f"{self.title}: {self.reason}{told}\n\n{self.table()}"

    def record(self) -> ExplanationRecord:
        """Return the explanation as a record that can be stored and checked."""
        return ExplanationRecord(
            schema=SCHEMA_VERSION,
            bundle=self.bundle,
            time=real(self.time),
            item=self.item,
            personalized=self.personalized,
            score=real(self.score),
            attributions=tuple(part.entry() for part in self.attributions),
            residual=real(self.residual),
            moves=self.moves,
        )
