"""What would sort people by something else than their taste."""

import numpy as np
import pytest
from numpy.typing import ArrayLike

from homespun.errors import MisuseError
from homespun.protocol.statistics.declaration import universe_of
from homespun.protocol.statistics.standard import archetypes, item_pairs
from homespun_server.errors import TrainingError
from homespun_server.privacy.provenance import Sourced, fixed, public
from homespun_server.privacy.release import Release
from homespun_server.training.archetypes import (
    STEPS,
    Centroids,
    first_centroids,
    grouped,
    next_centroids,
    published,
    train_archetypes,
)
from homespun_server.training.popularity import Universe
from tests.server.support import catalogue, counted, exact
from tests.server.training.sums import empty, everywhere, placed, released

SIZE, TASTES = 36, 3
UNIVERSE = universe_of(catalogue(SIZE).ids)
PAIRS = item_pairs(UNIVERSE, [1024] * SIZE)


def fans(people: int, *, seed: int = 0) -> list[list[int]]:
    """Return people who like five items of one third of the catalogue, and one of any."""
    draw = np.random.default_rng(seed)
    width = SIZE // TASTES
    own = [draw.choice(width, 5, replace=False) + width * (person % TASTES) for person in range(people)]
    return [sorted({*items.tolist(), int(draw.integers(SIZE))}) for items in own]


def universe() -> Sourced[Universe]:
    return public(Universe(np.arange(SIZE), np.linspace(2.0, 1.0, SIZE)), "a test")


def centroids(people: int = 3000, *, rho: float | None = None, count: int = TASTES) -> Sourced[Centroids]:
    return first_centroids(released(PAIRS, fans(people), rho=rho), universe(), fixed(count))


def tastes_of(rows: ArrayLike) -> list[int]:
    """Return which row each of many new people is nearest to."""
    table = np.array(rows)
    return [int(table[:, basket].sum(axis=1).argmax()) for basket in fans(300, seed=9)]


def check_sorted(found: list[int]) -> None:
    assert len(set(found[:TASTES])) == TASTES
    assert np.mean([taste == found[place % TASTES] for place, taste in enumerate(found)]) > 0.97


@pytest.mark.parametrize("rho", [None, 5.0])
def test_people_of_one_taste_are_sorted_into_several(rho: float | None) -> None:
    found = centroids(rho=rho)
    check_sorted(tastes_of(found.value))
    release = released(archetypes(UNIVERSE, found.value), fans(3000), rho=rho)
    learned = train_archetypes(release, everywhere(SIZE))
    assert learned.value.log_odds.shape == (TASTES, SIZE)
    check_sorted(tastes_of(learned.value.log_odds))
    again = next_centroids(learned, everywhere(SIZE))
    check_sorted(tastes_of(again.value))
    archetypes(UNIVERSE, again.value)
    assert again.releases == learned.releases == (release,)


def test_fewer_tastes_than_asked_for_fail_where_so_few_stand_out() -> None:
    found = centroids(rho=5.0, count=20)
    assert 2 <= len(found.value) < 20


def test_the_centroids_are_drawn_or_do_not_say_where_they_come_from() -> None:
    release = released(PAIRS, fans(500), rho=5.0)
    first, second = (first_centroids(release, universe(), fixed(3)) for _ in range(2))
    assert first.value == second.value
    assert first.releases == (release,)


@pytest.mark.parametrize(
    "release",
    [empty(PAIRS), empty(PAIRS, rho=0.001), released(PAIRS, [[0, 1]] * 9), released(PAIRS, [list(range(SIZE))] * 99)],
    ids=["nobody", "noise alone", "one pair", "everybody likes everything"],
)
def test_there_is_one_taste_and_people_are_sorted(release: Release) -> None:
    try:
        found = first_centroids(release, universe(), fixed(3)).value
    except TrainingError as error:
        assert "no two tastes" in str(error)  # noqa: PT017 - either is right
        return
    assert 2 <= len(found) <= 3
    archetypes(UNIVERSE, found)


def test_one_taste_is_asked_for_and_made() -> None:
    with pytest.raises(TrainingError, match="no two tastes"):
        centroids(count=1)


@pytest.mark.parametrize("rho", [None, 0.001])
def test_nobody_is_near_a_centroid_and_tastes_are_learned(rho: float | None) -> None:
    statistic = archetypes(UNIVERSE, centroids().value)
    with pytest.raises(TrainingError, match="no two tastes"):
        train_archetypes(empty(statistic, rho=rho), everywhere(SIZE))


def test_the_count_of_people_is_taken_for_an_item() -> None:
    statistic = archetypes(UNIVERSE, centroids().value)
    found = train_archetypes(released(statistic, fans(300)), placed(range(2, SIZE + 2), 50)).value
    assert found.log_odds.shape == (TASTES, 50)
    assert not found.log_odds[:, :2].any()
    assert not found.log_odds[:, SIZE + 2 :].any()
    assert found.weighted((1.0,) * 6).count == TASTES


def test_rounding_or_shifting_changes_who_is_nearest() -> None:
    log_odds = np.random.default_rng(0).normal(size=(5, 30))
    table = np.array(published(log_odds))
    assert table.min() == 0
    assert np.array_equal(table.min(axis=0), np.zeros(30))
    assert np.allclose((table - table[0]) / STEPS, log_odds - log_odds[0], atol=1 / STEPS)


def test_directions_far_apart_are_grouped_together() -> None:
    draw = np.random.default_rng(1)
    centres = np.eye(4)[draw.integers(0, 4, 80)]
    groups = grouped(centres * draw.uniform(0.5, 3, (80, 1)) + draw.normal(0, 0.02, (80, 4)), np.ones(80), 4)
    assert len({(int(group), int(row.argmax())) for group, row in zip(groups, centres, strict=True)}) == 4


def test_points_without_a_direction_break_the_grouping() -> None:
    assert set(grouped(np.zeros((5, 3)), np.ones(5), 2).tolist()) == {0}


def test_another_release_is_taken_for_tastes() -> None:
    with pytest.raises(MisuseError, match="no tastes"):
        train_archetypes(exact([1] * SIZE, counted), everywhere(SIZE))
