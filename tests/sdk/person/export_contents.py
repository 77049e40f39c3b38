"""Contents to export, fixed and drawn; and ways to write a zip file that no homespun would."""

import hashlib
import io
import json
import struct
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from homespun.config import Settings
from homespun.person.export import Contents, Section, write_export
from homespun.protocol.consent import ConsentRecord, ShownNotice
from homespun.protocol.control_entry import ControlEntry, FrequencyCap
from homespun.protocol.events import Event
from homespun.protocol.export import ExportedBundle
from homespun.protocol.records import (
    AttributionEntry,
    DecisionInputs,
    EventEntry,
    ExplanationRecord,
    ItemEntry,
    SteeringEntry,
    real,
)

QUICK = Settings(argon2_memory_kib=8 * 1024, argon2_iterations=1, argon2_lanes=1)
PASSPHRASE = "wörds that only she knows"  # noqa: S105 - made up
MADE = 1_700_000_001.0

EVENTS = (
    Event("film-1", "view", 1_700_000_000.5, 3.5, {"device": "tv", "alone": True, "count": 2, "share": 0.25}, "e-1"),
    Event("映画-2", "rate", None, 0.0, {}),
    Event("film-1", "buy"),
    Event("film-3", "view", 1e-7, 1.7976931348623157e308, {"note": '\x00</td>\u202e"\n'}),
)
ATTRIBUTES = {"language": "en", "year": 1984, "topics": ["space", "<b>cooking</b>"], "newsletter": False, "none": None}
CONTROLS = (
    ControlEntry(sequence=1, time=1_700_000_000.0, control="hide_item", target="film-3", value=True),
    ControlEntry(sequence=2, time=1_700_000_000.5, control="interest", target="space & time", value=0.25),
    ControlEntry(sequence=3, time=5.0, control="frequency_cap", value=FrequencyCap(times=3, days=7)),
    ControlEntry(sequence=4, time=6.0, control="hide_item", target="film-3", value=True, undoes=1),
)
CONSENTS = (
    ConsentRecord(
        sequence=1,
        purpose="device_storage",
        action="grant",
        notice=ShownNotice("May we <i>remember</i> what you watch?", "en-GB", "7", "a" * 64),
        surface="first run",
        method="explicit",
        time=1_700_000_000.0,
        valid_until=1_731_536_000.0,
    ),
)
DECISIONS = (
    ExplanationRecord(
        schema=3,
        bundle="b" * 64,
        time=1_700_000_000.25,
        personalized=True,
        items=(
            ItemEntry(
                item="film-1",
                score=real(0.1 + 0.2),
                reason="because you rated <i>映画</i>",
                attributions=(
                    AttributionEntry("history", "long-term", "映画-2", real(0.1)),
                    AttributionEntry("prior", None, None, real(0.2)),
                ),
                others=real(0.0),
                residual=real(0.1 + 0.2 - 0.3),
                moves=("moved down by 2: similar to what stands above",),
            ),
            ItemEntry("film-77", real(0.25), "popular with everybody", (), real(0.25), real(0.0)),
        ),
        policy="c" * 64,
        inputs=DecisionInputs(
            k=2,
            surface="home & <garden>",
            events=(EventEntry("映画-2", "rate"),),
            steering=SteeringEntry(diversity=0.5),
        ),
        candidates=300,
        runtime="homespun",
        precision="float64",
        consents={"personalization": 1},
    ).sealed(),
)
TITLES = {"film-1": "Solaris <script>alert(1)</script>", "映画-2": "عنوان \u202ereversed", "film-3": "E=mc² & \x07bell"}


@dataclass(frozen=True)
class FoundInterest:
    tag: str
    weight: float
    inferred: float
    edited: bool
    events: tuple[Event, ...]


def rated_rows() -> list[Mapping[str, Any]]:
    return [{"id": 1, "text": "kept by another store", "time": MADE}]


def contents(**changes: Any) -> Contents:
    given: dict[str, Any] = {
        "profile": "0123456789abcdef" * 2,
        "made": MADE,
        "bundle": ExportedBundle("b" * 64, "films & <more>"),
        "events": EVENTS,
        "titles": TITLES,
        "attributes": ATTRIBUTES,
        "controls": CONTROLS,
        "interests": [FoundInterest("space & time", 0.25, 2 / 3, edited=True, events=EVENTS[:2])],
        "consents": CONSENTS,
        "decisions": DECISIONS,
        "extra": [Section(name="kept-values", category="provided", description="Kept for you.", rows=rated_rows())],
    }
    return Contents(**(given | changes))


def fixed_entropy(size: int) -> bytes:
    return bytes(range(size))


def exported(folder: Path, **options: Any) -> Path:
    """An export of the fixed contents, with the option ``changes`` of others."""
    sealed = {"passphrase", "recipient"} & options.keys()
    path = folder / ("export.homespun" if sealed else "export.zip")
    write_export(path, contents(**options.pop("changes", {})), settings=QUICK, **options)
    return path


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rewritten(path: Path, files: Mapping[str, bytes], *, manifest: Mapping[str, Any] | None = None) -> Path:
    """The same export with other files, and a manifest that agrees with them."""
    said = json.loads(files["manifest.json"])
    for entry in said["files"]:
        data = files.get(entry["name"])
        if data is not None:
            entry |= {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, json.dumps(said | (manifest or {})) if name == "manifest.json" else data)
    return path


def rows_of(name: str, path: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(members(path)[f"data/{name}.json"])["rows"]
    return rows


def patched_directory(data: bytes, name: str, offset: int, layout: str, value: int) -> bytes:
    """The zip file with one field of a member's directory entry changed."""
    position = data.rindex(name.encode()) - 46 + offset
    patched = bytearray(data)
    struct.pack_into(layout, patched, position, value)
    return bytes(patched)


def chunks(data: bytes) -> tuple[bytes, list[bytes]]:
    """What stands before a sealed export's chunks, and the chunks."""
    start = 19 + int.from_bytes(data[17:19], "big")
    size = 65536 + 16
    return data[:start], [data[at : at + size] for at in range(start, len(data), size)]


def many(count: int) -> Iterator[Event]:
    for number in range(count):
        yield Event(
            f"item-{number % 997}", "view", 1_600_000_000.0 + number * 61.3, None, {"n": number}, f"id-{number}"
        )


def zipped(files: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()
