"""Clipping: the norm is exact, rounding goes down, and nothing wraps at the largest numbers that there may be."""

from collections.abc import Sequence
from itertools import accumulate, pairwise
from math import isqrt, sqrt

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from homespun.errors import MisuseError
from homespun.protocol.statistics import grid
from homespun.protocol.statistics.declaration import MAX_ITEM_WEIGHT, MAX_LAG_WEIGHT
from homespun.protocol.statistics.grid import GRID, MAX_BOUND, MAX_CELLS, MAX_WEIGHT, ceiling_root, clip
from tests.sdk.protocol.statistics.people import integers

WRAPS = 1 << 63
weights = st.sampled_from([0, 1, 2, 3, MAX_WEIGHT - 1, MAX_WEIGHT, MAX_WEIGHT + 1, WRAPS - 1]) | st.integers(0, 1 << 20)
bounds = st.sampled_from([1, 2, 3, 100, GRID - 1, GRID, MAX_BOUND])
groups = st.lists(st.lists(weights, max_size=30), max_size=4)


def clipped(people: Sequence[Sequence[int]], bound: int) -> list[list[int]]:
    starts = [0, *accumulate(map(len, people))]
    values = clip(integers([weight for own in people for weight in own]), integers(starts), bound).tolist()
    return [values[begin:end] for begin, end in pairwise(starts)]


def capped(own: Sequence[int]) -> list[int]:
    return [min(weight, MAX_WEIGHT) for weight in own]


@given(groups, bounds)
@example([[3, 4], [], [0], [0, 0, 1]], GRID)
@example([[WRAPS - 1] * 30], MAX_BOUND)
@example([[1] * 30, [MAX_WEIGHT] * 30], 1)
def test_the_norm_exceeds_the_bound(people: list[list[int]], bound: int) -> None:
    for values in clipped(people, bound):
        assert min(values, default=0) >= 0
        assert sum(value * value for value in values) <= bound * bound


@given(groups, bounds)
@example([[3, 4], [1], [7] * 16], GRID)
def test_a_value_is_not_its_share_of_the_norm_rounded_down(people: list[list[int]], bound: int) -> None:
    """Beside ⌊bound · w / √Σw²⌋ in exact integers: never above, one below at most, equal where the root is whole."""
    for own, values in zip(people, clipped(people, bound), strict=True):
        square = sum(weight**2 for weight in capped(own))
        for weight, value in zip(capped(own), values, strict=True):
            ideal = isqrt((bound * weight) ** 2 // square) if square else 0
            assert ideal - 1 <= value <= ideal
            assert value == ideal or isqrt(square) ** 2 != square


@given(groups, bounds)
def test_somebody_loses_more_than_the_grid_takes(people: list[list[int]], bound: int) -> None:
    """Rounding n numbers down takes less than √n from the norm, and the norm's own rounding 2⁻¹⁶ of it."""
    for own, values in zip(people, clipped(people, bound), strict=True):
        if any(own):
            norm = sqrt(sum(value**2 for value in values))
            assert norm >= bound * (1 - 2.0**-16) - sqrt(len(own)) - 1e-9


@pytest.mark.parametrize(("cells", "lost"), [(100, 0.003), (1000, 0.004), (10_000, 0.013), (1 << 20, 0.125)])
def test_equal_cells_lose_more_than_is_stated(cells: int, lost: float) -> None:
    (values,) = clipped([[1] * cells], GRID)
    assert GRID * (1 - lost) <= sqrt(sum(value**2 for value in values)) <= GRID


def test_intermediate_numbers_wrap_64_bits() -> None:
    assert MAX_WEIGHT * (MAX_BOUND << 16) < WRAPS
    assert MAX_CELLS * (1 << 30) < WRAPS  # products of halves of weights, added up
    assert ceiling_root((MAX_CELLS * MAX_WEIGHT**2) << 32) < WRAPS
    assert MAX_ITEM_WEIGHT**2 < WRAPS
    assert MAX_LAG_WEIGHT**2 * 64 * (1 << 14) < WRAPS  # every lag of every event in one cell
    assert WRAPS > (1 << 31) * (1 << 31)  # the key of a person and a cell


def test_the_largest_weights_of_many_cells_wrap() -> None:
    (values,) = clipped([[MAX_WEIGHT] * (1 << 20)], MAX_BOUND)
    assert set(values) == {MAX_BOUND >> 10}
    (values,) = clipped([[MAX_WEIGHT] * (1 << 20) + [1]], MAX_BOUND)
    assert set(values) == {(MAX_BOUND >> 10) - 1, 0}


@pytest.mark.parametrize("bound", [0, -1, MAX_BOUND + 1])
def test_a_bound_out_of_range_is_taken(bound: int) -> None:
    with pytest.raises(MisuseError, match="not within"):
        clipped([[1]], bound)


def test_a_negative_weight_is_taken() -> None:
    with pytest.raises(MisuseError, match="a weight is negative"):
        clipped([[5, -1]], GRID)


def test_more_cells_than_sums_are_exact_for_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grid, "MAX_CELLS", 3)
    assert clipped([[1], [1, 1]], 2) == [[2], [1, 1]]
    with pytest.raises(MisuseError, match="4 cells"):
        clipped([[1] * 4], GRID)


@given(st.integers(0, 1 << 200))
@example(0)
@example(1 << 199)
def test_a_root_is_not_the_smallest_that_is_large_enough(value: int) -> None:
    root = ceiling_root(value)
    assert root * root >= value
    assert root == 0 or (root - 1) ** 2 < value


def test_the_grid_changes_within_a_version() -> None:
    assert (GRID, MAX_BOUND, MAX_WEIGHT, MAX_CELLS) == (1 << 13, 1 << 16, (1 << 30) - 1, 1 << 29)
    assert np.iinfo(np.int64).max == WRAPS - 1
