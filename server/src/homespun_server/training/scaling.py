"""The natural size of a term: how far it spreads the items of a list, so that weights mean the same everywhere."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from homespun_server.training.similarity import Similarity
from homespun_server.training.tables import Floats, LowRank, SparseRows

_ROWS = 512
"""Rows, evenly spread, that tell the spread of all."""


def spread_of(rows: Floats) -> float:
    """Return the root mean square, over rows that tell items apart, of the deviation within a row.

    Args:
        rows: float64 [r, M], what some items say for all learned ones.

    Returns:
        A positive number; 1 where no item speaks for another.
    """
    deviations = rows.std(axis=1)
    deviations = deviations[deviations > 0]
    return float(np.sqrt((deviations**2).mean())) if deviations.size else 1.0


def sampled(size: int) -> NDArray[np.int64]:
    """Return the rows to look at, of so many."""
    return np.unique(np.linspace(0, size - 1, min(size, _ROWS)).astype(np.int64))


def spread_of_similarity(similarity: Similarity) -> float:
    """Return how far a similarity spreads items."""
    rows = sampled(similarity.encoder.size)
    core = similarity.core[rows]
    return spread_of(similarity.encoder[rows, None] * np.asarray(core) * similarity.decoder)


def spread_of_transitions(matrix: csr_matrix, size: int) -> float:
    """Return how far transitions spread the first ``size`` items."""
    return spread_of(matrix[sampled(size)][:, :size].toarray())


def spread_of_content(vectors: Floats, size: int) -> float:
    """Return how far cosines of content vectors spread the first ``size`` items, or all if these have none."""
    known = vectors[:size] if vectors[:size].any() else vectors
    return spread_of(known[sampled(known.shape[0])] @ known.T)


def scaled_low_rank(table: LowRank, factor: float) -> LowRank:
    """Return the table times a factor."""
    return replace(table, spectrum=table.spectrum * factor)


def scaled_rows(table: SparseRows, factor: float) -> SparseRows:
    """Return the table times a factor."""
    matrix = csr_matrix((table.matrix.data * factor, table.matrix.indices, table.matrix.indptr), table.matrix.shape)
    return replace(table, matrix=matrix)


def scaled_values(values: Floats, size: int) -> Floats:
    """Return values with a deviation of 1 over the first ``size`` items, and 0 as their mean over these.

    Values that are all alike become 0.
    """
    deviation = float(values[:size].std()) if size else 0.0
    if deviation == 0:
        return np.zeros_like(values)
    scaled: Floats = (values - values[:size].mean()) / deviation
    return scaled
