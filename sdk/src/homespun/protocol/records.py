"""The explanation record: one decision, its exact parts, and what they were computed from.

Reals are decimal strings with 17 significant digits, enough to restore every float64 exactly.
"""

from decimal import Decimal
from typing import Literal

import msgspec

SCHEMA_VERSION = 2
"""Version of the records that this package writes; it reads earlier ones too, whose fields it all has."""

Source = Literal["history", "prior", "context", "archetype", "repeat", "control"]
"""Where a part of a score comes from."""


class AttributionEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One additive part of a score.

    Attributes:
        source: ``history`` (an item that the person liked), ``control`` (something that they set), ``prior`` (the same
            for everybody), ``context`` (a circumstance of the request), ``archetype`` (the kind of taste that their
            likes show) or ``repeat`` (they chose the item itself before).
        component: The model's component, the prior's name (None in records of version 1), or the circumstance's, with
            ``:own`` behind it where the part is about the person's own habits; None for the others.
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
    control: Literal["more_like", "less_like", "interest"] | None = None
    tag: str | None = None
    choice: str | None = None


class ExplanationRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why an item stood in a list.

    Attributes:
        schema: SCHEMA_VERSION of the writer.
        bundle: SHA-256 of the bundle's manifest.
        time: When the list was made, seconds since 1970.
        item: The recommended item.
        personalized: Whether the person's events were used.
        score: The score that ranked.
        attributions: What adds up to the score.
        residual: score − Σ attributions: rounding only.
        moves: What constraints did to the item's place, in words; they change no score.
    """

    schema: int
    bundle: str
    time: Decimal
    item: str
    personalized: bool
    score: Decimal
    attributions: tuple[AttributionEntry, ...]
    residual: Decimal
    moves: tuple[str, ...] = ()


def real(value: float) -> Decimal:
    """Return a float64 as a decimal that restores it exactly (17 significant digits)."""
    return Decimal(format(value, ".17g"))
