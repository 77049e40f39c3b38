"""Rows that are read from the mapped file are those of the row graph, bit for bit."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from homespun.errors import BundleIntegrityError, ModelContractError
from homespun.model.runtime import load_onnxruntime
from homespun.model.table_rows import TableRows
from homespun.model.verify import verify
from homespun.protocol.bundle import ROWS, WEIGHTS
from homespun.protocol.graphs import decoder_rows, encoder_rows
from tests.sdk import bundles

ITEMS = 300


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundles.write(tmp_path_factory.mktemp("rows") / "bundle", bundles.full_model(ITEMS, 24, density=0.1))


def by_graph(folder: Path, inputs: dict[str, NDArray[np.int64]]) -> dict[str, NDArray[Any]]:
    onnxruntime = load_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(folder / ROWS), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))


@pytest.mark.parametrize("seed", range(4))
def test_rows_are_not_those_of_the_graph(folder: Path, seed: int) -> None:
    draw, verified = np.random.default_rng(seed), verify(folder)
    layout, items = verified.layout, draw.integers(0, ITEMS, draw.integers(0, 60))
    context = draw.integers(0, layout.context, draw.integers(0, 4))
    blocks = {table: draw.integers(0, size.number, 40) for table, size in layout.sparse.items()}
    inputs = {"items": items, "context": context, **{f"{table}.blocks": wanted for table, wanted in blocks.items()}}
    expected, found = by_graph(folder, inputs), TableRows(verified.rows, folder, layout)
    assert {size.bits for size in layout.sparse.values()} == {4, 8}
    for table in layout.low_rank:
        assert np.array_equal(found.encoder(table, items), expected[encoder_rows(table)])
        assert np.array_equal(found.decoder(table, items), expected[decoder_rows(table)])
    for table, wanted in blocks.items():
        entries = found.entries(table, wanted)
        assert np.array_equal(entries.indices, expected[f"{table}.indices"])
        assert np.array_equal(entries.values, expected[f"{table}.values"])
    assert np.array_equal(found.priors(items), expected["priors"])
    assert np.array_equal(found.context(items, context), expected["context_rows"])


def test_rows_of_another_type_are_returned(folder: Path) -> None:
    verified, items = verify(folder), np.arange(3)
    rows = TableRows(verified.rows, folder, verified.layout)
    table, sparse = next(iter(verified.layout.low_rank)), next(iter(verified.layout.sparse))
    arrays = [rows.encoder(table, items), rows.decoder(table, items), rows.priors(items), rows.context(items, items)]
    assert {array.dtype for array in arrays} == {np.dtype(np.float32)}
    assert [array.dtype for array in rows.entries(sparse, items)] == [np.dtype(np.int32), np.dtype(np.float32)]


def test_the_weights_are_gone_when_they_are_mapped(tampered: Path) -> None:
    verified = verify(tampered)
    (tampered / WEIGHTS).write_bytes(b"")
    with pytest.raises(BundleIntegrityError, match="mapped"):
        TableRows(verified.rows, tampered, verified.layout)


def test_the_weights_are_shorter_when_they_are_mapped(tampered: Path) -> None:
    verified = verify(tampered)
    (tampered / WEIGHTS).write_bytes((tampered / WEIGHTS).read_bytes()[:-64])
    with pytest.raises(ModelContractError, match=r"does not lie inside|larger than"):
        TableRows(verified.rows, tampered, verified.layout)


def test_a_block_leads_out_of_the_catalogue_after_it_was_verified(folder: Path, tmp_path: Path) -> None:
    tampered = bundles.copy(folder, tmp_path)
    verified = verify(tampered)
    # As if the file were exchanged: every byte is the largest there is.
    (tampered / WEIGHTS).write_bytes(b"\x7f" * (tampered / WEIGHTS).stat().st_size)
    rows = TableRows(verified.rows, tampered, verified.layout)
    with pytest.raises(ModelContractError, match="out of the catalogue"):
        rows.entries(next(iter(verified.layout.sparse)), np.zeros(1, np.int64))
