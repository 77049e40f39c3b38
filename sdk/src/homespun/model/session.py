"""Runs the two verified graphs with onnxruntime.

The graphs are handed over as the very bytes that were verified; only the weights are mapped from the
bundle's folder. onnxruntime is imported on first use, because it takes longer than everything else.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from homespun.errors import ModelContractError
from homespun.model.runtime import load_onnxruntime
from homespun.protocol.bundle import Component
from homespun.protocol.contract import decoder_output, encoder_output

if TYPE_CHECKING:
    import onnxruntime

Floats = NDArray[np.float32]
Positions = NDArray[np.int64]


@dataclass(frozen=True)
class Rows:
    """The dequantized numbers behind n items.

    Attributes:
        encoder: float32 [n, d_c] per component.
        decoder: float32 [n, d_c] per component.
        bias: float32 [n].
    """

    encoder: tuple[Floats, ...]
    decoder: tuple[Floats, ...]
    bias: Floats


class ModelSession:
    """The model of one bundle, ready to run. Safe to use from several threads at once."""

    def __init__(
        self, propose: bytes, rows: bytes, folder: Path, *, components: tuple[Component, ...], items: int, threads: int
    ) -> None:
        """Load the graphs.

        Args:
            propose: The verified proposing graph.
            rows: The verified row graph.
            folder: Where the weights file is.
            components: The manifest's components.
            items: The manifest's number of items.
            threads: Threads of one run; 1 runs in the caller's thread.

        Raises:
            ModelContractError: If onnxruntime refuses a graph.
        """
        self._components = components
        self._items = items
        self._propose = _load(propose, folder, threads)
        self._rows = _load(rows, folder, threads)

    def propose(self, history: Positions, weights: Floats, count: int) -> Positions:
        """Return the positions of items that might rank high, without repetition, ascending.

        Args:
            history: int64 [h]; may be empty.
            weights: float32 [C, h].
            count: Items per list, 1..N.

        Raises:
            ModelContractError: If the model fails or proposes what the manifest does not promise.
        """
        if not history.size:
            # Quantizing needs a query; this one is zero and leaves the order to the bias.
            history, weights = np.zeros(1, np.int64), np.zeros((weights.shape[0], 1), np.float32)
        inputs: dict[str, NDArray[Any]] = {"history": history, "weights": weights, "count": np.array([count], np.int64)}
        (candidates,) = _run(self._propose, ["candidates"], inputs)
        # Not np.unique, whose first use imports masked arrays, which takes longer than all the rest.
        ordered: Positions = np.sort(candidates, axis=None).astype(np.int64, copy=False)
        found: Positions = ordered[np.diff(ordered, prepend=ordered[:1] - 1) != 0]
        if found.size < count or found[0] < 0 or found[-1] >= self._items:
            raise ModelContractError("the model proposes items that its manifest does not have, or too few of them.")
        return found

    def rows(self, items: Positions) -> Rows:
        """Return the dequantized rows of ``items`` (int64 [n], each in 0..N-1).

        Raises:
            ModelContractError: If the model fails, or its rows have wrong shapes or are not finite.
        """
        encoders = [encoder_output(component.name) for component in self._components]
        decoders = [decoder_output(component.name) for component in self._components]
        arrays = _run(self._rows, [*encoders, *decoders, "bias"], {"items": items})
        self._check_rows(arrays, items.size)
        split = len(self._components)
        return Rows(tuple(arrays[:split]), tuple(arrays[split:-1]), arrays[-1])

    def _check_rows(self, arrays: list[NDArray[Any]], count: int) -> None:
        dimensions = [component.dimensions for component in self._components]
        expected = [(count, size) for size in [*dimensions, *dimensions]] + [(count,)]
        if [array.shape for array in arrays] != expected:
            raise ModelContractError("the model's rows do not have the shapes that its manifest states.")
        # Finite weights can still overflow when they are multiplied.
        if not all(np.isfinite(array).all() for array in arrays):
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
