"""Inspects an ONNX graph before onnxruntime sees it: operators, weights, inputs and outputs.

An allow-list, not a deny-list: any field, operator, type or attribute that the contract does not need is
refused. See ``homespun.protocol.contract``.
"""

from dataclasses import dataclass
from math import isfinite, prod
from typing import Any

import numpy as np

from homespun.errors import ModelContractError
from homespun.model import protobuf
from homespun.protocol import contract, graphs
from homespun.protocol.bundle import WEIGHTS
from homespun.protocol.contract import Constant, Element, Node, Tensor

MAX_GRAPH_BYTES = 1 << 20
"""Largest graph file; its weights lie elsewhere."""

MAX_INLINE_BYTES = 1 << 12
"""Largest weight inside a graph: small constants only."""

MAX_PARTS = 1 << 10
"""Most nodes, weights, inputs and outputs, each."""

MAX_DIMENSIONS = 4
"""Most dimensions of a weight."""

MAX_ATTRIBUTE_TEXT = 64
"""Most bytes of an attribute's text."""

ELEMENTS: dict[int, Element] = {1: "float32", 2: "uint8", 3: "int8", 6: "int32", 7: "int64"}
"""The contract's element types by ONNX's numbers."""

DTYPES: dict[Element, np.dtype[Any]] = {
    "float32": np.dtype("<f4"),
    "uint8": np.dtype("u1"),
    "int8": np.dtype("i1"),
    "int32": np.dtype("<i4"),
    "int64": np.dtype("<i8"),
}
"""How weights and constants of an element type are stored."""

_MODEL = {"ir_version": 1, "producer_name": 2, "producer_version": 3, "graph": 7, "opset_import": 8}
_GRAPH = {"node": 1, "name": 2, "initializer": 5, "input": 11, "output": 12}
_NODE = {"input": 1, "output": 2, "name": 3, "op_type": 4, "attribute": 5, "domain": 7}
_ATTRIBUTE = {"name": 1, "i": 3, "s": 4, "ints": 8, "type": 20}
_TENSOR = {"dims": 1, "data_type": 2, "name": 8, "raw_data": 9, "external_data": 13, "data_location": 14}
_ENTRY = {"key": 1, "value": 2}
_VALUE = {"name": 1, "type": 2}
_EXTERNAL = 1
_INT, _STRING, _INTS = 2, 3, 7


@dataclass(frozen=True)
class Weight:
    """A tensor in the weights file: its element type and shape, where its bytes begin there, and how many they are."""

    name: str
    tensor: Tensor
    offset: int
    length: int


@dataclass(frozen=True)
class Graph:
    """What a graph declares.

    Attributes:
        inputs: Element types by name.
        outputs: Element types by name.
        nodes: The nodes in their order, without their own names.
        weights: The tensors in the weights file.
        constants: The tensors inside the graph, by name.
    """

    inputs: dict[str, Element]
    outputs: dict[str, Element]
    nodes: tuple[Node, ...]
    weights: tuple[Weight, ...]
    constants: dict[str, Constant]


def inspect(content: bytes, weights_bytes: int) -> Graph:
    """Read a graph and check everything that it may do.

    Args:
        content: The graph file.
        weights_bytes: Size of the weights file.

    Raises:
        ModelContractError: If the graph is malformed or asks for anything outside the contract.
    """
    if len(content) > MAX_GRAPH_BYTES:
        raise ModelContractError(f"a graph has {len(content)} bytes; at most {MAX_GRAPH_BYTES} are allowed.")
    model = _known(memoryview(content), _MODEL, "model")
    _check_version(model)
    graph = _known(protobuf.view(_single(model, "graph")), _GRAPH, "graph")
    nodes = tuple(_node(protobuf.view(node)) for node in graph["node"])
    tensors = [_tensor(protobuf.view(tensor), weights_bytes) for tensor in graph["initializer"]]
    if len({name for name, _ in tensors}) != len(tensors):
        raise ModelContractError("the ONNX graph has two weights of one name.")
    external = tuple(found for _, found in tensors if isinstance(found, Weight))
    if sum(weight.length for weight in external) > weights_bytes:
        # Tensors that lie on top of each other would make a small file cost much.
        raise ModelContractError(f"the graph's weights are larger than {WEIGHTS}.")
    return Graph(
        inputs=_values(graph["input"]),
        outputs=_values(graph["output"]),
        nodes=nodes,
        weights=external,
        constants={name: found for name, found in tensors if isinstance(found, Constant)},
    )


def _known(message: memoryview, names: dict[str, int], what: str) -> dict[str, list[protobuf.Value]]:
    """Sort a message's fields by name; a field that is not named is refused."""
    by_number = {number: name for name, number in names.items()}
    found: dict[str, list[protobuf.Value]] = {name: [] for name in names}
    for number, _, value in protobuf.fields(message):
        if number not in by_number:
            raise ModelContractError(f"the ONNX {what} uses field {number}, which the contract does not allow.")
        values = found[by_number[number]]
        values.append(value)
        if len(values) > MAX_PARTS:
            raise ModelContractError(f"the ONNX {what} has more than {MAX_PARTS} of one part.")
    return found


def _single(found: dict[str, list[protobuf.Value]], name: str) -> protobuf.Value:
    if len(found[name]) != 1:
        raise ModelContractError(f"the ONNX graph has {len(found[name])} fields {name!r} where one belongs.")
    return found[name][0]


def _check_version(model: dict[str, list[protobuf.Value]]) -> None:
    version = protobuf.number(_single(model, "ir_version"))
    if not 1 <= version <= contract.IR_VERSION:
        raise ModelContractError(f"the ONNX IR version is {version}; at most {contract.IR_VERSION} is allowed.")
    imported = _known(protobuf.view(_single(model, "opset_import")), {"domain": 1, "version": 2}, "opset")
    if any(protobuf.text(domain) for domain in imported["domain"]):
        raise ModelContractError("the ONNX graph imports operators from outside the standard.")
    opset = protobuf.number(_single(imported, "version"))
    if not 1 <= opset <= contract.OPSET:
        raise ModelContractError(f"the ONNX opset is {opset}; at most {contract.OPSET} is allowed.")


def _node(node: memoryview) -> Node:
    parts = _known(node, _NODE, "node")
    operator = protobuf.text(_single(parts, "op_type"))
    if operator not in graphs.OPERATORS or any(protobuf.text(domain) for domain in parts["domain"]):
        raise ModelContractError(
            f"the ONNX graph uses the operator {operator!r}, which is not on the allow-list. The bundle was not made "
            "by homespun-server, or was tampered with; do not use it."
        )
    return Node(
        operator,
        tuple(protobuf.text(value) for value in parts["input"]),
        tuple(protobuf.text(value) for value in parts["output"]),
        tuple(_attribute(protobuf.view(attribute)) for attribute in parts["attribute"]),
    )


def _attribute(attribute: memoryview) -> tuple[str, contract.Attribute]:
    parts = _known(attribute, _ATTRIBUTE, "attribute")
    name = protobuf.text(_single(parts, "name"))
    kind = protobuf.number(_single(parts, "type"))
    given = {part for part in ("i", "s", "ints") if parts[part]}
    if kind == _INT and given == {"i"}:
        return name, protobuf.signed(protobuf.number(_single(parts, "i")))
    if kind == _STRING and given == {"s"}:
        raw = protobuf.view(_single(parts, "s"))
        if len(raw) <= MAX_ATTRIBUTE_TEXT:
            return name, protobuf.text(raw)
    if kind == _INTS and given <= {"ints"}:
        return name, _integers(parts["ints"])
    raise ModelContractError(f"the attribute {name[:80]!r} is not a whole number, a list of them, or a short text.")


def _integers(values: list[protobuf.Value]) -> tuple[int, ...]:
    """Return the signed numbers of a repeated field, packed or not."""
    return tuple(
        protobuf.signed(number)
        for value in values
        for number in ([value] if isinstance(value, int) else protobuf.varints(value))
    )


def _tensor(tensor: memoryview, weights_bytes: int) -> tuple[str, Weight | Constant]:
    parts = _known(tensor, _TENSOR, "tensor")
    name = protobuf.text(_single(parts, "name"))
    element = _element(f"the weight {name[:80]!r}", _single(parts, "data_type"))
    shape = _shape(name, parts["dims"])
    width = DTYPES[element].itemsize
    size = prod(shape) * width
    location = [protobuf.number(value) for value in parts["data_location"]]
    if location != [_EXTERNAL]:
        return name, Constant(element, shape, _constant(name, element, size, parts))
    if parts["raw_data"]:
        raise ModelContractError(f"the weight {name!r} is both inside and outside the graph.")
    offset, length = _place(name, parts["external_data"])
    if length != size or offset + length > weights_bytes or offset % width:
        raise ModelContractError(f"the weight {name!r} does not lie inside {WEIGHTS} as its shape demands.")
    return name, Weight(name, Tensor(element, shape), offset, length)


def _element(what: str, value: protobuf.Value) -> Element:
    number = protobuf.number(value)
    if number not in ELEMENTS:
        raise ModelContractError(f"{what} has element type {number}, which is not allowed.")
    return ELEMENTS[number]


def _shape(name: str, dims: list[protobuf.Value]) -> tuple[int, ...]:
    shape: list[int] = []
    for value in dims:
        shape.extend([value] if isinstance(value, int) else protobuf.varints(value))
        if len(shape) > MAX_DIMENSIONS:
            raise ModelContractError(f"the weight {name!r} has more than {MAX_DIMENSIONS} dimensions.")
    if any(protobuf.signed(size) < 0 for size in shape):
        raise ModelContractError(f"the weight {name!r} has a negative dimension.")
    return tuple(shape)


def _constant(name: str, element: Element, size: int, parts: dict[str, list[protobuf.Value]]) -> tuple[int, ...]:
    if parts["external_data"] or any(protobuf.number(value) for value in parts["data_location"]):
        raise ModelContractError(f"the weight {name!r} has no clear place.")
    raw = protobuf.view(_single(parts, "raw_data"))
    if len(raw) != size or size > MAX_INLINE_BYTES:
        raise ModelContractError(
            f"the constant {name!r} has {len(raw)} bytes; its shape demands {size}, at most {MAX_INLINE_BYTES}."
        )
    values = tuple(np.frombuffer(raw, DTYPES[element]).tolist())
    if not all(map(isfinite, values)):
        raise ModelContractError(f"the constant {name!r} holds NaN or infinity, so scores would mean nothing.")
    return values


def _place(name: str, entries: list[protobuf.Value]) -> tuple[int, int]:
    found: dict[str, str] = {}
    for entry in entries:
        parts = _known(protobuf.view(entry), _ENTRY, "external data")
        found[protobuf.text(_single(parts, "key"))] = protobuf.text(_single(parts, "value"))
    if set(found) != {"location", "offset", "length"} or len(entries) != len(found):
        raise ModelContractError(f"the weight {name!r} does not say where it lies.")
    if found["location"] != WEIGHTS:
        raise ModelContractError(
            f"the weight {name!r} lies in {found['location'][:80]!r}; only {WEIGHTS} may be read. "
            "The bundle was tampered with; do not use it."
        )
    return _decimal(name, found["offset"]), _decimal(name, found["length"])


def _decimal(name: str, digits: str) -> int:
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 18):  # noqa: PLR2004 - fits 64 bits
        raise ModelContractError(f"the weight {name!r} has the offset or length {digits[:80]!r}.")
    return int(digits)


def _values(values: list[protobuf.Value]) -> dict[str, Element]:
    found: dict[str, Element] = {}
    for value in values:
        parts = _known(protobuf.view(value), _VALUE, "value")
        kind = _known(protobuf.view(_single(parts, "type")), {"tensor_type": 1}, "type")
        tensor = _known(protobuf.view(_single(kind, "tensor_type")), {"elem_type": 1, "shape": 2}, "tensor type")
        name = protobuf.text(_single(parts, "name"))
        found[name] = _element(f"the input or output {name[:80]!r}", _single(tensor, "elem_type"))
    return found
