"""What was done to one store for one request, and what that is worth.

A level is claimed only for what was checked, in the words of erasure receipts (``homespun.protocol.receipts``). An
outcome without a level gives its reason instead. Pure.
"""

from collections.abc import Mapping, Sequence
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


EXPLANATIONS = "explanations"
"""What a request for an explanation has beside its stores: how lists of the person were made."""

EXPLANATIONS_ARE = "how lists of the person were made, told from the records that their device keeps and they hand over"


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


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """What was explained in an answer.

    Attributes:
        records: How many lists.
        bundles: The bundles that they were made again with.
    """

    records: Annotated[int, Meta(ge=1)]
    bundles: Annotated[tuple[str, ...], Meta(min_length=1)]


def explained(said: Explained) -> Effect:
    """Return that lists were explained in the answer."""
    bundles = ", ".join(each[:12] for each in said.bundles)
    told = (
        f"{said.records} recorded lists were made again with their bundles ({bundles}), came out as recorded, and are "
        "explained in the answer: in plain words, with every number, and made again without the main reason."
    )
    return Effect(outcome="done", level="logical", records=said.records, detail=told)


def unexplained(reason: str, evidence: str) -> Effect:
    """Return that no list is explained, and why."""
    why, where = reason.strip().rstrip("."), evidence.strip().rstrip(".")
    return nothing(
        f"No list was explained here: {why}. Evidence: {where}. The answer says so, and tells how lists are made."
    )


def not_yet_explained() -> Effect:
    """Return that no list was explained yet."""
    return Effect(
        outcome="pending",
        level="unverified",
        detail=(
            "No list was explained yet. The records are with the person: ask for what their device exports, and make "
            "the answer with them (request export --explanations). If there are none, say why, with evidence "
            "(request act ID no-records)."
        ),
    )


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


def of_models(all_: int, waiting: Sequence[str], pipelines: Mapping[str, str]) -> Effect:
    """Return how things stand with so many models that are to be made again.

    Args:
        all_: How many there are.
        waiting: Those that were not made again yet.
        pipelines: What makes them, by bundle, where that is known.
    """
    if waiting:
        told = "; ".join(_to_be_made(bundle, pipelines.get(bundle)) for bundle in waiting)
        return Effect(
            outcome="pending",
            level="unverified",
            records=all_,
            detail=(
                f"{len(waiting)} of {all_} models without a guarantee are to be made again without the person: {told}."
            ),
        )
    return Effect(
        outcome="done",
        level="logical",
        records=all_,
        detail=f"All {all_} models without a guarantee were made again, later than the erasure, as other bundles.",
    )


def _to_be_made(bundle: str, pipeline: str | None) -> str:
    if pipeline is None:
        return (
            f"{bundle[:12]}, which no pipeline made (make it as it was made, and register it under the same name with "
            "homespun-server registry add)"
        )
    return f"{bundle[:12]} by the pipeline {pipeline} (homespun-server run with its file)"
