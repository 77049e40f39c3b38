"""Arithmetic modulo p = 2³² − 5 on whole arrays: exact, in unsigned integers of 64 bits.

Elements lie in 0..p − 1. On the wire each is four bytes, little-endian; an integer x < 0 is p − |x|. Reductions use
2³² ≡ 5, and sums of products are split into halves, so that nothing wraps.

Pure.
"""

import numpy as np
from numpy.typing import NDArray

from homespun.protocol.collection.constants import MODULUS

__all__ = [
    "ELEMENT_BYTES",
    "MODULUS",
    "Elements",
    "add_vectors",
    "centre",
    "dot",
    "elements_of",
    "encoded",
    "inverse",
    "multiply",
    "of_integers",
    "subtract",
    "subtract_words",
    "total",
]

ELEMENT_BYTES = 4
"""Bytes of an element on the wire."""

MOST_TERMS = 1 << 15
"""Most products that ``dot`` adds up: 2¹⁵ · 2³² · 2¹⁶ is below 2⁶⁴."""

_WORD = np.dtype("<u4")
_HALF = np.uint64(16)
_LOW = np.uint64(0xFFFF)
_P = np.uint64(MODULUS)

Elements = NDArray[np.uint64]
"""Elements to compute with: uint64, each below the modulus."""

Words = NDArray[np.uint32]
"""Elements to keep: uint32, each below the modulus."""


def add_vectors(one: Elements, other: Elements) -> Elements:
    """Return the sum of two arrays of elements, mod p.

    Args:
        one: uint64, of any shape; may be as large as 2⁶³ where sums were not reduced.
        other: uint64, of the same shape; likewise.
    """
    total: Elements = (one % _P + other % _P) % _P
    return total


def subtract(one: Elements, other: Elements) -> Elements:
    """Return ``one − other`` mod p; both uint64, of elements."""
    difference: Elements = (one + (_P - other)) % _P
    return difference


def subtract_words(one: Words, other: Words) -> Words:
    """Return ``one − other`` mod p, both uint32: what wraps 32 bits is five too large."""
    difference: Words = one - other
    difference -= (one < other).astype(np.uint32) * np.uint32((1 << 32) - MODULUS)
    return difference


def multiply(one: Elements, other: Elements) -> Elements:
    """Return the products, element by element, mod p; shapes broadcast."""
    product: Elements = (one * other) % _P
    return product


def dot(one: Elements, other: Elements) -> Elements:
    """Return the matrix product of two arrays of elements, mod p, as ``numpy.matmul`` does it.

    Args:
        one: uint64 [..., n, m], with m of at most ``MOST_TERMS``.
        other: uint64 [..., m, k].
    """
    low = one @ (other & _LOW)
    high = (one @ (other >> _HALF)) % _P
    product: Elements = (low % _P + (high << _HALF)) % _P
    return product


def total(values: Elements) -> Elements:
    """Return the sums over the last axis, mod p, of at most 2³² elements each."""
    summed: Elements = values.sum(axis=-1, dtype=np.uint64) % _P
    return summed


def inverse(value: int) -> int:
    """Return the number whose product with ``value`` is 1 mod p; ``value`` is not 0 mod p."""
    return pow(value, -1, MODULUS)


def of_integers(values: NDArray[np.int64]) -> Elements:
    """Return integers as elements: int64 of any shape, negative ones allowed."""
    elements: Elements = np.mod(values, np.int64(MODULUS)).astype(np.uint64)
    return elements


def centre(values: Elements) -> NDArray[np.int64]:
    """Return elements as the integers of the least magnitude that they stand for.

    Args:
        values: uint64, of any shape; reduced here.

    Returns:
        int64 of the same shape, in −(p − 1)/2..(p − 1)/2.
    """
    signed: NDArray[np.int64] = (values % _P).astype(np.int64)
    signed[signed > MODULUS // 2] -= MODULUS
    return signed


def encoded(values: Elements | Words) -> bytes:
    """Return elements as they travel: four bytes each, little-endian."""
    return np.ascontiguousarray(values, _WORD).tobytes()


def elements_of(raw: bytes | memoryview) -> Words | None:
    """Return the elements of what travelled, without a copy; None: one of them is not below the modulus."""
    words: Words = np.frombuffer(raw, _WORD)
    if words.size and int(words.max()) >= MODULUS:
        return None
    return words
