"""Two registered bundles side by side: what is another, in figures and names."""

import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec

from homespun.errors import BundleIntegrityError
from homespun.protocol.bundle import CATALOGUE, POLICY
from homespun_server.publishing.registry.files import read_contents
from homespun_server.publishing.registry.version import Details, Version

MAX_CHANGES = 200
"""Most changes of a policy that are told."""


class Both(msgspec.Struct, frozen=True):
    """A figure or a text of both bundles; None: one does not have it."""

    before: str | None
    after: str | None


class Items(msgspec.Struct, frozen=True):
    """How many items the catalogues have, and how many are in one only."""

    before: int
    after: int
    added: int
    removed: int


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Two bundles side by side.

    Attributes:
        before: The one.
        after: The other.
        size: What the other is larger by, bytes.
        items: Their items.
        components: The score's additive parts, by name: the size of the tables and the weights, in short.
        privacy: What their privacy rests on, ε and δ, by name.
        quality: The figures of their cards, with half the widths of their intervals, by name.
        policy: Where their policies differ: places in the JSON, at most ``MAX_CHANGES``.
    """

    before: Version
    after: Version
    size: int
    items: Items
    components: dict[str, Both]
    privacy: dict[str, Both]
    quality: dict[str, Both]
    policy: tuple[str, ...]


def compare_versions(before: Details, after: Details, first: Path, second: Path) -> Comparison:
    """Compare two bundles.

    Args:
        before: The one.
        after: The other.
        first: The folder of the one's files.
        second: The folder of the other's.

    Raises:
        BundleIntegrityError: If a file cannot be read.
    """
    return Comparison(
        before=before.version,
        after=after.version,
        size=after.version.size - before.version.size,
        items=_compare_items(_item_ids(first / CATALOGUE), _item_ids(second / CATALOGUE)),
        components=_both(_components(first), _components(second)),
        privacy=_both(_privacy(before.version), _privacy(after.version)),
        quality=_both(_quality(before.card), _quality(after.card)),
        policy=_changes(_policy(first), _policy(second), "policy")[:MAX_CHANGES],
    )


def _both(before: dict[str, str], after: dict[str, str]) -> dict[str, Both]:
    return {name: Both(before.get(name), after.get(name)) for name in {**before, **after}}


def _compare_items(before: set[str], after: set[str]) -> Items:
    return Items(len(before), len(after), len(after - before), len(before - after))


def _item_ids(path: Path) -> set[str]:
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
            return {item for (item,) in connection.execute("SELECT id FROM items")}
    except sqlite3.Error as error:
        raise BundleIntegrityError(f"the catalogue of a registered bundle cannot be read: {error}.") from error


def _components(folder: Path) -> dict[str, str]:
    manifest = read_contents(folder).manifest
    told: dict[str, str] = {
        each.name: f"rank {each.dimensions}, {each.blocks} sparse blocks, weights {_listed(each.weights)}"
        for each in manifest.components
    }
    told |= {each.name: f"weights {_listed(each.weights)}" for each in manifest.priors}
    return told | {f"context {each.feature}": f"{len(each.values)} values" for each in manifest.contexts}


def _listed(weights: tuple[object, ...]) -> str:
    return ", ".join(map(str, weights))


def _privacy(version: Version) -> dict[str, str]:
    told = {"kind": version.privacy, "epsilon": version.epsilon, "delta": version.delta}
    return {name: value for name, value in told.items() if value is not None}


class _Figure(msgspec.Struct):
    name: str
    value: float
    half_width: float = 0.0


class _Quality(msgspec.Struct):
    metrics: list[_Figure]


def _quality(card: dict[str, object]) -> dict[str, str]:
    try:
        quality = msgspec.convert(card.get("quality"), _Quality | None)
    except msgspec.ValidationError as error:
        raise BundleIntegrityError(f"the card of a registered bundle has malformed figures: {error}.") from error
    if quality is None:
        return {}
    return {each.name: f"{each.value:.4f} ± {each.half_width:.4f}" for each in quality.metrics}


def _policy(folder: Path) -> object:
    path = folder / POLICY
    try:
        return msgspec.json.decode(path.read_bytes()) if path.exists() else None
    except (OSError, msgspec.MsgspecError) as error:
        raise BundleIntegrityError(f"the policy of a registered bundle cannot be read: {error}.") from error


def _changes(before: object, after: object, place: str) -> tuple[str, ...]:
    if isinstance(before, dict) and isinstance(after, dict):
        names = [*before, *(name for name in after if name not in before)]
        found = [_member(before, after, name, place) for name in names]
        return tuple(change for changes in found for change in changes)
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        pairs = enumerate(zip(before, after, strict=True))
        return tuple(change for at, (one, other) in pairs for change in _changes(one, other, f"{place}[{at}]"))
    # In JSON 1 and true are two things.
    return () if type(before) is type(after) and before == after else (f"{place}: changed",)


def _member(before: dict[str, object], after: dict[str, object], name: str, place: str) -> tuple[str, ...]:
    if name not in before:
        return (f"{place}.{name}: added",)
    if name not in after:
        return (f"{place}.{name}: removed",)
    return _changes(before[name], after[name], f"{place}.{name}")
