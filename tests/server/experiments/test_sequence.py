"""A factor that promises more than its theorem, or that is wider than it has to be."""

import math

import numpy as np
import pytest

from homespun_server.experiments.sequence import best_x, fixed, mixture, spent
from tests.conftest import Runs

ALPHA = 0.05


def test_a_fixed_factor_is_not_the_normal_quantile() -> None:
    assert fixed(0.05) == pytest.approx(1.959963984540054)
    assert fixed(0.01) == pytest.approx(2.5758293035489)


def test_a_mixture_is_narrower_than_one_look() -> None:
    for grown in (1, 2, 10, 1000):
        assert float(mixture(ALPHA, grown, 4)) > fixed(ALPHA)


@pytest.mark.parametrize("alpha", [0.1, 0.05, 0.01, 0.001])
def test_another_time_than_the_planned_one_would_be_narrower(alpha: float) -> None:
    # A planned mixture has x = best_x at its last window; all others are those of other plans.
    here = float(mixture(alpha, 10.0, 10))
    others = [float(mixture(alpha, 10.0 * times, 10)) for times in np.geomspace(0.2, 5.0, 41)]
    assert here <= min(others) * 1.005
    assert best_x(alpha) == pytest.approx(-2 * math.log(alpha) + math.log(1 - 2 * math.log(alpha)))


def test_a_mixture_is_not_that_of_the_paper() -> None:
    # Theorem 2.2 with t = 400 terms of variance 1 and ρ = 0.1, in standard deviations of their mean.
    rho, time = 0.1, 400
    paper = math.sqrt(2 * (time * rho**2 + 1) / (time**2 * rho**2) * math.log(math.sqrt(time * rho**2 + 1) / ALPHA))
    grown = 400 * rho**2 / best_x(ALPHA)
    assert grown < 1  # so it is stretched over ten windows, each of them a unit of V
    assert float(mixture(ALPHA, grown * 10, 10)) == pytest.approx(paper * math.sqrt(time))


def test_a_walk_without_drift_leaves_the_sequence_too_often(runs: Runs) -> None:
    rng = np.random.default_rng(3)
    walks = sum(1 for _ in runs("walk", 20_000))
    steps = 50
    sums = np.cumsum(rng.normal(size=(walks, steps)), axis=1)
    grown = np.arange(1.0, steps + 1)
    away = np.abs(sums) / np.sqrt(grown)
    assert np.mean((away > mixture(ALPHA, grown, steps)).any(axis=1)) <= ALPHA
    # The same walks, looked at as if each look were the only one.
    assert np.mean((away > fixed(ALPHA)).any(axis=1)) > 4 * ALPHA


def test_looks_spend_more_than_there_is() -> None:
    parts = [spent(ALPHA, look) for look in range(1, 100_000)]
    assert sum(parts) <= ALPHA
    assert sum(parts) == pytest.approx(ALPHA, rel=1e-4)
    assert parts == sorted(parts, reverse=True)
