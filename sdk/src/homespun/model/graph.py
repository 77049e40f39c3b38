"""Inspects an ONNX graph before onnxruntime sees it: operators, weights, inputs and outputs.

An allow-list, not a deny-list: any field, operator, type or attribute that the contract does not need is
refused. See ``homespun.protocol.contract``.
"""

from dataclasses import dataclass
from math import isfinite, prod
from struct import unpack

from homespun.errors import ModelContractError
from homespun.model import protobuf
from homespun.protocol import contract
from homespun.protocol.bundle import WEIGHTS
from homespun.protocol.contract import Element, Node, Tensor

MAX_GRAPH_BYTES = 1 << 20
"""Largest graph file; its weights lie elsewhere."""

MAX_INLINE_BYTES = 1 << 12
"""Largest weight inside a graph: small constants only."""

MAX_PARTS = 1 << 10
"""Most nodes, weights, inputs and outputs, each."""

MAX_DIMENSIONS = 4
"""Most dimensions of a weight."""

FLOAT, UINT8, INT8, INT64 = 1, 2, 3, 7
"""ONNX tensor element types that the contract uses."""

ELEMENT_NAMES: dict[int, Element] = {FLOAT: "float32", UINT8: "uint8", INT8: "int8", INT64: "int64"}

ELEMENT_BYTES = {FLOAT: 4, UINT8: 1, INT8: 1, INT64: 8}

_MODEL = {"ir_version": 1, "producer_name": 2, "producer_version": 3, "graph": 7, "opset_import": 8}
_GRAPH = {"node": 1, "name": 2, "initializer": 5, "input": 11, "output": 12}
_NODE = {"input": 1, "output": 2, "name": 3, "op_type": 4, "attribute": 5, "domain": 7}
_ATTRIBUTE = {"name": 1, "i": 3, "ints": 8, "type": 20}
_TENSOR = {"dims": 1, "data_type": 2, "name": 8, "raw_data": 9, "external_data": 13, "data_location": 14}
_ENTRY = {"key": 1, "value": 2}
_VALUE = {"name": 1, "type": 2}
_EXTERNAL = 1
_INT, _INTS = 2, 7


@dataclass(frozen=True)
class Weight:
    """A tensor: element type, shape, and its bytes' length and offset in the weights file; None: inside the graph."""

    name: str
    element: int
    shape: tuple[int, ...]
    offset: int | None
    length: int

    @property
    def tensor(self) -> Tensor:
        """What the contract knows of it."""
        return Tensor(ELEMENT_NAMES[self.element], self.shape)


@dataclass(frozen=True)
class Graph:
    """What a graph declares.

    Attributes:
        inputs: ONNX element types by name.
        outputs: ONNX element types by name.
        nodes: The nodes in their order, without their own names.
        weights: The tensors in the weights file.
        constants: The tensors inside the graph, by name.
    """

    inputs: dict[str, int]
    outputs: dict[str, int]
    nodes: tuple[Node, ...]
    weights: tuple[Weight, ...]
    constants: dict[str, Tensor]


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
    tensors = [_weight(protobuf.view(tensor), weights_bytes) for tensor in graph["initializer"]]
    if len({tensor.name for tensor in tensors}) != len(tensors):
        raise ModelContractError("the ONNX graph has two weights of one name.")
    external = tuple(tensor for tensor in tensors if tensor.offset is not None)
    if sum(weight.length for weight in external) > weights_bytes:
        # Tensors that lie on top of each other would make a small file cost much.
        raise ModelContractError(f"the graph's weights are larger than {WEIGHTS}.")
    return Graph(
        inputs=_values(graph["input"]),
        outputs=_values(graph["output"]),
        nodes=nodes,
        weights=external,
        constants={tensor.name: tensor.tensor for tensor in tensors if tensor.offset is None},
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
    if operator not in contract.OPERATORS or any(protobuf.text(domain) for domain in parts["domain"]):
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
    if kind == _INT and not parts["ints"]:
        return name, protobuf.signed(protobuf.number(_single(parts, "i")))
    if kind == _INTS and not parts["i"]:
        numbers = [
            n for value in parts["ints"] for n in ([value] if isinstance(value, int) else protobuf.varints(value))
        ]
        return name, tuple(protobuf.signed(number) for number in numbers)
    raise ModelContractError(f"the attribute {name!r} is not a whole number or a list of them.")


def _weight(tensor: memoryview, weights_bytes: int) -> Weight:
    parts = _known(tensor, _TENSOR, "tensor")
    name = protobuf.text(_single(parts, "name"))
    element = protobuf.number(_single(parts, "data_type"))
    if element not in ELEMENT_BYTES:
        raise ModelContractError(f"the weight {name!r} has element type {element}, which is not allowed.")
    shape = _shape(name, parts["dims"])
    size = prod(shape) * ELEMENT_BYTES[element]
    location = [protobuf.number(value) for value in parts["data_location"]]
    if location != [_EXTERNAL]:
        _check_inline(name, element, size, parts)
        return Weight(name, element, shape, None, size)
    if parts["raw_data"]:
        raise ModelContractError(f"the weight {name!r} is both inside and outside the graph.")
    offset, length = _place(name, parts["external_data"])
    if length != size or offset + length > weights_bytes or offset % ELEMENT_BYTES[element]:
        raise ModelContractError(f"the weight {name!r} does not lie inside {WEIGHTS} as its shape demands.")
    return Weight(name, element, shape, offset, length)


def _shape(name: str, dims: list[protobuf.Value]) -> tuple[int, ...]:
    shape: list[int] = []
    for value in dims:
        shape.extend([value] if isinstance(value, int) else protobuf.varints(value))
        if len(shape) > MAX_DIMENSIONS:
            raise ModelContractError(f"the weight {name!r} has more than {MAX_DIMENSIONS} dimensions.")
    if any(protobuf.signed(size) < 0 for size in shape):
        raise ModelContractError(f"the weight {name!r} has a negative dimension.")
    return tuple(shape)


def _check_inline(name: str, element: int, size: int, parts: dict[str, list[protobuf.Value]]) -> None:
    if parts["external_data"] or any(protobuf.number(value) for value in parts["data_location"]):
        raise ModelContractError(f"the weight {name!r} has no clear place.")
    raw = protobuf.view(_single(parts, "raw_data"))
    if len(raw) != size or size > MAX_INLINE_BYTES:
        raise ModelContractError(
            f"the constant {name!r} has {len(raw)} bytes; its shape demands {size}, at most {MAX_INLINE_BYTES}."
        )
    if element == FLOAT and not all(map(isfinite, unpack(f"<{size // ELEMENT_BYTES[FLOAT]}f", raw))):
        raise ModelContractError(f"the constant {name!r} holds NaN or infinity, so scores would mean nothing.")


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


def _values(values: list[protobuf.Value]) -> dict[str, int]:
    found: dict[str, int] = {}
    for value in values:
        parts = _known(protobuf.view(value), _VALUE, "value")
        kind = _known(protobuf.view(_single(parts, "type")), {"tensor_type": 1}, "type")
        tensor = _known(protobuf.view(_single(kind, "tensor_type")), {"elem_type": 1, "shape": 2}, "tensor type")
        found[protobuf.text(_single(parts, "name"))] = protobuf.number(_single(tensor, "elem_type"))
    return found
