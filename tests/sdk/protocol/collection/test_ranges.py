"""Bits make every number of a range, and nothing outside of it."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.protocol.collection.ranges import Range


@pytest.mark.parametrize("largest", range(1, 70))
def test_bits_make_a_number_outside_of_the_range(largest: int) -> None:
    span = Range(largest)
    every = np.array(list(product([0, 1], repeat=span.bits)), np.uint64)
    assert set(span.join(every).tolist()) == set(range(largest + 1))


@given(st.integers(1, (1 << 31) - 1), st.data())
def test_a_number_does_not_survive_as_bits(largest: int, data: st.DataObject) -> None:
    span = Range(largest)
    inside = st.integers(0, largest) | st.sampled_from([0, largest, largest // 2, (largest + 1) // 2])
    numbers = np.array(data.draw(st.lists(inside, min_size=1, max_size=5)), np.int64)
    bits = span.split(numbers)
    assert bits.shape == (numbers.size, span.bits)
    assert set(bits.ravel().tolist()) <= {0, 1}
    assert span.join(bits).tolist() == numbers.tolist()
    assert int(span.weights.sum()) == largest
