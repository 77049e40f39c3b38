"""Pairs of items as a low-rank table, and the largest entries of what that leaves over."""

import numpy as np
from scipy.sparse import csr_matrix, issparse

from homespun_server.training.largest import largest_of_rows
from homespun_server.training.similarity import Similarity
from homespun_server.training.tables import Floats, LowRank

_ROUNDING = 1e-7
"""Of the largest eigenvalue."""


def factored(pairs: Similarity, name: str, dimensions: int) -> LowRank | None:
    """Return the low-rank table of the largest positive eigenvalues; None if there is none.

    Args:
        pairs: Dense pairs, or such with a core in compressed rows.
        name: The table's name.
        dimensions: Largest rank.
    """
    values, vectors = pairs.eigenpairs(dimensions)
    return LowRank(name, vectors, pairs.encoder, pairs.decoder, values) if values.size else None


def leading(table: LowRank, dimensions: int) -> LowRank:
    """Return a table's leading dimensions."""
    columns = slice(dimensions)
    return LowRank(table.name, table.vectors[:, columns], table.encoder, table.decoder, table.spectrum[columns])


def residual_of(pairs: Similarity, table: LowRank | None, count: int) -> csr_matrix:
    """Return the largest entries that a low-rank table leaves over of pairs, off the diagonal.

    Args:
        pairs: The pairs.
        table: The table; None: nothing is taken off.
        count: How many.
    """
    rounding = _ROUNDING * (0.0 if table is None else float(np.abs(table.spectrum).max()))

    def rows(first: int, last: int) -> Floats:
        core = pairs.core[first:last]
        rest = np.array(_dense(core))
        if table is not None:
            rest -= (table.vectors[first:last] * table.spectrum) @ table.vectors.T
        # What rounding leaves of an exact factorization is nothing to be kept.
        rest[np.abs(rest) < rounding] = 0.0
        rest *= pairs.encoder[first:last, None]
        rest *= pairs.decoder
        rest[np.arange(last - first), np.arange(first, last)] = 0.0
        return rest

    return largest_of_rows(rows, pairs.encoder.size, count)


def _dense(matrix: csr_matrix) -> Floats:
    dense: Floats = matrix.toarray() if issparse(matrix) else matrix
    return dense
