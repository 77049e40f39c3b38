"""Writes a bundle: all its files in a new folder, then the folder in its place at once."""

import hashlib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

import msgspec

from homespun.protocol import bundle
from homespun.protocol.bundle import NEGATIVE_KINDS, FileEntry, HistoryRule, Manifest, one_line
from homespun.protocol.policy import Policy, encode_policy
from homespun_server.errors import OutputError
from homespun_server.privacy.provenance import Sourced, check_sourced, together
from homespun_server.publishing.card import SCHEMA_VERSION as CARD_VERSION
from homespun_server.publishing.card import Card, PolicyInShort, declarations, encode_card
from homespun_server.publishing.catalogue import Written, write_catalogue
from homespun_server.publishing.figures import Figure, Quality
from homespun_server.publishing.in_place import put_in_place
from homespun_server.publishing.limitations import limitations
from homespun_server.publishing.onnx_export import write_model
from homespun_server.publishing.parts import Parts, parts
from homespun_server.publishing.statement import privacy_statement
from homespun_server.publishing.trust import TRUST
from homespun_server.statistics.items import Items
from homespun_server.training.model import Model

T = TypeVar("T")

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
        people: How many people it was made from.
        quality: How good the model is for people.
        policy: How devices are to make lists; None: the bundle does not say.
        privacy_notes: What is public about how it was made and lies outside the statement of privacy.

    Raises:
        MisuseError: On construction, if something that could depend on people's data does not say where it comes
            from.
    """

    name: str
    created: datetime
    min_weight: Sourced[float | None]
    delta: float | None
    parameters: Mapping[str, Sourced[str]]
    kinds: Sourced[tuple[str, ...]] | None = None
    people: Sourced[Figure] | None = None
    quality: Sourced[Quality] | None = None
    policy: Sourced[Policy] | None = None
    privacy_notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what does not say where it comes from."""
        check_sourced(**self.stated)

    @property
    def stated(self) -> dict[str, Sourced[object]]:
        """Everything that could depend on people's data, by name."""
        found: dict[str, Sourced[object] | None] = {
            "least weight of a like": self.min_weight,
            "kinds": self.kinds,
            "people": self.people,
            "quality": self.quality,
            "policy": self.policy,
            **{f"parameter: {name}": parameter for name, parameter in self.parameters.items()},
        }
        return {name: sourced for name, sourced in found.items() if sourced is not None}


def write_bundle(model: Sourced[Model], items: Sourced[Items], description: Description, folder: Path) -> Manifest:
    """Write a bundle to ``folder``, replacing a bundle that is there.

    Raises:
        MisuseError: If the model or the catalogue does not say where it comes from, or is private and the
            description has no δ.
        OutputError: If ``folder`` exists and is not a bundle, or cannot be written or replaced; what is there
            stays as it is.
    """
    check_sourced(model=model, items=items)
    check_replaceable(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".bundle-") as temporary:
            made = Path(temporary) / "bundle"
            made.mkdir()
            manifest = _write_files(model, items, description, made)
            put_in_place(made, folder, Path(temporary) / "replaced")
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be written ({error}); what was there was left alone. Make room, close whatever holds "
            "the old bundle open, or choose another folder."
        ) from error
    return manifest


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
    if names and not {bundle.MANIFEST} <= names <= {bundle.MANIFEST, *bundle.FILES, *bundle.OPTIONAL_FILES}:
        raise OutputError(
            f"{folder} exists and is not a bundle; it was left alone. Choose another folder or remove it."
        )


def _write_files(model: Sourced[Model], items: Sourced[Items], description: Description, folder: Path) -> Manifest:
    layout = write_model(model.value, folder)
    written = write_catalogue(items.value, model.value.items, model.value.words, folder / bundle.CATALOGUE)
    found = parts(model.value, layout.sparse)
    card = _card(model, items, description, found, written)
    for name, content in encode_card(card).items():
        (folder / name).write_bytes(content)
    if description.policy is not None:
        (folder / bundle.POLICY).write_bytes(encode_policy(description.policy.value))
    names = (*bundle.FILES, *(() if description.policy is None else (bundle.POLICY,)))
    manifest = Manifest(
        schema=bundle.SCHEMA_VERSION,
        contract=bundle.CONTRACT_VERSION,
        name=card.name,
        created=card.created,
        items=found.items,
        components=found.components,
        priors=found.priors,
        contexts=found.contexts,
        archetypes=found.archetypes,
        repeats=found.repeats,
        new_items=found.new_items,
        history=card.history,
        privacy=card.privacy,
        files={name: _file_entry(folder / name) for name in names},
    )
    (folder / bundle.MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
    return manifest


def _card(
    model: Sourced[Model], items: Sourced[Items], description: Description, found: Parts, written: Written
) -> Card:
    # What all of it was derived from decides what is said of it; nobody can say otherwise.
    sources = {"model": model, "catalogue": items, **description.stated}
    everything = together(*sources.values())
    privacy = privacy_statement(everything, description.delta)
    quality, policy = _value(description.quality), _value(description.policy)
    return Card(
        schema=CARD_VERSION,
        name=one_line(description.name),
        created=_timestamp(description.created),
        model=found,
        words=written.words,
        attributes=written.attributes.names,
        history=_history(description),
        privacy=privacy,
        statistics=declarations(everything.releases),
        parameters={name: parameter.value for name, parameter in description.parameters.items()},
        people=_value(description.people),
        quality=quality,
        sources={name: sourced.origin for name, sourced in sources.items()},
        limitations=limitations(privacy, found, quality, written.words, written.attributes),
        policy=None if policy is None else PolicyInShort.of(policy),
        privacy_notes=description.privacy_notes,
        trust=TRUST if privacy.unit == "installation per task" else "",
    )


def _history(description: Description) -> HistoryRule:
    weight = description.min_weight.value
    return HistoryRule(
        # To the last digit: a device compares exactly, and .3 as a float is less than .3.
        min_weight=None if weight is None else Decimal(weight),
        max_items=MAX_HISTORY,
        negative_kinds=NEGATIVE_KINDS,
        kinds=_value(description.kinds),
    )


def _value(sourced: Sourced[T] | None) -> T | None:
    return None if sourced is None else sourced.value


def _timestamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def _file_entry(path: Path) -> FileEntry:
    content = path.read_bytes()
    return FileEntry(size=len(content), sha256=hashlib.sha256(content).hexdigest())
