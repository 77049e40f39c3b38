"""The two graphs of the ONNX contract, node by node. See ``homespun.protocol.contract`` for their meaning.

Both are made from the layout alone. No node's output is larger than its inputs' sizes imply, whatever values
they hold: nothing expands, tiles, repeats or fills.
"""

from collections.abc import Iterator

from homespun.protocol.contract import (
    BLOCK,
    FEW,
    FLOAT,
    INT32,
    LANE,
    LOWEST,
    MIDDLE,
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
    "columns": Constant("int64", (), (1,)),
    "zero": Constant("int64", (1,), (0,)),
    "one": Constant("int64", (1,), (1,)),
    "block": Constant("int64", (2,), (-1, BLOCK)),
    "halves": Constant("int64", (256, 2), tuple(half for byte in range(256) for half in (byte & 15, byte >> 4))),
}


def encoder_rows(table: str) -> str:
    """Name of the ``rows`` output that holds a low-rank table's encoder rows."""
    return f"{table}.encoder_rows"


def decoder_rows(table: str) -> str:
    """Name of the ``rows`` output that holds a low-rank table's decoder rows."""
    return f"{table}.decoder_rows"


def width(layout: Layout) -> int:
    """Length of a row of ``parts``: as many items as there are, in whole lanes."""
    return -(-layout.items // LANE) * LANE


def propose(layout: Layout) -> GraphSpec:
    """Return the proposing graph."""
    nodes = _zeros() if any(part.low_rank is None for part in layout.parts) else []
    for part in layout.parts:
        if part.low_rank is not None:
            nodes += _product(part.name, part.low_rank)
    nodes += _general(layout)
    stacked, entered = "parts.smooth", "parts.flat"
    nodes.append(Node("Concat", tuple(_stacked(layout)), (stacked if layout.sparse else entered,), _AXIS_1))
    if layout.sparse:
        nodes.append(Node("ScatterElements", (stacked, "places", "updates"), (entered,), _ADD))
    nodes += [
        Node("Reshape", (entered, "parts.shape"), ("parts",)),
        Node("MatMul", ("steps", "parts"), ("total",)),
        *_best(layout, "parts", "list_count"),
        *_best(layout, "total", "count"),
    ]
    outputs = {
        "parts.top": Value("int64", (len(layout.parts) + 1, "list_count")),
        "total.top": Value("int64", (1, "count")),
    }
    if layout.first_new is not None:
        outputs["new.top"] = Value("int64", (1, "new_count"))
        nodes += _new_items()
    return _spec(layout, _propose_inputs(layout), outputs, nodes)


def _stacked(layout: Layout) -> Iterator[str]:
    """What is proposed for by itself, each in whole lanes: what is the same for everybody, then every component."""
    for name in ("general.scores", *(_smooth(part) for part in layout.parts)):
        yield name
        if layout.items % LANE:
            yield "padding"


def _smooth(part: ScoredPart) -> str:
    return "zeros" if part.low_rank is None else f"{part.name}.scores"


def _best(layout: Layout, scores: str, count: str) -> list[Node]:
    """The places of the best of each row, int64 [R, count], by the greatest of every LANE neighbours.

    The best n are among those n lanes whose greatest are the greatest.
    """
    lanes, top = f"{scores}.lanes", f"{scores}.top"
    if layout.items <= FEW:
        return [Node("TopK", (scores, count), (f"{scores}.best", top), _AXIS_1)]
    return [
        Node("Reshape", (scores, f"{lanes}.shape"), (lanes,)),
        Node("ReduceMax", (lanes, "last"), (f"{lanes}.greatest",), (("keepdims", 0),)),
        Node("Min", (count, "lanes.number"), (f"{lanes}.count",)),
        Node("TopK", (f"{lanes}.greatest", f"{lanes}.count"), (f"{lanes}.best", f"{lanes}.chosen"), _AXIS_1),
        Node("Add", (f"{lanes}.chosen", f"{lanes}.first"), (f"{lanes}.rows",)),
        Node("Reshape", (lanes, "lane.rows"), (f"{lanes}.all",)),
        Node("Gather", (f"{lanes}.all", f"{lanes}.rows"), (f"{lanes}.items",), _AXIS_0),
        Node("Reshape", (f"{lanes}.items", f"{lanes}.flat"), (f"{lanes}.values",)),
        Node("TopK", (f"{lanes}.values", count), (f"{scores}.best", f"{lanes}.places"), _AXIS_1),
        Node("Div", (f"{lanes}.places", "lane"), (f"{lanes}.which",)),
        Node("GatherElements", (f"{lanes}.chosen", f"{lanes}.which"), (f"{lanes}.found",), _AXIS_1),
        Node("Sub", (f"{lanes}.found", f"{lanes}.which"), (f"{lanes}.moved",)),
        Node("Mul", (f"{lanes}.moved", "lane"), (f"{lanes}.moved.items",)),
        Node("Add", (f"{lanes}.moved.items", f"{lanes}.places"), (top,)),
    ]


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
    rows, lanes, padding = len(layout.parts) + 1, width(layout) // LANE, width(layout) - layout.items
    return {
        **_CONSTANTS,
        **{f"{name}.middle": Constant("uint8", (1, size), (MIDDLE,) * size) for name, size in layout.low_rank.items()},
        "padding": Constant("float32", (1, padding), (LOWEST,) * padding),
        "parts.shape": Constant("int64", (2,), (rows, width(layout))),
        "parts.lanes.shape": Constant("int64", (3,), (rows, lanes, LANE)),
        "total.lanes.shape": Constant("int64", (3,), (1, lanes, LANE)),
        "parts.lanes.first": Constant("int64", (rows, 1), tuple(row * lanes for row in range(rows))),
        "total.lanes.first": Constant("int64", (1, 1), (0,)),
        "parts.lanes.flat": Constant("int64", (2,), (rows, -1)),
        "total.lanes.flat": Constant("int64", (2,), (1, -1)),
        "lanes.number": Constant("int64", (1,), (lanes,)),
        "lane.rows": Constant("int64", (2,), (-1, LANE)),
        "lane": Constant("int64", (), (LANE,)),
        "last": Constant("int64", (1,), (2,)),
        "new.first": Constant("int64", (1,), (layout.first_new or 0,)),
        "new.end": Constant("int64", (1,), (layout.items,)),
    }


def _propose_inputs(layout: Layout) -> dict[str, Value]:
    inputs: dict[str, Value] = {}
    for part in layout.parts:
        if part.low_rank is not None:
            inputs[f"{part.name}.query"] = Value("uint8", (1, layout.low_rank[part.low_rank]))
    if layout.sparse:
        inputs["places"] = Value("int64", (1, "e"))
        inputs["updates"] = Value("float32", (1, "e"))
    inputs["prior_weights"] = Value("float32", (1, layout.priors))
    if layout.context:
        inputs["context"] = Value("int64", ("f",))
        inputs["context_weights"] = Value("float32", (1, "f"))
    inputs["steps"] = Value("float32", (1, len(layout.parts) + 1))
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


def _product(name: str, table: str) -> list[Node]:
    """The integer product of one low-rank table with the history's query; float32 [1, N]."""
    return [
        # The first two are of a table alone, so a runtime does them once, when it loads the graph.
        Node("Transpose", (f"{table}.integers",), (f"{name}.columns",), _TURN),
        Node("MatMulInteger", (f"{table}.middle", f"{name}.columns"), (f"{name}.excess",)),
        Node("MatMulInteger", (f"{name}.query", f"{name}.columns"), (f"{name}.raised",)),
        Node("Sub", (f"{name}.raised", f"{name}.excess"), (f"{name}.product",)),
        Node("Cast", (f"{name}.product",), (f"{name}.product.float",), _TO_FLOAT),
        Node("Mul", (f"{name}.product.float", f"{table}.decoder"), (f"{name}.scores",)),
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
        yield Node("Gemm", ("context_weights", "context.floats", "priors.scores"), ("general.scores",))


def _new_items() -> list[Node]:
    """The best of the items from the first new one on; int64 [1, new_count]."""
    return [
        Node("Slice", ("total", "new.first", "new.end", "one"), ("new.scores",)),
        Node("TopK", ("new.scores", "new_count"), ("new.best", "new.places"), _AXIS_1),
        Node("Add", ("new.places", "new.first"), ("new.top",)),
    ]


def _low_rank_rows(table: str) -> list[Node]:
    return [
        Node("Gather", (f"{table}.integers", "items"), (f"{table}.gathered",), _AXIS_0),
        Node("Cast", (f"{table}.gathered",), (f"{table}.floats",), _TO_FLOAT),
        *_scaled(table, "encoder", f"{table}.encoder.unweighted"),
        Node("Mul", (f"{table}.encoder.unweighted", f"{table}.spectrum"), (encoder_rows(table),)),
        *_scaled(table, "decoder", decoder_rows(table)),
    ]


def _scaled(table: str, side: str, result: str) -> list[Node]:
    return [
        Node("Gather", (f"{table}.{side}", "items"), (f"{table}.{side}.scales",), _AXIS_0),
        Node("Unsqueeze", (f"{table}.{side}.scales", "one"), (f"{table}.{side}.column",)),
        Node("Mul", (f"{table}.floats", f"{table}.{side}.column"), (result,)),
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
    parts = (ScoredPart("c", "v", "s"),)
    layouts = [Layout(items, parts, {"v": 1}, {"s": Blocks(1, 4)}, 1, 1, 0) for items in (1, FEW + 1)]
    specs = [spec for layout in layouts for spec in (propose(layout), rows(layout))]
    return frozenset(node.operator for spec in specs for node in spec.nodes)


OPERATORS = _operators()
"""Operators that a graph may use: pure arithmetic on tensors."""
