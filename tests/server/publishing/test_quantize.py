"""Rounding to 8 bits loses no more than half a step."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from homespun_server.publishing.onnx_export import quantize

reals = st.floats(-1e6, 1e6).filter(lambda value: value == 0 or abs(value) > 1e-20)
tables = arrays(np.float64, st.tuples(st.integers(1, 8), st.integers(1, 12)), elements=reals)


@given(rows=tables)
def test_an_entry_moves_by_more_than_half_a_step(rows: np.ndarray) -> None:
    integers, scales = quantize(rows)
    assert integers.dtype == np.int8
    assert scales.dtype == np.float32
    assert np.abs(integers.astype(int)).max() <= 127
    restored = integers.astype(np.float64) * scales.astype(np.float64)[:, None]
    # A scale is itself rounded to 24 bits.
    allowed = scales[:, None] / 2 + np.abs(rows) * 2.0**-23
    assert np.all(np.abs(restored - rows) <= allowed)


@given(rows=tables)
def test_the_range_of_eight_bits_is_left_unused(rows: np.ndarray) -> None:
    integers, _ = quantize(rows)
    filled = np.abs(rows).max(axis=1) > 0
    assert np.all(np.abs(integers[filled].astype(int)).max(axis=1) == 127)


def test_a_zero_row_divides_by_zero() -> None:
    integers, scales = quantize(np.array([[0.0, 0.0], [1.0, -1.0]]))
    assert integers.tolist() == [[0, 0], [127, -127]]
    assert scales[0] == 0
    assert scales[1] == pytest.approx(1 / 127)


def test_a_sign_is_lost() -> None:
    integers, _ = quantize(np.array([[-3.0, 3.0, 0.0]]))
    assert integers.tolist() == [[-127, 127, 0]]
