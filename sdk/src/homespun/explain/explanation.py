"""An explanation: the exact parts of a score, what every stage did to its place, and how they are told."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Literal

import msgspec

from homespun.explain.rendering import additive_table, stage_table
from homespun.explain.wording import DEFAULT
from homespun.protocol.events import Event
from homespun.protocol.read_only import ReadOnlyDict
from homespun.protocol.records import AttributionEntry, Source, StageEntry, real

Control = Literal["more_like", "less_like", "interest", "similar"]


class Attribution(msgspec.Struct, frozen=True, gc=False):
    """One additive part of a score.

    Attributes:
        source: ``history`` (an item that the person liked), ``control`` (something that they set, or the item that the
            list is about), ``prior`` (the same for everybody), ``context`` (a circumstance of the request),
            ``archetype`` (the kind of taste that their likes show), ``repeat`` (they chose the item itself before),
            ``learning`` (what the device learned from one event), ``returns`` (how they come back to things),
            ``rule``, ``recency`` or ``popularity`` (stages of the policy).
        component: The model's component, the prior's name, or the circumstance's, with ``:own`` behind it where the
            part is about the person's own habits and not about everybody's; the rule's name; the attribute of recency;
            None for the others.
        event: The event behind the part; None where there is none.
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
    control: Control | None = None
    target: str | None = None
    often: bool | None = None

    @property
    def label(self) -> str:
        """What the part is, in words."""
        if self.control == "interest":
            return f"your interest in {self.title}, as you set it"
        if self.control == "similar":
            return f"it is like {self.title} ({self.component})"
        if self.event is not None:
            through = "learned on this device" if self.source == "learning" else self.component
            return f"you {DEFAULT.verb(self.event.kind)} {self.title} ({through})"
        if self.control is not None:
            return f"you {DEFAULT.verb(self.control)} {self.title} ({self.component})"
        if self.often is not None:
            name = "habit_more" if self.often else "habit_less"
            return f"you {DEFAULT.say(name, name=self.title, value=self.target or '')}"
        general = {
            "context": f"{self.component}: {self.target}",
            "archetype": "the kind of taste that your choices show",
            "repeat": "you chose it before",
            "returns": "how you come back to things",
            "rule": f"the rule {self.component!r}",
            "recency": f"how new it is ({self.component})",
            "popularity": "the dial for popularity",
        }
        return general.get(self.source) or f"{DEFAULT.prior(self.component or '')}, the same for everybody"

    def entry(self) -> AttributionEntry:
        """Return the part as records hold it."""
        is_item = self.source in {"history", "repeat", "learning", "returns"} or self.control in {
            "more_like",
            "less_like",
            "similar",
        }
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
class StageRank:
    """What one stage did to an item's rank among the candidates.

    Attributes:
        stage: Its name.
        before: The rank before it, from 1.
        after: The rank after it.
    """

    stage: str
    before: int
    after: int

    def entry(self) -> StageEntry:
        """Return it as records hold it."""
        return StageEntry(stage=self.stage, before=self.before, after=self.after)


@dataclass(frozen=True)
class Explanation:
    """Why an item stands in a list, or why it does not.

    Attributes:
        item: The item.
        title: Its title.
        score: The score that ranked.
        reason: The main reason in words, for instance ``because you rated The Matrix and Alien``.
        attributions: The additive parts, largest magnitude first.
        residual: score − Σ attributions: rounding, at most 1e-5 · Σ|attributions|.
        personalized: Whether personal data was used for the list.
        bundle: Identity of the bundle that scored: the SHA-256 of its manifest.
        time: When the list was made, seconds since 1970.
        moves: What constraints did to its place, in words; or what keeps it out of lists, if it was asked
            for by name.
        surface: Which surface the list was for.
        place: Its place in the list, from 1; None if it is not listed.
        candidates: How many items were looked at.
        stages: What every stage did to its rank, in order; empty if it was not looked at.
        base: What the score would be if nothing were known of the person: the parts that are the same for everybody.
        general_place: Its place in the list that somebody gets of whom nothing is known; None if it is not there.
        propensity: How likely it was to get its place, given the items before; 1 where chance has no part in it.
        policy: Identity of the policy: the SHA-256 of its canonical JSON.
        model: Name of the bundle.
        runtime: What computed it.
        precision: In which numbers.
        consents: Numbers of the consent records in force, by purpose.
        unmet: Names of the rules that acted on the list, and whose pin or share found nothing that fits.
        experiment: The experiment and the variant that the list was made under, in words; empty: none.
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
    surface: str = "home"
    place: int | None = None
    candidates: int = 0
    stages: tuple[StageRank, ...] = ()
    base: float = 0.0
    general_place: int | None = None
    propensity: float = 1.0
    policy: str = ""
    model: str = ""
    runtime: str = ""
    precision: str = ""
    consents: Mapping[str, int] = field(default_factory=ReadOnlyDict)
    unmet: tuple[str, ...] = ()
    experiment: str = ""

    @property
    def exact(self) -> bool:
        """Whether the parts add up to the score: within 1e-5 · Σ|attributions|."""
        return abs(self.residual) <= 1e-5 * sum(abs(part.value) for part in self.attributions)

    def table(self, rows: int = 12) -> str:
        """Return the additive table as text: parts, the rest in one line, residual and score.

        Args:
            rows: How many parts to list; the others are summed in one line.
        """
        parts = [(part.label, part.value) for part in self.attributions]
        return additive_table(parts, self.residual, self.score, rows)

    def stage_table(self) -> str:
        """Return the ranks before and after each stage as text."""
        return stage_table([(stage.stage, stage.before, stage.after) for stage in self.stages])

    def json(self) -> bytes:
        """Return the explanation as JSON, with computed reals as decimal strings, as records have them."""
        entries = tuple(part.entry() for part in self.attributions)
        told = {
            each.name: getattr(self, each.name) for each in fields(self) if each.name not in {"attributions", "stages"}
        }
        for name in ("score", "residual", "base", "propensity"):
            told[name] = real(told[name])
        told |= {"exact": self.exact, "attributions": entries, "stages": tuple(each.entry() for each in self.stages)}
        return msgspec.json.encode(told)

    def __str__(self) -> str:
        told = "".join(f"\n{move}" for move in (*self.moves, self.experiment) if move)
        return f"{self.title}: {self.reason}{told}\n\n{self.table()}"
