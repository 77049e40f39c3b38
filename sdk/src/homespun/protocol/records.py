"""The explanation record: one decision, its exact parts, and what they were computed from.

Reals are decimal strings with 17 significant digits, enough to restore every float64 exactly.
"""

from decimal import Decimal
from typing import Literal

import msgspec

SCHEMA_VERSION = 1


class AttributionEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One additive part of a score.

    Attributes:
        source: ``history`` (an item that the person liked) or ``prior`` (the same for everybody).
        component: The model's component; None for the prior.
        item: The history item; None for the prior.
        value: What it adds.
    """

    source: Literal["history", "prior"]
    component: str | None
    item: str | None
    value: Decimal


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
    """

    schema: int
    bundle: str
    time: Decimal
    item: str
    personalized: bool
    score: Decimal
    attributions: tuple[AttributionEntry, ...]
    residual: Decimal


def real(value: float) -> Decimal:
    """Return a float64 as a decimal that restores it exactly (17 significant digits)."""
    return Decimal(format(value, ".17g"))
