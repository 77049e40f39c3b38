"""Checks that a graph is, node by node and tensor by tensor, the one that the contract describes.

Allowed operators alone would still let a small file ask for any amount of memory and time; the exact graph
cannot, because its tensors have the sizes that the manifest states, and its constants the contract's values.
"""

from collections.abc import Mapping

from homespun.errors import ModelContractError
from homespun.model.graph import Graph
from homespun.protocol.contract import GraphSpec


def check_topology(name: str, graph: Graph, expected: GraphSpec) -> None:
    """Compare a graph with the contract's.

    Args:
        name: What to call the graph in an error.
        graph: The inspected graph.
        expected: The contract's graph.

    Raises:
        ModelContractError: If they differ; names the first difference.
    """
    inputs = {key: value.element for key, value in expected.inputs.items()}
    outputs = {key: value.element for key, value in expected.outputs.items()}
    if graph.inputs != inputs or graph.outputs != outputs:
        raise ModelContractError(f"the inputs or outputs of the {name} graph are not those of the contract.")
    for place, (found, wanted) in enumerate(zip(graph.nodes, expected.nodes, strict=False)):
        if found != wanted:
            raise ModelContractError(
                f"node {place} of the {name} graph is {found.operator} where the contract has {wanted.operator}, or "
                "is connected otherwise. The bundle was not made by homespun-server, or was tampered with."
            )
    if len(graph.nodes) != len(expected.nodes):
        raise ModelContractError(
            f"the {name} graph has {len(graph.nodes)} nodes; the contract has {len(expected.nodes)}."
        )
    _check_same(name, "weight", {weight.name: weight.tensor for weight in graph.weights}, expected.weights)
    _check_same(name, "constant", graph.constants, expected.constants)


def _check_same(name: str, what: str, found: Mapping[str, object], expected: Mapping[str, object]) -> None:
    wrong = sorted(key for key in {*found, *expected} if found.get(key) != expected.get(key))
    if wrong:
        raise ModelContractError(
            f"the {what} {wrong[0][:80]!r} of the {name} graph is missing, unknown, or not of the type, shape and "
            "value that the manifest and the contract demand."
        )
