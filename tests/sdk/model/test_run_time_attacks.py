"""Graphs that do not keep the contract's promise: refused on opening, and harmless even if they were not."""

import struct
from pathlib import Path
from unittest.mock import patch

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from homespun.errors import ModelContractError
from homespun.model.bundle import Bundle
from homespun.protocol.bundle import PROPOSE, ROWS, WEIGHTS
from homespun.protocol.events import Event
from tests.sdk import bundles
from tests.sdk.bundles import set_place, weight_named


def fails(folder: Path, match: str, *items: str) -> None:
    """Opening refuses the graph; and running it, had it been let in, is a bundle's error and no crash."""
    with pytest.raises(ModelContractError):
        Bundle.open(folder)
    with patch("homespun.model.verify.check_topology"):
        fails_when_it_runs(folder, match, *items)


def fails_when_it_runs(folder: Path, match: str, *items: str) -> None:
    # Some shapes onnxruntime finds impossible when it loads them, others when it runs.
    with (
        pytest.raises(ModelContractError, match=f"{match}|onnxruntime refused"),
        Bundle.open(folder) as bundle,
    ):
        bundle.rank([Event(item) for item in items], k=40, exclude_seen=False)


def cut(folder: Path, name: str, rows: int, *, axis: int = 0) -> None:
    """Make a weight shorter than the manifest's number of items."""

    def change(model: onnx.ModelProto) -> None:
        tensor = weight_named(model, name)
        tensor.dims[axis] = rows
        width = {2: 1, 1: 4, 3: 1}[tensor.data_type]
        set_place(tensor, length=int(np.prod(list(tensor.dims))) * width)

    # The same in both graphs, because they have to agree; what only a history needs is in one.
    for graph in (ROWS,) if name.endswith(".encoder") else (PROPOSE, ROWS):
        bundles.edit_graph(folder, graph, change)


def test_a_low_rank_table_is_shorter_than_the_catalogue(tampered: Path) -> None:
    cut(tampered, "content.integers", 39)
    fails(tampered, "the model failed|the shape", "item-39")


def test_an_encoder_is_shorter_than_the_catalogue(tampered: Path) -> None:
    cut(tampered, "content.encoder", 5)
    fails(tampered, "the shape", "item-39")


def test_the_prior_is_shorter_than_the_catalogue(tampered: Path) -> None:
    cut(tampered, "priors.values", 3, axis=1)
    fails(tampered, "the model failed|the shape")


def test_fewer_items_can_be_proposed_than_the_manifest_promises(tampered: Path) -> None:
    for name in ("collaborative", "content"):
        for part in ("integers", "encoder", "decoder"):
            cut(tampered, f"{name}.{part}", 3)
    cut(tampered, "priors.values", 3, axis=1)
    fails(tampered, "the model failed|the shape")


@pytest.mark.parametrize("shift", [-1, 1, -(1 << 62), 1 << 62])
def test_candidates_are_outside_the_catalogue(tampered: Path, shift: int) -> None:
    def move(model: onnx.ModelProto) -> None:
        model.graph.node[-1].output[1] = "inside"
        model.graph.initializer.append(numpy_helper.from_array(np.array([shift]), "shift"))
        model.graph.node.append(helper.make_node("Add", ["inside", "shift"], ["total.top"]))

    bundles.edit_graph(tampered, PROPOSE, move)
    fails(tampered, "proposes items", "item-1")


@pytest.mark.parametrize("repeated", [[[0]], [[7]]])
def test_candidates_are_fewer_than_asked_for(tampered: Path, repeated: list[list[int]]) -> None:
    def constant(model: onnx.ModelProto) -> None:
        model.graph.initializer.append(numpy_helper.from_array(np.array(repeated), "repeated"))
        model.graph.initializer.append(numpy_helper.from_array(np.array([0]), "zero"))
        for name in ("parts.top", "total.top"):
            next(node for node in model.graph.node if name in node.output).output[1] = f"{name}.proposed"
            model.graph.node.append(helper.make_node("Mul", [f"{name}.proposed", "zero"], [f"{name}.nothing"]))
            model.graph.node.append(helper.make_node("Add", [f"{name}.nothing", "repeated"], [name]))

    bundles.edit_graph(tampered, PROPOSE, constant)
    fails(tampered, "too few", "item-1")


def test_no_candidate_is_proposed_at_all(tampered: Path) -> None:
    def none(model: onnx.ModelProto) -> None:
        model.graph.initializer.append(numpy_helper.from_array(np.zeros(0, np.int64), "none"))
        for name in ("parts.top", "total.top"):
            next(node for node in model.graph.node if name in node.output).output[1] = f"{name}.proposed"
            model.graph.node.append(helper.make_node("Gather", [f"{name}.proposed", "none"], [name], axis=1))

    bundles.edit_graph(tampered, PROPOSE, none)
    fails(tampered, "too few", "item-1")


def test_rows_are_shorter_than_the_manifest_says(tampered: Path) -> None:
    bundles.edit_manifest(tampered, lambda manifest: manifest["components"][0].update(dimensions=7))
    fails(tampered, "the shape")


def test_components_have_each_others_dimensions(tampered: Path) -> None:
    bundles.edit_manifest(tampered, lambda manifest: manifest["components"].reverse())
    with pytest.raises(ModelContractError, match="contract"):
        Bundle.open(tampered)


def test_shapes_do_not_fit_each_other(tampered: Path) -> None:
    def unfit(model: onnx.ModelProto) -> None:
        weight_named(model, "content.decoder").dims[:] = [2, 20]

    for graph in (PROPOSE, ROWS):
        bundles.edit_graph(tampered, graph, unfit)
    fails(tampered, "the model failed|the shape", "item-1", "item-0", "item-1")


def test_a_product_of_incompatible_matrices(tampered: Path) -> None:
    def unfit(model: onnx.ModelProto) -> None:
        query = next(node for node in model.graph.node if node.op_type == "MatMul")
        query.input[1] = query.input[0]

    bundles.edit_graph(tampered, PROPOSE, unfit)
    fails(tampered, "the model failed", "item-1", "item-2", "item-3")


def test_finite_weights_overflow_when_they_are_multiplied(tampered: Path) -> None:
    model = onnx.ModelProto.FromString((tampered / ROWS).read_bytes())
    place = bundles.place_of(weight_named(model, "content.decoder"))
    start, length = int(place["offset"]), int(place["length"])
    huge = struct.pack("<f", 3e38) * (length // 4)
    bundles.edit_file(tampered, WEIGHTS, lambda content: content[:start] + huge + content[start + length :])
    fails_when_it_runs(tampered, "NaN or infinity|too few", "item-1")


def test_more_items_are_promised_than_the_model_has(tmp_path: Path) -> None:
    folder = bundles.write(tmp_path / "bundle", bundles.random_model(5))
    bundles.edit_catalogue(
        folder,
        "INSERT INTO items VALUES (5, 'item-5', 't', '[]'), (6, 'item-6', 't', '[]'), (7, 'item-7', 't', '[]')",
    )
    bundles.edit_manifest(folder, lambda manifest: manifest.update(items=8))
    fails(folder, "the model failed|the shape")
