"""The tables of each kind of vault, and the version in which this package writes them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

PROFILE_VERSION: Final = 2
"""Version of a profile's layout: which vaults there are and what is in them. Version 1 had one database."""


class VaultKind(StrEnum):
    """What a vault holds; the start of its file's name."""

    PROFILE = "profile"
    STATE = "state"
    EPOCH = "epoch"


@dataclass(frozen=True, slots=True)
class Schema:
    """The tables of one kind of vault.

    Attributes:
        kind: Which kind.
        application_id: Marks the file, as SQLite's ``application_id``.
        columns: Every table with its columns, in the order of creation.
        statements: What creates them.
    """

    kind: VaultKind
    application_id: int
    columns: dict[str, tuple[str, ...]]
    statements: str


_LOG = "(id INTEGER PRIMARY KEY, record TEXT NOT NULL) STRICT"

MAIN: Final = Schema(
    VaultKind.PROFILE,
    0x686D7372,
    {
        "vault": ("id", "name", "kind", "number", "state", "started", "outside", "key"),
        "consent": ("id", "record"),
        "egress": ("id", "record"),
        "outbox": ("sequence", "payload"),
        "setting": ("name", "value"),
    },
    f"""
CREATE TABLE vault (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    number INTEGER NOT NULL,
    state TEXT NOT NULL,
    started REAL NOT NULL,
    outside INTEGER NOT NULL,
    key BLOB
) STRICT;
CREATE TABLE consent {_LOG};
CREATE TABLE egress {_LOG};
CREATE TABLE outbox (sequence INTEGER PRIMARY KEY, payload BLOB NOT NULL) STRICT;
CREATE TABLE setting (name TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;
""",
)
"""The index of the other vaults and their keys; the choices; what left and what is about to."""

STATE: Final = Schema(
    VaultKind.STATE,
    0x686D7373,
    {"control": ("id", "record"), "attribute": ("name", "value"), "kept": ("compartment", "name", "value")},
    f"""
CREATE TABLE control {_LOG};
CREATE TABLE attribute (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE kept (
    compartment TEXT NOT NULL,
    name TEXT NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (compartment, name)
) STRICT, WITHOUT ROWID;
""",
)
"""What the person set and declared, and what other parts keep: rewritten under a new key when some of it goes."""

EPOCH: Final = Schema(
    VaultKind.EPOCH,
    0x686D7365,
    {
        "event": ("id", "uid", "recorded", "item", "kind", "time", "weight", "context"),
        "decision": ("id", "time", "item", "record"),
        "exposure": ("id", "time", "item"),
        "mark": ("id", "deletions"),
    },
    """
CREATE TABLE event (
    id INTEGER PRIMARY KEY,
    uid TEXT,
    recorded REAL NOT NULL,
    item TEXT NOT NULL,
    kind TEXT NOT NULL,
    time REAL,
    weight REAL,
    context TEXT
) STRICT;
CREATE UNIQUE INDEX event_uid ON event (uid) WHERE uid IS NOT NULL;
CREATE TABLE decision (id INTEGER PRIMARY KEY, time REAL NOT NULL, item TEXT NOT NULL, record TEXT NOT NULL) STRICT;
CREATE TABLE exposure (id INTEGER PRIMARY KEY, time REAL NOT NULL, item TEXT NOT NULL) STRICT;
CREATE TABLE mark (id INTEGER PRIMARY KEY, deletions INTEGER NOT NULL) STRICT;
INSERT INTO mark VALUES (1, 0);
""",
)
"""What happened in one stretch of time. ``mark.deletions`` counts the times that rows were taken out in place."""

SCHEMAS: Final = {schema.kind: schema for schema in (MAIN, STATE, EPOCH)}
