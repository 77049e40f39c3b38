"""The universe and the prior tell nothing but what was released."""

import hashlib

import numpy as np
import pytest

from homespun.protocol.statistics.grid import GRID
from homespun_server.errors import TrainingError
from homespun_server.privacy.provenance import fixed, public
from homespun_server.privacy.release import Release
from homespun_server.training.popularity import SIGNIFICANCE, SMALLEST_UNIVERSE, Universe, choose_universe, prior
from tests.server.support import catalogue, exact, noisy


def chosen(counts: Release, max_items: int) -> Universe:
    items = public(catalogue(counts.values.size), "a catalogue")
    return choose_universe(counts, items, fixed(max_items)).value


def test_equal_counts_are_ordered_by_position() -> None:
    ids = catalogue(40).ids
    universe = chosen(exact([GRID] * 40), 40)
    expected = sorted(range(40), key=lambda item: hashlib.sha256(ids[item].encode()).digest())
    assert universe.items.tolist() == expected != sorted(expected)


def test_less_popular_items_come_first() -> None:
    universe = chosen(exact([3, 0, 9, 5]), 4)
    assert universe.items.tolist() == [2, 3, 0]
    assert (universe.popularity * GRID).tolist() == [9, 5, 3]
    assert universe.relative[0] == 1.0


def test_the_universe_grows_beyond_its_limit() -> None:
    assert chosen(exact(list(range(1, 51))), 7).items.tolist() == list(range(49, 42, -1))


def test_a_private_universe_shows_how_many_items_were_used() -> None:
    for used in (0, 3, 100):
        counts = noisy([GRID] * used + [0] * (500 - used), rho=1e-4)
        universe = chosen(counts, 3000)
        assert universe.items.size >= SMALLEST_UNIVERSE
        assert universe.popularity.min() >= counts.noise > 0


def test_an_item_that_does_not_stand_out_from_the_noise_is_in_the_universe() -> None:
    counts = noisy([1000 * GRID] * 250 + [0] * 5000, rho=1.0)
    universe = chosen(counts, 3000)
    significant = counts.reals > SIGNIFICANCE * counts.noise
    assert universe.items.size == significant.sum()
    assert set(universe.items.tolist()) == set(np.flatnonzero(significant).tolist()) >= set(range(250))


@pytest.mark.parametrize("counts", [exact([0] * 10), exact([GRID, *[0] * 9]), noisy([GRID])])
def test_a_model_of_one_item_is_made(counts: Release) -> None:
    with pytest.raises(TrainingError, match="at least two"):
        chosen(counts, 100)


def test_the_prior_is_not_finite_or_prefers_the_unpopular() -> None:
    universe = chosen(noisy([100 * GRID] * 3 + [0] * 300, rho=0.01), 3000)
    values = prior(universe)
    assert np.isfinite(values).all()
    assert values[0] == 0.0
    assert np.all(np.diff(values) <= 0)
