"""An interval that is not Fieller's, that forgets the noise, or that stands where the noise allows none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun_server.experiments.ratios import Arm, arm, difference, interval, relative, with_half_steps
from homespun_server.experiments.sequence import fixed

sums = st.floats(1, 1e6)
factors = st.floats(0.5, 6)


def arm_of(above: float, below: float, spread: float, noise: float) -> Arm:
    return Arm(*(np.array(each, np.float64) for each in (above, below, spread, noise)))


@given(above=st.floats(-1e4, 1e6), below=sums, spread=st.floats(0, 1e6), noise=st.floats(0, 1e4), factor=factors)
def test_an_end_of_the_interval_is_no_solution_of_fiellers_equation(
    above: float, below: float, spread: float, noise: float, factor: float
) -> None:
    found = interval(arm_of(above, below, spread, noise), factor)
    if below**2 <= factor**2 * noise:
        assert np.isnan([found.low, found.high]).all()
        return
    size = (
        max(above**2, spread, noise, factor**2 * (spread + noise))
        * max(1.0, below**2 / (below**2 - factor**2 * noise)) ** 2
    )
    for end in (float(found.low), float(found.high)):
        away = (above - end * below) ** 2 - factor**2 * (spread + noise * (1 + end**2))
        assert abs(away) <= 1e-6 * max(size, end**2 * below**2)
    assert found.low <= found.value * (1 + 1e-9) + 1e-9
    assert found.value <= found.high * (1 + 1e-9) + 1e-9 or found.high < 0


def test_without_noise_the_interval_is_not_the_usual_one_of_a_mean() -> None:
    values = np.random.default_rng(1).gamma(2.0, 0.1, 5000)
    terms = np.stack([np.ones(5000), values])
    found = interval(arm((terms @ terms.T)[None], 1, 0, np.zeros(1), repeating=False), fixed(0.05))
    usual = 1.959963984540054 * values.std() / np.sqrt(5000)
    assert found.value == pytest.approx(values.mean())
    assert (found.high - found.low) / 2 == pytest.approx(usual)


def test_the_variance_of_a_ratio_forgets_the_product() -> None:
    rng = np.random.default_rng(2)
    below = rng.poisson(6.0, 4000) / 20
    above = rng.binomial((below * 20).astype(int), 0.2) / 20
    terms = np.stack([np.ones(4000), below, above])
    found = arm((terms @ terms.T)[None], 2, 1, np.zeros(1), repeating=False)
    ratio = above.sum() / below.sum()
    assert float(found.value) == pytest.approx(ratio)
    assert float(found.spread) == pytest.approx(((above - ratio * below) ** 2).sum())


def test_noise_that_may_have_made_all_the_people_gets_an_interval() -> None:
    assert np.isfinite(interval(arm_of(10, 101, 9, 2500), 2.0).low)
    for below in (99, 1, 0, -50):
        found = interval(arm_of(10, below, 9, 2500), 2.0)
        assert np.isnan([found.low, found.high]).all(), below
        assert np.isnan(difference(arm_of(10, below, 9, 2500), arm_of(10, 5000, 9, 2500), 2.0).low)


def test_a_difference_is_narrower_than_chance_allows() -> None:
    # With much data all ways agree with the delta method.
    treated, control = arm_of(1200, 10_000, 1056, 300), arm_of(1000, 10_000, 900, 300)
    found = difference(treated, control, 1.96)
    usual = 1.96 * np.sqrt(treated.variance + control.variance)
    assert float(found.value) == pytest.approx(0.02)
    assert float(found.high - found.low) / 2 == pytest.approx(float(usual), rel=1e-3)


@given(
    above=st.floats(10, 5e4),
    other=st.floats(10, 5e4),
    spread=st.floats(0, 1e3),
    noise=st.floats(0, 200),
    factor=factors,
)
def test_an_end_of_an_uplift_is_no_solution_of_fiellers_equation(
    above: float, other: float, spread: float, noise: float, factor: float
) -> None:
    treated, control = arm_of(above, 1e5, spread, noise), arm_of(other, 1e5, spread, noise)
    found = relative(treated, control, factor)
    own, its = interval(treated, factor), interval(control, factor)
    own_half, its_half = float(own.high - own.low) / 2, float(its.high - its.low) / 2
    if float(its.value) <= its_half * (1 + 1e-9):
        assert its_half < float(its.value) or np.isnan(found.low)
        return
    lead = float(its.value) ** 2 - its_half**2
    for end in (float(found.low), float(found.high)):
        away = (float(own.value) - (1 + end) * float(its.value)) ** 2 - own_half**2 - (1 + end) ** 2 * its_half**2
        assert abs(away) <= 1e-6 * max(1.0, (1 + end) ** 2) * float(its.value) ** 4 / lead
    little = 1e-9 * (1 + abs(float(found.value)))
    assert found.low - little <= found.value <= found.high + little


def test_a_spread_falls_below_nothing_for_noise() -> None:
    windows = np.array([[[400.0, 40.0], [40.0, -30.0]]])
    found = arm(windows, 1, 0, np.array([900.0]), repeating=False)
    assert found.spread == 0
    assert float(found.variance) == pytest.approx(900 * 1.01 / 160_000)


def test_people_who_return_are_counted_as_other_people() -> None:
    window = np.array([[500.0, 50.0], [50.0, 50.0]])
    windows, noise = np.stack([window] * 4), np.full(4, 100.0)
    others, same = (arm(windows, 1, 0, noise, repeating=each) for each in (False, True))
    assert float(same.spread) == pytest.approx(4 * float(others.spread))
    assert float(others.spread) == pytest.approx(4 * 500 * 0.09)
    assert same.noise == others.noise == 400


def test_another_unit_gives_another_finding() -> None:
    treated, control = arm_of(600, 5000, 500, 90), arm_of(500, 5000, 450, 90)
    found, scaled = difference(treated, control, 2.0), difference(treated, control, 2.0).scaled(20.0)
    assert float(scaled.low) == pytest.approx(20 * float(found.low))
    assert (found.low > 0) == (scaled.low > 0)


def test_rounding_is_added_where_nothing_was_rounded() -> None:
    released = np.array([[[200.0, 30.0, 20.0], [30.0, 8.0, 5.0], [20.0, 5.0, 20.0]]])
    found = with_half_steps(released, np.array([0.0, 0.001, 0.0]))
    assert found - released == pytest.approx(np.array([[[0, 0, 0], [0, 0.2, 0.2], [0, 0.2, 0]]]))
