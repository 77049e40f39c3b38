"""What would make a trend point to another time, or to noise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.errors import MisuseError
from homespun.protocol.statistics.declaration import ItemTrend, universe_of
from homespun.protocol.statistics.standard import item_trend
from homespun_server.errors import TrainingError
from homespun_server.privacy.provenance import public
from homespun_server.privacy.release import Release
from homespun_server.training.item_prior import ItemPrior
from homespun_server.training.trend import TrendRecipe, decays, name_of, train_trend
from tests.server.support import catalogue, counted, exact
from tests.server.training.sums import empty, everywhere, placed, released

DAY = 86_400
SIZE = 10
EDGES = [DAY * day for day in range(31)]
STATISTIC = item_trend(universe_of(catalogue(SIZE).ids), EDGES)


def chosen(*days: tuple[int, int, int], rho: float | None = None) -> Release:
    """Release people who chose (item, day, how many people)."""
    people = [[item] for item, _, count in days for _ in range(count)]
    times = [[DAY * day + 60] for _, day, count in days for _ in range(count)]
    return released(STATISTIC, people, times=times, rho=rho)


def trained(release: Release, now: int = 30 * DAY, half_lives: tuple[int, ...] = (2 * DAY,)) -> tuple[ItemPrior, ...]:
    return train_trend(release, everywhere(SIZE), public(TrendRecipe(now, half_lives), "a test")).value


@pytest.mark.parametrize("rho", [None, 1.0])
def test_what_was_popular_long_ago_is_called_a_trend(rho: float | None) -> None:
    release = chosen((1, 2, 400), (2, 28, 60), (3, 15, 1), rho=rho)
    short, long = trained(release, half_lives=(2 * DAY, 200 * DAY))
    assert short.values.argmax() == 2
    assert long.values.argmax() == 1
    assert short.values.max() == 0.0


def test_the_values_are_others_than_the_documented_ones() -> None:
    form = STATISTIC.transformation
    assert isinstance(form, ItemTrend)
    (prior,) = trained(chosen((1, 2, 4), (2, 28, 6), (1, 20, 2)), half_lives=(5 * DAY,))
    counts = {1: {2: 4, 20: 2}, 2: {28: 6}}
    decayed = {item: sum(n * 2 ** (-(30 - day - 0.5) / 5) for day, n in own.items()) for item, own in counts.items()}
    cells = [(4, 2), (2, 20), (6, 28)]
    floor = 4 * sum(2 ** (-(30 - day - 0.5) / 5) for _, day in cells) / 3
    for item in range(SIZE):
        expected = np.log((floor + decayed.get(item, 0)) / (floor + max(decayed.values())))
        assert prior.values[item] == pytest.approx(expected)


@given(now=st.integers(0, 60 * DAY), half_life=st.integers(1, 400 * DAY))
def test_the_future_counts_or_age_makes_weight(now: int, half_life: int) -> None:
    form = STATISTIC.transformation
    assert isinstance(form, ItemTrend)
    weights = decays(form, now, half_life)
    assert ((weights >= 0) & (weights <= 1)).all()
    begun = np.array(EDGES[:-1]) <= now
    assert not weights[~begun].any()
    assert (np.diff(weights[begun]) >= 0).all()


def test_an_item_that_nobody_chose_outranks_one_that_some_did_by_noise() -> None:
    (prior,) = trained(chosen((1, 28, 500), (2, 28, 200), rho=0.5))
    nobody = np.delete(prior.values, [1, 2])
    assert nobody.max() < prior.values[2] - 1 < prior.values[1] - 1


def test_the_later_moment_makes_another_order_or_fails() -> None:
    release = chosen((1, 20, 30), (2, 28, 20))
    first, later = (trained(release, now=day * DAY)[0].values for day in (30, 50))
    assert np.allclose(first, later)  # everything has faded alike


def test_an_item_outside_the_universe_gets_more_than_the_least() -> None:
    release = chosen((1, 28, 5))
    recipe = public(TrendRecipe(30 * DAY, (DAY,)), "a test")
    (prior,) = train_trend(release, placed([5, 3, *range(6, 14)], 20), recipe).value
    assert prior.values.argmax() == 3
    assert prior.values[0] == prior.values.min() < 0


@pytest.mark.parametrize(
    ("release", "now"),
    [(chosen((1, 20, 9)), 10 * DAY), (chosen((1, 20, 9)), 2000 * DAY), (empty(STATISTIC), 30 * DAY)],
    ids=["it lies in the future", "it is forgotten", "nobody chose anything"],
)
def test_nothing_is_known_and_a_trend_is_made(release: Release, now: int) -> None:
    with pytest.raises(TrainingError, match="holds nothing"):
        trained(release, now)


def test_noise_alone_is_a_strong_trend() -> None:
    (prior,) = trained(empty(STATISTIC, rho=0.01))
    assert np.isfinite(prior.values).all()
    assert prior.values.min() > -4


def test_two_half_lives_have_one_name() -> None:
    assert [name_of(n) for n in (7 * DAY, 36 * 3600, 90 * 60, 61)] == [
        "trend-7d",
        "trend-36h",
        "trend-90m",
        "trend-61s",
    ]
    for wrong in ((), (0,), (DAY, DAY)):
        with pytest.raises(MisuseError, match="half-lives"):
            TrendRecipe(0, wrong)


def test_another_release_is_taken_for_a_trend() -> None:
    with pytest.raises(MisuseError, match="stretches of time"):
        trained(exact([1] * SIZE, counted))


def test_the_trend_does_not_say_where_it_comes_from() -> None:
    release = chosen((1, 20, 9), rho=1.0)
    found = train_trend(release, everywhere(SIZE), public(TrendRecipe(30 * DAY, (DAY,)), "a clock"))
    assert found.releases == (release,)
    assert "a clock" in found.public
