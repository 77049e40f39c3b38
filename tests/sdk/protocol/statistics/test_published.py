"""Weights that are published with a declaration stay within their bounds, whatever they are made from."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.errors import MisuseError
from homespun.protocol.statistics.declaration import MAX_ITEM_WEIGHT, MAX_LAG_WEIGHT, validated
from homespun.protocol.statistics.published import WEIGHT_GRID, item_weights, lag_weights
from homespun.protocol.statistics.standard import item_pairs, transitions
from tests.sdk.protocol.statistics.declarations import universe

popularities = st.lists(st.floats(0, 1e308, exclude_min=True), min_size=2, max_size=20)


@given(popularities, st.floats(-100, 100))
def test_item_weights_leave_their_bounds(popularity: list[float], power: float) -> None:
    weights = item_weights(np.array(popularity), power)
    assert all(type(weight) is int and 1 <= weight <= MAX_ITEM_WEIGHT for weight in weights)
    assert weights[int(np.argmax(popularity))] == WEIGHT_GRID
    validated(item_pairs(universe(len(weights)), weights))


@given(popularities, st.floats(0, 100))
def test_a_popular_item_weighs_more_than_a_rare_one(popularity: list[float], power: float) -> None:
    weights = item_weights(np.array(popularity), power)
    by_popularity = [weights[place] for place in np.argsort(popularity)]
    assert by_popularity == sorted(by_popularity, reverse=True)


@pytest.mark.parametrize("power", [0.4, 1.0, 50.0, 1e300])
def test_a_rarity_beyond_all_floats_is_a_fault(power: float) -> None:
    assert item_weights(np.array([1e308, 5e-324]), power) == (WEIGHT_GRID, MAX_ITEM_WEIGHT)


@pytest.mark.parametrize("popularity", [[], [0.0], [1.0, -0.5], [np.nan, 1.0], [np.inf, 1.0], [-1.0, -2.0]], ids=str)
def test_item_weights_are_made_from_noise_below_zero(popularity: list[float]) -> None:
    with pytest.raises(MisuseError, match="positive and finite"):
        item_weights(np.array(popularity, np.float64), 0.4)


@pytest.mark.parametrize("power", [math.nan, math.inf, -math.inf])
def test_item_weights_are_made_with_a_power_that_is_no_number(power: float) -> None:
    with pytest.raises(MisuseError, match="must be finite"):
        item_weights(np.array([1.0, 0.5]), power)


@given(st.floats(1e-3, 1e6), st.integers(1, 64))
def test_lag_weights_leave_their_bounds_or_grow(decay: float, lags: int) -> None:
    weights = lag_weights(decay, lags)
    assert len(weights) == lags
    assert weights[0] == MAX_LAG_WEIGHT
    assert list(weights) == sorted(weights, reverse=True)
    assert weights[-1] >= 0
    validated(transitions(universe(3), lags=weights))


@pytest.mark.parametrize(("decay", "lags"), [(0.0, 6), (-1.0, 6), (math.nan, 6), (math.inf, 6), (1.0, 0), (1.0, -1)])
def test_lag_weights_of_nothing(decay: float, lags: int) -> None:
    with pytest.raises(MisuseError, match="must be positive"):
        lag_weights(decay, lags)
