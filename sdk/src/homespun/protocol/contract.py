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
Graphs are inert: operators from OPERATORS in the default domain, no functions, no subgraphs, weights only
in the one named file beside the graph.
"""

OPSET = 21
"""Highest opset that a graph may import."""

IR_VERSION = 10
"""Highest ONNX IR version of a graph; the one that came with OPSET."""

OPERATORS = frozenset(
    {
        "Add",
        "Cast",
        "Concat",
        "DynamicQuantizeLinear",
        "Gather",
        "MatMul",
        "MatMulInteger",
        "Mul",
        "Reshape",
        "Sub",
        "TopK",
        "Transpose",
        "Unsqueeze",
    }
)
"""Operators that a graph may use: pure arithmetic on tensors, nothing that reads, loops or calls."""


DECODER_OFFSET = 128
"""What is subtracted from a decoder's integers."""


def encoder_output(component: str) -> str:
    """Name of the ``rows`` output that holds a component's encoder rows."""
    return f"{component}.encoder"


def decoder_output(component: str) -> str:
    """Name of the ``rows`` output that holds a component's decoder rows."""
    return f"{component}.decoder"
