"""Bundles to test with, written by the contract without the server's exporter, and ways to tamper with them.

Tampering ends with ``reseal``: an attacker who can change a file can also change the hash beside it.
"""

import hashlib
import json
import shutil
import sqlite3
import struct
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from homespun.protocol import graphs
from homespun.protocol.bundle import (
    ATTRIBUTES_SCHEMA,
    CARD_DATA,
    CARD_TEXT,
    CATALOGUE,
    CATALOGUE_SCHEMA,
    CONTRACT_VERSION,
    FILES,
    MANIFEST,
    NEGATIVE_KINDS,
    OPTIONAL_FILES,
    POLICY,
    PROPOSE,
    ROWS,
    SCHEMA_VERSION,
    WEIGHTS,
    WORDS_SCHEMA,
    Archetypes,
    Component,
    Context,
    HistoryRule,
    Kernel,
    Manifest,
    NewItems,
    Prior,
    PrivacyStatement,
    Repeats,
)
from homespun.protocol.contract import GraphSpec, Layout, layout_of, tables
from tests.sdk.models import (
    BOTH,
    COLLABORATIVE,
    CONTENT,
    Model,
    Sparse,
    full_model,
    random_model,
)

__all__ = ["BOTH", "COLLABORATIVE", "CONTENT", "full_model", "random_model"]

BLOCK = 16
TYPES = {
    "float32": TensorProto.FLOAT,
    "uint8": TensorProto.UINT8,
    "int8": TensorProto.INT8,
    "int32": TensorProto.INT32,
    "int64": TensorProto.INT64,
}
Arrays = dict[str, NDArray[Any]]
Word = tuple[object, object, object, object, object]
"""Field, word, weight, scale and vector."""
Attribute = tuple[object, object, object, object]
"""Name, first, texts and items."""


@dataclass(frozen=True)
class Items:
    """A catalogue."""

    ids: list[str]
    titles: list[str]
    tags: list[tuple[str, ...]]


def catalogue_of(items: int) -> Items:
    return Items(
        ids=[f"item-{number}" for number in range(items)],
        titles=[f"Title № {number}" for number in range(items)],
        tags=[(f"tag-{number % 3}", "каждый") for number in range(items)],
    )


def write(
    folder: Path,
    model: Model,
    *,
    min_weight: float | None = 3.0,
    max_items: int = 1000,
    catalogue: Items | None = None,
    words: Sequence[Word] | None = None,
    attributes: Sequence[Attribute] | None = None,
    policy: bytes | None = None,
    change: Callable[[Arrays], object] | None = None,
) -> Path:
    """Write a model; ``change`` may forge its tables. The catalogue has the optional tables that are given."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays = arrays_of(model)
    if change is not None:
        change(arrays)
    manifest = manifest_of(model, arrays, min_weight, max_items)
    layout = layout_of(manifest)
    external = write_weights(layout, arrays, folder / WEIGHTS)
    for name, spec in ((PROPOSE, graphs.propose(layout)), (ROWS, graphs.rows(layout))):
        (folder / name).write_bytes(graph_of(spec, external).SerializeToString())
    write_catalogue(catalogue or catalogue_of(model.size), folder / CATALOGUE, words, attributes)
    if policy is not None:
        (folder / POLICY).write_bytes(policy)
    (folder / CARD_DATA).write_bytes(b"{}")
    (folder / CARD_TEXT).write_bytes(b"A random bundle.")
    (folder / MANIFEST).write_bytes(msgspec.json.encode(manifest))
    reseal(folder)
    return folder


def manifest_of(model: Model, arrays: Arrays, min_weight: float | None, max_items: int) -> Manifest:
    return Manifest(
        schema=SCHEMA_VERSION,
        contract=CONTRACT_VERSION,
        name="Random",
        created="2025-01-01T00:00:00+00:00",
        items=model.size,
        components=tuple(
            Component(
                name=part.name,  # type: ignore[arg-type]
                low_rank=part.low_rank,
                dimensions=0 if part.low_rank is None else model.low_rank[part.low_rank].integers.shape[1],
                sparse=part.sparse,
                bits=None if part.sparse is None else model.sparse[part.sparse].bits,  # type: ignore[arg-type]
                blocks=0 if part.sparse is None else arrays[f"{part.sparse}.bases"].size,
                kernel=Kernel(real(part.age), real(part.gap), part.ordered),
                weights=reals(part.weights),
            )
            for part in model.parts
        ),
        priors=tuple(Prior(*each) for each in zip(model.prior_names, map(reals, model.prior_weights), strict=True)),
        contexts=tuple(
            Context(feature, values, reals(weights), None if own is None else reals(own))
            for (feature, values, weights), own in zip(
                model.contexts, model.own or (None,) * len(model.contexts), strict=True
            )
        ),
        archetypes=None if model.archetypes is None else Archetypes(model.archetypes[0], reals(model.archetypes[1])),
        repeats=None if model.repeats is None else Repeats(*map(reals, model.repeats)),
        new_items=NewItems(model.size if model.first_new is None else model.first_new, model.every),
        history=HistoryRule(real(min_weight), max_items, NEGATIVE_KINDS),
        privacy=PrivacyStatement(
            kind="no_personal_data",
            unit=None,
            neighbours=None,
            epsilon=None,
            delta=None,
            rho=None,
            releases=(),
            statement="Made from the catalogue alone. No data about people was used.",
        ),
        files={},
    )


def real(value: float | None) -> Decimal | None:
    return None if value is None else Decimal(str(value))


def reals(values: Any) -> tuple[Decimal, ...]:
    return tuple(Decimal(str(value)) for value in values)


def arrays_of(model: Model) -> Arrays:
    """The tables of the weights file."""
    found: Arrays = {"priors.values": model.priors.astype("<f4")}
    for name, table in model.low_rank.items():
        found[f"{name}.integers"] = table.integers.astype("i1")
        found[f"{name}.encoder"] = table.encoder.astype("<f4")
        found[f"{name}.decoder"] = table.decoder.astype("<f4")
        found[f"{name}.spectrum"] = table.spectrum.astype("<f4")
    for name, sparse in model.sparse.items():
        found |= {f"{name}.{part}": array for part, array in blocks_of(sparse).items()}
    if model.context_integers is not None and model.context_scales is not None:
        found["context.integers"] = model.context_integers.astype("i1")
        found["context.scales"] = model.context_scales.astype("<f4")
    return found


def blocks_of(sparse: Sparse) -> Arrays:
    """Cut every row into blocks of 16 entries; where a gap is too wide, an entry of code 0 goes between."""
    starts, blocks = [0], []
    for row in sparse.codes:
        entries: list[tuple[int, int]] = []
        for position in np.flatnonzero(row).tolist():
            # The first of a block has a place of its own, so only those inside one need steps between.
            while len(entries) % BLOCK and position - entries[-1][0] > 255:
                entries.append((entries[-1][0] + 255, 0))
            entries.append((position, int(row[position])))
        blocks += [entries[first : first + BLOCK] for first in range(0, len(entries), BLOCK)]
        starts.append(len(blocks))
    if not blocks:
        blocks, starts = [[(0, 0)]], [*starts[:-1], 1]
    places = np.zeros((len(blocks), BLOCK), np.int64)
    codes = np.zeros((len(blocks), BLOCK), np.int64)
    for number, block in enumerate(blocks):
        padded = block + [(block[-1][0], 0)] * (BLOCK - len(block))
        places[number], codes[number] = zip(*padded, strict=True)
    packed = codes if sparse.bits == 8 else codes[:, :8] + 16 * codes[:, 8:]
    return {
        "starts": np.array(starts, "<i4"),
        "bases": places[:, 0].astype("<i4"),
        "gaps": np.diff(places, axis=1, prepend=places[:, :1]).astype("u1"),
        "codes": packed.astype("u1"),
        "levels": sparse.levels.astype("<f4"),
    }


def write_weights(layout: Layout, arrays: Arrays, path: Path) -> dict[str, onnx.TensorProto]:
    content, external = bytearray(), {}
    for name, tensor in tables(layout).items():
        content.extend(b"\0" * (-len(content) % 64))
        raw = np.ascontiguousarray(arrays[name]).tobytes()
        proto = onnx.TensorProto(name=name, data_type=TYPES[tensor.element], dims=arrays[name].shape)
        proto.data_location = TensorProto.EXTERNAL
        for key, value in {"location": WEIGHTS, "offset": len(content), "length": len(raw)}.items():
            proto.external_data.add(key=key, value=str(value))
        external[name] = proto
        content.extend(raw)
    path.write_bytes(content)
    return external


def graph_of(spec: GraphSpec, external: dict[str, onnx.TensorProto]) -> onnx.ModelProto:
    nodes = [
        helper.make_node(node.operator, node.inputs, node.outputs, **dict(node.attributes))  # type: ignore[arg-type]
        for node in spec.nodes
    ]
    inputs, outputs = (
        [helper.make_tensor_value_info(name, TYPES[value.element], value.shape) for name, value in values.items()]
        for values in (spec.inputs, spec.outputs)
    )
    constants = [
        numpy_helper.from_array(np.array(constant.values, constant.element).reshape(constant.shape), name)
        for name, constant in spec.constants.items()
    ]
    graph = helper.make_graph(nodes, "model", inputs, outputs, [*constants, *(external[name] for name in spec.weights)])
    model: onnx.ModelProto = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 21)])
    return model


def write_catalogue(
    items: Items, path: Path, words: Sequence[Word] | None = None, attributes: Sequence[Attribute] | None = None
) -> None:
    rows = zip(items.ids, items.titles, map(json.dumps, items.tags), strict=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(CATALOGUE_SCHEMA)
        if words is not None:
            connection.execute(WORDS_SCHEMA)
        if attributes is not None:
            connection.execute(ATTRIBUTES_SCHEMA)
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO items VALUES (?, ?, ?, ?)", [(n, *row) for n, row in enumerate(rows)])
        if words is not None:
            connection.executemany("INSERT INTO words VALUES (?, ?, ?, ?, ?)", words)
        if attributes is not None:
            connection.executemany("INSERT INTO attributes VALUES (?, ?, ?, ?)", attributes)
        connection.execute("COMMIT")


def numbers_row(name: str, values: Sequence[float | None], first: int = 0) -> Attribute:
    numbers = [float("nan") if value is None else value for value in values]
    return name, first, None, struct.pack(f"<{len(numbers)}d", *numbers)


def texts_row(name: str, values: Sequence[str | None], first: int = 0) -> Attribute:
    texts = {text: place for place, text in enumerate(sorted({value for value in values if value is not None}))}
    places = [-1 if value is None else texts[value] for value in values]
    return name, first, json.dumps(list(texts)), struct.pack(f"<{len(places)}h", *places)


def some_attributes(items: int) -> list[Attribute]:
    """``price`` and ``brand``, each unknown of some items, in two rows each."""
    prices = [None if number % 5 == 4 else number / 2 for number in range(items)]
    brands = [None if number % 7 == 6 else f"Märke {number % 3}" for number in range(items)]
    half = items // 2
    return [
        numbers_row("price", prices[:half]),
        numbers_row("price", prices[half:], half),
        texts_row("brand", brands[:half]),
        texts_row("brand", brands[half:], half),
    ]


def random_words(dimensions: int, *, seed: int = 0) -> list[Word]:
    """Some words of every kind of field: ``w0`` to ``w19`` in titles and texts, the catalogue's tags, attributes."""
    draw = np.random.default_rng(seed)
    known = [(field, f"w{number}") for field in ("title", "text") for number in range(20)]
    known += [("tags", "tag-0"), ("tags", "tag-1"), ("tags", "новый"), ("category:colour", "red")]
    known += [("number:price", "0:-inf:10.0"), ("number:price", "0:10.0:inf"), ("number:price", "1:5.0:20.0")]
    return [
        (
            *word,
            float(draw.uniform(1, 4)),
            float(draw.lognormal() / 127),
            draw.integers(-127, 128, dimensions).astype(np.int8).tobytes(),
        )
        for word in sorted(known)
    ]


def copy(bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundle, tmp_path / "copy"))


def reseal(folder: Path) -> None:
    """Make the manifest name the files as they are now."""

    def entries(manifest: dict[str, Any]) -> None:
        there = [*FILES, *(name for name in OPTIONAL_FILES if (folder / name).exists())]
        contents = {name: (folder / name).read_bytes() for name in there}
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
