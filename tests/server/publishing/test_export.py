"""The exported graphs and tables hold what was trained, within what few bits lose, and compute what they should."""

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from homespun.model.bundle import Bundle
from homespun.model.runtime import load_onnxruntime
from homespun.protocol import bundle, contract
from homespun.protocol.bundle import Manifest
from homespun_server.publishing.onnx_export import encoded, layout_of
from homespun_server.publishing.sparse import levels
from homespun_server.statistics.items import Items
from homespun_server.training.model import LEVELS, STEADY, Component, LowRank, Model, Prior, SparseRows
from homespun_server.training.sizes import model_bytes
from tests.conftest import Runs
from tests.server.publishing import decoding
from tests.server.publishing.support import EVEN, model_of, publish
from tests.server.support import catalogue

Matrix = np.ndarray


def run(folder: Path, graph: str, inputs: Mapping[str, Matrix]) -> dict[str, Matrix]:
    onnxruntime = load_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(folder / graph, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, dict(inputs)), strict=True))


def exact(table: LowRank) -> Matrix:
    found: Matrix = table.encoder[:, None] * ((table.vectors * table.spectrum) @ table.vectors.T) * table.decoder
    return found


def scored(folder: Path, component: bundle.Component, rows: list[int], items: int) -> Matrix:
    """What the row graph says that each of the rows adds to each item by one component; float64 [rows, items]."""
    weights = decoding.tensors(folder)
    inputs = {"items": np.arange(items)}
    for name in {name.split(".")[0] for name in weights if name.endswith(".starts")}:
        inputs[f"{name}.blocks"] = np.arange(len(weights[f"{name}.bases"]))
    if "context.scales" in weights:
        inputs["context"] = np.arange(len(weights["context.scales"]))
    found = run(folder, bundle.ROWS, inputs)
    total = np.zeros((len(rows), items))
    if component.low_rank is not None:
        encoder, decoder = (found[f"{component.low_rank}.{side}_rows"].astype(float) for side in ("encoder", "decoder"))
        total += encoder[rows] @ decoder.T
    if component.sparse is not None:
        first, end, indices, values = (
            found[f"{component.sparse}.{part}"] for part in ("first_blocks", "end_blocks", "indices", "values")
        )
        for place, row in enumerate(rows):
            for block in range(first[row], end[row]):
                np.add.at(total[place], indices[block], values[block].astype(float))
    return total


def queries(folder: Path, component: bundle.Component, rows: list[int], items: int) -> Matrix:
    """What the row graph says that each of the rows asks a low-rank table for; float64 [rows, d]."""
    weights = decoding.tensors(folder)
    inputs = {f"{name.removesuffix('.starts')}.blocks": np.zeros(0, np.int64) for name in weights if ".starts" in name}
    inputs |= {"items": np.arange(items), "context": np.zeros(0, np.int64)}
    found: Matrix = run(folder, bundle.ROWS, inputs)[f"{component.low_rank}.encoder_rows"][rows].astype(float)
    return found


@pytest.mark.parametrize("everything", [False, True])
def test_the_row_graph_reads_other_numbers_than_were_written(tmp_path: Path, *, everything: bool) -> None:
    for size in (1, 2, 30, 300):
        folder = tmp_path / str(size)
        manifest = publish(folder, model_of(size, everything=everything))
        weights = decoding.tensors(folder)
        for component in manifest.components:
            expected = np.zeros((size, size))
            if component.low_rank is not None:
                expected += decoding.low_rank(weights, component.low_rank)
            if component.sparse is not None:
                expected += decoding.sparse(weights, component.sparse)
            found = scored(folder, component, list(range(size)), size)
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


def test_a_device_scores_something_else_than_was_trained(tmp_path: Path, runs: Runs) -> None:
    """Every table against the one that was trained; the tolerance is what 8 and 4 bits lose of it."""
    for number in runs("export parity", 20):
        size = int(np.random.default_rng(number).integers(2, 80))
        model = model_of(size, seed=number)
        publish(tmp_path / str(number), model)
        weights = decoding.tensors(tmp_path / str(number))
        for table in model.low_rank:
            lost = np.linalg.norm(decoding.low_rank(weights, table.name) - exact(table))
            assert lost <= 0.01 * np.linalg.norm(exact(table)), (number, table.name)
        for rows in model.sparse:
            fitted = levels(rows.matrix.data, 2**rows.bits - 1)
            step = np.abs(rows.matrix.data[:, None] - fitted).min(axis=1, initial=np.inf).max(initial=0)
            lost = np.abs(decoding.sparse(weights, rows.name) - rows.matrix.toarray()).max()
            assert lost <= step + 1e-6 * np.abs(rows.matrix.data).max(initial=0), (number, rows.name)


def test_priors_and_context_are_those_of_other_items(tmp_path: Path) -> None:
    model = model_of(40)
    publish(tmp_path / "bundle", model)
    weights = decoding.tensors(tmp_path / "bundle")
    for row, prior in zip(weights["priors.values"], model.priors, strict=True):
        np.testing.assert_array_equal(row, decoding.floats(prior.values))
    assert model.archetypes is not None
    rows = np.vstack([model.contexts[0].log_odds, model.archetypes.log_odds])
    found = weights["context.integers"] * weights["context.scales"].astype(float)[:, None]
    assert np.all(np.abs(found - rows) <= 0.501 * weights["context.scales"][:, None])


@pytest.mark.parametrize("new", [0, 5])
def test_the_proposal_misses_the_best_items(tmp_path: Path, new: int) -> None:
    """The proposing graph against a float64 sum of what the row graph says, for all lists at once."""
    size, count = 400, 20
    model = model_of(size, new=new)
    folder = tmp_path / "bundle"
    manifest = publish(folder, model)
    weights = decoding.tensors(folder)
    history = [3, 50, 77, 200]
    general = np.array([0.5, 1.0]) @ weights["priors.values"].astype(float)
    general += weights["context.integers"][1].astype(float) * float(weights["context.scales"][1])
    lists = [scored(folder, part, history, size).sum(axis=0) for part in manifest.components]
    width = -(-size // contract.LANE) * contract.LANE
    inputs: dict[str, Matrix] = {
        "prior_weights": np.array([[0.5, 1.0]], np.float32),
        "context": np.array([1]),
        "context_weights": weights["context.scales"][None, 1:2],
        "list_count": np.array([count]),
        "count": np.array([2 * count]),
    }
    steps, places, updates = [1.0], [], []
    for row, part in enumerate(manifest.components, 1):
        step = 1.0
        if part.low_rank is not None:
            query = queries(folder, part, history, size).sum(axis=0)
            step = float(np.abs(query).max()) / 63
            inputs[f"{part.name}.query"] = (np.rint(query / step) + contract.MIDDLE).astype(np.uint8)[None]
        if part.sparse is not None:
            added = decoding.sparse(weights, part.sparse)[history].sum(axis=0)
            places.append(np.flatnonzero(added) + row * width)
            updates.append(added[np.flatnonzero(added)] / step)
        steps.append(step)
    inputs["steps"] = np.array([steps], np.float32)
    inputs["places"], inputs["updates"] = np.concatenate(places)[None], np.concatenate(updates)[None].astype(np.float32)
    if new:
        inputs["new_count"] = np.array([new])
    found = run(folder, bundle.PROPOSE, inputs)
    expected = [general, *lists, general + sum(lists)]
    lengths = [count] * (len(expected) - 1) + [2 * count]
    proposed = [*found["parts.top"], found["total.top"][0]]
    assert sorted(found["new.top"][0].tolist() if new else []) == list(range(size - new, size))
    for scores, found_here, length in zip(expected, proposed, lengths, strict=True):
        assert len(set(found_here.tolist())) == length
        # What 7 bits of the query can swap lies closer together.
        least = np.sort(scores)[-length]
        surely = np.flatnonzero(scores > least + 0.02 * np.abs(scores).max())
        assert surely.size
        assert set(surely.tolist()) <= set(found_here.tolist())


@pytest.mark.parametrize("everything", [False, True])
@pytest.mark.parametrize("size", [1, 3, 64, 257])
def test_the_size_that_was_estimated_is_not_the_file_s(size: int, tmp_path: Path, *, everything: bool) -> None:
    model = model_of(size, everything=everything)
    publish(tmp_path / "bundle", model)
    assert (tmp_path / "bundle" / bundle.WEIGHTS).stat().st_size == model_bytes(model)


def test_a_table_is_written_twice_for_two_components(tmp_path: Path) -> None:
    model = model_of(100)
    publish(tmp_path / "bundle", model)
    names = set(decoding.tensors(tmp_path / "bundle"))
    assert {name.split(".")[0] for name in names} == {
        "collaborative",
        "residual",
        "transitions",
        "content",
        "priors",
        "context",
    }


@pytest.mark.parametrize("new", [0, 4])
@pytest.mark.parametrize("everything", [False, True])
def test_the_manifest_describes_other_tables_than_the_file_has(tmp_path: Path, new: int, *, everything: bool) -> None:
    model = model_of(30, everything=everything, new=new)
    manifest: Manifest = publish(tmp_path / "bundle", model)
    layout = contract.layout_of(manifest)
    assert layout == layout_of(model, encoded(model))
    found = {name: (array.dtype.name, array.shape) for name, array in decoding.tensors(tmp_path / "bundle").items()}
    assert found == {name: tuple(tensor) for name, tensor in contract.tables(layout).items()}


def test_rows_are_exported_in_another_order_than_the_catalogue(tmp_path: Path) -> None:
    model = model_of(12)
    tagged = catalogue(12)
    items = Items(tagged.ids, tagged.titles, [(f"tag {n}", "ж|,") for n in range(12)], tagged.texts)
    publish(tmp_path / "bundle", model, items=items)
    with closing(Bundle.open(tmp_path / "bundle")) as opened:
        assert opened.items == tuple(f"item-{position}" for position in model.items)
        for item in opened.items:
            number = item.removeprefix("item-")
            assert opened.title(item) == f"Title {number}"
            assert opened.tags(item) == (f"tag {number}", "ж|,")


def test_a_model_without_an_entry_or_a_number_cannot_be_written(tmp_path: Path) -> None:
    nothing = LowRank("content", np.zeros((3, 2)), np.zeros(3), np.zeros(3), np.zeros(2))
    empty = SparseRows("residual", model_of(3).sparse[0].matrix * 0, 8)
    part = Component("content", nothing, empty, STEADY, EVEN)
    prior = Prior("popularity", np.zeros(3), (0.0,) * LEVELS)
    manifest = publish(tmp_path / "bundle", Model(np.arange(3), 3, (part,), (prior,)))
    assert not scored(tmp_path / "bundle", manifest.components[0], [0, 1, 2], 3).any()
