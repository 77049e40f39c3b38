"""Arithmetic modulo p is exact, at its edges above all; Python's integers are the reference."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.protocol.collection import field
from homespun.protocol.collection.constants import MODULUS

EDGES = [0, 1, 2, 4, 5, 6, (1 << 16) - 1, 1 << 16, MODULUS // 2, MODULUS // 2 + 1, MODULUS - 2, MODULUS - 1]
ELEMENT = st.integers(0, MODULUS - 1) | st.sampled_from(EDGES)


def elements(values: list[int]) -> field.Elements:
    return np.array(values, np.uint64)


def test_the_modulus_is_no_prime() -> None:
    assert MODULUS < 1 << 32
    assert all(MODULUS % factor for factor in range(2, 1 << 16))


@given(st.lists(st.tuples(ELEMENT, ELEMENT), min_size=1, max_size=20))
def test_arithmetic_differs_from_that_of_integers(pairs: list[tuple[int, int]]) -> None:
    one, other = (elements(list(column)) for column in zip(*pairs, strict=True))
    assert field.add_vectors(one, other).tolist() == [(a + b) % MODULUS for a, b in pairs]
    assert field.subtract(one, other).tolist() == [(a - b) % MODULUS for a, b in pairs]
    assert field.multiply(one, other).tolist() == [a * b % MODULUS for a, b in pairs]
    assert field.total(one).tolist() == sum(a for a, _ in pairs) % MODULUS
    words = field.subtract_words(one.astype(np.uint32), other.astype(np.uint32))
    assert words.tolist() == [(a - b) % MODULUS for a, b in pairs]


def test_arithmetic_wraps_at_an_edge() -> None:
    pairs = [(a, b) for a in EDGES for b in EDGES]
    one, other = (elements(list(column)) for column in zip(*pairs, strict=True))
    assert field.multiply(one, other).tolist() == [a * b % MODULUS for a, b in pairs]
    words = field.subtract_words(one.astype(np.uint32), other.astype(np.uint32))
    assert words.tolist() == [(a - b) % MODULUS for a, b in pairs]


@pytest.mark.parametrize("terms", [1, 3, 1000, field.MOST_TERMS])
def test_a_product_of_many_terms_wraps(terms: int) -> None:
    one, other = np.full((2, terms), MODULUS - 1, np.uint64), np.full((terms, 3), MODULUS - 2, np.uint64)
    assert field.dot(one, other).tolist() == [[2 * terms % MODULUS] * 3] * 2


@given(st.lists(ELEMENT, min_size=6, max_size=6), st.lists(ELEMENT, min_size=6, max_size=6))
def test_a_matrix_product_differs_from_the_definition(one: list[int], other: list[int]) -> None:
    left, right = elements(one).reshape(2, 3), elements(other).reshape(3, 2)
    expected = [
        [sum(int(left[row, i]) * int(right[i, column]) for i in range(3)) % MODULUS for column in range(2)]
        for row in range(2)
    ]
    assert field.dot(left, right).tolist() == expected


@given(st.integers(1, MODULUS - 1))
def test_an_inverse_is_none(value: int) -> None:
    assert value * field.inverse(value) % MODULUS == 1


@given(st.lists(st.integers(-(MODULUS // 2), MODULUS // 2), min_size=1))
def test_integers_do_not_survive_as_elements(values: list[int]) -> None:
    as_elements = field.of_integers(np.array(values, np.int64))
    assert field.centre(as_elements).tolist() == values
    assert field.centre(as_elements + np.uint64(3 * MODULUS)).tolist() == values
    read = field.elements_of(field.encoded(as_elements))
    assert read is not None
    assert read.tolist() == as_elements.tolist()


@pytest.mark.parametrize("value", [MODULUS, MODULUS + 1, (1 << 32) - 1])
def test_what_is_no_element_is_read_as_one(value: int) -> None:
    assert field.elements_of(bytes(4) + value.to_bytes(4, "little") + bytes(4)) is None
    assert field.elements_of(bytes(4) + (MODULUS - 1).to_bytes(4, "little")) is not None
