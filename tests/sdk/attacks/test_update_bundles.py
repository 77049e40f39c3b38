"""A publisher's key signs a bundle that no device may use: by malice, by theft of the key, or by mistake.

Everything here is signed as it should be. What protects a device is what it checks itself.
"""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from homespun.protocol.bundle import CATALOGUE, GOLDEN, MANIFEST, POLICY, PROPOSE, ROWS, WEIGHTS
from homespun.protocol.canonical import canonical
from homespun.protocol.channel import document_path, file_path
from homespun.sync import Deferred
from homespun.testing.repository import CHANNEL
from tests.sdk import bundles
from tests.sdk.updating import DAY, Device, World, good_bundle, plain_bundle

Break = Callable[[Path], object]

anywhere = pytest.mark.parametrize("world", ["memory"], indirect=True)
"""For what is the same however the bytes came."""


def graph(change: Callable[[Any], object], name: str = PROPOSE) -> Break:
    return lambda folder: bundles.edit_graph(folder, name, change)


def foreign_operator(model: Any) -> None:
    model.graph.node[0].op_type = "Loop"


def foreign_domain(model: Any) -> None:
    model.graph.node[0].domain = "com.microsoft"


def outside(location: str) -> Callable[[Any], object]:
    return lambda model: bundles.set_place(
        next(tensor for tensor in model.graph.initializer if tensor.external_data), location=location
    )


def catalogue(*statements: str) -> Break:
    return lambda folder: bundles.edit_catalogue(folder, *statements)


def golden(change: Callable[[dict[str, Any]], object]) -> Break:
    def changed(content: bytes) -> bytes:
        raw = json.loads(content)
        change(raw)
        return json.dumps(raw).encode()

    return lambda folder: bundles.edit_file(folder, GOLDEN, changed)


def last_twice(raw: dict[str, Any]) -> None:
    for name in ("items", "scores"):
        raw["cases"][0][name][-1] = raw["cases"][0][name][-2]


def without_golden(folder: Path) -> None:
    (folder / GOLDEN).unlink()
    bundles.reseal(folder)


def exchanged(folder: Path, other: Path) -> None:
    """Put another bundle in a folder's place, except for the golden scores."""
    for path in other.iterdir():
        path.replace(folder / path.name)
    bundles.reseal(folder)


def without_a_number(folder: Path) -> None:
    """Put NaN in a table, as an exporter would that had gone wrong."""

    def spoil(arrays: bundles.Arrays) -> None:
        arrays["priors.values"].flat[3] = np.nan

    exchanged(folder, plain_bundle(folder.parent / "NaN", seed=2, change=spoil))


def other_weights(folder: Path) -> None:
    """Exchange the model for another of the same shape: valid, and not the one that the golden scores are of."""
    exchanged(folder, plain_bundle(folder.parent / "other", seed=99))


BROKEN: dict[str, tuple[Break, str]] = {
    "a foreign operator": (graph(foreign_operator), "operator|graph"),
    "a foreign operator in the rows": (graph(foreign_operator, ROWS), "operator|graph"),
    "an operator of a foreign domain": (graph(foreign_domain), "domain|operator|graph"),
    "weights above the bundle": (graph(outside("../weights.bin")), "weights|outside|external"),
    "weights at an absolute path": (graph(outside("/etc/passwd")), "weights|outside|external"),
    "weights on a drive": (graph(outside("C:\\weights.bin")), "weights|outside|external"),
    "weights of another device": (graph(outside("\\\\host\\share\\weights.bin")), "weights|outside|external"),
    "weights beyond their file": (
        graph(lambda model: bundles.set_place(model.graph.initializer[-1], offset=1 << 40)),
        "weight",
    ),
    "a graph that is none": (lambda folder: bundles.edit_file(folder, PROPOSE, lambda _: b"\xff" * 50), "graph|model"),
    "a trigger": (
        catalogue("CREATE TRIGGER t AFTER INSERT ON items BEGIN DELETE FROM items; END"),
        "catalogue",
    ),
    "a view": (catalogue("CREATE VIEW v AS SELECT * FROM items"), "catalogue"),
    "a view in a table's place": (
        catalogue("ALTER TABLE items RENAME TO hidden", "CREATE VIEW items AS SELECT * FROM hidden"),
        "catalogue",
    ),
    "a virtual table": (catalogue("CREATE VIRTUAL TABLE f USING fts5(x)"), "catalogue"),
    "a catalogue that is none": (lambda folder: bundles.edit_file(folder, CATALOGUE, lambda _: b"x" * 5000), "catalo"),
    "a catalogue cut short": (lambda folder: bundles.edit_file(folder, CATALOGUE, lambda raw: raw[:4096]), "catalogue"),
    "an item too few": (catalogue("DELETE FROM items WHERE position = 3"), "catalogue"),
    "NaN among the weights": (without_a_number, "NaN|finite"),
    "a policy that is none": (lambda folder: _add(folder, POLICY, b'{"schema": 1, "stages": 3}'), "policy"),
    "golden scores of another model": (other_weights, "golden"),
    "a golden score that is too high": (
        golden(lambda raw: raw["cases"][1]["scores"].__setitem__(0, "1000.0")),
        "golden",
    ),
    "a golden list in another order": (golden(lambda raw: raw["cases"][1]["items"].reverse()), "golden"),
    "a golden item that nobody knows": (golden(lambda raw: raw["cases"][0]["items"].__setitem__(0, "?")), "golden"),
    "a golden item that stands twice": (
        golden(last_twice),
        "golden",
    ),
    "a golden event that no profile may hold": (
        golden(lambda raw: raw["cases"][1]["events"][0].update(kind="NO KIND")),
        "golden",
    ),
    "golden lists that are empty": (
        golden(lambda raw: [each.update(items=[], scores=[]) for each in raw["cases"]]),
        "golden",
    ),
    "golden lists that ask for too much": (
        golden(lambda raw: raw["cases"][0].update(items=["x"] * 20_000, scores=["1"] * 20_000)),
        "golden",
    ),
    "golden scores that are none": (lambda folder: bundles.edit_file(folder, GOLDEN, lambda _: b"[]"), "golden"),
    "no golden scores": (without_golden, "golden"),
}


def _add(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    bundles.reseal(folder)


@pytest.mark.parametrize("broken", BROKEN, ids=[name.replace(" ", "-") for name in BROKEN])
def test_a_signed_bundle_that_is_broken_is_taken(published: World, device: Device, broken: str) -> None:
    spoil, reason = BROKEN[broken]
    folder = published.bundle("broken", seed=2)
    spoil(folder)
    identity = hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()
    published.repository.release(folder)
    before = device.facts()
    outcome = device.sync()
    assert getattr(outcome, "bundle", None) == identity, outcome
    assert device.facts().installed == before.installed
    assert reason
    device.refuses(reason)


def test_a_first_bundle_that_is_broken_is_taken(world: World) -> None:
    folder = world.bundle("broken", seed=2)
    BROKEN["a trigger"][0](folder)
    world.repository.release(folder)
    device = world.device()
    device.refuses("catalogue")
    assert device.facts().installed is None
    assert device.adopted == []
    world.repository.release(world.bundle("good"))
    assert device.takes() == 2


def test_a_broken_bundle_is_downloaded_again_and_again(published: World, device: Device) -> None:
    folder = published.bundle("broken", seed=2)
    BROKEN["a trigger"][0](folder)
    published.repository.release(folder)
    device.refuses("catalogue")
    made = len(published.requests)
    published.clock.advance(DAY)
    device.refuses("catalogue", force=False)
    assert len(published.requests) > made
    again = [request.path for request in published.requests[made:]]
    assert not any(path.startswith("targets/") and not path.endswith(".channel.json") for path in again), again


def test_a_broken_bundle_stays_on_the_disk(published: World, device: Device) -> None:
    before = sum(path.stat().st_size for path in device.folder.rglob("*") if path.is_file())
    folder = published.bundle("broken", seed=2)
    BROKEN["a trigger"][0](folder)
    content = (folder / CATALOGUE).read_bytes()
    published.repository.release(folder)
    device.refuses("catalogue")
    published.repository.release(published.bundle("good", seed=3))
    assert device.takes() == 3
    after = [path for path in device.folder.rglob("*") if path.is_file()]
    assert all(path.read_bytes() != content for path in after)
    assert sum(path.stat().st_size for path in after) < 3 * before


def renamed(world: World, **fields: Any) -> dict[str, bytes]:
    """Return the channel's targets, with something else said of the newest release."""
    document = world.repository.document()
    newest = msgspec.structs.replace(document.releases[-1], **fields)
    changed = msgspec.structs.replace(document, releases=(*document.releases[:-1], newest))
    return world.repository.targets() | {document_path(CHANNEL): canonical(msgspec.to_builtins(changed))}


# Names in a manifest

NAMES = [
    "../x",
    "../../x",
    "/x",
    "..\\x",
    "C:\\x",
    "C:x",
    "\\\\host\\share\\x",
    "CON",
    "nul.txt",
    "COM1",
    "weights.bin:stream",
    "weights.bin.",
    "weights.bin ",
    "WEIGHTS.BIN",
    "sub/weights.bin",
    "./weights.bin",
    "..",
    ".",
    "",
    "x\x00y",
    "manifest.json",
    "\u202eniw",
    "x" * 300,
]


@anywhere
@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
@pytest.mark.parametrize("how", ["instead", "besides"])
def test_a_manifest_names_a_file_elsewhere(published: World, device: Device, name: str, how: str) -> None:
    folder = published.bundle("sly", seed=2)
    content = b"whatever it is, it is not written"
    entry = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}

    def rename(manifest: dict[str, Any]) -> None:
        if how == "instead":
            del manifest["files"][WEIGHTS]
        manifest["files"][name] = entry

    bundles.edit_manifest(folder, rename)
    published.repository.release(folder)
    manifest = json.loads((folder / MANIFEST).read_bytes())
    size = (folder / MANIFEST).stat().st_size + sum(each["size"] for each in manifest["files"].values())
    targets = renamed(published, size=size)
    targets[file_path(CHANNEL, entry["sha256"], name)] = content  # type: ignore[arg-type]
    published.repository.publish(CHANNEL, targets)
    device.refuses("manifest.json states impossible values for: files")
    for path in published.room.rglob("*"):
        assert not path.is_file() or path.read_bytes() != content


@anywhere
@pytest.mark.parametrize("digest", ["../../x", "0" * 63, "G" * 64, "", "/" * 64, "A" * 64, "0" * 64 + "\n"])
def test_a_manifest_names_a_hash_that_is_a_path(published: World, device: Device, digest: str) -> None:
    folder = published.bundle("sly", seed=2)
    bundles.edit_manifest(folder, lambda manifest: manifest["files"][WEIGHTS].update(sha256=digest))
    published.repository.release(folder)
    device.refuses("manifest")


@anywhere
@pytest.mark.parametrize("bundle", ["../../x", "..", "0" * 63, "A" * 64, "/etc/passwd", "C:\\x"])
def test_a_document_names_a_bundle_that_is_a_path(published: World, device: Device, bundle: str) -> None:
    published.repository.release(published.bundle("two", seed=2))
    published.repository.publish(CHANNEL, renamed(published, bundle=bundle))
    device.refuses("channel")


@anywhere
@pytest.mark.parametrize("raw", [b"", b"[]", b"\xff" * 100, b"[" * 60_000, b" " * (1 << 17), b'{"schema": 2}'])
def test_a_document_that_is_none_is_obeyed(published: World, device: Device, raw: bytes) -> None:
    targets = published.repository.targets()
    targets[document_path(CHANNEL)] = raw
    published.repository.publish(CHANNEL, targets)
    device.refuses("channel")


@anywhere
@pytest.mark.parametrize("raw", [b"", b"[]", b"\xff" * 100, b"[" * 100_000, b" " * (1 << 21), b'{"schema": 99}'])
def test_a_manifest_that_is_none_is_obeyed(published: World, device: Device, raw: bytes) -> None:
    folder = published.bundle("two", seed=2)
    (folder / MANIFEST).write_bytes(raw)
    published.repository.release(folder)
    device.refuses("manifest|schema|bytes")


# A manifest that lies about what is signed


@pytest.mark.parametrize("field", ["size", "sha256"])
def test_a_manifest_contradicts_the_signed_targets(published: World, device: Device, field: str) -> None:
    folder = published.bundle("two", seed=2)
    lie = {"size": 12, "sha256": "ab" * 32}[field]
    bundles.edit_manifest(folder, lambda manifest: manifest["files"][WEIGHTS].update({field: lie}))
    published.repository.release(folder)
    targets = published.repository.targets()
    targets[file_path(CHANNEL, "ab" * 32, WEIGHTS)] = (folder / WEIGHTS).read_bytes()
    published.repository.publish(CHANNEL, targets)
    device.refuses({"size": "its manifest makes", "sha256": "weights.bin"}[field])


def test_another_manifest_lies_where_a_bundles_should(published: World, device: Device) -> None:
    published.repository.release(published.bundle("two", seed=2))
    other = good_bundle(published.room / "other", seed=5)
    newest = published.repository.document().releases[-1].bundle
    targets = published.repository.targets()
    targets[file_path(CHANNEL, newest, MANIFEST)] = (other / MANIFEST).read_bytes()
    published.repository.publish(CHANNEL, targets)
    device.refuses("manifest")


# Ceilings


def sizes(world: World) -> int:
    world.repository.release(world.bundle("two", seed=2))
    return world.repository.document().releases[-1].size


def test_a_bundle_above_the_ceiling_of_downloads_is_downloaded(published: World, device: Device) -> None:
    size = sizes(published)
    device.settings["download_bytes"] = size - 1
    made = len(published.requests)
    device.refuses("download_bytes", Deferred)
    assert not any("weights.bin" in request.path for request in published.requests[made:])
    device.settings["download_bytes"] = size
    assert device.takes() == 2


def test_a_bundle_above_the_ceiling_of_the_disk_is_kept(published: World, device: Device) -> None:
    size = sizes(published)
    device.settings["disk_bytes"] = size // 2
    device.refuses("disk_bytes", Deferred)


def test_a_document_plays_the_size_of_a_bundle_down(published: World, device: Device) -> None:
    size = sizes(published)
    published.repository.publish(CHANNEL, renamed(published, size=10))
    device.settings["download_bytes"] = size - 1
    made = len(published.requests)
    device.refuses("bytes|large|size")
    assert not any("weights.bin" in request.path for request in published.requests[made:])


# What a device holds besides


def test_files_that_somebody_left_in_the_folder_are_used(published: World, device: Device) -> None:
    size = sizes(published)
    assert size > 0
    folder = published.room / "two"
    for path in [path for path in device.folder.rglob("*") if path.is_dir()]:
        (path / WEIGHTS).exists() or (path / f"{WEIGHTS}.part").write_bytes(b"x" * 100)
    assert device.takes() == 2
    with device.updater() as updater:
        installed = updater.installed()
    assert installed is not None
    assert (installed.folder / WEIGHTS).read_bytes() == (folder / WEIGHTS).read_bytes()
