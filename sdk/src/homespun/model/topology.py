"""Checks that a graph is, node by node and tensor by tensor, the one that the contract describes.

Allowed operators alone would still let a small file ask for any amount of memory and time; the exact graph
cannot, because its tensors have the sizes that the manifest states.
"""

from collections.abc import Mapping, Sequence

from homespun.errors import ModelContractError
from homespun.model.graph import Graph
from homespun.protocol.contract import Node, Tensor


def check_topology(
    name: str, graph: Graph, nodes: Sequence[Node], *, weights: Mapping[str, Tensor], constants: Mapping[str, Tensor]
) -> None:
    """Compare a graph with the contract's.

    Args:
        name: What to call the graph in an error.
        graph: The inspected graph.
        nodes: The contract's nodes, in order.
        weights: The contract's tensors in the weights file.
        constants: The contract's tensors inside the graph.

    Raises:
        ModelContractError: If they differ; names the first difference.
    """
    for place, (found, expected) in enumerate(zip(graph.nodes, nodes, strict=False)):
        if found != expected:
            raise ModelContractError(
                f"node {place} of the {name} graph is {found.operator} where the contract has {expected.operator}, or "
                "is connected otherwise. The bundle was not made by homespun-server, or was tampered with."
            )
    if len(graph.nodes) != len(nodes):
        raise ModelContractError(f"the {name} graph has {len(graph.nodes)} nodes; the contract has {len(nodes)}.")
    _check_tensors(name, {weight.name: weight.tensor for weight in graph.weights}, weights)
    _check_tensors(name, graph.constants, constants)


def _check_tensors(name: str, found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    wrong = sorted(key for key in {*found, *expected} if found.get(key) != expected.get(key))
    if wrong:
        raise ModelContractError(
            f"the weight {wrong[0][:80]!r} of the {name} graph is missing, unknown, or not of the type and shape that "
            "the manifest's items and components demand."
        )
