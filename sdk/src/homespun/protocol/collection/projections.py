"""Random projections of a long vector: each is small for a short vector, and one of them is not for any other.

The vector is laid out row by row as a matrix x, as square as may be, padded with zeros. Drawn from public randomness
are a sign u for every entry, ``COLUMN_SUBSETS`` random halves of the columns, and ``ROW_SUBSETS`` random halves of the
rows for each of them. A projection is the sum of u·x over a half of the columns and a half of the rows:

    p_ji = Σ_a Σ_b  S_aji · R_bj · u_ab · x_ab   (mod p),   S and R in {0, 1}, u in {−1, 1}

- *Short vectors pass.* Given the halves, a projection is a sum with independent random signs, so that it exceeds
  t‖x‖ with a probability of at most 2e^{−t²/2} (Hoeffding).
- *No others do.* Let x, over the integers mod p, have an entry that is not within 4T of zero. Given everything but
  whether its column is in the half j, its row's sum changes by more than 4T: with probability ½ at least, it is not
  within 2T of zero. Then, likewise, every p_ji is not within T of zero with probability ½ at least, independently
  over i. So all are with a probability of at most ((1 + 2^{−ROW_SUBSETS}) / 2)^{COLUMN_SUBSETS} = 2⁻¹⁰², however the
  signs fell. Halves, and not signs alone, because of the modulus: two entries of ½ mod p make 0 or ±1 with signs.

Sums are exact in float64: entries are below 2³², and at most 2¹⁰ by 2¹⁰ of them are added, which stays below 2⁵³.

Pure.
"""

from math import ceil, isqrt

import numpy as np
from numpy.typing import NDArray

from homespun.protocol.collection.constants import COLUMN_SUBSETS, MODULUS, PROJECTIONS, ROW_SUBSETS
from homespun.protocol.collection.field import Elements, Words

MAX_NUMBERS = 1 << 20
"""Most numbers of a vector that is projected, so that sums are exact."""

_SIGNS = 1.0 - 2.0 * np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)
"""Eight signs a byte: float64 [256, 8]."""


class Projector:
    """Projects vectors of one size; keeps one buffer of twice their bytes and is for one thread.

    Attributes:
        size: Numbers of a vector, at most ``MAX_NUMBERS``.
        rows: Rows of the matrix.
        columns: Columns of the matrix.
        randomness: Bytes of public randomness for one vector.
    """

    def __init__(self, size: int) -> None:
        """Lay out the matrix."""
        self.size = size
        self.rows = isqrt(size - 1) + 1
        self.columns = ceil(size / self.rows)
        self._lengths = (
            ceil(self.rows * self.columns / 8),
            ceil(self.columns * COLUMN_SUBSETS / 8),
            ceil(self.rows * PROJECTIONS / 8),
        )
        self.randomness = sum(self._lengths)
        self._signed = np.empty((self._lengths[0], 8))

    def project(self, vector: Words, randomness: bytes) -> Elements:
        """Return a vector's projections, or the shares of them for a share of it.

        Args:
            vector: uint32 [size], elements.
            randomness: ``randomness`` bytes that whoever chose the vector could not choose.

        Returns:
            uint64 [PROJECTIONS], mod p.
        """
        raw = np.frombuffer(randomness, np.uint8)
        signs, columns, rows = np.split(raw, np.cumsum(self._lengths[:2]))
        by_columns = self._matrix(vector, signs) @ _bits(columns, (self.columns, COLUMN_SUBSETS))
        halves = _bits(rows, (COLUMN_SUBSETS, ROW_SUBSETS, self.rows))
        sums = halves @ np.ascontiguousarray(by_columns.T)[:, :, None]
        projections: Elements = (sums.astype(np.int64).ravel() % MODULUS).astype(np.uint64)
        return projections

    def _matrix(self, vector: Words, signs: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return u·x: float64 [rows, columns], in the buffer."""
        _SIGNS.take(signs, axis=0, out=self._signed, mode="clip")
        flat = self._signed.reshape(-1)
        flat[: self.size] *= vector
        flat[self.size :] = 0.0
        return flat[: self.rows * self.columns].reshape(self.rows, self.columns)


def _bits(raw: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return random bits as float64 of a shape."""
    count = int(np.prod(shape))
    return np.unpackbits(raw, count=count).astype(np.float64).reshape(shape)
