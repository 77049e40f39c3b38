"""The bundle's manifest: what a bundle contains, how its model is used, and what privacy it has.

A bundle is a folder: ``manifest.json``, the two ONNX graphs with their shared weights, the catalogue, the model
card and, where the publisher gives them, the policy and golden scores. The manifest names every file with its size and
SHA-256; nothing that it does not name is ever read. The bundle's own identity is the SHA-256 of the manifest's bytes.
"""

import re
from decimal import Decimal
from typing import Annotated, Literal

import msgspec

from homespun.protocol.events import KIND, MAX_CONTEXT_LENGTH, ContextValue

SCHEMA_VERSION = 2
"""Version of the manifest that this package writes and reads."""

CONTRACT_VERSION = 3
"""Version of the ONNX contract (see ``homespun.protocol.contract``)."""

MANIFEST = "manifest.json"
PROPOSE = "propose.onnx"
ROWS = "rows.onnx"
WEIGHTS = "weights.bin"
CATALOGUE = "catalogue.sqlite"
CARD_TEXT = "card.md"
CARD_DATA = "card.json"
POLICY = "policy.json"
GOLDEN = "golden.json"

FILES = (PROPOSE, ROWS, WEIGHTS, CATALOGUE, CARD_TEXT, CARD_DATA)
"""Files that every bundle has besides the manifest."""

OPTIONAL_FILES = (POLICY, GOLDEN)
"""Files that a bundle may have; it has no others."""

MODEL_FILES = (PROPOSE, ROWS, WEIGHTS)
"""The files that make up the model and count towards its size."""


CATALOGUE_SCHEMA = """\
CREATE TABLE items (
    position INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    title TEXT NOT NULL,
    tags TEXT NOT NULL
) STRICT"""
"""The catalogue's first table, to the letter: position 0..items-1, tags as a JSON array of text."""

WORDS_SCHEMA = """\
CREATE TABLE words (
    field TEXT NOT NULL,
    word TEXT NOT NULL,
    weight REAL NOT NULL,
    scale REAL NOT NULL,
    vector BLOB NOT NULL,
    PRIMARY KEY (field, word)
) STRICT, WITHOUT ROWID"""
"""The catalogue's second table, to the letter: the words of the content encoder (``homespun.protocol.content``).

``weight`` is a word's rarity; its vector is ``scale`` times ``vector``, int8 [d], in the space of the content
component's decoder rows. An item with the vector u (of norm 1) that is in no table has the decoder row u and the
encoder row u·s, with the table's spectrum s. Empty or missing where a model has no content component.
"""

MAX_WORDS = 1 << 15
"""Words that a catalogue may have."""

MAX_WORD_LENGTH = 512
"""Characters of a word, and of a field's key."""

MAX_WORD_NUMBER = 1e6
"""Largest weight and scale of a word."""

ATTRIBUTES_SCHEMA = """\
CREATE TABLE attributes (
    name TEXT NOT NULL,
    first INTEGER NOT NULL,
    texts TEXT,
    items BLOB NOT NULL,
    PRIMARY KEY (name, first)
) STRICT, WITHOUT ROWID"""
"""The catalogue's third table, to the letter: what is known of the items by name, column by column.

A row is about the items from position ``first`` on, ``MAX_ATTRIBUTE_ITEMS`` at most; the rows of a name, in this order,
are about every item once. An attribute is of numbers or of text. Of numbers, ``texts`` is NULL and ``items`` holds
little-endian float64, NaN where an item has none. Of text, ``texts`` is a JSON array of distinct texts, and ``items``
holds little-endian int16, places in it, −1 where an item has none. Empty or missing where nothing is known.
"""

MAX_ATTRIBUTES = 100
"""Names of attributes that a catalogue may have."""

MAX_ATTRIBUTE_NAME = MAX_CONTEXT_LENGTH
"""Characters of an attribute's name: a policy names no longer ones."""

MAX_ATTRIBUTE_TEXT = 1000
"""Characters of an attribute's text."""

MAX_ATTRIBUTE_ITEMS = 1 << 13
"""Items that one row of attributes is about."""

CONTROL_CHARACTERS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""What no title, tag or name of a bundle may hold: it would steer a terminal or break a line."""

ACTIVITY_LEVELS = (0, 1, 3, 5, 10, 50)
"""From how many distinct liked items on each of the weights for activity levels holds."""

HABIT_SHRINKAGE = 5.0
"""Events with a person's own shares that are counted beside those of each item.

What a person chose once or twice says next to nothing of when they choose it; what they chose fifty times says nearly
all of it.
"""

RESERVED_TABLES = ("priors", "context")
"""What no table of a component may be called."""

MAX_KINDS = 100
"""Kinds that a manifest may declare."""

Kind = Annotated[str, msgspec.Meta(pattern=rf"^{KIND.pattern}\Z")]

TableName = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_-]{0,31}\Z")]

PriorName = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_.-]{0,63}\Z")]

NEGATIVE_KINDS = ("dislike", "dismiss", "hide", "skip")
"""The kinds of events that speak against an item, where nobody says otherwise."""


def one_line(text: str) -> str:
    """Return a text as devices accept it: control characters, which could steer a terminal, become spaces."""
    return " ".join(CONTROL_CHARACTERS.sub(" ", text).split()) if CONTROL_CHARACTERS.search(text) else text


def activity_level(liked: int) -> int:
    """Return the index of the weights that hold for so many distinct liked items."""
    return sum(least <= liked for least in ACTIVITY_LEVELS) - 1


def own_name(feature: str) -> str:
    """Return what explanations call the part of a person's own habits in a circumstance."""
    return f"{feature}:own"


def context_text(value: ContextValue) -> str:
    """Return a circumstance's value as manifests name it: truth values as JSON does, whole numbers by their digits."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


class FileEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Size in bytes and lower-case hexadecimal SHA-256 of one file."""

    size: int
    sha256: str


class Kernel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much an item of the history counts: exp(−a/age − g/gap), by what came after it.

    a is how many distinct liked items came after it, g the seconds from its event to the latest one. Weights
    below 2⁻¹⁰ of the largest count as 0. Where an event has no time, nothing is known of the order: its item
    weighs 0 where order is what matters, and else 1.

    Attributes:
        age: Items after which the weight is down to 1/e; None: no such decay.
        gap: Seconds after which it is; None: no such decay.
        ordered: Whether order is what matters.
    """

    age: Decimal | None
    gap: Decimal | None
    ordered: bool


class Component(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One additive part of the score, linear in the history. It has a low-rank table, a sparse one, or both.

    Attributes:
        name: Names the part in the model's inputs and in explanations: ``collaborative`` (what is liked together),
            ``sequential`` (what comes after what), ``session`` (what comes right after what) or ``content``.
        low_rank: The low-rank table; None: without.
        dimensions: Its rank; 0 without.
        sparse: The sparse table, which several components may share; None: without.
        bits: Bits per entry of it; None without.
        blocks: Blocks that it has; 0 without.
        kernel: How much each item of the history counts.
        weights: β, by which the part is multiplied, for each activity level.
    """

    name: Literal["collaborative", "sequential", "session", "content"]
    low_rank: TableName | None
    dimensions: int
    sparse: TableName | None
    bits: Literal[4, 8] | None
    blocks: int
    kernel: Kernel
    weights: tuple[Decimal, ...]


class Prior(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One part of the score that is the same for everybody.

    Attributes:
        name: For instance ``popularity`` or ``trend-7d``.
        weights: θ for each activity level.
    """

    name: PriorName
    weights: tuple[Decimal, ...]


class Context(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One part of the score that depends on a circumstance of the request: what suits it for everybody.

    What suits it for the person is added beside, from their own events: see ``homespun.model.habits``.

    Attributes:
        feature: The circumstance's name, as events and requests have it.
        values: What it can be, each with a row of the context table; another value adds nothing. See ``context_text``.
        weights: γ for each activity level.
        own_weights: δ for each activity level, by which what the person's own habits say is multiplied; None: they
            add nothing. Only in bundles in which repeats add something, because they are about what was chosen before.
    """

    feature: str
    values: tuple[str, ...]
    weights: tuple[Decimal, ...]
    own_weights: tuple[Decimal, ...] | None = None


class Archetypes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One part of the score that depends on which of a few tastes a person has.

    The taste is the row whose sum over the liked items is largest, the first of equals; nobody has one without a
    liked item. It adds its row.

    Attributes:
        count: How many tastes: the last rows of the context table.
        weights: By what the row is multiplied, for each activity level.
    """

    count: int
    weights: tuple[Decimal, ...]


class Repeats(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is added to an item with n ≥ 1 events in favour: count · (log(n + .1) − log(.1)) + seen.

    An event is in favour if its kind is not negative and its weight, if it has one, at least ``min_weight``.

    Attributes:
        count_weights: ``count`` for each activity level.
        seen_weights: ``seen`` for each activity level.
    """

    count_weights: tuple[Decimal, ...]
    seen_weights: tuple[Decimal, ...]


class NewItems(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Places for items of which nothing is learned from people.

    Attributes:
        first: The first of their positions; they end the catalogue.
        every: After so many places of a list one goes to the best of them (every, 2·every, …); 0: none.
    """

    first: int
    every: int


class HistoryRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How events become the model's input: the distinct items that a person likes.

    An item is liked if the kind of its last event is not negative and if, where ``min_weight`` is given and
    some of its events have a weight, the last weight is at least ``min_weight``. Its place in the order, and
    what is told of it, are those of its last event that has a weight, or of its last event if none has.

    Attributes:
        min_weight: Least weight of a like; None: weights do not matter.
        max_items: At most so many of the latest items are used.
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
        mechanism: ``discrete-gaussian``; ``discrete-gaussian-each`` (collected from devices: leader and helper each
            added the noise); or ``none`` (non-private).
        l2_bound: Sensitivity for adding or removing one person, or leaving out one report, in grid steps.
        sigma: Standard deviation parameter of the noise, in grid steps: of all of it, also where two added it; 0
            without noise.
        rho: zCDP spent, where two added noise by that of one of them; None without a guarantee.
        values: How many numbers were released.
    """

    statistic: str
    mechanism: Literal["discrete-gaussian", "discrete-gaussian-each", "none"]
    l2_bound: int
    sigma: Decimal
    rho: Decimal | None
    values: int


class PrivacyStatement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the bundle's privacy rests on.

    Attributes:
        kind: ``differential_privacy``; ``no_personal_data`` (trained from the catalogue alone);
            or ``non_private`` (no guarantee: experiments only).
        unit: Whose presence is protected: ``user``, or ``installation per task`` where devices reported; None where
            there is no guarantee to state.
        neighbours: ``add/remove one user``, or ``zero out one report of each task``.
        epsilon: ε, None unless differentially private.
        delta: δ, None unless differentially private.
        rho: Total zCDP, None unless differentially private.
        releases: The releases, in the order in which they were made.
        statement: The same in plain words.
    """

    kind: Literal["differential_privacy", "no_personal_data", "non_private"]
    unit: Literal["user", "installation per task"] | None
    neighbours: Literal["add/remove one user", "zero out one report of each task"] | None
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
        components: The model's additive components, at least one.
        priors: What is the same for everybody, in the order of the prior table's rows; at least one.
        contexts: Circumstances that matter, in the order of the context table's rows.
        archetypes: Tastes; None: without.
        repeats: What having liked an item already adds; None: nothing.
        new_items: Places for new items.
        history: How events become the model's input.
        privacy: What the bundle's privacy rests on.
        files: Every other file by name: all of ``FILES``, and of ``OPTIONAL_FILES`` those that there are.
    """

    schema: int
    contract: int
    name: str
    created: str
    items: int
    components: tuple[Component, ...]
    priors: tuple[Prior, ...]
    contexts: tuple[Context, ...]
    archetypes: Archetypes | None
    repeats: Repeats | None
    new_items: NewItems
    history: HistoryRule
    privacy: PrivacyStatement
    files: dict[str, FileEntry]

    @property
    def context_rows(self) -> int:
        """How many rows the context table has."""
        return sum(len(each.values) for each in self.contexts) + (self.archetypes.count if self.archetypes else 0)
