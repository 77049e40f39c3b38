"""Writes a model as the ONNX contract asks: two graphs that share one file of 8-bit weights.

See ``homespun.protocol.contract`` for the nodes, inputs, outputs and their meaning.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from homespun.protocol import bundle, contract
from homespun.protocol.contract import Node, Tensor
from homespun_server._version import __version__
from homespun_server.training.model import LowRank, Model

ALIGNMENT = 64
"""Tensors start at multiples of so many bytes, so that they can be mapped and read in place."""

_LARGEST = 127

_TYPES = {
    "int8": TensorProto.INT8,
    "uint8": TensorProto.UINT8,
    "float32": TensorProto.FLOAT,
    "int64": TensorProto.INT64,
}

Arrays = Mapping[str, NDArray[np.generic]]


def write_model(model: Model, folder: Path) -> None:
    """Write ``propose.onnx``, ``rows.onnx`` and ``weights.bin`` into ``folder``."""
    names = [component.name for component in model.components]
    dimensions = {str(component.name): int(component.encoder.shape[1]) for component in model.components}
    declared = contract.weights(dimensions, int(model.items.size))
    external = _write_weights(_arrays(model), declared, folder / bundle.WEIGHTS)
    propose = _graph("propose", contract.propose_nodes(names), _propose_values(names), external)
    propose.graph.input.extend(
        [
            helper.make_tensor_value_info("history", TensorProto.INT64, ["h"]),
            helper.make_tensor_value_info("weights", TensorProto.FLOAT, [len(names), "h"]),
            helper.make_tensor_value_info("count", TensorProto.INT64, [1]),
        ]
    )
    propose.graph.output.append(helper.make_tensor_value_info("candidates", TensorProto.INT64, ["candidates"]))
    rows = _graph("rows", contract.rows_nodes(names), _ROWS_VALUES, external)
    rows.graph.input.append(helper.make_tensor_value_info("items", TensorProto.INT64, ["n"]))
    for name, size in dimensions.items():
        for output in (contract.encoder_output(name), contract.decoder_output(name)):
            rows.graph.output.append(helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", size]))
    rows.graph.output.append(helper.make_tensor_value_info("bias", TensorProto.FLOAT, ["n"]))
    (folder / bundle.PROPOSE).write_bytes(propose.SerializeToString(deterministic=True))
    (folder / bundle.ROWS).write_bytes(rows.SerializeToString(deterministic=True))


def quantize(rows: NDArray[np.float64]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Round each row to 8 bits, symmetrically.

    Args:
        rows: float64 [N, d].

    Returns:
        int8 [N, d] in −127..127 and float32 [N], so that integers × scale ≈ rows.
    """
    scales = (np.abs(rows).max(axis=1, initial=0.0) / _LARGEST).astype(np.float32)
    divisors = np.where(scales > 0, scales, 1.0)[:, None]
    return np.clip(np.rint(rows / divisors), -_LARGEST, _LARGEST).astype(np.int8), scales


def _arrays(model: Model) -> dict[str, NDArray[np.generic]]:
    arrays: dict[str, NDArray[np.generic]] = {}
    for component in model.components:
        arrays |= _quantized(component)
    return {**arrays, "bias.values": model.bias.astype(np.float32)}


def _quantized(component: LowRank) -> dict[str, NDArray[np.generic]]:
    encoder, encoder_scales = quantize(component.encoder)
    decoder, decoder_scales = quantize(component.decoder)
    offset = decoder.T.astype(np.int16) + contract.DECODER_OFFSET
    return {
        f"{component.name}.encoder.integers": encoder,
        f"{component.name}.encoder.scales": encoder_scales,
        f"{component.name}.decoder.integers": offset.astype(np.uint8),
        f"{component.name}.decoder.scales": decoder_scales,
    }


def _write_weights(arrays: Arrays, declared: Mapping[str, Tensor], path: Path) -> list[onnx.TensorProto]:
    """Write the shared file; return where each tensor lies in it."""
    content = bytearray()
    tensors = []
    for name, tensor in declared.items():
        raw = np.ascontiguousarray(arrays[name]).tobytes()
        content.extend(b"\0" * (-len(content) % ALIGNMENT))
        place = {"location": bundle.WEIGHTS, "offset": len(content), "length": len(raw)}
        content.extend(raw)
        proto = onnx.TensorProto(name=name, data_type=_TYPES[tensor.element], dims=tensor.shape)
        proto.data_location = TensorProto.EXTERNAL
        for key, value in place.items():
            proto.external_data.add(key=key, value=str(value))
        tensors.append(proto)
    path.write_bytes(content)
    return tensors


def _propose_values(names: Sequence[str]) -> Arrays:
    indices = {f"{name}.index": np.array([index]) for index, name in enumerate(names)}
    return {"offset": np.array(contract.DECODER_OFFSET, np.uint8), **indices, "flat": np.array([-1])}


_ROWS_VALUES: Arrays = {"offset": np.array(contract.DECODER_OFFSET, np.float32), "last": np.array([1])}


def _graph(
    name: str, nodes: Sequence[Node], constants: Arrays, external: Sequence[onnx.TensorProto]
) -> onnx.ModelProto:
    inline = [onnx.numpy_helper.from_array(values, constant) for constant, values in constants.items()]
    made = [_node(node) for node in nodes]
    return helper.make_model(
        helper.make_graph(made, name, [], [], [*inline, *external]),
        producer_name="homespun-server",
        producer_version=__version__,
        ir_version=contract.IR_VERSION,
        opset_imports=[helper.make_opsetid("", contract.OPSET)],
    )


def _node(node: Node) -> onnx.NodeProto:
    attributes: dict[str, Any] = dict(node.attributes)
    return helper.make_node(node.operator, node.inputs, node.outputs, name=node.outputs[-1], **attributes)
