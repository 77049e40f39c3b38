from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.ranking.exploration import epsilon_greedy, explored_places, thompson


@pytest.mark.parametrize(
    ("length", "share", "places"),
    [
        (20, 0.1, {10, 20}),
        (10, 0.1, {10}),
        (9, 0.1, set()),
        (4, 1.0, {1, 2, 3, 4}),
        (10, 0.3, {4, 7, 10}),
        (5, 0.0, set()),
    ],
)
def test_more_places_are_explored_than_allowed(length: int, share: float, places: set[int]) -> None:
    assert explored_places(length, share) == places


@given(st.integers(1, 300), st.floats(0, 1))
def test_explored_places_fall_together(length: int, share: float) -> None:
    places = explored_places(length, share)
    assert len(places) == int(share * length + 1e-9)
    assert all(1 <= place <= length for place in places)
    assert 1 not in places or len(places) == length


@pytest.mark.parametrize("epsilon", [0.0, 0.2, 1.0])
def test_a_pick_is_likelier_than_it_says(epsilon: float) -> None:
    picks = Counter(epsilon_greedy(epsilon, seed)([7, 8, 9]) for seed in range(4000))
    assert {item for item, _ in picks} == ({7} if epsilon == 0 else {7, 8, 9})
    for (_, propensity), count in picks.items():
        assert count / 4000 == pytest.approx(propensity, abs=0.04)


@given(st.integers(0, 2**64), st.lists(st.integers(1, 20), min_size=1, max_size=5))
def test_the_same_seed_picks_something_else(seed: int, sizes: list[int]) -> None:
    first, second = (epsilon_greedy(0.5, seed) for _ in range(2))
    assert [first(range(size)) for size in sizes] == [second(range(size)) for size in sizes]


def test_a_draw_picks_an_item_that_is_taken_already() -> None:
    samples = np.array([[3.0, 2.0, 1.0], [3.0, 1.0, 2.0], [1.0, 3.0, 2.0], [3.0, 1.0, 2.0]])
    pick = thompson(samples)
    assert pick([0, 1, 2]) == (0, 0.75)
    assert pick([1, 2]) == (2, 0.5)
    assert pick([1]) == (1, 1.0)


@given(st.integers(1, 6), st.integers(1, 30), st.integers(0, 100))
def test_what_was_picked_could_not_have_been(items: int, draws: int, seed: int) -> None:
    samples = np.random.default_rng(seed).standard_normal((draws, items))
    picked, propensity = thompson(samples)(range(items))
    assert picked == int(samples[0].argmax())
    assert propensity >= 1 / draws
