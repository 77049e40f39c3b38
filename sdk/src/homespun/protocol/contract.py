"""The ONNX contract, version 3: the tables of a bundle's weights file, and what its two graphs are made of.

For N items and a history of items i with weights w_c(i) the score of item j is

    Σ_c β_c Σ_i w_c(i) · S_c[i, j] + Σ_t θ_t · prior_t[j] + Σ_f γ_f · context_f[j] + what repeats add

where a component c has a low-rank table, a sparse one, or both, and S_c is their sum. β, θ and γ depend on
how much is known of the person (``ACTIVITY_LEVELS``), and so do the weights of what repeats add to an item with events
in favour:

    count · (log(n_j + .1) − log(.1)) + seen + Σ_f δ_f · log[(n_jfc + 5 p_fc) / ((n_jf + 5) p_fc)]

n_j being their number, n_jf those of them that have a declared value of the circumstance f, n_jfc those that have the
request's value c, and p_fc = (N_fc + 1)/(N_f + V_f) the person's share of c among the V_f declared values, N being sums
over items. Where the request has no declared value of f, or n_jf = 0, f adds 0.

Low-rank table t of rank d:     S[i, j] = e_i · Σ_k V_ik · s_k · V_jk · d_j
    ``t.integers`` int8 [N, d]    V, in −127..127; turned round for products when it is loaded
    ``t.encoder`` float32 [N]     e
    ``t.decoder`` float32 [N]     d
    ``t.spectrum`` float32 [d]    s
Sparse table t in B ≥ 1 blocks of 16 entries; row i is the blocks starts[i]..starts[i+1]−1:
    ``t.starts`` int32 [N + 1]    ascending, from 0 to B
    ``t.bases`` int32 [B]         the first entry's item
    ``t.gaps`` uint8 [B, 16]      how far each entry's item is from the one before; 0 at place 0
    ``t.codes`` uint8 [B, 8]      4 bits: entries 0..7 in the low halves, 8..15 in the high ones; or
                  uint8 [B, 16]   8 bits
    ``t.levels`` float32 [16]     what a code stands for; or [256]; code 0 stands for 0: padding
Priors and context:
    ``priors.values`` float32 [T, N]
    ``context.integers`` int8 [V, N], ``context.scales`` float32 [V]    only if V > 0; a row is their product

``propose``: what might rank high. Approximate, because the queries are quantized.
    inputs   ``<component>.query`` uint8 [1, d], Q + 64 of the query Σ_i β·w_c(i) · e_i V_i∘s ≈ step · Q, with Q in
             −63..63; for every component with a low-rank table. With 7 bits of it integer products do not saturate
             on processors without VNNI, and where no integer is negative a table is multiplied as it lies there
             ``steps`` float32 [1, C + 1], 1 for what is the same for everybody, then each component's step, 1 where
             it has no low-rank table
             ``places`` int64 [1, e], r · W + the items of entries, in 0..N − 1, of the r-th component's sparse table,
             with W = N rounded up to a multiple of 64, and ``updates`` float32 [1, e], their values times β·w of
             their row, divided by the component's step; only if there is such a table
             ``prior_weights`` float32 [1, T]
             ``context`` int64 [f], rows, and ``context_weights`` float32 [1, f], γ times the rows' scales; only if
             V > 0
             ``list_count`` int64 [1], how many to propose per part, and ``count`` of the total; 1..N
             ``new_count`` int64 [1], 0..N − M; only if places are reserved for the items M..N − 1
    outputs  ``parts.top`` int64 [C + 1, list_count]: the best by priors and context, and by each component
             ``total.top`` int64 [1, count]: the best of all
             ``new.top`` int64 [1, new_count]: the best of all among the new items; only if there are any
``rows``: the exact numbers behind a set of items.
    inputs   ``items`` int64 [n]; ``<sparse table>.blocks`` int64 [b]; ``context`` int64 [f], only if V > 0
    outputs  ``<low-rank table>.encoder_rows`` float32 [n, d], (V·e)·s, and ``.decoder_rows``, V·d
             ``<sparse table>.first_blocks``, ``.end_blocks`` int32 [n], ``.indices`` int32 [b, 16] and
             ``.values`` float32 [b, 16]
             ``priors`` float32 [n, T]; ``context_rows`` float32 [f, n], only if V > 0

Scores are sums of these float32 numbers, added up in float64.

The graphs are fixed node by node and constant by constant (``homespun.protocol.graphs``): that is what a server
writes and what a client accepts, so that a graph can neither read, loop or call, nor ask for more memory or
time than its tensors' sizes imply.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from homespun.protocol.bundle import Manifest

OPSET = 21
"""Highest opset that a graph may import."""

IR_VERSION = 10
"""Highest ONNX IR version of a graph; the one that came with OPSET."""

MIDDLE = 64
"""What a query's integers are raised by, so that none is negative."""

LARGEST = 127
"""Largest magnitude of a low-rank table's and the context's integers."""

BLOCK = 16
"""Entries in a block of a sparse table."""

LANE = 64
"""Neighbouring items whose greatest score stands for them when the best of all are looked for."""

FEW = 1 << 15
"""Up to so many items the best are looked for one by one, without lanes."""

LOWEST = -(2**100)
"""Score of what fills the last lane up."""

LARGEST_GAP = 255
"""Largest distance between neighbouring entries of a block; beyond it a padding entry goes between."""

FLOAT, INT32 = 1, 6
"""ONNX's numbers of the element types float32 and int32."""

Bits = Literal[4, 8]

Element = Literal["float32", "uint8", "int8", "int32", "int64"]
"""Element types that weights, constants, inputs and outputs have."""

Attribute = int | str | tuple[int, ...]


class Node(NamedTuple):
    """One node of a graph: operator of the standard domain, names of its inputs and outputs, attributes."""

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: tuple[tuple[str, Attribute], ...] = ()


class Tensor(NamedTuple):
    """Element type and shape of a weight."""

    element: Element
    shape: tuple[int, ...]


class Constant(NamedTuple):
    """Element type, shape and values (row by row) of a tensor inside a graph."""

    element: Element
    shape: tuple[int, ...]
    values: tuple[int, ...]


class Value(NamedTuple):
    """Element type and shape of an input or output; a name stands for a length that differs from run to run."""

    element: Element
    shape: tuple[int | str, ...]


class GraphSpec(NamedTuple):
    """Everything about one graph.

    Attributes:
        inputs: By name.
        outputs: By name.
        nodes: In order.
        weights: The tensors that it uses of the weights file, by name.
        constants: The tensors inside it, by name.
    """

    inputs: dict[str, Value]
    outputs: dict[str, Value]
    nodes: tuple[Node, ...]
    weights: dict[str, Tensor]
    constants: dict[str, Constant]


class ScoredPart(NamedTuple):
    """A component's name and tables."""

    name: str
    low_rank: str | None
    sparse: str | None


class Blocks(NamedTuple):
    """Size of a sparse table: how many blocks, and bits per entry."""

    number: int
    bits: Bits


@dataclass(frozen=True)
class Layout:
    """What decides the tables and the graphs.

    Attributes:
        items: N.
        parts: The components.
        low_rank: d of every low-rank table, in the order in which components name them.
        sparse: Size of every sparse table, in that order.
        priors: T.
        context: V.
        first_new: M, if places are reserved for new items; else None.
    """

    items: int
    parts: tuple[ScoredPart, ...]
    low_rank: Mapping[str, int]
    sparse: Mapping[str, Blocks]
    priors: int
    context: int
    first_new: int | None


def layout_of(manifest: Manifest) -> Layout:
    """Return the layout that a manifest states."""
    components, new = manifest.components, manifest.new_items
    return Layout(
        items=manifest.items,
        parts=tuple(ScoredPart(each.name, each.low_rank, each.sparse) for each in components),
        low_rank={each.low_rank: each.dimensions for each in components if each.low_rank is not None},
        sparse={
            each.sparse: Blocks(each.blocks, each.bits)
            for each in components
            if each.sparse is not None and each.bits is not None
        },
        priors=len(manifest.priors),
        context=manifest.context_rows,
        first_new=new.first if new.every else None,
    )


def tables(layout: Layout) -> dict[str, Tensor]:
    """Return the tensors of the weights file by name."""
    items = layout.items
    found: dict[str, Tensor] = {}
    for name, dimensions in layout.low_rank.items():
        found[f"{name}.integers"] = Tensor("int8", (items, dimensions))
        found[f"{name}.encoder"] = Tensor("float32", (items,))
        found[f"{name}.decoder"] = Tensor("float32", (items,))
        found[f"{name}.spectrum"] = Tensor("float32", (dimensions,))
    for name, (blocks, bits) in layout.sparse.items():
        found[f"{name}.starts"] = Tensor("int32", (items + 1,))
        found[f"{name}.bases"] = Tensor("int32", (blocks,))
        found[f"{name}.gaps"] = Tensor("uint8", (blocks, BLOCK))
        found[f"{name}.codes"] = Tensor("uint8", (blocks, BLOCK * bits // 8))
        found[f"{name}.levels"] = Tensor("float32", (1 << bits,))
    found["priors.values"] = Tensor("float32", (layout.priors, items))
    if layout.context:
        found["context.integers"] = Tensor("int8", (layout.context, items))
        found["context.scales"] = Tensor("float32", (layout.context,))
    return found
