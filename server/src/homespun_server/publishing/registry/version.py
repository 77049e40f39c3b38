"""What the registry knows of a bundle."""

from typing import Literal

import msgspec

from homespun_server.publishing.registry.stages import Stage


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """A registered bundle.

    Attributes:
        id: Its identity: SHA-256 of its manifest.
        name: The bundle's name.
        version: Which version of this name, from 1; a number is not used twice.
        stage: Where it is.
        created: When it was made, ISO 8601, UTC.
        added: When it was registered, ISO 8601, UTC.
        size: Bytes of the manifest and all its files.
        privacy: What its privacy rests on; see ``PrivacyStatement``.
        epsilon: ε, as a decimal; None unless it is differentially private.
        delta: δ, as a decimal; None unless it is differentially private.
        note: What was said of it when it was registered.
    """

    id: str
    name: str
    version: int
    stage: Stage
    created: str
    added: str
    size: int
    privacy: Literal["differential_privacy", "no_personal_data", "non_private"]
    epsilon: str | None
    delta: str | None
    note: str


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """A bundle's coming into a stage.

    Attributes:
        sequence: Which move of the bundle, from 1: that it was registered as a draft.
        stage: The stage.
        moment: ISO 8601, UTC.
        who: Who moved it.
        why: Why.
    """

    sequence: int
    stage: Stage
    moment: str
    who: str
    why: str


class Details(msgspec.Struct, frozen=True, kw_only=True):
    """A registered bundle with everything that was registered with it.

    Attributes:
        version: The bundle.
        lineage: What it was made from: inputs' hashes, code, releases, ε spent, metrics.
        card: The model card.
        gates: The results of the gates, and what was overridden for which reason.
        moves: Its stages so far, in order.
    """

    version: Version
    lineage: dict[str, object]
    card: dict[str, object]
    gates: dict[str, object]
    moves: tuple[Move, ...]
