"""Rounding to 8 bits loses no more than half a step, and one table of integers is right for both sides."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from homespun_server.publishing.quantization import quantize, quantize_rows, squared_error
from homespun_server.training.model import LowRank
from tests.server.publishing.support import low_rank_of

reals = st.floats(-1e6, 1e6).filter(lambda value: value == 0 or abs(value) > 1e-20)
tables = arrays(np.float64, st.tuples(st.integers(1, 8), st.integers(1, 12)), elements=reals)


def dense(table: LowRank) -> np.ndarray:
    rows = table.vectors
    found: np.ndarray = table.encoder[:, None] * ((rows * table.spectrum) @ rows.T) * table.decoder
    return found


def restored(table: LowRank) -> np.ndarray:
    found = quantize(table)
    rows = found.integers.astype(float)
    dense: np.ndarray = (rows * found.spectrum.astype(float)) @ rows.T
    scaled: np.ndarray = found.encoder.astype(float)[:, None] * dense * found.decoder
    return scaled


@given(rows=tables)
def test_an_entry_moves_by_more_than_half_a_step(rows: np.ndarray) -> None:
    integers, scales = quantize_rows(rows)
    assert integers.dtype == np.int8
    assert scales.dtype == np.float32
    assert np.abs(integers.astype(int)).max() <= 127
    # A scale is itself rounded to 24 bits.
    allowed = scales[:, None] / 2 * (1 + 1e-6) + np.abs(rows) * 2.0**-23
    assert np.all(np.abs(integers.astype(float) * scales.astype(float)[:, None] - rows) <= allowed)


@given(rows=tables)
def test_the_range_of_eight_bits_is_left_unused(rows: np.ndarray) -> None:
    integers, _ = quantize_rows(rows)
    filled = np.abs(rows).max(axis=1) > 0
    assert np.all(np.abs(integers.astype(int)).max(axis=1)[filled] == 127)


def test_a_row_of_zeros_divides_by_zero() -> None:
    draw = np.random.default_rng(1)
    table = low_rank_of("t", 5, 3, draw)
    empty = LowRank("t", table.vectors * (np.arange(5) > 1)[:, None], table.encoder, table.decoder, table.spectrum)
    assert np.all(restored(empty)[:2] == 0)
    assert np.all(restored(empty)[:, :2] == 0)


@pytest.mark.parametrize("size", [1, 7, 300])
@pytest.mark.parametrize("seed", range(5))
def test_rounding_loses_more_than_a_percent(size: int, seed: int) -> None:
    table = low_rank_of("t", size, 8, np.random.default_rng([size, seed]))
    exact = dense(table)
    assert np.linalg.norm(restored(table) - exact) <= 0.01 * np.linalg.norm(exact)


def test_the_measured_error_is_not_the_error() -> None:
    for seed in range(20):
        table = low_rank_of("t", 40, 6, np.random.default_rng(seed))
        error = np.sum((restored(table) - dense(table)) ** 2)
        assert squared_error(table, quantize(table)) == pytest.approx(error, rel=1e-6)


def test_a_negative_spectrum_is_lost() -> None:
    vectors = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    table = LowRank("t", vectors, np.ones(3), np.ones(3), np.array([2.0, -0.5]))
    assert restored(table) == pytest.approx(dense(table), abs=1e-6)


def test_a_spectrum_of_zeros_or_tiny_numbers_overflows() -> None:
    draw = np.random.default_rng(3)
    for spectrum in (np.zeros(3), np.array([1.0, 1e-30, 0.0]), np.full(3, 1e-12)):
        table = LowRank("t", draw.normal(size=(6, 3)), np.ones(6), np.ones(6), spectrum)
        found = quantize(table)
        assert np.isfinite(found.spectrum).all()
        assert np.abs(restored(table) - dense(table)).max() <= 0.02 * np.abs(dense(table)).max()


@settings(max_examples=50)
@given(factor=st.floats(1e-6, 1e6))
def test_where_the_scale_lies_changes_what_is_scored(factor: float) -> None:
    table = low_rank_of("t", 12, 4, np.random.default_rng(2))
    shifted = LowRank("t", table.vectors, table.encoder * factor, table.decoder / factor, table.spectrum)
    assert restored(shifted) == pytest.approx(restored(table), rel=1e-5, abs=1e-7)
