"""The explanation record: one decision, its exact parts, and everything that it was computed from.

From the inputs, the bundle and the policy the same list can be made again and compared number by number. Reals that
were computed are decimal strings with 17 significant digits, enough to restore every float64 exactly; what was given
is kept as JSON has it.
"""

import hashlib
from decimal import Decimal
from typing import Literal

import msgspec
from msgspec import structs

SCHEMA_VERSION = 3
"""Version of the records that this package writes; it reads earlier ones too, which hold one item and no inputs."""

MOST_PARTS = 30
"""Parts of a score that a record lists one by one; the others are told as their sum."""

Source = Literal[
    "history",
    "prior",
    "context",
    "archetype",
    "repeat",
    "control",
    "learning",
    "returns",
    "rule",
    "recency",
    "popularity",
]
"""Where a part of a score comes from."""

Scalar = str | bool | int | float


class AttributionEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One additive part of a score.

    Attributes:
        source: ``history`` (an item that the person liked), ``control`` (something that they set, or the item that a
            list is about), ``prior`` (the same for everybody), ``context`` (a circumstance of the request),
            ``archetype`` (the kind of taste that their likes show), ``repeat`` (they chose the item itself before),
            ``learning`` (what the device learned from one item), ``returns`` (how they come back to things), ``rule``,
            ``recency`` or ``popularity`` (stages of the policy).
        component: The model's component, the prior's name (None in records of version 1), or the circumstance's, with
            ``:own`` behind it where the part is about the person's own habits; the rule's name; the attribute of
            recency; None for the others.
        item: The history item, the item that the control is about, or the one that is repeated; None for the others.
        value: What it adds.
        control: Which control; None for the others.
        tag: The tag of an interest; None for the others.
        choice: The circumstance's value, or the number of the taste; None for the others.
    """

    source: Source
    component: str | None
    item: str | None
    value: Decimal
    control: Literal["more_like", "less_like", "interest", "similar"] | None = None
    tag: str | None = None
    choice: str | None = None


class StageEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one stage did to an item's rank among the candidates.

    Attributes:
        stage: Its name.
        before: The rank before it, from 1.
        after: The rank after it.
    """

    stage: str
    before: int
    after: int


class ItemEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One item of a list.

    Attributes:
        item: Its id.
        score: The score that ranked.
        reason: The main reason, by the default templates.
        attributions: The parts of the score, largest magnitude first, ``MOST_PARTS`` at most.
        others: Sum of the parts that are not listed.
        residual: score − Σ of all parts: rounding only.
        moves: What constraints did to its place, in words; they change no score.
        stages: What every stage did to its rank.
        propensity: How likely it was to get its place, given the items before.
    """

    item: str
    score: Decimal
    reason: str
    attributions: tuple[AttributionEntry, ...]
    others: Decimal
    residual: Decimal
    moves: tuple[str, ...] = ()
    stages: tuple[StageEntry, ...] = ()
    propensity: Decimal = Decimal(1)


class EventEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One event that a list was made from; see ``Event``, whose id is not kept here."""

    item: str
    kind: str
    time: float | None = None
    weight: float | None = None
    context: dict[str, Scalar] | None = None


class SteeringEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the person had set; see ``Steering``."""

    hidden_items: tuple[str, ...] = ()
    hidden_tags: tuple[str, ...] = ()
    more_like: tuple[str, ...] = ()
    less_like: tuple[str, ...] = ()
    ignored_items: tuple[str, ...] = ()
    interests: dict[str, float] = {}
    cap_times: int | None = None
    cap_days: int | None = None
    diversity: float = 0.0
    exploration: float | None = None
    non_profiled: bool = False
    restricted: bool = False
    objected: bool = False
    switched_off: bool = False


class DecisionInputs(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Everything that a list is a function of, beside the bundle and the policy.

    Attributes:
        k: How many items were asked for.
        surface: Which surface it was for.
        events: The person's events; None if nothing of them might be used.
        steering: What they had set.
        attributes: What they declared about themselves.
        context: Circumstances of the request.
        exclude: Items that the application left out.
        exclude_seen: What the application wanted of items that are known; None: as the policy says.
        item: Which item the list was about.
        ids: Which items were to be ranked.
        shown: How often items were shown before, where that counted.
        seed: What decided what chance decided.
        local_items: SHA-256 of what the application had said of items on the device; None: nothing.
    """

    k: int
    surface: str
    events: tuple[EventEntry, ...] | None = None
    steering: SteeringEntry = SteeringEntry()
    attributes: dict[str, Scalar] = {}
    context: dict[str, Scalar] = {}
    exclude: tuple[str, ...] = ()
    exclude_seen: bool | None = None
    item: str | None = None
    ids: tuple[str, ...] | None = None
    shown: dict[str, int] = {}
    seed: int = 0
    local_items: str | None = None


class ExplanationRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Why a list was as it was.

    Attributes:
        schema: SCHEMA_VERSION of the writer.
        bundle: SHA-256 of the bundle's manifest.
        time: When the list was made, seconds since 1970.
        personalized: Whether personal data was used.
        items: The list.
        policy: SHA-256 of the policy; None in records of earlier versions, like all that follows.
        inputs: What it was made from.
        candidates: How many items were looked at.
        runtime: What computed it.
        precision: In which numbers.
        consents: Numbers of the consent records in force, by purpose.
        unmet: Names of the rules that acted, and whose pin or share found nothing that fits.
        digest: SHA-256 over all other fields. It shows a slip, and not somebody who can compute it anew.
    """

    schema: int
    bundle: str
    time: float
    personalized: bool
    items: tuple[ItemEntry, ...]
    policy: str | None = None
    inputs: DecisionInputs | None = None
    candidates: int = 0
    runtime: str = ""
    precision: str = ""
    consents: dict[str, int] = {}
    unmet: tuple[str, ...] = ()
    digest: str = ""

    def computed_digest(self) -> str:
        """Return what ``digest`` has to be."""
        plain = structs.replace(self, digest="")
        return hashlib.sha256(msgspec.json.encode(plain, order="deterministic")).hexdigest()

    def sealed(self) -> "ExplanationRecord":
        """Return the record with its digest."""
        return structs.replace(self, digest=self.computed_digest())


class _EarlierRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A record of versions 1 and 2: one item of a list, and nothing that it was made from."""

    schema: int
    bundle: str
    time: Decimal
    item: str
    personalized: bool
    score: Decimal
    attributions: tuple[AttributionEntry, ...]
    residual: Decimal
    moves: tuple[str, ...] = ()


class _Version(msgspec.Struct):
    schema: int


def parse_record(text: bytes | str) -> ExplanationRecord:
    """Read a record of any version so far.

    Raises:
        msgspec.MsgspecError: It is none.
    """
    if msgspec.json.decode(text, type=_Version).schema >= SCHEMA_VERSION:
        return msgspec.json.decode(text, type=ExplanationRecord)
    earlier = msgspec.json.decode(text, type=_EarlierRecord)
    item = ItemEntry(
        item=earlier.item,
        score=earlier.score,
        reason="",
        attributions=earlier.attributions,
        others=Decimal(0),
        residual=earlier.residual,
        moves=earlier.moves,
    )
    return ExplanationRecord(
        schema=earlier.schema,
        bundle=earlier.bundle,
        time=float(earlier.time),
        personalized=earlier.personalized,
        items=(item,),
    )


def named_in(record: ExplanationRecord) -> frozenset[str]:
    """Return every item and tag that a record says something of the person with, and the items of the list."""
    named = {item.item for item in record.items}
    for item in record.items:
        named.update(part.item for part in item.attributions if part.item is not None)
        named.update(part.tag for part in item.attributions if part.tag is not None)
    if record.inputs is not None:
        given, steering = record.inputs, record.inputs.steering
        named.update(event.item for event in given.events or ())
        named.update(steering.hidden_items, steering.hidden_tags, steering.more_like, steering.less_like)
        named.update(steering.ignored_items, steering.interests, given.shown, given.exclude, given.ids or ())
        named.update([given.item] if given.item else ())
    return frozenset(named)


def real(value: float) -> Decimal:
    """Return a float64 as a decimal that restores it exactly (17 significant digits)."""
    return Decimal(format(value, ".17g"))
