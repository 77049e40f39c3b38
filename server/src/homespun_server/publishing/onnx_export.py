"""Writes a model as the ONNX contract asks: two graphs that share one file of 8-bit weights.

See ``homespun.protocol.contract`` for the inputs, outputs and meaning.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from homespun.protocol import bundle, contract
from homespun_server._version import __version__
from homespun_server.training.model import LowRank, Model

ALIGNMENT = 64
"""Tensors start at multiples of so many bytes, so that they can be mapped and read in place."""

_LARGEST = 127

_TYPES = {
    np.dtype(np.int8): TensorProto.INT8,
    np.dtype(np.uint8): TensorProto.UINT8,
    np.dtype(np.float32): TensorProto.FLOAT,
}


@dataclass
class _Weights:
    """The shared weights file as it grows, and where each tensor lies in it."""

    content: bytearray = field(default_factory=bytearray)
    tensors: dict[str, onnx.TensorProto] = field(default_factory=dict)

    def add(self, name: str, values: NDArray[np.generic]) -> None:
        raw = np.ascontiguousarray(values).tobytes()
        self.content.extend(b"\0" * (-len(self.content) % ALIGNMENT))
        tensor = onnx.TensorProto(name=name, data_type=_TYPES[values.dtype], dims=values.shape)
        tensor.data_location = TensorProto.EXTERNAL
        place = {"location": bundle.WEIGHTS, "offset": len(self.content), "length": len(raw)}
        for key, value in place.items():
            tensor.external_data.add(key=key, value=str(value))
        self.tensors[name] = tensor
        self.content.extend(raw)


@dataclass
class _Graph:
    """The nodes of one graph as it grows."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def apply(self, operator: str, *inputs: str, name: str, **attributes: Any) -> str:
        """Append a node with one output and return the output's name."""
        self.nodes.append(helper.make_node(operator, list(inputs), [name], name=name, **attributes))
        return name

    def constant(self, name: str, values: NDArray[np.generic]) -> str:
        self.constants.append(onnx.numpy_helper.from_array(values, name))
        return name


def write_model(model: Model, folder: Path) -> None:
    """Write ``propose.onnx``, ``rows.onnx`` and ``weights.bin`` into ``folder``."""
    weights = _Weights()
    for component in model.components:
        _add_component(weights, component)
    weights.add("bias.values", model.bias.astype(np.float32))
    (folder / bundle.WEIGHTS).write_bytes(weights.content)
    (folder / bundle.PROPOSE).write_bytes(_propose(model, weights).SerializeToString(deterministic=True))
    (folder / bundle.ROWS).write_bytes(_rows(model, weights).SerializeToString(deterministic=True))


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


def _add_component(weights: _Weights, component: LowRank) -> None:
    name = component.name
    encoder, encoder_scales = quantize(component.encoder)
    decoder, decoder_scales = quantize(component.decoder)
    weights.add(f"{name}.encoder.integers", encoder)
    weights.add(f"{name}.encoder.scales", encoder_scales)
    offset = decoder.T.astype(np.int16) + contract.DECODER_OFFSET
    weights.add(f"{name}.decoder.integers", offset.astype(np.uint8))
    weights.add(f"{name}.decoder.scales", decoder_scales)


def _propose(model: Model, weights: _Weights) -> onnx.ModelProto:
    graph = _Graph()
    graph.constant("offset", np.array(contract.DECODER_OFFSET, np.uint8))
    parts = [_approximate(graph, index, part.name) for index, part in enumerate(model.components)]
    total = "bias.values"
    for part in parts:
        total = graph.apply("Add", total, part, name=f"total.{part}")
    lists = [_top(graph, scores) for scores in [*parts, total]]
    joined = graph.apply("Concat", *lists, name="lists", axis=1) if len(lists) > 1 else lists[0]
    graph.apply("Reshape", joined, graph.constant("flat", np.array([-1])), name="candidates")
    inputs = [
        helper.make_tensor_value_info("history", TensorProto.INT64, ["h"]),
        helper.make_tensor_value_info("weights", TensorProto.FLOAT, [len(model.components), "h"]),
        helper.make_tensor_value_info("count", TensorProto.INT64, [1]),
    ]
    outputs = [helper.make_tensor_value_info("candidates", TensorProto.INT64, ["candidates"])]
    return _model("propose", graph, inputs, outputs, list(weights.tensors.values()))


def _approximate(graph: _Graph, index: int, component: str) -> str:
    """Append the quantized product of one component; the output is float32 [1, N]."""

    def step(operator: str, *inputs: str, name: str, **attributes: Any) -> str:
        return graph.apply(operator, *inputs, name=f"{component}.{name}", **attributes)

    integers = step("Gather", f"{component}.encoder.integers", "history", name="history.integers")
    floats = step("Cast", integers, name="history.floats", to=TensorProto.FLOAT)
    scales = step("Gather", f"{component}.encoder.scales", "history", name="history.scales")
    row = graph.constant(f"{component}.index", np.array([index]))
    own = step("Gather", "weights", row, name="history.own", axis=0)
    scaled = step("Mul", own, scales, name="history.scaled")
    query = step("MatMul", scaled, floats, name="query")
    quantized = [f"{component}.query.{part}" for part in ("integers", "scale", "zero")]
    graph.nodes.append(helper.make_node("DynamicQuantizeLinear", [query], quantized, name=quantized[0]))
    product = step(
        "MatMulInteger",
        quantized[0],
        f"{component}.decoder.integers",
        quantized[2],
        "offset",
        name="product",
    )
    as_float = step("Cast", product, name="product.float", to=TensorProto.FLOAT)
    per_item = step("Mul", as_float, f"{component}.decoder.scales", name="product.scaled")
    return step("Mul", per_item, quantized[1], name="scores")


def _top(graph: _Graph, scores: str) -> str:
    outputs = [f"{scores}.top.values", f"{scores}.top"]
    graph.nodes.append(helper.make_node("TopK", [scores, "count"], outputs, name=outputs[1], axis=-1))
    return outputs[1]


def _rows(model: Model, weights: _Weights) -> onnx.ModelProto:
    graph = _Graph()
    graph.constant("offset", np.array(float(contract.DECODER_OFFSET), np.float32))
    graph.constant("last", np.array([1]))
    outputs = []
    for component in model.components:
        outputs += [_encoder_rows(graph, component), _decoder_rows(graph, component)]
    graph.apply("Gather", "bias.values", "items", name="bias")
    outputs.append(helper.make_tensor_value_info("bias", TensorProto.FLOAT, ["n"]))
    inputs = [helper.make_tensor_value_info("items", TensorProto.INT64, ["n"])]
    return _model("rows", graph, inputs, outputs, list(weights.tensors.values()))


def _encoder_rows(graph: _Graph, component: LowRank) -> onnx.ValueInfoProto:
    name = f"{component.name}.encoder"
    integers = graph.apply("Gather", f"{name}.integers", "items", name=f"{name}.gathered")
    return _dequantized(graph, component, name, integers, contract.encoder_output(component.name))


def _decoder_rows(graph: _Graph, component: LowRank) -> onnx.ValueInfoProto:
    name = f"{component.name}.decoder"
    columns = graph.apply("Gather", f"{name}.integers", "items", name=f"{name}.columns", axis=1)
    gathered = graph.apply("Transpose", columns, name=f"{name}.gathered", perm=[1, 0])
    return _dequantized(graph, component, name, gathered, contract.decoder_output(component.name))


def _dequantized(graph: _Graph, component: LowRank, name: str, integers: str, output: str) -> onnx.ValueInfoProto:
    floats = graph.apply("Cast", integers, name=f"{name}.floats", to=TensorProto.FLOAT)
    if name.endswith("decoder"):
        floats = graph.apply("Sub", floats, "offset", name=f"{name}.centred")
    scales = graph.apply("Gather", f"{name}.scales", "items", name=f"{name}.row_scales")
    column = graph.apply("Unsqueeze", scales, "last", name=f"{name}.column")
    graph.apply("Mul", floats, column, name=output)
    return helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", component.encoder.shape[1]])


def _model(
    name: str,
    graph: _Graph,
    inputs: list[onnx.ValueInfoProto],
    outputs: list[onnx.ValueInfoProto],
    weights: list[onnx.TensorProto],
) -> onnx.ModelProto:
    proto = helper.make_graph(graph.nodes, name, inputs, outputs, [*graph.constants, *weights])
    return helper.make_model(
        proto,
        producer_name="homespun-server",
        producer_version=__version__,
        ir_version=contract.IR_VERSION,
        opset_imports=[helper.make_opsetid("", contract.OPSET)],
    )
