"""Keeps the largest entries of a matrix with one threshold for all rows, a few rows at a time."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from homespun_server.training.tables import Floats

ENTRIES_AT_ONCE = 1 << 22
"""Entries of a dense matrix that are looked at together: 32 MB."""

Rows = Callable[[int, int], Floats]
"""Returns rows first..last−1 of a matrix, dense."""


def largest_entries(matrix: csr_matrix, count: int) -> csr_matrix:
    """Return the ``count`` entries of the largest magnitude; of equal ones those that come first.

    Args:
        matrix: [N, N] in compressed rows and canonical form.
        count: How many; fewer if there are fewer that are not 0.
    """
    magnitude = np.abs(matrix.data)
    kept = _largest(magnitude, min(count, int(np.count_nonzero(magnitude))))
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    return _matrix(rows[kept], matrix.indices[kept], matrix.data[kept], matrix.shape[0])


def largest_of_rows(rows: Rows, size: int, count: int) -> csr_matrix:
    """Return the same of a matrix that is computed row by row and never exists as a whole.

    Args:
        rows: The matrix.
        size: N.
        count: How many entries.
    """
    if not count:
        return csr_matrix((size, size))
    found = _Found(count)
    step = max(1, ENTRIES_AT_ONCE // size)
    for first in range(0, size, step):
        found.add(first, rows(first, min(first + step, size)))
    return found.matrix(size)


@dataclass
class _Found:
    """The largest entries so far, in their order, and some more.

    Attributes:
        count: How many are wanted.
        threshold: What a later entry must exceed.
        parts: Rows, columns and values.
    """

    count: int
    threshold: float = 0.0
    parts: list[tuple[NDArray[np.int64], NDArray[np.int64], Floats]] = field(default_factory=list)

    def add(self, first: int, block: Floats) -> None:
        rows, columns = np.nonzero(np.abs(block) > self.threshold)
        self.parts.append((rows + first, columns, block[rows, columns]))
        if sum(values.size for *_, values in self.parts) > 2 * self.count:
            self.reduce()

    def reduce(self) -> None:
        rows, columns, values = (np.concatenate(part) for part in zip(*self.parts, strict=True))
        if values.size > self.count:
            kept = _largest(np.abs(values), self.count)
            rows, columns, values = rows[kept], columns[kept], values[kept]
            self.threshold = float(np.abs(values).min(initial=np.inf))
        self.parts = [(rows, columns, values)]

    def matrix(self, size: int) -> csr_matrix:
        self.reduce()
        return _matrix(*self.parts[0], size)


def _largest(magnitude: Floats, count: int) -> NDArray[np.int64]:
    """Return where the largest are, ascending; of equal ones the first."""
    if count >= magnitude.size:
        return np.arange(magnitude.size)
    threshold = np.partition(magnitude, magnitude.size - count)[magnitude.size - count] if count else np.inf
    above = np.flatnonzero(magnitude > threshold)
    equal = np.flatnonzero(magnitude == threshold)[: count - above.size]
    return np.sort(np.concatenate([above, equal]))


def _matrix(rows: NDArray[np.int64], columns: NDArray[np.int64], values: Floats, size: int) -> csr_matrix:
    matrix = csr_matrix((values, (rows, columns)), shape=(size, size))
    matrix.sum_duplicates()
    return matrix
