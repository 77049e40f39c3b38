"""The ONNX contract, version 1: two small graphs over one file of weights.

For every component c with d_c dimensions and for N items, the weights file holds an encoder (int8
[N, d_c] with a float32 scale per item), a decoder (uint8 [d_c, N], offset by 128, with a float32 scale per
item) and one bias (float32 [N]) for all components together. A row is dequantized as scale × integer, for
the decoder scale × (integer − 128). The decoder is unsigned because integer products of signed weights
saturate on processors without VNNI.

``propose``: what might rank high. Approximate, because the query is quantized too.
    inputs   ``history`` int64 [h]                positions of the history's items
             ``weights`` float32 [C, h]           a row per component, in the manifest's order, β included
             ``count`` int64 [1]                  how many to propose per list, 1..N
    outputs  ``candidates`` int64 [(C+1)·count]   the top of each component, then of the total with bias;
                                                  in C+1 runs, with repetitions between runs
``rows``: the exact numbers behind a set of items.
    inputs   ``items`` int64 [n]
    outputs  ``<component>.encoder`` float32 [n, d_c]
             ``<component>.decoder`` float32 [n, d_c]
             ``bias`` float32 [n]

The score of item j for a history is Σ_c β_c Σ_i w_i ⟨E_c[i], D_c[j]⟩ + bias_j over the dequantized rows.

The graphs are fixed node by node: ``propose_nodes`` and ``rows_nodes`` are what a server writes and what a
client accepts, so that a graph can neither read, loop or call, nor ask for more memory or time than its
tensors' sizes imply.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

OPSET = 21
"""Highest opset that a graph may import."""

IR_VERSION = 10
"""Highest ONNX IR version of a graph; the one that came with OPSET."""

DECODER_OFFSET = 128
"""What is subtracted from a decoder's integers."""

FLOAT = 1
"""ONNX's number of the element type float32."""

Attribute = int | tuple[int, ...]


class Node(NamedTuple):
    """One node of a graph: operator of the standard domain, names of its inputs and outputs, attributes."""

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: tuple[tuple[str, Attribute], ...] = ()


Element = Literal["float32", "uint8", "int8", "int64"]
"""Element types that weights and constants have."""


class Tensor(NamedTuple):
    """Element type and shape of a weight or constant."""

    element: Element
    shape: tuple[int, ...]


def encoder_output(component: str) -> str:
    """Name of the ``rows`` output that holds a component's encoder rows."""
    return f"{component}.encoder"


def decoder_output(component: str) -> str:
    """Name of the ``rows`` output that holds a component's decoder rows."""
    return f"{component}.decoder"


def weights(dimensions: Mapping[str, int], items: int) -> dict[str, Tensor]:
    """Return the tensors of the weights file by name.

    Args:
        dimensions: d_c by component, in the manifest's order.
        items: N.
    """
    found: dict[str, Tensor] = {}
    for name, size in dimensions.items():
        found[f"{name}.encoder.integers"] = Tensor("int8", (items, size))
        found[f"{name}.encoder.scales"] = Tensor("float32", (items,))
        found[f"{name}.decoder.integers"] = Tensor("uint8", (size, items))
        found[f"{name}.decoder.scales"] = Tensor("float32", (items,))
    return {**found, "bias.values": Tensor("float32", (items,))}


def propose_constants(components: Sequence[str]) -> dict[str, Tensor]:
    """Return the constants inside the proposing graph: 128, −1 and each component's number."""
    indices = {f"{name}.index": Tensor("int64", (1,)) for name in components}
    return {"offset": Tensor("uint8", ()), **indices, "flat": Tensor("int64", (1,))}


def rows_constants() -> dict[str, Tensor]:
    """Return the constants inside the row graph: 128 and 1."""
    return {"offset": Tensor("float32", ()), "last": Tensor("int64", (1,))}


def propose_nodes(components: Sequence[str]) -> tuple[Node, ...]:
    """Return the nodes of the proposing graph, in order."""
    nodes: list[Node] = []
    for name in components:
        nodes += _approximate(name)
    scores = [f"{name}.scores" for name in components]
    total = "bias.values"
    for part in scores:
        nodes.append(Node("Add", (total, part), (f"total.{part}",)))
        total = f"total.{part}"
    lists = [f"{values}.top" for values in (*scores, total)]
    nodes += [Node("TopK", (name[:-4], "count"), (f"{name}.values", name), (("axis", -1),)) for name in lists]
    nodes.append(Node("Concat", tuple(lists), ("lists",), (("axis", 1),)))
    nodes.append(Node("Reshape", ("lists", "flat"), ("candidates",)))
    return tuple(nodes)


def rows_nodes(components: Sequence[str]) -> tuple[Node, ...]:
    """Return the nodes of the row graph, in order."""
    nodes: list[Node] = []
    for name in components:
        nodes += _encoder_rows(encoder_output(name)) + _decoder_rows(decoder_output(name))
    return (*nodes, Node("Gather", ("bias.values", "items"), ("bias",)))


def _approximate(name: str) -> list[Node]:
    """The quantized product of one component; float32 [1, N]."""
    to_float = (("to", FLOAT),)
    query = tuple(f"{name}.query.{part}" for part in ("integers", "scale", "zero"))
    product = (query[0], f"{name}.decoder.integers", query[2], "offset")
    return [
        Node("Gather", (f"{name}.encoder.integers", "history"), (f"{name}.history.integers",)),
        Node("Cast", (f"{name}.history.integers",), (f"{name}.history.floats",), to_float),
        Node("Gather", (f"{name}.encoder.scales", "history"), (f"{name}.history.scales",)),
        Node("Gather", ("weights", f"{name}.index"), (f"{name}.history.own",), (("axis", 0),)),
        Node("Mul", (f"{name}.history.own", f"{name}.history.scales"), (f"{name}.history.scaled",)),
        Node("MatMul", (f"{name}.history.scaled", f"{name}.history.floats"), (f"{name}.query",)),
        Node("DynamicQuantizeLinear", (f"{name}.query",), query),
        Node("MatMulInteger", product, (f"{name}.product",)),
        Node("Cast", (f"{name}.product",), (f"{name}.product.float",), to_float),
        Node("Mul", (f"{name}.product.float", f"{name}.decoder.scales"), (f"{name}.product.scaled",)),
        Node("Mul", (f"{name}.product.scaled", query[1]), (f"{name}.scores",)),
    ]


def _encoder_rows(name: str) -> list[Node]:
    gather = Node("Gather", (f"{name}.integers", "items"), (f"{name}.gathered",))
    cast = Node("Cast", (f"{name}.gathered",), (f"{name}.floats",), (("to", FLOAT),))
    return [gather, cast, *_scaled(name, f"{name}.floats")]


def _decoder_rows(name: str) -> list[Node]:
    gather = Node("Gather", (f"{name}.integers", "items"), (f"{name}.columns",), (("axis", 1),))
    transpose = Node("Transpose", (f"{name}.columns",), (f"{name}.gathered",), (("perm", (1, 0)),))
    cast = Node("Cast", (f"{name}.gathered",), (f"{name}.floats",), (("to", FLOAT),))
    centre = Node("Sub", (f"{name}.floats", "offset"), (f"{name}.centred",))
    return [gather, transpose, cast, centre, *_scaled(name, f"{name}.centred")]


def _scaled(name: str, values: str) -> list[Node]:
    return [
        Node("Gather", (f"{name}.scales", "items"), (f"{name}.row_scales",)),
        Node("Unsqueeze", (f"{name}.row_scales", "last"), (f"{name}.column",)),
        Node("Mul", (values, f"{name}.column"), (name,)),
    ]


OPERATORS = frozenset(node.operator for node in (*propose_nodes(("c",)), *rows_nodes(("c",))))
"""Operators that a graph may use: pure arithmetic on tensors."""
