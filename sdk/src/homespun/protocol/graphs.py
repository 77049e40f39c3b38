"""The two graphs of the ONNX contract, node by node. See ``homespun.protocol.contract`` for their meaning.

Both are made from the layout alone. No node's output is larger than its inputs' sizes imply, whatever values
they hold: nothing expands, tiles, repeats or fills.
"""

from collections.abc import Iterator

from homespun.protocol.contract import (
    BLOCK,
    FLOAT,
    INT32,
    OFFSET,
    Attribute,
    Blocks,
    Constant,
    GraphSpec,
    Layout,
    Node,
    ScoredPart,
    Value,
    tables,
)

_Attributes = tuple[tuple[str, Attribute], ...]

_TO_FLOAT: _Attributes = (("to", FLOAT),)
_TO_INT32: _Attributes = (("to", INT32),)
_AXIS_0: _Attributes = (("axis", 0),)
_AXIS_1: _Attributes = (("axis", 1),)
_ADD: _Attributes = (("axis", 1), ("reduction", "add"))
_TURN: _Attributes = (("perm", (1, 0)),)
_HALF_BITS = 4

_CONSTANTS = {
    "offset": Constant("float32", (), (OFFSET,)),
    "offset.integer": Constant("uint8", (), (OFFSET,)),
    "columns": Constant("int64", (), (1,)),
    "zero": Constant("int64", (1,), (0,)),
    "one": Constant("int64", (1,), (1,)),
    "flat": Constant("int64", (1,), (-1,)),
    "block": Constant("int64", (2,), (-1, BLOCK)),
    "halves": Constant("int64", (256, 2), tuple(half for byte in range(256) for half in (byte & 15, byte >> 4))),
}


def encoder_rows(table: str) -> str:
    """Name of the ``rows`` output that holds a low-rank table's encoder rows."""
    return f"{table}.encoder_rows"


def decoder_rows(table: str) -> str:
    """Name of the ``rows`` output that holds a low-rank table's decoder rows."""
    return f"{table}.decoder_rows"


def propose(layout: Layout) -> GraphSpec:
    """Return the proposing graph."""
    nodes = [] if not layout.sparse else _zeros()
    for part in layout.parts:
        nodes += _component(part)
    nodes += _general(layout)
    scores = [f"{part.name}.scores" for part in layout.parts]
    total = "general.scores"
    for name in scores:
        nodes.append(Node("Add", (total, name), (f"total.{name}",)))
        total = f"total.{name}"
    lists = {**dict.fromkeys((*scores, "general.scores"), "list_count"), total: "count"}
    tops = [f"{name}.top" for name in lists]
    nodes += [Node("TopK", (name, count), (f"{name}.best", f"{name}.top"), _AXIS_1) for name, count in lists.items()]
    if layout.first_new is not None:
        tops.append("new.top")
        nodes += _new_items(total)
    nodes.append(Node("Concat", tuple(tops), ("lists",), _AXIS_1))
    nodes.append(Node("Reshape", ("lists", "flat"), ("candidates",)))
    outputs = {"candidates": Value("int64", ("candidates",))}
    return _spec(layout, _propose_inputs(layout), outputs, nodes)


def rows(layout: Layout) -> GraphSpec:
    """Return the row graph."""
    inputs = {"items": Value("int64", ("n",))}
    outputs: dict[str, Value] = {}
    nodes: list[Node] = []
    for table, dimensions in layout.low_rank.items():
        nodes += _low_rank_rows(table)
        outputs[encoder_rows(table)] = outputs[decoder_rows(table)] = Value("float32", ("n", dimensions))
    if layout.sparse:
        nodes.append(Node("Add", ("items", "one"), ("items.next",)))
    for table, blocks in layout.sparse.items():
        inputs[f"{table}.blocks"] = Value("int64", (f"{table}.b",))
        nodes.append(Node("Gather", (f"{table}.starts", "items"), (f"{table}.first_blocks",), _AXIS_0))
        nodes.append(Node("Gather", (f"{table}.starts", "items.next"), (f"{table}.end_blocks",), _AXIS_0))
        nodes += _entries(table, blocks)
        outputs[f"{table}.first_blocks"] = outputs[f"{table}.end_blocks"] = Value("int32", ("n",))
        outputs[f"{table}.indices"] = Value("int32", (f"{table}.b", BLOCK))
        outputs[f"{table}.values"] = Value("float32", (f"{table}.b", BLOCK))
    nodes.append(Node("Transpose", ("priors.values",), ("priors.rows",), _TURN))
    nodes.append(Node("Gather", ("priors.rows", "items"), ("priors",), _AXIS_0))
    outputs["priors"] = Value("float32", ("n", layout.priors))
    if layout.context:
        inputs["context"] = Value("int64", ("f",))
        nodes += _context_rows()
        outputs["context_rows"] = Value("float32", ("f", "n"))
    return _spec(layout, inputs, outputs, nodes)


def _spec(layout: Layout, inputs: dict[str, Value], outputs: dict[str, Value], nodes: list[Node]) -> GraphSpec:
    """Put a graph together with those tables and constants that its nodes use."""
    used = {name for node in nodes for name in node.inputs}
    return GraphSpec(
        inputs=inputs,
        outputs=outputs,
        nodes=tuple(nodes),
        weights={name: tensor for name, tensor in tables(layout).items() if name in used},
        constants={name: constant for name, constant in _constants(layout).items() if name in used},
    )


def _constants(layout: Layout) -> dict[str, Constant]:
    own = [part.name for part in layout.parts if part.low_rank is not None]
    return {
        **_CONSTANTS,
        **{f"{name}.index": Constant("int64", (1,), (index,)) for index, name in enumerate(own)},
        "new.first": Constant("int64", (1,), (layout.first_new or 0,)),
        "new.end": Constant("int64", (1,), (layout.items,)),
    }


def _propose_inputs(layout: Layout) -> dict[str, Value]:
    inputs: dict[str, Value] = {}
    own = sum(part.low_rank is not None for part in layout.parts)
    if own:
        inputs["history"] = Value("int64", ("h",))
        inputs["weights"] = Value("float32", (own, "h"))
    for part in layout.parts:
        if part.sparse is not None:
            inputs[f"{part.name}.places"] = Value("int32", (1, f"{part.name}.e"))
            inputs[f"{part.name}.updates"] = Value("float32", (1, f"{part.name}.e"))
    inputs["prior_weights"] = Value("float32", (1, layout.priors))
    if layout.context:
        inputs["context"] = Value("int64", ("f",))
        inputs["context_weights"] = Value("float32", (1, "f"))
    inputs["list_count"] = Value("int64", (1,))
    inputs["count"] = Value("int64", (1,))
    if layout.first_new is not None:
        inputs["new_count"] = Value("int64", (1,))
    return inputs


def _zeros() -> list[Node]:
    """Zeros for every item, float32 [1, N]: a row of priors minus itself."""
    return [
        Node("Gather", ("priors.values", "zero"), ("any.row",), _AXIS_0),
        Node("Sub", ("any.row", "any.row"), ("zeros",)),
    ]


def _component(part: ScoredPart) -> list[Node]:
    """One component's scores, float32 [1, N]: sparse entries are added onto the low-rank product, or onto zeros."""
    name, scores, ground = part.name, f"{part.name}.scores", "zeros"
    nodes: list[Node] = []
    if part.low_rank is not None:
        ground = scores if part.sparse is None else f"{name}.smooth"
        nodes += _product(name, part.low_rank, ground)
    if part.sparse is not None:
        nodes.append(Node("ScatterElements", (ground, f"{name}.places", f"{name}.updates"), (scores,), _ADD))
    return nodes


def _product(name: str, table: str, result: str) -> list[Node]:
    """The quantized product of one low-rank table with the history; float32 [1, N]."""
    query = tuple(f"{name}.query.{part}" for part in ("integers", "scale", "zero"))
    product = (query[0], f"{name}.columns", query[2], "offset.integer")
    return [
        Node("Gather", (f"{table}.integers", "history"), (f"{name}.history.integers",), _AXIS_0),
        Node("Cast", (f"{name}.history.integers",), (f"{name}.history.floats",), _TO_FLOAT),
        Node("Sub", (f"{name}.history.floats", "offset"), (f"{name}.history.rows",)),
        Node("Gather", (f"{table}.encoder", "history"), (f"{name}.history.scales",), _AXIS_0),
        Node("Gather", ("weights", f"{name}.index"), (f"{name}.history.own",), _AXIS_0),
        Node("Mul", (f"{name}.history.own", f"{name}.history.scales"), (f"{name}.history.scaled",)),
        Node("MatMul", (f"{name}.history.scaled", f"{name}.history.rows"), (f"{name}.sum",)),
        Node("Mul", (f"{name}.sum", f"{table}.spectrum"), (f"{name}.query",)),
        Node("DynamicQuantizeLinear", (f"{name}.query",), query),
        # Of a table alone, so a runtime does it once, when it loads the graph.
        Node("Transpose", (f"{table}.integers",), (f"{name}.columns",), _TURN),
        Node("MatMulInteger", product, (f"{name}.product",)),
        Node("Cast", (f"{name}.product",), (f"{name}.product.float",), _TO_FLOAT),
        Node("Mul", (query[1], f"{table}.decoder"), (f"{name}.product.scales",)),
        Node("Mul", (f"{name}.product.float", f"{name}.product.scales"), (result,)),
    ]


def _entries(table: str, blocks: Blocks) -> list[Node]:
    """The entries of the blocks in ``<table>.blocks``: items int32 [b, 16] and values float32 [b, 16]."""
    return [
        Node("Gather", (f"{table}.gaps", f"{table}.blocks"), (f"{table}.block.gaps",), _AXIS_0),
        Node("Cast", (f"{table}.block.gaps",), (f"{table}.block.steps",), _TO_INT32),
        Node("CumSum", (f"{table}.block.steps", "columns"), (f"{table}.block.distances",)),
        Node("Gather", (f"{table}.bases", f"{table}.blocks"), (f"{table}.block.bases",), _AXIS_0),
        Node("Unsqueeze", (f"{table}.block.bases", "one"), (f"{table}.block.bases.column",)),
        Node("Add", (f"{table}.block.distances", f"{table}.block.bases.column"), (f"{table}.indices",)),
        Node("Gather", (f"{table}.codes", f"{table}.blocks"), (f"{table}.block.bytes",), _AXIS_0),
        Node("Cast", (f"{table}.block.bytes",), (f"{table}.block.codes",), _TO_INT32),
        *(_halves(table) if blocks.bits == _HALF_BITS else _whole(table)),
    ]


def _whole(table: str) -> list[Node]:
    return [Node("Gather", (f"{table}.levels", f"{table}.block.codes"), (f"{table}.values",), _AXIS_0)]


def _halves(table: str) -> list[Node]:
    """Look both halves of a byte up at once: first the values of all low halves, then those of the high ones."""
    return [
        # Of tables alone, so a runtime does it once, when it loads the graph.
        Node("Gather", (f"{table}.levels", "halves"), (f"{table}.pairs",), _AXIS_0),
        Node("Gather", (f"{table}.pairs", f"{table}.block.codes"), (f"{table}.block.pairs",), _AXIS_0),
        Node("Transpose", (f"{table}.block.pairs",), (f"{table}.block.halves",), (("perm", (0, 2, 1)),)),
        Node("Reshape", (f"{table}.block.halves", "block"), (f"{table}.values",)),
    ]


def _general(layout: Layout) -> Iterator[Node]:
    """What priors and context add; float32 [1, N]."""
    priors = "priors.scores" if layout.context else "general.scores"
    yield Node("MatMul", ("prior_weights", "priors.values"), (priors,))
    if layout.context:
        yield Node("Gather", ("context.integers", "context"), ("context.rows",), _AXIS_0)
        yield Node("Cast", ("context.rows",), ("context.floats",), _TO_FLOAT)
        yield Node("Gather", ("context.scales", "context"), ("context.row_scales",), _AXIS_0)
        yield Node("Mul", ("context_weights", "context.row_scales"), ("context.scaled",))
        yield Node("MatMul", ("context.scaled", "context.floats"), ("context.scores",))
        yield Node("Add", ("priors.scores", "context.scores"), ("general.scores",))


def _new_items(total: str) -> list[Node]:
    """The best of the items from the first new one on; int64 [1, new_count]."""
    return [
        Node("Slice", (total, "new.first", "new.end", "one"), ("new.scores",)),
        Node("TopK", ("new.scores", "new_count"), ("new.best", "new.places"), _AXIS_1),
        Node("Add", ("new.places", "new.first"), ("new.top",)),
    ]


def _low_rank_rows(table: str) -> list[Node]:
    return [
        Node("Gather", (f"{table}.integers", "items"), (f"{table}.gathered",), _AXIS_0),
        Node("Cast", (f"{table}.gathered",), (f"{table}.floats",), _TO_FLOAT),
        Node("Sub", (f"{table}.floats", "offset"), (f"{table}.centred",)),
        *_scaled(table, "encoder", f"{table}.encoder.unweighted"),
        Node("Mul", (f"{table}.encoder.unweighted", f"{table}.spectrum"), (encoder_rows(table),)),
        *_scaled(table, "decoder", decoder_rows(table)),
    ]


def _scaled(table: str, side: str, result: str) -> list[Node]:
    return [
        Node("Gather", (f"{table}.{side}", "items"), (f"{table}.{side}.scales",), _AXIS_0),
        Node("Unsqueeze", (f"{table}.{side}.scales", "one"), (f"{table}.{side}.column",)),
        Node("Mul", (f"{table}.centred", f"{table}.{side}.column"), (result,)),
    ]


def _context_rows() -> list[Node]:
    return [
        Node("Gather", ("context.integers", "context"), ("context.whole",), _AXIS_0),
        Node("Gather", ("context.whole", "items"), ("context.picked",), _AXIS_1),
        Node("Cast", ("context.picked",), ("context.floats",), _TO_FLOAT),
        Node("Gather", ("context.scales", "context"), ("context.row_scales",), _AXIS_0),
        Node("Unsqueeze", ("context.row_scales", "one"), ("context.column",)),
        Node("Mul", ("context.floats", "context.column"), ("context_rows",)),
    ]


def _operators() -> frozenset[str]:
    layout = Layout(1, (ScoredPart("c", "v", "s"),), {"v": 1}, {"s": Blocks(1, 4)}, 1, 1, 0)
    return frozenset(node.operator for spec in (propose(layout), rows(layout)) for node in spec.nodes)


OPERATORS = _operators()
"""Operators that a graph may use: pure arithmetic on tensors."""
