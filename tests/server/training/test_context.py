"""What would make circumstances matter that do not, or not matter that do."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.errors import MisuseError
from homespun.protocol.statistics.declaration import universe_of
from homespun.protocol.statistics.standard import item_context, repeats
from homespun_server.errors import TrainingError
from homespun_server.privacy.release import Release
from homespun_server.training.context import train_context
from homespun_server.training.ratios import LARGEST_RATIO, log_ratios
from homespun_server.training.repeating import train_repeats
from tests.server.support import catalogue, counted, exact
from tests.server.training.sums import empty, everywhere, placed, released

SIZE = 40
VALUES = ("night", "morning", "noon")
STATISTIC = item_context(universe_of(catalogue(SIZE).ids), "daypart", VALUES)
MAGNITUDES = st.just(0.0) | st.floats(1e-5, 1e6)  # a step of the grid is about 1e-4
REPEATS = repeats(universe_of(catalogue(SIZE).ids), thresholds=(1, 2, 4))


def by_daypart(people: int, *, strength: float = 0.8, rho: float | None = None, seed: int = 0) -> Release:
    """Release people whose items of the first half are chosen at night, as far as ``strength``."""
    draw = np.random.default_rng(seed)
    items = draw.integers(0, SIZE, (people, 6))
    values = np.where((items < SIZE // 2) & (draw.random(items.shape) < strength), 0, draw.integers(0, 3, items.shape))
    return released(STATISTIC, items.tolist(), contexts={"daypart": values.tolist()}, rho=rho)


@pytest.mark.parametrize("rho", [None, 5.0])
def test_what_is_chosen_at_night_is_not_preferred_at_night(rho: float | None) -> None:
    found = train_context(by_daypart(3000, rho=rho), everywhere(SIZE)).value
    night, morning, _ = found.log_odds
    assert found.values == VALUES
    assert night[: SIZE // 2].min() > 0.1 > -0.1 > night[SIZE // 2 :].max()
    assert morning[: SIZE // 2].mean() < -0.1 < 0.1 < morning[SIZE // 2 :].mean()


@pytest.mark.parametrize("rho", [None, 1.0])
def test_chance_passes_for_a_difference(rho: float | None) -> None:
    odds = train_context(by_daypart(3000, strength=0.0, rho=rho), everywhere(SIZE)).value.log_odds
    assert np.abs(odds).mean() < 0.05


def test_more_people_make_the_odds_less_true() -> None:
    few, many = (train_context(by_daypart(n), everywhere(SIZE)).value.log_odds[0] for n in (200, 20_000))
    # Of the first half .8 + .2/3 are at night, of all .6.
    true = np.log((0.8 + 0.2 / 3) / 0.6)
    assert np.abs(many[: SIZE // 2] - true).max() < 0.15
    assert np.abs(few[: SIZE // 2] - true).mean() > np.abs(many[: SIZE // 2] - true).mean()


def test_the_ratios_are_others_than_the_documented_ones() -> None:
    draw = np.random.default_rng(0)
    sums = draw.gamma(2.0, 50.0, (3, 200))
    totals, shares = sums.sum(axis=0), sums.sum(axis=1) / sums.sum()
    found = log_ratios(sums, totals, shares, np.full(3, 1e-9))
    # Where nothing but the differences explains the deviations, next to nothing is shrunk.
    raw = np.log(sums / (shares[:, None] * totals))
    assert np.corrcoef(found.ravel(), raw.ravel())[0, 1] > 0.98
    assert (np.abs(found) <= np.abs(raw) + 1e-9).all()


@given(seed=st.integers(0, 999), noise=MAGNITUDES, scale=MAGNITUDES)
def test_a_ratio_is_not_finite_or_beyond_its_limits(seed: int, noise: float, scale: float) -> None:
    draw = np.random.default_rng(seed)
    sums = np.maximum(draw.normal(size=(3, 8)) * scale, 0) + draw.normal(size=(3, 8)) * noise
    found = log_ratios(sums, sums.sum(axis=0), np.array([0.2, 0.5, 0.3]), np.full(3, noise**2))
    assert np.isfinite(found).all()
    assert np.abs(found).max() <= np.log(LARGEST_RATIO) + 1e-12


@pytest.mark.parametrize("release", [empty(STATISTIC), empty(STATISTIC, rho=0.01)], ids=["nobody", "noise alone"])
def test_no_value_stands_out_and_a_context_is_made(release: Release) -> None:
    with pytest.raises(TrainingError, match="no two values"):
        train_context(release, everywhere(SIZE))


def test_a_value_that_nobody_had_says_something() -> None:
    only = [[item % SIZE] for item in range(900)]
    release = released(STATISTIC, only, contexts={"daypart": [[item % 2] for item in range(900)]})
    found = train_context(release, everywhere(SIZE)).value.log_odds
    assert not found[2].any()
    assert found[:2].any()


def test_items_outside_the_universe_suit_something() -> None:
    found = train_context(by_daypart(900), placed(range(10, 50), 60)).value
    assert found.log_odds.shape == (3, 60)
    assert not found.log_odds[:, :10].any()
    assert not found.log_odds[:, 50:].any()
    assert found.weighted((1.0,) * 6).feature == "daypart"


def again(people: int, *, rho: float | None = None, seed: int = 0) -> Release:
    """Release people of whom most choose an even item again, and hardly anybody an odd one."""
    draw = np.random.default_rng(seed)
    items = draw.integers(0, SIZE, (people, 3))
    times = 1 + (draw.random(items.shape) < np.where(items % 2, 0.1, 0.7))
    return released(REPEATS, [np.repeat(*pair).tolist() for pair in zip(items, times, strict=True)], rho=rho)


@pytest.mark.parametrize("rho", [None, 5.0])
def test_what_is_chosen_again_is_not_told_from_what_is_not(rho: float | None) -> None:
    values = train_repeats(again(4000, rho=rho), everywhere(SIZE)).value.values
    assert values[::2].min() > 0.2 > -0.2 > values[1::2].max()


@pytest.mark.parametrize(
    "release",
    [empty(REPEATS), empty(REPEATS, rho=0.01), released(REPEATS, [[item % SIZE] for item in range(99)])],
    ids=["nobody", "noise alone", "nobody chose twice"],
)
def test_nothing_is_chosen_again_and_a_prior_is_made(release: Release) -> None:
    with pytest.raises(TrainingError, match="nothing is chosen again"):
        train_repeats(release, everywhere(SIZE))


def test_another_release_is_taken_for_a_context_or_repeats() -> None:
    counts = exact([1] * SIZE, counted)
    with pytest.raises(MisuseError, match="no context"):
        train_context(counts, everywhere(SIZE))
    with pytest.raises(MisuseError, match="no repeats"):
        train_repeats(counts, everywhere(SIZE))
    once = repeats(universe_of(catalogue(SIZE).ids), thresholds=(1,))
    with pytest.raises(MisuseError, match="two thresholds"):
        train_repeats(empty(once), everywhere(SIZE))


def test_they_do_not_say_where_they_come_from() -> None:
    dayparts, repeated = by_daypart(500, rho=5.0), again(500, rho=5.0)
    assert train_context(dayparts, everywhere(SIZE)).releases == (dayparts,)
    assert train_repeats(repeated, everywhere(SIZE)).releases == (repeated,)
