"""What was done to one store for one request, and what that is worth.

A level is claimed only for what was checked, in the words of erasure receipts (``homespun.protocol.receipts``). An
outcome without a level gives its reason instead. Pure.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from homespun.errors import MisuseError
from homespun.protocol.receipts import Level

Outcome = Literal["done", "nothing", "kept", "pending", "failed"]
"""``done``: it was done and checked, at a level. ``nothing``: there is nothing, for a reason. ``kept``: something
remains that cannot or must not go, for a reason, and is disclosed. ``pending``: others have not answered yet.
``failed``: it is tried again."""

FINAL: frozenset[Outcome] = frozenset({"done", "nothing", "kept"})
"""Outcomes with which a request may close."""

DEVICES = "devices"
"""The name of the connector that asks devices."""

MODELS = "models"
"""The name of the connector that has models made again."""

PSEUDONYMS = "pseudonyms"
"""The name of the connector whose erasure leaves nothing that leads to a person."""

SET_ASIDE = "set aside"
"""The name of the connector of rows that were taken out of tables."""


class Effect(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What was done to one store.

    Attributes:
        outcome: See ``Outcome``.
        detail: The same in plain words, with the reason for the outcome and the level.
        level: What is claimed; None only where nothing was to be done.
        records: How many records it is about.

    Raises:
        MisuseError: On construction, if it claims something without a level, or gives no reason.
    """

    outcome: Outcome
    detail: Annotated[str, Meta(max_length=20_000)]
    level: Level | None = None
    records: Annotated[int, Meta(ge=0)] = 0

    def __post_init__(self) -> None:
        """Refuse a claim without a level, and anything without a reason."""
        if not self.detail.strip() or (self.outcome == "done" and self.level is None):
            raise MisuseError(
                f"an effect that is {self.outcome} needs {'a level' if self.detail.strip() else 'a reason'}; without "
                "it, it is no evidence. Nothing was recorded."
            )

    @property
    def final(self) -> bool:
        """Whether a request may close with it."""
        return self.outcome in FINAL


def nothing(detail: str) -> Effect:
    """Return that there is nothing, and why."""
    return Effect(outcome="nothing", detail=detail)


def failed(detail: str) -> Effect:
    """Return that it did not work, and is tried again."""
    return Effect(outcome="failed", detail=detail, level="unverified")


def of_devices(asked: int, waiting: int, declined: int) -> Effect:
    """Return how things stand with so many devices that were asked, of which some wait and some were declined on."""
    if waiting:
        return Effect(
            outcome="pending",
            level="unverified",
            records=asked - waiting,
            detail=f"{waiting} of {asked} devices have not answered. What is on them is as it was, as far as is known.",
        )
    if declined:
        return Effect(
            outcome="kept",
            level="unverified",
            records=asked,
            detail=f"All {asked} devices answered with a signed receipt; on {declined} the person declined.",
        )
    return Effect(
        outcome="done",
        level="logical",
        records=asked,
        detail=f"All {asked} registered devices answered with a signed receipt, which names the level of every store.",
    )


def of_models(all_: int, waiting: int) -> Effect:
    """Return how things stand with so many models that are to be made again, of which some were not yet."""
    if waiting:
        return Effect(
            outcome="pending",
            level="unverified",
            records=all_,
            detail=f"{waiting} of {all_} models without a guarantee are to be made again without the person.",
        )
    return Effect(
        outcome="done",
        level="logical",
        records=all_,
        detail=f"All {all_} models without a guarantee were made again, later than the erasure, as other bundles.",
    )
