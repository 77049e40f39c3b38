"""The bundle's manifest: what a bundle contains, how its model is used, and what privacy it has.

A bundle is a folder: ``manifest.json``, the two ONNX graphs with their shared weights, the catalogue and
the model card. The manifest names every file with its size and SHA-256; nothing that it does not name
is ever read. The bundle's own identity is the SHA-256 of the manifest's bytes.
"""

import re
from decimal import Decimal
from typing import Annotated, Literal

import msgspec

from homespun.protocol.events import KIND

SCHEMA_VERSION = 1
"""Version of the manifest that this package writes and reads."""

CONTRACT_VERSION = 1
"""Version of the ONNX contract (see ``homespun.protocol.contract``)."""

MANIFEST = "manifest.json"
PROPOSE = "propose.onnx"
ROWS = "rows.onnx"
WEIGHTS = "weights.bin"
CATALOGUE = "catalogue.sqlite"
CARD_TEXT = "card.md"
CARD_DATA = "card.json"

FILES = (PROPOSE, ROWS, WEIGHTS, CATALOGUE, CARD_TEXT, CARD_DATA)
"""Every file of a bundle besides the manifest; a bundle has exactly these."""

MODEL_FILES = (PROPOSE, ROWS, WEIGHTS)
"""The files that make up the model and count towards its size."""


CATALOGUE_SCHEMA = """\
CREATE TABLE items (
    position INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    title TEXT NOT NULL,
    tags TEXT NOT NULL
) STRICT"""
"""The catalogue's only table, to the letter: position 0..items-1, tags as a JSON array of text."""

CONTROL_CHARACTERS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""What no title, tag or name of a bundle may hold: it would steer a terminal or break a line."""

MAX_KINDS = 100
"""Kinds that a manifest may declare."""

Kind = Annotated[str, msgspec.Meta(pattern=rf"^{KIND.pattern}\Z")]

NEGATIVE_KINDS = ("dislike", "dismiss", "hide", "skip")
"""The kinds of events that speak against an item, where nobody says otherwise."""


class FileEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Size in bytes and lower-case hexadecimal SHA-256 of one file."""

    size: int
    sha256: str


class Component(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One additive part of the score, linear in the history.

    Attributes:
        name: ``collaborative`` or ``content``; names the model's inputs and outputs, and explanations.
        dimensions: Length of the encoder's and the decoder's rows.
        weight: β, by which the component's part of the score is multiplied.
    """

    name: Literal["collaborative", "content"]
    dimensions: int
    weight: Decimal


class HistoryRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How events become the model's input: the distinct items that a person likes.

    An item is liked if the kind of its last event is not negative and if, where ``min_weight`` is given and
    some of its events have a weight, the last weight is at least ``min_weight``. Its place in the order, and
    what is told of it, are those of its last event that has a weight, or of its last event if none has.

    Attributes:
        min_weight: Least weight of a like; None: weights do not matter.
        max_items: At most so many of the latest items are used; each gets the weight 1.
        negative_kinds: The kinds of events that speak against an item; none in a manifest without them.
        kinds: The kinds of events that the publisher declares, at least one; None in a manifest without
            them, where any kind may be recorded. Negative kinds are declared by being named.
    """

    min_weight: Decimal | None
    max_items: int
    negative_kinds: tuple[str, ...] = ()
    kinds: Annotated[tuple[Kind, ...], msgspec.Meta(min_length=1, max_length=MAX_KINDS)] | None = None


class ReleaseEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One release that the model was trained from.

    Attributes:
        statistic: The declared statistic's name.
        mechanism: ``discrete-gaussian`` or ``none`` (non-private).
        l2_bound: Sensitivity for adding or removing one person, in grid steps.
        sigma: Standard deviation parameter of the noise, in grid steps; 0 without noise.
        rho: zCDP spent; None without a guarantee.
        values: How many numbers were released.
    """

    statistic: str
    mechanism: Literal["discrete-gaussian", "none"]
    l2_bound: int
    sigma: Decimal
    rho: Decimal | None
    values: int


class PrivacyStatement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the bundle's privacy rests on.

    Attributes:
        kind: ``differential_privacy``; ``no_personal_data`` (trained from the catalogue alone);
            or ``non_private`` (no guarantee: experiments only).
        unit: Whose presence is protected (``user``); None where there is no guarantee to state.
        neighbours: ``add/remove one user``.
        epsilon: ε, None unless differentially private.
        delta: δ, None unless differentially private.
        rho: Total zCDP, None unless differentially private.
        releases: The releases, in the order in which they were made.
        statement: The same in plain words.
    """

    kind: Literal["differential_privacy", "no_personal_data", "non_private"]
    unit: Literal["user"] | None
    neighbours: Literal["add/remove one user"] | None
    epsilon: Decimal | None
    delta: Decimal | None
    rho: Decimal | None
    releases: tuple[ReleaseEntry, ...]
    statement: str


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A bundle's table of contents.

    Attributes:
        schema: SCHEMA_VERSION of the writer.
        contract: CONTRACT_VERSION of the model.
        name: A name for people.
        created: Date of making, ISO 8601, UTC.
        items: Number of items; positions 0..items-1 are the model's rows and the catalogue's.
        components: The model's additive components.
        history: How events become the model's input.
        privacy: What the bundle's privacy rests on.
        files: Every other file by name.
    """

    schema: int
    contract: int
    name: str
    created: str
    items: int
    components: tuple[Component, ...]
    history: HistoryRule
    privacy: PrivacyStatement
    files: dict[str, FileEntry]
