"""Items of a statistic are taken for others of the model."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.errors import MisuseError
from homespun_server.privacy.provenance import public
from homespun_server.training.placement import Integers, Placement, placement
from tests.server.support import exact


def placed(universe: list[int], items: list[int]) -> Placement:
    def stated(values: list[int]):
        return public(np.array(values, np.int64), "a test")

    return placement(stated(universe), stated(items)).value


@given(st.permutations(range(0, 40, 2)), st.integers(0, 20), st.randoms(use_true_random=False))
def test_an_item_stands_elsewhere_than_the_model_has_it(items: list[int], size: int, chance) -> None:
    universe = chance.sample(items, size)
    found = placed(universe, items)
    assert found.size == 20
    assert [items[row] for row in found.rows] == universe


@pytest.mark.parametrize(("universe", "items"), [([1], [2, 3]), ([9], [2, 3]), ([1], [])])
def test_an_item_that_the_model_does_not_have_is_placed(universe: list[int], items: list[int]) -> None:
    with pytest.raises(MisuseError, match="does not have"):
        placed(universe, items)


@pytest.mark.parametrize("rows", [[0, 0], [-1], [3]])
def test_rows_mix_items_up(rows: list[int]) -> None:
    with pytest.raises(MisuseError, match="not distinct"):
        Placement(np.array(rows), 3)


def test_another_universe_is_taken_for_the_one_that_was_placed() -> None:
    with pytest.raises(MisuseError, match="3 items, and 2 were placed"):
        Placement(np.array([0, 1]), 5).check(exact([1, 2, 3]))


def test_values_are_spread_to_other_rows() -> None:
    rows: Integers = np.array([4, 1, 2])
    place = Placement(rows, 6)
    assert place.spread(np.array([1.0, 2.0, 3.0]), -1.0).tolist() == [-1, 2, 3, -1, 1, -1]
    square = np.array([[0.0, 1.0, -5.0], [2.0, 0.0, 3.0], [0.0, 0.0, 4.0]])
    spread = place.spread_square(square).toarray()
    assert np.array_equal(spread[np.ix_(rows, rows)], np.maximum(square, 0))
    assert np.count_nonzero(spread) == 4
