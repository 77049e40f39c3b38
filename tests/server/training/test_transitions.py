"""What would make a table of transitions say something else than what comes next."""

import numpy as np
import pytest

from homespun.errors import MisuseError
from homespun.protocol.statistics.declaration import Transitions, universe_of
from homespun.protocol.statistics.standard import transitions
from homespun_server.errors import TrainingError
from homespun_server.privacy.provenance import derive, fixed
from homespun_server.privacy.release import Release
from homespun_server.training.tables import SparseRows
from homespun_server.training.transitions import (
    LearnedTransitions,
    TransitionRecipe,
    exact_weights,
    noisy_weights,
    standard_recipe,
    train_transitions,
    unit_of,
)
from tests.server.support import catalogue, counted, exact
from tests.server.training.sums import empty, everywhere, placed, released

SIZE = 12
STATISTIC = transitions(universe_of(catalogue(SIZE).ids))


def walks(people: int, *, seed: int = 0) -> list[list[int]]:
    """Return people who go round the items one by one, from anywhere."""
    starts = np.random.default_rng(seed).integers(0, SIZE, people)
    return [[(start + step) % SIZE for step in range(4)] for start in starts.tolist()]


def trained(release: Release, size: int = SIZE) -> LearnedTransitions:
    return train_transitions(release, everywhere(size), standard_recipe()).value


@pytest.mark.parametrize("rho", [None, 20.0])
def test_another_item_than_the_next_is_expected_first(rho: float | None) -> None:
    found = trained(released(STATISTIC, walks(3000), rho=rho)).matrix.toarray()
    assert found.argmax(axis=1).tolist() == [(item + 1) % SIZE for item in range(SIZE)]
    assert (found >= 0).all()
    assert not np.diag(found).any()


@pytest.mark.parametrize("size", [2, 5])
def test_the_weights_are_others_than_the_documented_ones(size: int) -> None:
    sums = np.abs(np.random.default_rng(size).normal(size=(size, size)))
    np.fill_diagonal(sums, 0.0)
    form = Transitions(lag_weights=(8, 4, 2), max_events=9)
    recipe = TransitionRecipe(row_offset=3.0, column_power=0.5, power=0.7)
    unit = float(np.median(sums[sums > 0])) / 0.5
    assert unit_of(sums, form) == pytest.approx(unit)
    exactly, noisily = exact_weights(sums, form, recipe), noisy_weights(sums, 0.25, recipe)
    for a in range(size):
        for b in range(size):
            row, column = sum(sums[a]), sum(sums[:, b])
            assert exactly[a, b] == pytest.approx((sums[a, b] / (row + 3 * unit) / max(column, unit) ** 0.5) ** 0.7)
            assert noisily[a, b] == pytest.approx((sums[a, b] / (row + 3 * 0.25) ** 0.8) ** 0.7)


def test_a_fleet_of_twice_the_people_alike_learns_otherwise_beyond_its_offset() -> None:
    once, twice = (trained(released(STATISTIC, walks(2000) * times)).matrix.toarray() for times in (1, 2))
    some = once > 0
    ratio = twice[some] / once[some]
    assert np.allclose(ratio, ratio[0], rtol=1e-3)


def test_items_outside_the_universe_get_transitions_or_those_inside_get_mixed_up() -> None:
    rows = [30, 2, 17, *range(3, 12)]
    release = released(STATISTIC, walks(500))
    table = train_transitions(release, placed(rows, 40), standard_recipe()).value.matrix
    inside = trained(release).matrix.toarray()
    assert table.shape == (40, 40)
    assert np.array_equal(table.toarray()[np.ix_(rows, rows)], inside)
    assert table.nnz == np.count_nonzero(inside)
    assert table.has_canonical_format
    assert SparseRows("transitions", table, 4).size == 40


def test_an_item_that_follows_itself_by_noise_stays() -> None:
    found = trained(released(STATISTIC, walks(300), rho=1.0)).matrix
    assert not found.diagonal().any()


@pytest.mark.parametrize("people", [[[3]] * 50, [[3, 3, 3]] * 50])
def test_nothing_follows_anything_and_a_table_is_made(people: list[list[int]]) -> None:
    with pytest.raises(TrainingError, match="hold nothing"):
        trained(released(STATISTIC, people))


def test_noise_alone_passes_for_patterns() -> None:
    big = transitions(universe_of(catalogue(60).ids))
    found = trained(empty(big, rho=0.01), 60)
    assert found.directions is not None
    assert found.directions <= 2
    assert np.isfinite(found.matrix.data).all()


def test_the_noise_hides_what_is_there_and_patterns_are_counted() -> None:
    found = trained(released(STATISTIC, walks(4000), rho=20.0))
    assert found.directions is not None
    assert found.directions >= 2
    assert trained(released(STATISTIC, walks(20))).directions is None


def test_the_same_release_trains_another_table() -> None:
    release = released(STATISTIC, walks(300), rho=1.0)
    first, second = (trained(release).matrix for _ in range(2))
    assert np.array_equal(first.toarray(), second.toarray())


def test_the_table_does_not_say_where_it_comes_from() -> None:
    release = released(STATISTIC, walks(50), rho=1.0)
    found = train_transitions(release, everywhere(SIZE), standard_recipe())
    assert found.releases == (release,)
    assert found.kind == "released"
    assert train_transitions(released(STATISTIC, walks(50)), everywhere(SIZE), standard_recipe()).kind == "non_private"


@pytest.mark.parametrize("wrong", ["another statistic", "another universe"])
def test_another_release_is_taken_for_transitions(wrong: str) -> None:
    release = exact([1] * SIZE, counted) if wrong == "another statistic" else released(STATISTIC, walks(9))
    place = everywhere(SIZE if wrong == "another statistic" else SIZE + 1)
    with pytest.raises(MisuseError):
        train_transitions(release, place, standard_recipe())


@pytest.mark.parametrize("recipe", [(-1.0, 0.3, 0.4), (5.0, 1.5, 0.4), (5.0, 0.3, 0.0), (5.0, 0.3, float("nan"))])
def test_a_recipe_that_means_nothing_is_taken(recipe: tuple[float, float, float]) -> None:
    with pytest.raises(MisuseError, match="no recipe"):
        derive(TransitionRecipe, *(fixed(number) for number in recipe))
