"""An interval is narrower than chance, wider than it must be, or of other people than it says."""

import numpy as np
import pytest

from homespun_server.evaluation.intervals import Interval, bootstrap, clustered, ratio


def test_an_interval_misses_its_mean_or_changes_between_runs() -> None:
    values = np.random.default_rng(0).normal(1.0, 2.0, 400)
    interval = bootstrap(values)
    assert interval == bootstrap(values)
    assert interval.low < interval.mean < interval.high
    assert interval.mean == pytest.approx(values.mean())
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.1)
    assert interval.half_width == (interval.high - interval.low) / 2


def test_equal_figures_have_a_width() -> None:
    interval = bootstrap(np.full(7, 0.25))
    assert (interval.low, interval.mean, interval.high) == (0.25, 0.25, 0.25)
    assert clustered(np.full((7, 1), 0.25), np.arange(7) // 2) == [Interval(0.25, 0.25, 0.25)]


def one(values: np.ndarray, users: np.ndarray) -> Interval:
    (interval,) = clustered(values[:, None], users)
    assert interval is not None
    return interval


def test_cases_of_one_person_count_as_so_many_people() -> None:
    own = np.random.default_rng(1).normal(0.0, 1.0, 100)
    repeated, users = np.repeat(own, 25), np.repeat(np.arange(100), 25)
    by_user, by_case = one(repeated, users), bootstrap(repeated)
    assert by_user.half_width == pytest.approx(1.96 * own.std() / 10, rel=0.12)
    assert by_user.half_width == pytest.approx(5 * by_case.half_width, rel=0.15)
    assert by_user.mean == pytest.approx(by_case.mean)


def test_one_case_a_user_gives_another_interval_than_the_plain_one() -> None:
    values = np.random.default_rng(2).random(60)
    assert one(values, np.arange(60)[::-1]).half_width == pytest.approx(bootstrap(values).half_width, rel=0.05)


def test_a_user_with_more_cases_weighs_as_one_with_few() -> None:
    interval = one(np.array([1.0, 1.0, 1.0, 0.0]), np.array([5, 5, 5, 9]))
    assert interval.mean == 0.75


def test_a_missing_figure_counts_as_zero() -> None:
    values = np.array([[1.0, np.nan], [np.nan, np.nan], [0.5, np.nan]])
    known, unknown = clustered(values, np.arange(3))
    assert known is not None
    assert known.mean == 0.75
    assert unknown is None


def test_nobody_has_an_interval() -> None:
    assert clustered(np.zeros((0, 2)), np.zeros(0, np.int64)) == [None, None]


def test_figures_see_other_people() -> None:
    """The interval of a difference is that of paired people: equal columns differ by nothing."""
    values = np.random.default_rng(3).random(50)
    first, second, difference = clustered(np.column_stack([values, values, values - values]), np.arange(50))
    assert first == second
    assert difference == Interval(0.0, 0.0, 0.0)


def test_a_ratio_is_of_other_people_than_its_sides() -> None:
    draw = np.random.default_rng(3)
    other = draw.random(300) + 0.1
    exact = ratio(1.25 * other, other, np.arange(300))
    assert exact is not None
    assert (exact.low, exact.mean, exact.high) == pytest.approx((1.25, 1.25, 1.25))  # paired: nothing is left to chance
    noisy = ratio(draw.permutation(other), other, np.arange(300))
    assert noisy is not None
    assert noisy.mean == pytest.approx(1.0)
    assert noisy.low < 1 < noisy.high


def test_a_ratio_is_a_mean_of_ratios() -> None:
    found = ratio(np.array([1.0, 0.0, 3.0]), np.array([2.0, 0.0, 2.0]), np.array([4, 4, 7]))
    assert found is not None
    assert found.mean == 1.0


def test_a_ratio_to_nothing_is_a_number() -> None:
    assert ratio(np.ones(3), np.zeros(3), np.arange(3)) is None
