"""The two kinds of tables that score items by a history: low-rank ones, and sparse ones.

Non-goals: how they are trained, and what rounding to a bundle's integers costs.
"""

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from homespun.errors import MisuseError
from homespun.protocol.bundle import RESERVED_TABLES

Floats = NDArray[np.float64]

_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*", re.ASCII)
_LONGEST_NAME = 32


@dataclass(frozen=True, eq=False)
class LowRank:
    """A low-rank table: S[i, j] = encoder_i · Σ_k vectors_ik · spectrum_k · vectors_jk · decoder_j.

    Attributes:
        name: The table's name in the bundle.
        vectors: float64 [N, d].
        encoder: float64 [N].
        decoder: float64 [N].
        spectrum: float64 [d], of any sign.

    Raises:
        MisuseError: On construction, if shapes do not fit each other or a number is not finite.
    """

    name: str
    vectors: Floats
    encoder: Floats
    decoder: Floats
    spectrum: Floats

    def __post_init__(self) -> None:
        """Refuse what no device could score with."""
        check_name(self.name)
        size, dimensions = self.vectors.shape if self.vectors.ndim == 2 else (0, 0)  # noqa: PLR2004 - a matrix
        shapes = (self.encoder.shape, self.decoder.shape, self.spectrum.shape)
        check(shapes == ((size,), (size,), (dimensions,)), f"the shapes of {self.name!r} do not fit each other")
        check(size > 0 and dimensions > 0, f"{self.name!r} is empty")
        check_finite(self.name, self.vectors, self.encoder, self.decoder, self.spectrum)

    @property
    def size(self) -> int:
        """N."""
        return int(self.encoder.size)

    @property
    def dimensions(self) -> int:
        """The rank d."""
        return int(self.spectrum.size)

    def widened(self, size: int) -> "LowRank":
        """Return the table over ``size`` items, of which those behind the present ones score 0."""
        more = size - self.size
        check(more >= 0, f"{self.name!r} has more than {size} items")
        vectors = np.pad(self.vectors, ((0, more), (0, 0)))
        return LowRank(
            self.name, vectors, np.pad(self.encoder, (0, more)), np.pad(self.decoder, (0, more)), self.spectrum
        )


@dataclass(frozen=True, eq=False)
class SparseRows:
    """A sparse table S, whose entries are published with few bits.

    Attributes:
        name: The table's name in the bundle.
        matrix: float64 [N, N] in compressed rows; its arrays become read-only.
        bits: Bits of an entry in the bundle.

    Raises:
        MisuseError: On construction, if the matrix is not square, finite and in canonical form (columns of a row
            ascending, each once).
    """

    name: str
    matrix: csr_matrix
    bits: Literal[4, 8]

    def __post_init__(self) -> None:
        """Refuse what no device could score with."""
        check_name(self.name)
        rows, columns = self.matrix.shape
        check(rows == columns > 0, f"the matrix of {self.name!r} is not square")
        check(self.bits in (4, 8), f"{self.name!r} has entries of {self.bits} bits; 4 or 8 are possible")
        check(self.matrix.has_canonical_format, f"the matrix of {self.name!r} is not in canonical form")
        check_finite(self.name, self.matrix.data)
        for part in (self.matrix.data, self.matrix.indices, self.matrix.indptr):
            part.setflags(write=False)

    @property
    def size(self) -> int:
        """N."""
        return int(self.matrix.shape[0])

    def widened(self, size: int) -> "SparseRows":
        """Return the table over ``size`` items, of which those behind the present ones score 0."""
        more = size - self.size
        check(more >= 0, f"{self.name!r} has more than {size} items")
        starts = np.pad(self.matrix.indptr, (0, more), mode="edge")
        matrix = csr_matrix((self.matrix.data, self.matrix.indices, starts), shape=(size, size), copy=True)
        matrix.has_canonical_format = True
        return SparseRows(self.name, matrix, self.bits)


def check_name(name: str) -> None:
    """Refuse what is no lower-case word, or one that a bundle needs itself."""
    right = _NAME.fullmatch(name) is not None and len(name) <= _LONGEST_NAME and name not in RESERVED_TABLES
    check(right, f"{name!r} is no lower-case word of at most {_LONGEST_NAME} signs, or a reserved one")


def check_finite(name: str, *arrays: Floats) -> None:
    """Refuse NaN, infinity and other precisions."""
    for array in arrays:
        check(array.dtype == np.float64, f"{name!r} holds {array.dtype}; float64 is needed")
        check(bool(np.isfinite(array).all()), f"{name!r} holds NaN or infinity, so scores would mean nothing")


def check(right: bool, otherwise: str) -> None:  # noqa: FBT001 - a condition
    """Refuse what is not so.

    Raises:
        MisuseError: If ``right`` is false.
    """
    if not right:
        raise MisuseError(f"{otherwise}. Nothing was made; correct the model's parts.")
