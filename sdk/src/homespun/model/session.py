"""Runs the verified proposing graph with onnxruntime, and reads the exact rows of what it proposes.

The graph is handed over as the very bytes that were verified; only the weights are mapped from the
bundle's folder. onnxruntime is imported on first use, because it takes longer than everything else.
"""

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from homespun.errors import ModelContractError
from homespun.model.membership import distinct
from homespun.model.runtime import load_onnxruntime
from homespun.model.table_rows import Entries, TableRows
from homespun.protocol import graphs
from homespun.protocol.contract import MIDDLE, Layout

if TYPE_CHECKING:
    import onnxruntime

Floats = NDArray[np.float32]
Positions = NDArray[np.int64]

_LEAST_STEP = 2.0**-100
"""Steps below it are those of no history: what they multiply is far below what float32 adds up to."""

_MOST_STEP = 2.0**100

_UNPACKED = frozenset({"x86_64", "amd64"})
"""Processors on which a vector times a table is read once and in order if the table is left as it is."""


@dataclass(frozen=True)
class Proposal:
    """What to propose for.

    Attributes:
        queries: float64 [d] by component with a low-rank table: Σ β·w times the history's encoder rows.
        entries: By component with a sparse table; their values times β·w.
        priors: float32 [T].
        context: int64 [f], rows.
        context_weights: float32 [f].
    """

    queries: Mapping[str, NDArray[np.float64]]
    entries: Mapping[str, Entries]
    priors: Floats
    context: Positions
    context_weights: Floats


@dataclass(frozen=True)
class Own:
    """What h items bring when they stand in a history.

    Attributes:
        encoder: float32 [h, d] by low-rank table.
        entries: By sparse table, of the blocks that were asked for.
    """

    encoder: dict[str, Floats]
    entries: dict[str, Entries]


@dataclass(frozen=True)
class Rows:
    """The exact numbers behind the scores of n items.

    Attributes:
        decoder: float32 [n, d] by low-rank table.
        priors: float32 [n, T].
        context: float32 [f, n].
    """

    decoder: dict[str, Floats]
    priors: Floats
    context: Floats


class ModelSession:
    """The model of one bundle, ready to run. Safe to use from several threads at once.

    The rows that it returns are not checked for NaN and infinity, which finite weights can become when they are
    multiplied: scores are, and so is all that ``Scorer`` returns.
    """

    def __init__(self, propose: bytes, rows: bytes, folder: Path, *, layout: Layout, threads: int) -> None:
        """Load the proposing graph and map the tables.

        Args:
            propose: The verified proposing graph.
            rows: The verified row graph, which says where the tables are.
            folder: Where the weights file is.
            layout: The manifest's layout.
            threads: Threads of one run; 1 runs in the caller's thread.

        Raises:
            ModelContractError: If onnxruntime refuses the graph, or a table is not as the manifest says.
            BundleIntegrityError: If the weights cannot be mapped.
        """
        self.layout = layout
        self._width = graphs.width(layout)
        self._tops = list(graphs.propose(layout).outputs)
        self._propose = _load(propose, folder, threads)
        self._tables = TableRows(rows, folder, layout)

    def propose(self, wanted: Proposal, count: int, list_count: int, new_count: int) -> Positions:
        """Return the positions of items that might rank high, without repetition, ascending.

        Args:
            wanted: What for.
            count: How many by the total, 1..N.
            list_count: How many by each part, 1..N.
            new_count: How many new items by the total, 0..N − M; passed over where none has a place.

        Raises:
            ModelContractError: If the model fails or proposes what the manifest does not promise.
        """
        inputs: dict[str, NDArray[Any]] = {
            "prior_weights": wanted.priors[None],
            "count": np.array([count], np.int64),
            "list_count": np.array([list_count], np.int64),
        }
        steps = np.ones((1, len(self.layout.parts) + 1), np.float32)
        for row, part in enumerate(self.layout.parts, 1):
            if part.low_rank is not None:
                inputs[f"{part.name}.query"], steps[0, row] = quantized(wanted.queries[part.name])
        inputs["steps"] = steps
        if self.layout.sparse:
            inputs["places"], inputs["updates"] = self._entered(wanted.entries, steps[0])
        if self.layout.context:
            known = wanted.context.size > 0
            inputs["context"] = wanted.context if known else np.zeros(1, np.int64)
            weights = wanted.context_weights * self._tables.context_scales[wanted.context]
            inputs["context_weights"] = weights[None] if known else np.zeros((1, 1), np.float32)
        if self.layout.first_new is not None:
            inputs["new_count"] = np.array([new_count], np.int64)
        tops = _run(self._propose, self._tops, inputs)
        found = distinct([top.ravel() for top in tops])
        if found.size < count or found[0] < 0 or found[-1] >= self.layout.items:
            raise ModelContractError("the model proposes items that its manifest does not have, or too few of them.")
        return found

    def _entered(self, entries: Mapping[str, Entries], steps: Floats) -> tuple[Positions, Floats]:
        """Return where the entries of all components go, int64 [1, e], and what they add there, float32 [1, e]."""
        # Adding needs an entry; this one adds nothing.
        places, updates = [np.zeros(1, np.int64)], [np.zeros(1, np.float32)]
        for row, part in enumerate(self.layout.parts, 1):
            if part.sparse is not None:
                found = entries[part.name]
                places.append(found.indices.ravel() + np.int64(row * self._width))
                flat = found.values.ravel()
                updates.append(flat if part.low_rank is None else flat / steps[row])
        return np.concatenate(places)[None], np.concatenate(updates)[None]

    def own(self, items: Positions, blocks: Mapping[str, Positions]) -> Own:
        """Return what ``items`` bring when they stand in a history.

        Args:
            items: int64 [h], each in 0..N − 1.
            blocks: int64 [b] by sparse table, each in 0..B − 1; none of a table that is missing.

        Raises:
            ModelContractError: If its entries lead out of the catalogue.
        """
        return Own(
            encoder={table: self._tables.encoder(table, items) for table in self.layout.low_rank},
            entries={table: self._tables.entries(table, wanted) for table, wanted in blocks.items()},
        )

    def context(self, items: Positions, rows: Positions) -> Floats:
        """Return rows of the context table (int64 [f], each in 0..V − 1) for ``items``; float32 [f, n]."""
        return self._tables.context(items, rows)

    def rows(self, items: Positions, context: Positions) -> Rows:
        """Return the exact numbers behind the scores of ``items``, apart from what the history's own rows hold.

        Args:
            items: int64 [n], each in 0..N − 1.
            context: int64 [f], each in 0..V − 1.
        """
        return Rows(self.decoders(items), self._tables.priors(items), self._tables.context(items, context))

    def decoders(self, items: Positions) -> dict[str, Floats]:
        """Return the rows by which ``items`` (int64 [n]) are scored; float32 [n, d] by low-rank table."""
        return {table: self._tables.decoder(table, items) for table in self.layout.low_rank}

    def priors(self, items: Positions) -> Floats:
        """Return what is the same for everybody of ``items`` (int64 [n]); float32 [n, T]."""
        return self._tables.priors(items)


def quantized(query: NDArray[np.float64]) -> tuple[NDArray[np.uint8], float]:
    """Round a query (float64 [d]) to 7 bits; uint8 [1, d] of which MIDDLE stands for 0, and their step.

    With 7 bits no two products of a query's and a table's integers add up to more than 16 bits, at which processors
    without instructions for it would cut off.

    Raises:
        ModelContractError: If a number is NaN or too large.
    """
    peak = float(np.abs(query).max(initial=0.0))
    step = peak / (MIDDLE - 1)
    # Written so that NaN is refused too.
    if not step <= _MOST_STEP:
        raise not_finite()
    if step < _LEAST_STEP:
        return np.full((1, query.size), MIDDLE, np.uint8), 1.0
    integers = np.rint(query * (1 / step)) + MIDDLE
    return integers.astype(np.uint8)[None], step


def not_finite() -> ModelContractError:
    """Return the error that rows hold NaN or infinity, which finite weights can become when they are multiplied."""
    return ModelContractError("the model's rows hold NaN or infinity, so scores would mean nothing.")


def _run(
    session: "onnxruntime.InferenceSession", outputs: list[str], inputs: dict[str, NDArray[Any]]
) -> list[NDArray[Any]]:
    try:
        return [np.asarray(output) for output in session.run(outputs, inputs)]
    except Exception as error:  # onnxruntime's exceptions have no common public base
        raise ModelContractError(
            f"the model failed: {error}. Its graphs and its weights do not fit together or to its manifest; do not "
            "use the bundle."
        ) from error


def _load(graph: bytes, folder: Path, threads: int) -> "onnxruntime.InferenceSession":
    runtime = load_onnxruntime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    # Beyond the basic level the integer product is fused with what follows it, which takes twice as long.
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    if platform.machine().lower() in _UNPACKED:
        options.add_session_config_entry("session.disable_prepacking", "1")
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(folder))
    try:
        session: onnxruntime.InferenceSession = runtime.InferenceSession(
            graph, options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime's exceptions have no common public base
        raise ModelContractError(
            f"onnxruntime refused the model: {error}. The bundle was not made by homespun-server, or needs a newer "
            "onnxruntime."
        ) from error
    return session
