"""Pairs of items as a low-rank table, and the largest entries of what that leaves over."""

import numpy as np
from scipy.sparse import csr_matrix, issparse
from scipy.sparse.linalg import eigsh

from homespun_server.training.largest import largest_of_rows
from homespun_server.training.similarity import Similarity, leading_eigenpairs
from homespun_server.training.tables import Floats, LowRank

_SEED = 0


def factored(pairs: Similarity, name: str, dimensions: int) -> LowRank | None:
    """Return the low-rank table of the largest positive eigenvalues; None if there is none.

    Args:
        pairs: Dense pairs, or such with a core in compressed rows.
        name: The table's name.
        dimensions: Largest rank.
    """
    if issparse(pairs.core) and dimensions < pairs.encoder.size - 1:
        values, vectors = _sparse_eigenpairs(pairs.core, dimensions)
    else:
        values, vectors = leading_eigenpairs(_dense(pairs.core), dimensions)
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

    def rows(first: int, last: int) -> Floats:
        core = pairs.core[first:last]
        rest = np.array(_dense(core))
        if table is not None:
            rest -= (table.vectors[first:last] * table.spectrum) @ table.vectors.T
        rest *= pairs.encoder[first:last, None]
        rest *= pairs.decoder
        rest[np.arange(last - first), np.arange(first, last)] = 0.0
        return rest

    return largest_of_rows(rows, pairs.encoder.size, count)


def _dense(matrix: csr_matrix) -> Floats:
    dense: Floats = matrix.toarray() if issparse(matrix) else matrix
    return dense


def _sparse_eigenpairs(core: csr_matrix, count: int) -> tuple[Floats, Floats]:
    """Return the same as ``leading_eigenpairs``, from a start that is always the same."""
    size = core.shape[0]
    start = np.random.default_rng(_SEED).normal(size=size)
    values, vectors = eigsh(core, k=count, which="LA", v0=start)
    values, vectors = values[::-1], vectors[:, ::-1]
    positive = values > np.finfo(float).eps * np.abs(values).max() * size
    values, vectors = values[positive], vectors[:, positive]
    largest = np.abs(vectors).argmax(axis=0)
    signs = np.where(vectors[largest, np.arange(values.size)] < 0, -1.0, 1.0)
    return values, vectors * signs
