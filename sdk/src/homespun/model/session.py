"""Runs the two verified graphs with onnxruntime.

The graphs are handed over as the very bytes that were verified; only the weights are mapped from the
bundle's folder. onnxruntime is imported on first use, because it takes longer than everything else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from homespun.errors import ModelContractError
from homespun.model.runtime import load_onnxruntime
from homespun.protocol import graphs
from homespun.protocol.contract import Layout, ScoredPart, Value
from homespun.protocol.graphs import decoder_rows, encoder_rows

if TYPE_CHECKING:
    import onnxruntime

Floats = NDArray[np.float32]
Positions = NDArray[np.int64]

NOTHING: Positions = np.zeros(0, np.int64)
NOTHING.setflags(write=False)


class Entries(NamedTuple):
    """Entries of a sparse table: items int32 [b, 16] and values float32 [b, 16]."""

    indices: NDArray[np.int32]
    values: Floats


@dataclass(frozen=True)
class Proposal:
    """What to propose for.

    Attributes:
        history: int64 [h].
        weights: float32 [L, h], a row per component with a low-rank table.
        entries: By component with a sparse table; their values times β·w.
        priors: float32 [T].
        context: int64 [f], rows.
        context_weights: float32 [f].
    """

    history: Positions
    weights: Floats
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
    """The model of one bundle, ready to run. Safe to use from several threads at once."""

    def __init__(self, propose: bytes, rows: bytes, folder: Path, *, layout: Layout, threads: int) -> None:
        """Load the graphs.

        Args:
            propose: The verified proposing graph.
            rows: The verified row graph.
            folder: Where the weights file is.
            layout: The manifest's layout.
            threads: Threads of one run; 1 runs in the caller's thread.

        Raises:
            ModelContractError: If onnxruntime refuses a graph.
        """
        self.layout = layout
        self._outputs = {name: (np.dtype(value.element), value) for name, value in graphs.rows(layout).outputs.items()}
        self._propose = _load(propose, folder, threads)
        self._rows = _load(rows, folder, threads)

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
        if self.layout.low_rank:
            # Quantizing needs a query; this one is zero.
            known = wanted.history.size > 0
            inputs["history"] = wanted.history if known else np.zeros(1, np.int64)
            inputs["weights"] = wanted.weights if known else np.zeros((wanted.weights.shape[0], 1), np.float32)
        for part in self.layout.parts:
            if part.sparse is not None:
                inputs |= _entries(part, wanted.entries[part.name])
        if self.layout.context:
            known = wanted.context.size > 0
            inputs["context"] = wanted.context if known else np.zeros(1, np.int64)
            inputs["context_weights"] = wanted.context_weights[None] if known else np.zeros((1, 1), np.float32)
        if self.layout.first_new is not None:
            inputs["new_count"] = np.array([new_count], np.int64)
        (candidates,) = _run(self._propose, ["candidates"], inputs)
        # Not np.unique, whose first use imports masked arrays, which takes longer than all the rest.
        ordered: Positions = np.sort(candidates, axis=None).astype(np.int64, copy=False)
        found: Positions = ordered[np.diff(ordered, prepend=ordered[:1] - 1) != 0]
        if found.size < count or found[0] < 0 or found[-1] >= self.layout.items:
            raise ModelContractError("the model proposes items that its manifest does not have, or too few of them.")
        return found

    def own(self, items: Positions, blocks: Mapping[str, Positions]) -> Own:
        """Return what ``items`` bring when they stand in a history.

        Args:
            items: int64 [h], each in 0..N − 1.
            blocks: int64 [b] by sparse table, each in 0..B − 1; none of a table that is missing.

        Raises:
            ModelContractError: If the model fails, or its rows have wrong shapes, lead out of the catalogue or are
                not finite.
        """
        low_rank, sparse = self.layout.low_rank, self.layout.sparse
        names = [encoder_rows(table) for table in low_rank]
        names += [f"{table}.{part}" for table in sparse for part in ("indices", "values")]
        found = self._run_rows(names, items, blocks)
        for table in sparse:
            indices = found[f"{table}.indices"]
            # Once more, because the file is mapped and may have been exchanged since it was verified.
            if indices.min(initial=0) < 0 or indices.max(initial=0) >= self.layout.items:
                raise ModelContractError(f"the table {table!r} leads out of the catalogue; was its file exchanged?")
        return Own(
            encoder={table: found[encoder_rows(table)] for table in low_rank},
            entries={table: Entries(found[f"{table}.indices"], found[f"{table}.values"]) for table in sparse},
        )

    def context(self, items: Positions, rows: Positions) -> Floats:
        """Return rows of the context table (int64 [f], each in 0..V − 1) for ``items``; float32 [f, n].

        Raises:
            ModelContractError: As ``own`` does.
        """
        if not self.layout.context:
            return np.zeros((0, items.size), np.float32)
        return self._run_rows(["context_rows"], items, context=rows)["context_rows"]

    def rows(self, items: Positions, context: Positions) -> Rows:
        """Return the exact numbers behind the scores of ``items``, apart from what the history's own rows hold.

        Args:
            items: int64 [n], each in 0..N − 1.
            context: int64 [f], each in 0..V − 1.

        Raises:
            ModelContractError: As ``own`` does.
        """
        names = [decoder_rows(table) for table in self.layout.low_rank]
        names += ["priors", "context_rows"] if self.layout.context else ["priors"]
        found = self._run_rows(names, items, context=context)
        return Rows(
            decoder={table: found[decoder_rows(table)] for table in self.layout.low_rank},
            priors=found["priors"],
            context=found["context_rows"] if self.layout.context else np.zeros((0, items.size), np.float32),
        )

    def decoders(self, items: Positions) -> dict[str, Floats]:
        """Return the rows by which ``items`` (int64 [n]) are scored; float32 [n, d] by low-rank table.

        Raises:
            ModelContractError: As ``own`` does.
        """
        names = {table: decoder_rows(table) for table in self.layout.low_rank}
        found = self._run_rows(list(names.values()), items) if names else {}
        return {table: found[name] for table, name in names.items()}

    def priors(self, items: Positions) -> Floats:
        """Return what is the same for everybody of ``items`` (int64 [n]); float32 [n, T].

        Raises:
            ModelContractError: As ``own`` does.
        """
        return self._run_rows(["priors"], items)["priors"]

    def _run_rows(
        self,
        names: list[str],
        items: Positions,
        blocks: Mapping[str, Positions] | None = None,
        context: Positions = NOTHING,
    ) -> dict[str, NDArray[Any]]:
        inputs, sizes = {"items": items}, {"n": items.size, "f": context.size}
        for table in self.layout.sparse:
            wanted = NOTHING if blocks is None else blocks.get(table, NOTHING)
            inputs[f"{table}.blocks"], sizes[f"{table}.b"] = wanted, wanted.size
        if self.layout.context:
            inputs["context"] = context
        found = dict(zip(names, _run(self._rows, names, inputs), strict=True))
        for name, array in found.items():
            _check(array, *self._outputs[name], sizes)
        return found


def _entries(part: ScoredPart, entries: Entries) -> dict[str, NDArray[Any]]:
    places, updates = entries if entries.indices.size else (np.zeros((1, 1), np.int32), np.zeros((1, 1), np.float32))
    return {f"{part.name}.places": places.reshape(1, -1), f"{part.name}.updates": updates.reshape(1, -1)}


def _check(array: NDArray[Any], dtype: np.dtype[Any], expected: Value, sizes: Mapping[str, int]) -> None:
    shape = tuple([sizes[size] if isinstance(size, str) else size for size in expected.shape])
    if array.shape != shape or array.dtype != dtype:
        raise ModelContractError("the model's rows do not have the shapes that its manifest states.")
    # Finite weights can still overflow when they are multiplied.
    if dtype.kind == "f" and not np.isfinite(array).all():
        raise ModelContractError("the model's rows hold NaN or infinity, so scores would mean nothing.")


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
    options.enable_cpu_mem_arena = False
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
