"""Where the blocks of a sparse table lie: how its rows are cut into runs of 16 places.

A block holds the index of its first entry whole, and of each further one the distance to the one before, in a byte.
Where a distance is more than a byte holds, fillers of value 0 stand between; where they do not fit into the block,
the next one begins with the entry. Rows that are cut greedily have as few blocks as possible.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from homespun.protocol.contract import BLOCK, LARGEST_GAP

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Blocks:
    """The blocks of a matrix with E entries other than 0.

    Attributes:
        matrix: The matrix without stored zeros, in canonical form.
        starts: int64 [N+1]: row i has the blocks starts[i]..starts[i+1]−1.
        firsts: int64 [B], each block's first entry.
        places: int64 [E], each entry's place in its block.
    """

    matrix: csr_matrix
    starts: Integers
    firsts: Integers
    places: Integers

    @cached_property
    def numbers(self) -> Integers:
        """int64 [E], the number of each entry's block."""
        sizes = np.diff(self.firsts, append=self.places.size)
        return np.repeat(np.arange(self.firsts.size), sizes)


def blocks(matrix: csr_matrix) -> Blocks:
    """Cut a matrix into blocks; the entries keep their order.

    Args:
        matrix: [N, N] in compressed rows and canonical form.
    """
    kept = matrix.copy()
    kept.eliminate_zeros()
    pointers = kept.indptr.astype(np.int64)
    # Up to an entry, so many places are taken if no block ends before it.
    taken = np.cumsum(1 + fillers(kept))
    following = np.searchsorted(taken, taken + BLOCK, side="left")
    ends = np.repeat(pointers[1:], np.diff(pointers))
    firsts = _chain(pointers, np.minimum(following, ends))
    starts = np.searchsorted(firsts, pointers)
    sizes = np.diff(firsts, append=taken.size)
    return Blocks(kept, starts, firsts, taken - np.repeat(taken[firsts], sizes))


def fillers(matrix: csr_matrix) -> Integers:
    """Return how many fillers stand before each entry, if it begins no block; int64 [E]."""
    gaps = np.diff(matrix.indices.astype(np.int64), prepend=0)
    found: Integers = np.maximum(gaps - 1, 0) // LARGEST_GAP
    return found


def _chain(pointers: Integers, following: Integers) -> Integers:
    """Return the first entries of all blocks, ascending; in each row the next block begins where one ends."""
    filled = np.flatnonzero(np.diff(pointers))
    current, ends = pointers[filled], pointers[filled + 1]
    found = []
    while current.size:
        found.append(current)
        after = following[current]
        going_on = after < ends
        current, ends = after[going_on], ends[going_on]
    return np.sort(np.concatenate(found)) if found else np.zeros(0, np.int64)
