"""The proposing graph finds the best by every part and by the total, whatever the size of the catalogue."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from homespun.errors import ModelContractError
from homespun.model.runtime import load_onnxruntime
from homespun.model.session import quantized
from homespun.protocol import graphs
from homespun.protocol.contract import FEW, LANE, MIDDLE, Blocks, Layout, ScoredPart
from tests.sdk import bundles

PARTS = (ScoredPart("c", "v", None), ScoredPart("s", None, "t"), ScoredPart("b", "w", "t"))
Arrays = dict[str, NDArray[Any]]


def layout_of(items: int, first_new: int | None = None) -> Layout:
    return Layout(items, PARTS, {"v": 8, "w": 5}, {"t": Blocks(1, 4)}, 2, 3, first_new)


def tables_of(layout: Layout, draw: np.random.Generator) -> Arrays:
    items = layout.items
    found: Arrays = {
        "priors.values": draw.standard_normal((2, items), np.float32),
        "context.integers": draw.integers(-127, 128, (3, items)).astype("i1"),
        "context.scales": np.ones(3, np.float32),
        "t.starts": np.zeros(items + 1, "<i4"),
        "t.bases": np.zeros(1, "<i4"),
        "t.gaps": np.zeros((1, 16), "u1"),
        "t.codes": np.zeros((1, 8), "u1"),
        "t.levels": np.zeros(16, np.float32),
    }
    for name, size in layout.low_rank.items():
        found[f"{name}.integers"] = draw.integers(-127, 128, (items, size)).astype("i1")
        found[f"{name}.encoder"] = np.ones(items, np.float32)
        found[f"{name}.decoder"] = draw.uniform(0.001, 0.01, items).astype(np.float32)
        found[f"{name}.spectrum"] = np.ones(size, np.float32)
    return found


def inputs_of(layout: Layout, draw: np.random.Generator, count: int, list_count: int, new_count: int = 0) -> Arrays:
    steps = np.array([[1.0, 0.25, 1.0, 2.0]], np.float32)
    entries, width = 60, graphs.width(layout)
    found: Arrays = {
        "c.query": draw.integers(1, 128, (1, 8)).astype("u1"),
        "b.query": draw.integers(1, 128, (1, 5)).astype("u1"),
        # Few items, so that some have several entries.
        "places": draw.integers(0, min(layout.items, 40), (1, entries)) + width * draw.integers(2, 4, (1, entries)),
        "updates": draw.standard_normal((1, entries)).astype(np.float32),
        "prior_weights": draw.standard_normal((1, 2)).astype(np.float32),
        "context": np.array([2, 0]),
        "context_weights": np.array([[0.01, -0.02]], np.float32),
        "steps": steps,
        "list_count": np.array([list_count]),
        "count": np.array([count]),
    }
    return found if layout.first_new is None else found | {"new_count": np.array([new_count])}


def rows_of(layout: Layout, tables: Arrays, inputs: Arrays) -> NDArray[np.float64]:
    """What is the same for everybody and every part's scores, in units of its step; float64 [R, N]."""
    context = tables["context.integers"][inputs["context"]].astype(np.float64)
    general = inputs["prior_weights"].astype(np.float64) @ tables["priors.values"] + inputs["context_weights"] @ context
    rows = [general[0]]
    for part in PARTS:
        row = np.zeros(layout.items)
        if part.low_rank is not None:
            query = inputs[f"{part.name}.query"][0].astype(np.int64) - MIDDLE
            row += (tables[f"{part.low_rank}.integers"] @ query) * tables[f"{part.low_rank}.decoder"]
        rows.append(row)
    stacked = np.array(rows)
    width = graphs.width(layout)
    places = inputs["places"][0]
    np.add.at(stacked, (places // width, places % width), inputs["updates"][0])
    return stacked


def run(layout: Layout, tables: Arrays, inputs: Mapping[str, NDArray[Any]], folder: Path) -> Arrays:
    external = bundles.write_weights(layout, tables, folder / "weights.bin")
    model = bundles.graph_of(graphs.propose(layout), external)
    onnxruntime = load_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(folder))
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = list(graphs.propose(layout).outputs)
    return dict(zip(names, session.run(names, dict(inputs)), strict=True))


def are_best(found: NDArray[Any], scores: NDArray[np.float64], first: int = 0) -> bool:
    """Whether the places are distinct, and none elsewhere is better, up to rounding."""
    inside = np.zeros(scores.size, np.bool_)
    inside[found] = True
    rest = scores[first:][~inside[first:]]
    worst = scores[found].min(initial=np.inf)
    return bool(np.unique(found).size == found.size and rest.max(initial=-np.inf) <= worst + 1e-5)


SIZES = [1, LANE, LANE + 1, 1000, FEW, FEW + 1, FEW + LANE, FEW + LANE + 63, 50_000]


@pytest.mark.parametrize("items", SIZES)
@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 1.0])
def test_a_better_item_is_not_proposed(items: int, share: float, tmp_path: Path) -> None:
    draw, layout = np.random.default_rng(items), layout_of(items)
    # More than there are lanes, too.
    count, list_count = max(1, int(share * items)), max(1, int(share * items) // 2)
    tables, inputs = tables_of(layout, draw), inputs_of(layout, draw, count, list_count)
    found, scores = run(layout, tables, inputs, tmp_path), rows_of(layout, tables, inputs)
    assert found["parts.top"].shape == (4, list_count)
    assert found["total.top"].shape == (1, count)
    assert all(are_best(top, row) for top, row in zip(found["parts.top"], scores, strict=True))
    assert are_best(found["total.top"][0], inputs["steps"][0] @ scores)


@pytest.mark.parametrize("items", [100, FEW + 100])
def test_a_new_item_is_passed_over(items: int, tmp_path: Path) -> None:
    draw, layout = np.random.default_rng(7), layout_of(items, items - 30)
    tables, inputs = tables_of(layout, draw), inputs_of(layout, draw, 5, 3, 10)
    found, scores = run(layout, tables, inputs, tmp_path), rows_of(layout, tables, inputs)
    assert found["new.top"].shape == (1, 10)
    assert found["new.top"].min() >= items - 30
    assert are_best(found["new.top"][0], inputs["steps"][0] @ scores, items - 30)


@pytest.mark.parametrize("scale", [1e-300, 1e-45, 1e-31, 1e-20, 1.0, 1e20, 1e30])
def test_a_query_is_rounded_to_something_else(scale: float) -> None:
    query = np.random.default_rng(3).standard_normal(64) * scale
    integers, step = quantized(query)
    assert integers.dtype == np.uint8
    # As small as no product of two and a table's integers is too large for 16 bits.
    assert integers.max() <= 2 * MIDDLE - 1
    assert np.abs((integers[0].astype(np.int64) - MIDDLE) * step - query).max() <= max(step, 1e-30)


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf, 1e300])
def test_a_query_that_is_none_is_rounded_to_one(number: float) -> None:
    with pytest.raises(ModelContractError, match="NaN or infinity"):
        quantized(np.array([1.0, number]))


def test_no_query_is_rounded_to_something() -> None:
    integers, step = quantized(np.zeros(5))
    assert (integers == MIDDLE).all()
    assert step == 1.0
