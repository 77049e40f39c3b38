"""Weights give the values of a polynomial elsewhere; Horner's rule in Python's integers is the reference."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from homespun.protocol.collection.constants import MODULUS
from homespun.protocol.collection.field import dot, multiply, total
from homespun.protocol.collection.polynomials import extension, weights

COEFFICIENTS = st.lists(st.integers(0, MODULUS - 1), min_size=1, max_size=40)


def value(coefficients: list[int], at: int) -> int:
    result = 0
    for coefficient in coefficients:
        result = (result * at + coefficient) % MODULUS
    return result


@given(COEFFICIENTS, st.lists(st.integers(0, MODULUS - 1), min_size=1, max_size=4))
def test_a_value_between_differs_from_the_polynomial(coefficients: list[int], points: list[int]) -> None:
    count = len(coefficients)
    known = np.array([value(coefficients, place) for place in range(1, count + 1)], np.uint64)
    found = total(multiply(weights(count, np.array(points, np.uint64)), known))
    assert found.tolist() == [value(coefficients, point) for point in points]


@given(COEFFICIENTS, st.integers(1, 30))
def test_a_value_beyond_differs_from_the_polynomial(coefficients: list[int], further: int) -> None:
    count = len(coefficients)
    known = np.array([value(coefficients, place) for place in range(1, count + 1)], np.uint64)
    found = dot(known[None], extension(count, further))[0]
    assert found.tolist() == [value(coefficients, count + place) for place in range(1, further + 1)]


def test_a_known_value_is_not_its_own_weight() -> None:
    assert weights(5, np.arange(1, 6, dtype=np.uint64)).tolist() == np.eye(5, dtype=int).tolist()
