"""The export: everything that a profile holds, as files that people and programs can read.

::

    manifest.json     what the other files are, with their sizes and SHA-256
    data/*.json       one section each: its rows, one on a line
    schema/*.json     JSON Schemas of the sections and of the manifest
    index.html        the same for reading and printing

All of them are members of one zip file, which can be sealed, see ``person.export.sealing``. A section's file
is an ordinary JSON document whose lines are laid out in one way only, so that it can be read row by row:
``section_head``, then a row on each line with a comma behind all but the last, then ``SECTION_END``.

Who exports may change what they export; the hashes find damage and careless edits, and prove nothing to
anybody else. Reals stand as JSON numbers that restore every float64; records that were hashed or signed
elsewhere keep their own form. Non-goal: exports of other programs.
"""

from typing import Annotated, Any, Literal, get_args

import msgspec

from homespun.protocol.events import ContextValue, Event

SCHEMA_VERSION = 1
"""Version of the export that this package writes and reads."""

FORMAT: Literal["homespun-export"] = "homespun-export"

Category = Literal["provided", "observed", "inferred", "control", "consent", "decision", "egress", "receipt"]
"""Where a section's rows come from; ``provided`` and ``observed`` are what portability is about, all are access."""

CATEGORIES: tuple[Category, ...] = get_args(Category)
PORTABLE: tuple[Category, ...] = ("provided", "observed")

SECTION_NAME = "^[a-z][a-z0-9-]{0,39}$"
"""What a section's name looks like; it is part of file names."""

MAX_SECTIONS = 48
MAX_FILES = 2 * MAX_SECTIONS + 4
MAX_EXPORT_SIZE = 1 << 30
"""Bytes in the zip file, and in all of its members together when unpacked."""

MAX_FILE_SIZE = 256 << 20
"""Bytes in one member when unpacked."""

MAX_ROW_SIZE = 4 << 20
"""Bytes in one row."""

MAX_ROWS = 2_000_000
"""Rows in one section."""

MAX_MANIFEST_SIZE = 64 << 10
"""Bytes in the manifest; what we write has about 3000."""

MANIFEST = "manifest.json"
PAGE = "index.html"
SECTION_END = b"]}\n"

FileName = Annotated[str, msgspec.Meta(pattern=r"^(index\.html|(data|schema)/[a-z][a-z0-9-]{0,39}\.json)$")]
Digest = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
Size = Annotated[int, msgspec.Meta(ge=0, le=MAX_FILE_SIZE)]
ProfileId = Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{32})?$")]
Name = Annotated[str, msgspec.Meta(max_length=256)]


class ExportedFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One member of the zip file.

    Attributes:
        name: Its name.
        category: Where its rows come from; ``schema`` or ``page`` for what has no rows.
        size: Bytes when unpacked.
        sha256: Lower-case hexadecimal SHA-256 of these bytes.
        rows: How many rows it has; None for what has none.
    """

    name: FileName
    category: Category | Literal["schema", "page"]
    size: Size
    sha256: Digest
    rows: Annotated[int, msgspec.Meta(ge=0, le=MAX_ROWS)] | None = None


class ExportedBundle(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The model that was in use: SHA-256 of its manifest, and its name."""

    id: Name
    name: Name


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The contents of ``manifest.json``.

    Attributes:
        format: FORMAT.
        schema: SCHEMA_VERSION of the writer.
        profile: The profile's random id, 32 hexadecimal digits; empty for one that was never on a disk.
        made: When, seconds since 1970-01-01 UTC by the device's clock.
        bundle: The model that was in use, if there was one.
        files: Every other member of the zip file.
    """

    format: Literal["homespun-export"] = FORMAT
    schema: int = SCHEMA_VERSION
    profile: ProfileId
    made: float
    bundle: ExportedBundle | None
    files: Annotated[tuple[ExportedFile, ...], msgspec.Meta(max_length=MAX_FILES)]


class EventRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An event as a row; ``title`` is the item's, where it was known. The bounds are those of Event."""

    item: str
    title: str | None = None
    kind: str = "view"
    time: float | None = None
    weight: float | None = None
    context: dict[str, ContextValue] | None = None
    id: str | None = None

    def event(self) -> Event:
        """Return the event.

        Raises:
            InvalidEventError: No event has these values.
        """
        return Event(self.item, self.kind, self.time, self.weight, self.context, self.id)


class AttributeRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that the person declared: its name, and any JSON value."""

    name: Name
    value: Any


def event_row(event: Event, title: str | None = None) -> dict[str, Any]:
    """Return the event as a row, without the fields that it leaves open."""
    row = {
        "item": event.item,
        "title": title or None,
        "kind": event.kind,
        "time": event.time,
        "weight": event.weight,
        "context": event.context,
        "id": event.id,
    }
    return {name: value for name, value in row.items() if value is not None}


def section_head(section: str, category: str, schema: str) -> bytes:
    """Return the line before a section's rows."""
    head = {"$schema": f"../schema/{schema}.json", "schema": SCHEMA_VERSION, "section": section, "category": category}
    return msgspec.json.encode(head)[:-1] + b',"rows":[\n'
