"""Reads the exact rows behind scores from the mapped weights file, without a run of onnxruntime.

The ``rows`` graph of the contract says what they are; these are the same numbers, bit for bit. A run of that graph
computes all its outputs for all its items, whatever is asked for; here only what is asked for is read. Nothing is
copied before it is asked for.
"""

import mmap
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from homespun.errors import BundleIntegrityError, ModelContractError
from homespun.model.graph import DTYPES, inspect
from homespun.model.verify import open_file
from homespun.protocol.bundle import WEIGHTS
from homespun.protocol.contract import BLOCK, Blocks, Layout, tables

Floats = NDArray[np.float32]
Positions = NDArray[np.int64]


class Entries(NamedTuple):
    """Entries of a sparse table: items int32 [b, 16] and values float32 [b, 16]."""

    indices: NDArray[np.int32]
    values: Floats


class TableRows:
    """Rows of a bundle's tables. Safe to use from several threads at once.

    What it returns is not checked for NaN and infinity: finite weights can overflow when they are multiplied, and
    whoever adds them up sees that at once.
    """

    def __init__(self, graph: bytes, folder: Path, layout: Layout) -> None:
        """Map the weights.

        Args:
            graph: The verified row graph, which says where the tables lie.
            folder: Where the weights file is.
            layout: The manifest's layout.

        Raises:
            BundleIntegrityError: If the file cannot be mapped.
            ModelContractError: If a table does not have the shape that the manifest states.
        """
        self._layout = layout
        mapped = _mapped(folder / WEIGHTS)
        found = {weight.name: weight for weight in inspect(graph, len(mapped)).weights}
        self._tables: dict[str, NDArray[Any]] = {}
        for name, tensor in tables(layout).items():
            weight = found.get(name)
            if weight is None or weight.tensor != tensor:
                raise ModelContractError(f"the table {name!r} does not have the shape that the manifest states.")
            dtype = DTYPES[tensor.element]
            flat = np.frombuffer(mapped, dtype, weight.length // dtype.itemsize, weight.offset)
            self._tables[name] = flat.reshape(tensor.shape)
        self._pairs = {
            table: _pairs(self._tables[f"{table}.levels"]) for table, size in layout.sparse.items() if _is_packed(size)
        }

    @property
    def context_scales(self) -> Floats:
        """What a row of the context table is multiplied by, float32 [V]."""
        found: Floats = self._tables["context.scales"]
        return found

    def encoder(self, table: str, items: Positions) -> Floats:
        """Return what items (int64 [h], each in 0..N − 1) bring when they stand in a history; float32 [h, d]."""
        rows = self._scaled(table, "encoder", items)
        with np.errstate(over="ignore", invalid="ignore"):
            rows *= self._tables[f"{table}.spectrum"]
        return rows

    def decoder(self, table: str, items: Positions) -> Floats:
        """Return the rows by which items (int64 [n], each in 0..N − 1) are scored; float32 [n, d]."""
        return self._scaled(table, "decoder", items)

    def priors(self, items: Positions) -> Floats:
        """Return what is the same for everybody of items (int64 [n], each in 0..N − 1); float32 [n, T]."""
        found: Floats = self._tables["priors.values"].take(items, axis=1).T
        return found

    def context(self, items: Positions, rows: Positions) -> Floats:
        """Return rows of the context table (int64 [f], each in 0..V − 1) for items (int64 [n]); float32 [f, n]."""
        if not self._layout.context:
            return np.zeros((0, items.size), np.float32)
        found: Floats = self._tables["context.integers"][rows[:, None], items].astype(np.float32)
        with np.errstate(over="ignore"):
            found *= self.context_scales[rows][:, None]
        return found

    def entries(self, table: str, blocks: Positions) -> Entries:
        """Return the entries of some blocks (int64 [b], each in 0..B − 1) of a sparse table.

        Raises:
            ModelContractError: If one is of no item; the file is mapped, and may have been exchanged since it was
                verified.
        """
        gaps = self._tables[f"{table}.gaps"].take(blocks, axis=0)
        indices = gaps.cumsum(axis=1, dtype=np.int32)
        indices += self._tables[f"{table}.bases"].take(blocks)[:, None]
        if indices.size and (indices.min() < 0 or indices.max() >= self._layout.items):
            raise ModelContractError(f"the table {table!r} leads out of the catalogue; was its file exchanged?")
        codes = self._tables[f"{table}.codes"].take(blocks, axis=0)
        if _is_packed(self._layout.sparse[table]):
            # The low halves of all bytes, then the high ones.
            values = self._pairs[table].take(codes, axis=1).transpose(1, 0, 2).reshape(-1, BLOCK)
        else:
            values = self._tables[f"{table}.levels"].take(codes)
        return Entries(indices, values)

    def _scaled(self, table: str, side: str, items: Positions) -> Floats:
        rows: Floats = self._tables[f"{table}.integers"].take(items, axis=0).astype(np.float32)
        with np.errstate(over="ignore"):
            rows *= self._tables[f"{table}.{side}"].take(items)[:, None]
        return rows


def _is_packed(size: Blocks) -> bool:
    return size.bits < 8  # noqa: PLR2004 - a byte


def _pairs(levels: Floats) -> Floats:
    """Return the values of the low and the high half of every byte; float32 [2, 256]."""
    codes = np.arange(256)
    return levels[np.stack([codes & 15, codes >> 4])]


def _mapped(path: Path) -> mmap.mmap:
    with open_file(path) as file:
        try:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise BundleIntegrityError(f"{path.name} of the bundle cannot be mapped: {error}.") from error
