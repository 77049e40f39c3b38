"""The L2 bound that every privacy claim stands on, in exact integers and for any admissible input."""

from fractions import Fraction
from itertools import combinations
from math import isqrt
from random import Random

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from homespun.protocol.statistics import GRID, MAX_ITEM_WEIGHT, encode_count, encode_pairs
from tests.conftest import Runs

EXTREME = [1, 2, 3, 1023, 1024, 1025, MAX_ITEM_WEIGHT - 1, MAX_ITEM_WEIGHT]
WEIGHT = st.one_of(st.sampled_from(EXTREME), st.integers(1, MAX_ITEM_WEIGHT))


def check_bound(weights: NDArray[np.int64]) -> None:
    encoded = encode_pairs(weights)
    entries = [int(value) for value in encoded[np.triu_indices(weights.size, 1)]]
    assert min(entries, default=0) >= 0
    assert sum(value * value for value in entries) <= GRID * GRID
    assert not np.tril(encoded).any()


def reference(weights: list[int]) -> list[list[int]]:
    """The definition, slowly: exact rationals, the norm as the smallest integer that is large enough."""
    norm_squared = sum((a * b) ** 2 for a, b in combinations(weights, 2))
    norm = isqrt(norm_squared)
    while norm * norm < norm_squared:
        norm += 1
    return [
        [int(Fraction(GRID * a * b, norm)) if column > row else 0 for column, b in enumerate(weights)]
        for row, a in enumerate(weights)
    ]


@given(st.lists(WEIGHT, max_size=40))
@example([1])
@example([MAX_ITEM_WEIGHT, 1])
@example([MAX_ITEM_WEIGHT] * 40)
@example([1] * 39 + [MAX_ITEM_WEIGHT])
def test_a_persons_pairs_exceed_the_bound_or_differ_from_the_definition(weights: list[int]) -> None:
    array = np.array(weights, np.int64)
    check_bound(array)
    assert encode_pairs(array).tolist() == reference(weights)


@given(st.integers(0, 120), st.lists(st.tuples(WEIGHT, st.integers(0, 119)), max_size=4), WEIGHT)
def test_one_huge_weight_among_tiny_ones_exceeds_the_bound(n: int, odd: list[tuple[int, int]], common: int) -> None:
    weights = np.full(n, common, np.int64)
    for weight, place in odd:
        if place < n:
            weights[place] = weight
    check_bound(weights)


@pytest.mark.parametrize("n", [0, 1, 2, 3000])
@pytest.mark.parametrize("common", [1, 1024, MAX_ITEM_WEIGHT])
@pytest.mark.parametrize("first", [1, MAX_ITEM_WEIGHT])
def test_the_extremes_exceed_the_bound(n: int, common: int, first: int) -> None:
    weights = np.full(n, common, np.int64)
    weights[:1] = first
    check_bound(weights)


def test_many_random_items_exceed_the_bound(runs: Runs) -> None:
    for number in runs("contribution", 300):
        draw = np.random.default_rng(number)
        size = int(draw.integers(2, 400))
        exponents = draw.uniform(0, draw.uniform(0, 15), size)
        check_bound(np.clip(np.rint(2**exponents), 1, MAX_ITEM_WEIGHT).astype(np.int64))


@given(st.integers(1, 10**12))
@example(1)
@example(3)
@example(GRID**2)
@example(GRID**2 + 1)
def test_a_persons_counts_exceed_the_bound_or_waste_it(items: int) -> None:
    count = encode_count(items)
    assert count >= 0
    assert items * count * count <= GRID * GRID
    assert items * (count + 1) * (count + 1) > GRID * GRID


@given(st.lists(WEIGHT, min_size=2, max_size=12), st.randoms(use_true_random=False))
def test_the_order_of_the_items_changes_what_a_pair_gets(weights: list[int], shuffled: Random) -> None:
    order = list(range(len(weights)))
    shuffled.shuffle(order)
    straight = encode_pairs(np.array(weights, np.int64))
    symmetric = straight + straight.T
    moved = encode_pairs(np.array([weights[index] for index in order], np.int64))
    assert np.array_equal(moved + moved.T, symmetric[np.ix_(order, order)])
