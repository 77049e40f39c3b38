"""Bundles to test with: small random models written by the server's exporter, and ways to tamper with them.

Tampering ends with ``reseal``: an attacker who can change a file can also change the hash beside it.
"""

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx

from homespun.protocol.bundle import CATALOGUE, FILES, MANIFEST
from homespun_server.privacy.provenance import fixed, public
from homespun_server.publishing.bundle import Description, write_bundle
from homespun_server.statistics.items import Items
from homespun_server.training.model import LowRank, Model

BOTH: tuple[Literal["collaborative", "content"], ...] = ("collaborative", "content")
COLLABORATIVE: tuple[Literal["collaborative", "content"], ...] = ("collaborative",)
CONTENT: tuple[Literal["collaborative", "content"], ...] = ("content",)


def random_model(
    items: int,
    dimensions: int = 8,
    *,
    seed: int = 0,
    names: tuple[Literal["collaborative", "content"], ...] = BOTH,
) -> Model:
    """A model whose components have different lengths, scales and weights, so that no mix-up goes unseen."""
    draw = np.random.default_rng(seed)
    components = tuple(
        LowRank(
            name,
            draw.normal(size=(items, dimensions + index)) * draw.lognormal(size=(items, 1)),
            draw.normal(size=(items, dimensions + index)) * draw.lognormal(size=(items, 1)),
            weight=(1.0, 0.25)[index],
        )
        for index, name in enumerate(names)
    )
    return Model(np.arange(items, dtype=np.int64), components, draw.normal(size=items))


def catalogue_of(items: int) -> Items:
    return Items(
        ids=[f"item-{number}" for number in range(items)],
        titles=[f"Title № {number}" for number in range(items)],
        tags=[(f"tag-{number % 3}", "каждый") for number in range(items)],
        texts=[""] * items,
    )


def write(folder: Path, model: Model, *, min_weight: float | None = 3.0, catalogue: Items | None = None) -> Path:
    description = Description("Random", datetime(2025, 1, 1, tzinfo=UTC), fixed(min_weight), None, {})
    items = catalogue or catalogue_of(model.items.size)
    write_bundle(public(model, "random numbers"), public(items, "a catalogue"), description, folder)
    return folder


def copy(bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundle, tmp_path / "copy"))


def reseal(folder: Path) -> None:
    """Make the manifest name the files as they are now."""

    def entries(manifest: dict[str, Any]) -> None:
        contents = {name: (folder / name).read_bytes() for name in FILES}
        manifest["files"] = {
            name: {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in contents.items()
        }

    edit_manifest(folder, entries)


def edit_manifest(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / MANIFEST
    manifest = json.loads(path.read_bytes())
    change(manifest)
    path.write_bytes(json.dumps(manifest).encode())


def edit_graph(folder: Path, name: str, change: Callable[[onnx.ModelProto], object]) -> None:
    path = folder / name
    model = onnx.ModelProto.FromString(path.read_bytes())
    change(model)
    path.write_bytes(model.SerializeToString())
    reseal(folder)


def edit_file(folder: Path, name: str, change: Callable[[bytes], bytes]) -> None:
    path = folder / name
    path.write_bytes(change(path.read_bytes()))
    reseal(folder)


def edit_catalogue(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(folder / CATALOGUE, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)
    reseal(folder)


def weight_named(model: onnx.ModelProto, name: str) -> onnx.TensorProto:
    found: onnx.TensorProto = next(tensor for tensor in model.graph.initializer if tensor.name == name)
    return found


def place_of(tensor: onnx.TensorProto) -> dict[str, str]:
    return {entry.key: entry.value for entry in tensor.external_data}


def set_place(tensor: onnx.TensorProto, **place: object) -> None:
    for entry in tensor.external_data:
        if entry.key in place:
            entry.value = str(place[entry.key])
