"""How many bytes tables take in a bundle's file of weights, exactly, before anything is written."""

from homespun.protocol.contract import BLOCK
from homespun_server.training.blocks import blocks
from homespun_server.training.model import Model
from homespun_server.training.tables import SparseRows

ALIGNMENT = 64
"""Tensors begin and end at multiples of so many bytes, so that they can be mapped and read in place."""


def model_bytes(model: Model) -> int:
    """Return the size of the file of weights."""
    low_rank = sum(low_rank_bytes(table.size, table.dimensions) for table in model.low_rank)
    rows = sum(len(context.values) for context in model.contexts)
    rows += 0 if model.archetypes is None else model.archetypes.count
    items = model.items.size
    return low_rank + sum(map(sparse_bytes, model.sparse)) + prior_bytes(items, len(model.priors), rows)


def low_rank_bytes(items: int, dimensions: int) -> int:
    """Return the size of a low-rank table."""
    return _padded(items * dimensions) + 2 * _padded(4 * items) + _padded(4 * dimensions)


def sparse_bytes(table: SparseRows) -> int:
    """Return the size of a sparse table."""
    count = max(blocks(table.matrix).firsts.size, 1)
    codes = count * BLOCK * table.bits // 8
    return sum(map(_padded, (4 * (table.size + 1), 4 * count, count * BLOCK, codes, 4 * 2**table.bits)))


def prior_bytes(items: int, priors: int, context_rows: int) -> int:
    """Return the size of what does not depend on the history."""
    return _padded(4 * priors * items) + _padded(context_rows * items) + _padded(4 * context_rows)


def _padded(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
