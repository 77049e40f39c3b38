"""Writes a model as the ONNX contract asks: two graphs that share one file of weights.

See ``homespun.protocol.contract`` for tables, inputs and outputs, and ``homespun.protocol.graphs`` for the nodes.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from homespun.protocol import bundle, contract, graphs
from homespun.protocol.contract import Blocks, Constant, GraphSpec, Layout, Node, ScoredPart, Value
from homespun_server._version import __version__
from homespun_server.publishing.quantization import quantize, quantize_rows
from homespun_server.publishing.sparse import encode
from homespun_server.training.model import Component, Model
from homespun_server.training.sizes import ALIGNMENT

_TYPES = {
    "int8": TensorProto.INT8,
    "uint8": TensorProto.UINT8,
    "int32": TensorProto.INT32,
    "int64": TensorProto.INT64,
    "float32": TensorProto.FLOAT,
}

Arrays = dict[str, NDArray[np.generic]]


def write_model(model: Model, folder: Path) -> Layout:
    """Write ``propose.onnx``, ``rows.onnx`` and ``weights.bin`` into ``folder``; return what they hold."""
    arrays = encoded(model)
    layout = layout_of(model, arrays)
    external = _write_weights(arrays, contract.tables(layout), folder / bundle.WEIGHTS)
    for path, spec in ((bundle.PROPOSE, graphs.propose(layout)), (bundle.ROWS, graphs.rows(layout))):
        made = _model(path.removesuffix(".onnx"), spec, external)
        (folder / path).write_bytes(made.SerializeToString(deterministic=True))
    return layout


def encoded(model: Model) -> Arrays:
    """Return the tensors of the weights file by name."""
    arrays: Arrays = {}
    for table in model.low_rank:
        arrays |= _named(table.name, quantize(table).arrays)
    for rows in model.sparse:
        arrays |= _named(rows.name, encode(rows).arrays)
    arrays["priors.values"] = np.array([prior.values for prior in model.priors]).astype(np.float32)
    return arrays | _context(model)


def layout_of(model: Model, arrays: Mapping[str, NDArray[np.generic]]) -> Layout:
    """Return what decides the tables and the graphs.

    Args:
        model: The model.
        arrays: Its tensors.
    """
    context = arrays.get("context.integers")
    return Layout(
        items=model.items.size,
        parts=tuple(map(_part, model.components)),
        low_rank={table.name: table.dimensions for table in model.low_rank},
        sparse={table.name: Blocks(len(arrays[f"{table.name}.bases"]), table.bits) for table in model.sparse},
        priors=len(model.priors),
        context=0 if context is None else len(context),
        first_new=model.learned if model.new_items_every else None,
    )


def _part(component: Component) -> ScoredPart:
    low_rank, sparse = component.low_rank, component.sparse
    return ScoredPart(
        component.name, None if low_rank is None else low_rank.name, None if sparse is None else sparse.name
    )


def _context(model: Model) -> Arrays:
    rows = [context.log_odds for context in model.contexts]
    if model.archetypes is not None:
        rows.append(model.archetypes.log_odds)
    if not rows:
        return {}
    integers, scales = quantize_rows(np.vstack(rows))
    return {"context.integers": integers, "context.scales": scales}


def _named(table: str, arrays: Mapping[str, NDArray[np.generic]]) -> Arrays:
    return {f"{table}.{name}": array for name, array in arrays.items()}


def _write_weights(arrays: Arrays, names: Iterable[str], path: Path) -> dict[str, onnx.TensorProto]:
    """Write the shared file; return where each tensor lies in it."""
    tensors = {}
    with path.open("wb") as file:
        for name in names:
            array = np.ascontiguousarray(arrays[name])
            tensors[name] = _external(name, array, file.tell())
            file.write(array.tobytes() + b"\0" * (-array.nbytes % ALIGNMENT))
    return tensors


def _external(name: str, array: NDArray[np.generic], offset: int) -> onnx.TensorProto:
    proto = onnx.TensorProto(name=name, data_type=_TYPES[array.dtype.name], dims=array.shape)
    proto.data_location = TensorProto.EXTERNAL
    for key, value in {"location": bundle.WEIGHTS, "offset": offset, "length": array.nbytes}.items():
        proto.external_data.add(key=key, value=str(value))
    return proto


def _model(name: str, spec: GraphSpec, external: Mapping[str, onnx.TensorProto]) -> onnx.ModelProto:
    weights = [external[weight] for weight in spec.weights]
    constants = [_constant(constant, values) for constant, values in spec.constants.items()]
    graph = helper.make_graph(
        [_node(node) for node in spec.nodes],
        name,
        [_value(value, shape) for value, shape in spec.inputs.items()],
        [_value(value, shape) for value, shape in spec.outputs.items()],
        [*constants, *weights],
    )
    return helper.make_model(
        graph,
        producer_name="homespun-server",
        producer_version=__version__,
        ir_version=contract.IR_VERSION,
        opset_imports=[helper.make_opsetid("", contract.OPSET)],
    )


def _constant(name: str, constant: Constant) -> onnx.TensorProto:
    values = np.array(constant.values, constant.element).reshape(constant.shape)
    return onnx.numpy_helper.from_array(values, name)


def _value(name: str, value: Value) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, _TYPES[value.element], value.shape)


def _node(node: Node) -> onnx.NodeProto:
    attributes: dict[str, Any] = dict(node.attributes)
    return helper.make_node(node.operator, node.inputs, node.outputs, name=node.outputs[-1], **attributes)
