"""The data map: everything that is kept, sent or summed, declared field by field.

The declaration is a handful of TOML files beside this module, a file a place: ``server`` and ``compliance`` (tables of
the store), ``folder`` (the working directory), ``device`` (what a client keeps), ``wire`` (what leaves a device) and
``statistics``; ``purposes`` says what data are processed for. ``schema.json`` is the JSON Schema of the whole, as
``as_json`` gives it.

A table, column, client table, message field, statistic or file that is not declared fails the tests, and so does a
declaration of something that is gone. Non-goal: deciding a legal basis; what is listed are options.
"""

import hashlib
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from homespun_server.errors import SettingsError

SCHEMA_VERSION = 1
"""Version of the map as JSON."""

PLACES = ("server", "compliance", "folder", "device", "wire", "statistics")
"""The files with entries, in the order in which documents list them."""

NONE = "none"
"""The category of what is no personal data."""

Kind = Literal["table", "file", "stream", "device table", "compartment", "upload", "statistic"]

Direction = Literal["upload", "published", "local"]

_Word = Annotated[str, Meta(min_length=1, max_length=100)]
_Line = Annotated[str, Meta(min_length=1, max_length=400)]


class Purpose(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What data are processed for; one processing activity of the record under Art. 30 GDPR.

    Attributes:
        name: As entries name it; those of the client have the name that consent records have.
        title: In a few words.
        what: In a sentence.
        people: Whose data.
        place: Where it happens.
        bases: Bases that it can rest on; the controller chooses.
    """

    name: _Word
    title: _Line
    what: _Line
    people: _Line
    place: Literal["device", "servers", "device and servers"]
    bases: Annotated[tuple[_Line, ...], Meta(min_length=1)]


class Field(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One column, or one field of a message.

    Attributes:
        category: Which personal data it is, or ``none``.
        what: What it holds; of ``none`` thereby also why it is none.
    """

    category: _Word
    what: _Line


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One thing that is kept, sent or summed.

    Attributes:
        name: The table, the pattern of files, the structure, the compartment or the statistic.
        kind: Which of these.
        what: What it is.
        category: The category that weighs most in it.
        why: Why it is no personal data, where it is none and has no fields that say so.
        purposes: What for.
        source: Where it comes from.
        recipients: Who gets it.
        retention: How long it is kept.
        protection: Encryption, pseudonymisation and the like.
        erasure: Which connector erases of it what is a person's, or says why it stays, by its name; ``table`` is that
            of each table of the settings. ``by part``: what is in it is declared by itself. ``none``: there is nothing
            of a person to erase, or it stays as evidence.
        fields: Its columns or fields.
    """

    name: _Word
    kind: Kind
    what: _Line
    category: _Word
    why: str = ""
    purposes: Annotated[tuple[_Word, ...], Meta(min_length=1)]
    source: _Line
    recipients: Annotated[tuple[_Line, ...], Meta(min_length=1)]
    retention: _Line
    protection: Annotated[tuple[_Line, ...], Meta(min_length=1)]
    erasure: _Word
    fields: dict[_Word, Field] = {}

    @property
    def categories(self) -> tuple[str, ...]:
        """The categories of personal data in it; nothing where there is none."""
        found = dict.fromkeys([self.category, *(field.category for field in self.fields.values())])
        return tuple(category for category in found if category != NONE)


@dataclass(frozen=True)
class DataMap:
    """All that is declared.

    Attributes:
        categories: Categories of data, and what they are.
        purposes: What data are processed for.
        entries: Everything that is kept, sent or summed.
        modules: The direction of every module of the protocol that defines structures.
        not_sent: Structures of an ``upload`` module that no device sends.
        digest: SHA-256 over the files.
        schema: SCHEMA_VERSION of the writer.
    """

    categories: dict[str, str]
    purposes: tuple[Purpose, ...]
    entries: tuple[Entry, ...]
    modules: dict[str, Direction]
    not_sent: tuple[str, ...]
    digest: str
    schema: int = SCHEMA_VERSION

    def of_kind(self, *kinds: Kind) -> tuple[Entry, ...]:
        """Return the entries of some kinds."""
        return tuple(entry for entry in self.entries if entry.kind in kinds)

    def serving(self, purpose: str) -> tuple[Entry, ...]:
        """Return the entries that serve a purpose."""
        return tuple(entry for entry in self.entries if purpose in entry.purposes)


class PurposesFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``purposes.toml``."""

    categories: dict[_Word, _Line]
    purpose: Annotated[tuple[Purpose, ...], Meta(min_length=1)]


class EntriesFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every other file; ``defaults`` stand for what an entry does not say itself."""

    entry: tuple[Entry, ...]
    defaults: dict[str, Any] = {}
    modules: dict[str, Direction] = {}
    not_sent: tuple[_Word, ...] = ()


@lru_cache(maxsize=1)
def data_map() -> DataMap:
    """Return what is declared.

    Raises:
        SettingsError: The installed files were damaged, or contradict each other.
    """
    raw = {name: _bytes(name) for name in ("purposes", *PLACES)}
    try:
        purposes = msgspec.convert(tomllib.loads(raw["purposes"].decode()), PurposesFile)
        places = {name: _entries(tomllib.loads(raw[name].decode())) for name in PLACES}
    except (ValueError, msgspec.MsgspecError) as error:
        raise SettingsError(f"the data map cannot be read: {error}. Install the program again.") from error
    found = DataMap(
        categories=purposes.categories,
        purposes=purposes.purpose,
        entries=tuple(entry for file in places.values() for entry in file.entry),
        modules={name: direction for file in places.values() for name, direction in file.modules.items()},
        not_sent=tuple(name for file in places.values() for name in file.not_sent),
        digest=hashlib.sha256(b"".join(raw.values())).hexdigest(),
    )
    contradictions = list(_contradictions(found))
    if contradictions:
        raise SettingsError(f"the data map contradicts itself: {'; '.join(contradictions)}.")
    return found


def as_json(found: DataMap) -> bytes:
    """Return the map as JSON, defaults filled in; ``data_map/schema.json`` is its schema."""
    return msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n"


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of what ``as_json`` gives."""
    (reference,), components = msgspec.json.schema_components([DataMap], ref_template="#/$defs/{name}")
    draft = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": draft, "title": f"homespun data map {SCHEMA_VERSION}", **reference, "$defs": components}


def _bytes(name: str) -> bytes:
    return files("homespun_server.compliance.documents").joinpath(f"data_map/{name}.toml").read_bytes()


def _entries(content: dict[str, Any]) -> EntriesFile:
    defaults = content.get("defaults", {})
    entries = [{**defaults, **entry} for entry in content.get("entry", ())]
    return msgspec.convert({**content, "entry": entries}, EntriesFile)


def _contradictions(found: DataMap) -> Iterator[str]:
    """Yield what an entry names that is not declared, and what is named twice."""
    purposes = {purpose.name for purpose in found.purposes}
    seen: set[tuple[str, str]] = set()
    for entry in found.entries:
        where = f"{entry.kind} {entry.name!r}"
        if (entry.kind, entry.name) in seen:
            yield f"{where} is declared twice"
        seen.add((entry.kind, entry.name))
        yield from (f"{where} names the purpose {name!r}" for name in entry.purposes if name not in purposes)
        for category in entry.categories:
            if category not in found.categories:
                yield f"{where} names the category {category!r}"
        if entry.category == NONE and entry.categories:
            yield f"{where} is called no personal data, and has a field that is"
        if entry.category == NONE and not entry.fields and not entry.why:
            yield f"{where} is called no personal data, and does not say why"
