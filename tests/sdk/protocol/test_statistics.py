import json
from fractions import Fraction
from math import isqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from homespun.errors import MisuseError
from homespun.protocol.statistics import (
    GRID,
    ITEM_COUNTS,
    ITEM_PAIRS,
    MAX_ITEM_WEIGHT,
    MAX_UNIVERSE,
    encode_count,
    encode_pairs,
    item_weights,
)

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "1" / "statistics.json").read_text(encoding="utf-8")
)
LARGEST_INT64 = 2**63 - 1


@pytest.mark.parametrize("vector", VECTORS["encode_count"], ids=lambda vector: str(vector["items"]))
def test_a_count_differs_from_the_released_version(vector: dict[str, int]) -> None:
    assert encode_count(vector["items"]) == vector["count"]


@pytest.mark.parametrize("vector", VECTORS["encode_pairs"], ids=lambda vector: vector["name"])
def test_pairs_differ_from_the_released_version(vector: dict[str, Any]) -> None:
    encoded = encode_pairs(np.array(vector["weights"], np.int64))
    assert encoded.dtype == np.int64
    assert encoded.tolist() == vector["pairs"]


@pytest.mark.parametrize("vector", VECTORS["item_weights"], ids=lambda vector: str(vector["power"]))
def test_item_weights_differ_from_the_released_version(vector: dict[str, Any]) -> None:
    weights = item_weights(np.array(vector["popularity"], np.float64), vector["power"])
    assert weights.dtype == np.int64
    assert weights.tolist() == vector["weights"]


def test_the_grid_or_the_bounds_change_within_a_version() -> None:
    assert (GRID, MAX_ITEM_WEIGHT, MAX_UNIVERSE) == (1 << 13, 1 << 15, 1 << 16)
    assert (ITEM_COUNTS.l2_bound, ITEM_PAIRS.l2_bound) == (GRID, GRID)


def test_the_largest_intermediate_values_wrap_64_bits() -> None:
    # What encode_pairs and a sum over people compute in int64, at the bounds of its arguments.
    assert GRID * MAX_ITEM_WEIGHT * MAX_ITEM_WEIGHT <= LARGEST_INT64
    assert MAX_UNIVERSE * MAX_ITEM_WEIGHT**2 <= LARGEST_INT64
    # A single entry of a person's contribution is at most GRID, so this many people fit.
    assert LARGEST_INT64 // GRID > 10**12


def test_the_share_of_a_pair_exceeds_the_grid_at_the_extremes() -> None:
    largest = np.full(2, MAX_ITEM_WEIGHT, np.int64)
    assert encode_pairs(largest).tolist() == [[0, GRID], [0, 0]]
    assert encode_pairs(np.array([1, 1], np.int64)).tolist() == [[0, GRID], [0, 0]]
    assert encode_pairs(np.array([1, MAX_ITEM_WEIGHT], np.int64)).tolist() == [[0, GRID], [0, 0]]


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_items_add_something(n: int) -> None:
    assert encode_pairs(np.ones(n, np.int64)).tolist() == [[0] * n] * n


@pytest.mark.parametrize("items", [0, -1, -(10**9)])
def test_a_contribution_of_no_items(items: int) -> None:
    with pytest.raises(MisuseError, match="at least one item"):
        encode_count(items)


@pytest.mark.parametrize("items", [1, 2, 3, 4, 10, 4095, GRID, GRID**2 - 1, GRID**2, GRID**2 + 1, 10**30])
def test_a_count_is_not_the_largest_that_keeps_the_bound(items: int) -> None:
    count = encode_count(items)
    assert 0 <= items * count**2 <= GRID**2 < items * (count + 1) ** 2


@pytest.mark.parametrize(
    "weights",
    [
        np.array([0, 1], np.int64),
        np.array([-1, 1], np.int64),
        np.array([1, MAX_ITEM_WEIGHT + 1], np.int64),
        np.array([1, np.iinfo(np.int64).min], np.int64),
    ],
)
def test_a_weight_is_out_of_range(weights: Any) -> None:
    with pytest.raises(MisuseError, match=r"1\.\.32768"):
        encode_pairs(weights)


@pytest.mark.parametrize(
    "weights",
    [
        np.array([1.0, 2.0]),
        np.array([1, 2], np.int32),
        np.array([1, 2], np.uint64),
        np.array([[1, 2], [3, 4]], np.int64),
        np.array(1, np.int64),
        np.ones(MAX_UNIVERSE + 1, np.int64),
    ],
    ids=lambda weights: f"{weights.dtype}{weights.shape}",
)
def test_weights_of_another_type_or_shape_or_too_many(weights: Any) -> None:
    with pytest.raises(MisuseError, match="int64 of shape"):
        encode_pairs(weights)


def test_item_weights_leave_their_bounds() -> None:
    popularity = np.array([1.0, 1e-300, 0.5, 1e-9])
    for power in (0.0, 0.4, 1.0, 50.0):
        weights = item_weights(popularity, power)
        assert weights.min() >= 1
        assert weights.max() <= MAX_ITEM_WEIGHT
        encode_pairs(weights)


@pytest.mark.parametrize("popularity", [[], [0.0], [1.0, -0.5], [np.nan, 1.0], [np.inf, 1.0], [-1.0, -2.0]], ids=str)
def test_item_weights_are_made_from_noise_below_zero(popularity: list[float]) -> None:
    with pytest.raises(MisuseError, match="positive and finite"):
        item_weights(np.array(popularity, np.float64), 0.4)


def test_a_contribution_differs_from_exact_fractions_at_a_perfect_square() -> None:
    # 4 items of weight 1 have 6 pairs; 9 equal pairs would have the exact norm 3.
    for weights in ([1, 1, 1, 1], [2, 2, 1], [1, 2, 2, 4], [3, 4, 12]):
        squares = [(a * b) ** 2 for index, a in enumerate(weights) for b in weights[index + 1 :]]
        total = sum(squares)
        norm = isqrt(total) + (isqrt(total) ** 2 < total)
        expected = [
            [int(Fraction(GRID * a * b, norm)) if column > row else 0 for column, b in enumerate(weights)]
            for row, a in enumerate(weights)
        ]
        assert encode_pairs(np.array(weights, np.int64)).tolist() == expected
