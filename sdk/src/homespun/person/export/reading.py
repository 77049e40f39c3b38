"""Reading an export back, to restore it into a fresh profile.

An export comes from wherever it was kept, so nothing in it is believed: not its sizes, names and counts, not
that it is a zip file. Nothing is extracted to the disk. Every member has to be what the manifest says before
one row is read. What is restored is what is the person's own: events, attributes and controls; what was
inferred, allowed, decided or sent belongs to the profile that it happened in.
"""

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from homespun.errors import InvalidEventError
from homespun.person.export.directory import refused
from homespun.person.export.members import Members, opened_members
from homespun.person.export.recipient import RecipientKey
from homespun.person.export.sections import ATTRIBUTES, CONTROLS, EVENTS
from homespun.person.export.wrapping import opening
from homespun.protocol.control_entry import ControlEntry
from homespun.protocol.events import Event
from homespun.protocol.export import AttributeRow, EventRow, Manifest
from homespun.protocol.read_only import ReadOnlyDict

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Imported:
    """What an export holds for another profile.

    Attributes:
        manifest: What the export says about itself: whose, when, with which model.
        events: The events in the profile's order.
        attributes: What the person declared, by name; JSON values, not yet checked by what uses them.
        controls: The log of controls, in order.
    """

    manifest: Manifest
    events: tuple[Event, ...]
    attributes: Mapping[str, Any]
    controls: tuple[ControlEntry, ...]


def read_export(
    path: str | os.PathLike[str],
    *,
    passphrase: str | None = None,
    recipient_key: RecipientKey | str | None = None,
) -> Imported:
    """Return what can be restored from an export.

    Args:
        path: The file.
        passphrase: What it was sealed with, if so.
        recipient_key: The private key of whom it was sealed for, if so; a RecipientKey or its text.

    Raises:
        ExportKeyError: It is sealed, and what was given does not open it; or it is not sealed, and something
            was given: who exchanges a sealed export for one in the clear must not go unnoticed.
        ExportSchemaError: Another version of homespun made it.
        ExportError: It is no export, was changed or cut short, or is too large.
        MisuseError: Both a passphrase and a key were given, or one is not what it should be.
        OSError: The file cannot be read.
    """
    with opened_members(Path(path), opening(passphrase, recipient_key)) as members:
        return Imported(members.manifest, _events(members), _attributes(members), _controls(members))


def _events(members: Members) -> tuple[Event, ...]:
    decoder = msgspec.json.Decoder(EventRow)
    return tuple(_rows(members, EVENTS, lambda line: decoder.decode(line).event()))


def _attributes(members: Members) -> Mapping[str, Any]:
    rows = list(_rows(members, ATTRIBUTES, msgspec.json.Decoder(AttributeRow).decode))
    attributes = ReadOnlyDict((row.name, row.value) for row in rows)
    if len(attributes) != len(rows):
        raise refused("two of its attributes have the same name")
    return attributes


def _controls(members: Members) -> tuple[ControlEntry, ...]:
    return tuple(_rows(members, CONTROLS, _control))


def _control(line: bytes) -> ControlEntry:
    row = msgspec.json.decode(line, type=dict[str, Any])
    # What the export adds to the entry for the person who reads it.
    return msgspec.convert({name: row[name] for name in row.keys() - {"text", "undone"}}, ControlEntry)


def _rows(members: Members, section: str, decode: Callable[[bytes], Row]) -> Iterator[Row]:
    with contextlib.closing(members.rows(section)) as lines:
        for number, line in enumerate(lines, 1):
            try:
                yield decode(line)
            except (msgspec.MsgspecError, InvalidEventError, UnicodeDecodeError, RecursionError) as error:
                raise refused(f"row {number} of its {section} is not one that homespun writes: {error}") from error
