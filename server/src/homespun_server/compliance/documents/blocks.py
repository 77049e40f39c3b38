"""A document as data: blocks of plain texts, which every format draws in its own way."""

from collections.abc import Iterable
from typing import Literal

import msgspec

SCHEMA_VERSION = 1
"""Version of a document's JSON."""

LEDGER = "the budget ledger of "
BUNDLE = "the bundle "
"""How sources begin that whoever checks a document may have beside it."""

Manner = Literal["plain", "lead", "soft", "warning"]

Points = str | tuple[str, ...]
"""One text, or several that are listed."""


def points(texts: Iterable[str]) -> Points:
    """Return texts as points, each once; a single one is a text."""
    found = tuple(dict.fromkeys(texts))
    return found if len(found) > 1 else "".join(found)


class _Block(msgspec.Struct, frozen=True, tag=str.lower):
    """Common to all blocks."""


class Heading(_Block, frozen=True):
    """A heading.

    Attributes:
        text: What it says.
        level: 2 or 3; a document's title is its only heading of level 1.
    """

    text: str
    level: Literal[2, 3] = 2


class Text(_Block, frozen=True):
    """A paragraph.

    Attributes:
        text: What it says.
        manner: How it looks.
    """

    text: str
    manner: Manner = "plain"


class Facts(_Block, frozen=True):
    """Names and values.

    Attributes:
        rows: Pairs of a name and a value, or several.
        exact: Whether values are digests or the like, drawn in letters of one width.
    """

    rows: tuple[tuple[str, Points], ...]
    exact: bool = False


class Rows(_Block, frozen=True):
    """A table.

    Attributes:
        columns: Headings.
        rows: One text, or several, a column.
        caption: What it shows.
        numbers: The columns that hold numbers, from 0.
        widths: Shares of the width in print, one a column; empty: equal ones.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Points, ...], ...]
    caption: str = ""
    numbers: tuple[int, ...] = ()
    widths: tuple[int, ...] = ()


class Items(_Block, frozen=True):
    """A list of points.

    Attributes:
        items: Each point.
    """

    items: tuple[str, ...]


class Fill(_Block, frozen=True):
    """A field that only the controller can fill.

    Attributes:
        what: What is to be said.
        hint: What to think of.
    """

    what: str
    hint: Points = ""


class Bars(_Block, frozen=True):
    """Shares, drawn.

    Attributes:
        rows: A label, a share from 0 to 1, and the share as it is told.
        caption: What they are shares of.
    """

    rows: tuple[tuple[str, float, str], ...]
    caption: str = ""


class Language(_Block, frozen=True):
    """From here on the document is in another language.

    Attributes:
        tag: BCP 47 tag.
    """

    tag: str


Block = Heading | Text | Facts | Rows | Items | Fill | Bars | Language


class Source(msgspec.Struct, frozen=True):
    """Something that a document was made from.

    Attributes:
        name: What it is.
        digest: Its SHA-256, or its identity, in hexadecimal.
    """

    name: str
    digest: str


def ledger_source(data_set: str, head: str) -> Source:
    """Return a budget ledger as a source: its last event fixes all of it."""
    return Source(f"{LEDGER}{data_set}, its last event", head)


def bundle_source(name: str, bundle: str) -> Source:
    """Return a bundle as a source."""
    return Source(f"{BUNDLE}{name}", bundle)


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A whole document.

    Attributes:
        schema: SCHEMA_VERSION of the writer.
        kind: Which one, as the command calls it.
        title: Its title.
        subtitle: On what it rests, or whom it is for.
        language: BCP 47 tag of its texts.
        controller: Who decides about the processing; empty where nobody is named.
        blocks: What it says.
        sources: What it was made from.
        disclaimer: That it is no legal advice.
    """

    schema: int = SCHEMA_VERSION
    kind: str
    title: str
    subtitle: str
    language: str = "en"
    controller: str = ""
    blocks: tuple[Block, ...]
    sources: tuple[Source, ...]
    disclaimer: str


def fields_of(document: Document) -> tuple[Fill, ...]:
    """Return the fields that only the controller can fill."""
    return tuple(block for block in document.blocks if isinstance(block, Fill))
