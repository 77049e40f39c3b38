"""Polynomials mod p that are known by their values at 1, 2, 3, …: what weighs these values elsewhere (Lagrange).

The polynomial of degree below n with the values v₁..vₙ has at t the value Σ vᵢ wᵢ(t), where
wᵢ(t) = ∏_{j≠i} (t − j) / (i − j).

Pure.
"""

import numpy as np

from homespun.protocol.collection.field import MODULUS, Elements, inverse, multiply


def weights(count: int, at: Elements) -> Elements:
    """Return what each of the values at 1..count weighs in the value at some points.

    Args:
        count: How many values are known.
        at: uint64 [...], the points, mod p.

    Returns:
        uint64 [..., count].
    """
    points = np.arange(1, count + 1, dtype=np.uint64)
    distances = (at[..., None] + (np.uint64(MODULUS) - points)) % np.uint64(MODULUS)
    before, after = np.ones_like(distances), np.ones_like(distances)
    for place in range(1, count):
        before[..., place] = multiply(before[..., place - 1], distances[..., place - 1])
        after[..., -1 - place] = multiply(after[..., -place], distances[..., -place])
    return multiply(multiply(before, after), _scales(count))


def extension(count: int, further: int) -> Elements:
    """Return the matrix that takes values at 1..count to those at count + 1..count + further.

    Returns:
        uint64 [count, further].
    """
    at = np.arange(count + 1, count + further + 1, dtype=np.uint64)
    return np.ascontiguousarray(weights(count, at).T)


def _scales(count: int) -> Elements:
    """Return 1 / ∏_{j≠i} (i − j) for i = 1..count: the product is (i − 1)! · (count − i)! · (−1)^{count − i}."""
    factorials = [1]
    for factor in range(1, count):
        factorials.append(factorials[-1] * factor % MODULUS)
    products = [factorials[i - 1] * factorials[count - i] * (-1) ** (count - i) for i in range(1, count + 1)]
    return np.array([inverse(product % MODULUS) for product in products], np.uint64)
