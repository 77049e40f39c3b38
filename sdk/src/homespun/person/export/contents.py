"""What an export is made of.

A section is one store's rows with the words that a person reads about them. Whoever keeps a new store adds a
Section to ``Contents.extra``; nothing that writes or reads archives has to know it. Rows are read once and
one by one, so that a generator can give more of them than fit into memory.

Pure: nothing here reads a clock or a disk.
"""

import re
from collections.abc import Iterable, Mapping, Sequence, Sized
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from homespun.errors import MisuseError
from homespun.protocol.control_entry import ControlEntry
from homespun.protocol.events import Event
from homespun.protocol.export import CATEGORIES, MAX_SECTIONS, SECTION_NAME, Category, ExportedBundle

_NAME = re.compile(SECTION_NAME[1:-1], re.ASCII)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a section's table on the page; the data files have every field in any case.

    Attributes:
        field: The field of the rows that it shows, or the path to one inside it.
        label: What stands above it.
        kind: ``time``: seconds since 1970, shown as a date; ``real``: a number, rounded to six digits;
            ``brief``: a list of objects, shown by their values alone; ``plain``: as it is.
    """

    field: str | tuple[str, ...]
    label: str
    kind: Literal["plain", "time", "real", "brief"] = "plain"

    @property
    def path(self) -> tuple[str, ...]:
        """The fields to go through."""
        return (self.field,) if isinstance(self.field, str) else self.field


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One store's rows.

    Attributes:
        name: Lower-case letters, digits and dashes, at most 40; the data file's name.
        category: Where the rows come from.
        description: What they are, in plain words and whole sentences.
        rows: The rows: JSON objects with finite numbers. Read once.
        title: The heading; made from the name if empty.
        columns: What the page shows, in this order; every field if empty.
        show: Which rows a page that is too short for all of them shows; the ``last`` come newest first.
        schema: The name of the JSON Schema, ``section`` for that of any rows.

    Raises:
        MisuseError: On construction, if the name or the category is not one.
    """

    name: str
    category: Category
    description: str
    rows: Iterable[Mapping[str, Any]]
    title: str = ""
    columns: tuple[Column, ...] = ()
    show: Literal["first", "last"] = "first"
    schema: str = "section"

    def __post_init__(self) -> None:
        """Check what becomes part of file names and of the format."""
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise MisuseError(f"A section cannot be called {self.name!r}; use lower-case letters, digits and dashes.")
        if self.category not in CATEGORIES:
            raise MisuseError(f"The section '{self.name}' has the category {self.category!r}; use one of {CATEGORIES}.")

    @property
    def heading(self) -> str:
        """What stands above the section's table."""
        return self.title or self.name.replace("-", " ").capitalize()


class InferredInterest(Protocol):
    """An inferred interest, as the ranking gives it."""

    @property
    def tag(self) -> str:
        """What the interest is in."""

    @property
    def weight(self) -> float:
        """The weight that counts."""

    @property
    def inferred(self) -> float:
        """The weight that the events speak for."""

    @property
    def edited(self) -> bool:
        """Whether the person set the weight."""

    @property
    def events(self) -> Sized:
        """The events that it comes from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """Everything that a profile holds. Records are msgspec structs, dataclasses or mappings.

    Attributes:
        profile: The profile's random id; empty for one that was never on a disk.
        made: When the export is made, seconds since 1970-01-01 UTC.
        bundle: The model in use.
        events: What the person did, in the profile's order.
        titles: Items' titles by id, as far as they are known.
        attributes: What the person declared, by name; JSON values.
        controls: The log of what the person set.
        interests: What the application inferred.
        consents: The consent records.
        decisions: The explanation records.
        egress: The ledger of what left the device.
        receipts: The receipts of erasures.
        extra: Sections of further stores.

    Raises:
        MisuseError: On construction, if there are too many sections or two of one name.
    """

    profile: str
    made: float
    bundle: ExportedBundle | None = None
    events: Iterable[Event] = ()
    titles: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)
    controls: Iterable[ControlEntry] = ()
    interests: Iterable[InferredInterest] = ()
    consents: Iterable[Any] = ()
    decisions: Iterable[Any] = ()
    egress: Iterable[Any] = ()
    receipts: Iterable[Any] = ()
    extra: Sequence[Section] = ()


def check_names(sections: Sequence[Section]) -> None:
    """Check that every section gets a file of its own.

    Raises:
        MisuseError: Two have one name, or there are too many.
    """
    names = [section.name for section in sections]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise MisuseError(f"Several sections are called {twice}; give each store a name of its own.")
    if len(names) > MAX_SECTIONS:
        raise MisuseError(f"There are {len(names)} sections; an export has at most {MAX_SECTIONS}. Join some of them.")
