"""Writes a bundle: all its files in a new folder, then the folder in its place at once."""

import hashlib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import msgspec

from homespun.protocol import bundle
from homespun.protocol.bundle import NEGATIVE_KINDS, Component, FileEntry, HistoryRule, Manifest
from homespun_server.errors import OutputError
from homespun_server.publishing.card import SCHEMA_VERSION as CARD_VERSION
from homespun_server.publishing.card import Card, declarations, limitations, markdown
from homespun_server.publishing.catalogue import one_line, write_catalogue
from homespun_server.publishing.onnx_export import write_model
from homespun_server.publishing.statement import decimal, privacy_statement
from homespun_server.statistics.items import Items
from homespun_server.training.model import Model

MAX_HISTORY = 1000
"""Latest liked items that a device uses."""


@dataclass(frozen=True)
class Description:
    """What a bundle says of itself.

    Attributes:
        name: A name for people.
        created: Time of making, UTC.
        min_weight: Least weight of a like; None: every event is one.
        delta: δ of the privacy statement; None where there is nothing private to state.
        parameters: Training parameters for the card.
        kinds: The kinds of events that devices may record; None: any.
    """

    name: str
    created: datetime
    min_weight: float | None
    delta: float | None
    parameters: Mapping[str, str]
    kinds: tuple[str, ...] | None = None


def write_bundle(model: Model, items: Items, description: Description, folder: Path) -> Manifest:
    """Write a bundle to ``folder``, replacing a bundle that is there.

    Raises:
        OutputError: If ``folder`` exists and is not a bundle, or cannot be written or replaced; what is there
            stays as it is.
    """
    check_replaceable(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".bundle-") as temporary:
            made = Path(temporary) / "bundle"
            made.mkdir()
            manifest = _write_files(model, items, description, made)
            _put_in_place(made, folder, Path(temporary) / "replaced")
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be written ({error}); what was there was left alone. Make room, close whatever holds "
            "the old bundle open, or choose another folder."
        ) from error
    return manifest


def _put_in_place(made: Path, folder: Path, replaced: Path) -> None:
    """Rename the new bundle into place, and the old one back if that fails."""
    if not folder.exists():
        made.rename(folder)
        return
    folder.rename(replaced)
    try:
        made.rename(folder)
    except BaseException:
        replaced.rename(folder)
        raise


def check_replaceable(folder: Path) -> None:
    """Refuse to write over anything that is not a bundle.

    A folder is a bundle only if it holds a manifest and nothing but a bundle's files: many other things
    have a ``manifest.json``, and what is replaced is gone.

    Raises:
        OutputError: If ``folder`` exists and is neither empty nor a bundle, or lies below a file.
    """
    found = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not found.is_dir():
        raise OutputError(f"{found} is not a folder; it was left alone. Choose another folder or remove it.")
    if found is not folder:
        return
    names = {path.name for path in folder.iterdir()}
    if names and not {bundle.MANIFEST} <= names <= {bundle.MANIFEST, *bundle.FILES}:
        raise OutputError(
            f"{folder} exists and is not a bundle; it was left alone. Choose another folder or remove it."
        )


def _write_files(model: Model, items: Items, description: Description, folder: Path) -> Manifest:
    write_model(model, folder)
    write_catalogue(items, model.items, folder / bundle.CATALOGUE)
    card = _card(model, description)
    (folder / bundle.CARD_DATA).write_bytes(msgspec.json.format(msgspec.json.encode(card), indent=2) + b"\n")
    (folder / bundle.CARD_TEXT).write_text(markdown(card), encoding="utf-8", newline="\n")
    manifest = Manifest(
        schema=bundle.SCHEMA_VERSION,
        contract=bundle.CONTRACT_VERSION,
        name=card.name,
        created=card.created,
        items=card.items,
        components=card.components,
        history=card.history,
        privacy=card.privacy,
        files={name: _file_entry(folder / name) for name in bundle.FILES},
    )
    (folder / bundle.MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
    return manifest


def _card(model: Model, description: Description) -> Card:
    components = tuple(Component(part.name, part.encoder.shape[1], decimal(part.weight)) for part in model.components)
    # What the model was derived from decides what is said of it; nobody can say otherwise.
    privacy = privacy_statement(model.releases, description.delta)
    weight = description.min_weight
    history = HistoryRule(
        # To the last digit: a device compares exactly, and .3 as a float is less than .3.
        min_weight=None if weight is None else Decimal(weight),
        max_items=MAX_HISTORY,
        negative_kinds=NEGATIVE_KINDS,
        kinds=description.kinds,
    )
    return Card(
        schema=CARD_VERSION,
        name=one_line(description.name),
        created=_timestamp(description.created),
        items=model.items.size,
        components=components,
        history=history,
        privacy=privacy,
        statistics=declarations(privacy),
        parameters=dict(description.parameters),
        limitations=limitations(privacy, components),
    )


def _timestamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def _file_entry(path: Path) -> FileEntry:
    content = path.read_bytes()
    return FileEntry(size=len(content), sha256=hashlib.sha256(content).hexdigest())
