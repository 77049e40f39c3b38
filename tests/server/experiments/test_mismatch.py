"""A mismatch that is not found, or found where noise explains it."""

import numpy as np
import pytest
from scipy.stats import chisquare

from homespun_server.experiments.mismatch import mismatch_p
from tests.conftest import Runs

HALF = np.array([0.5, 0.5])
THREE = np.array([0.5, 0.3, 0.2])


@pytest.mark.parametrize(("shares", "counts"), [(HALF, [5200, 4800]), (THREE, [510, 290, 230])])
def test_without_noise_it_is_not_pearsons_test(shares: np.ndarray, counts: list[int]) -> None:
    found = mismatch_p(np.array([counts], float), shares, np.zeros(1))
    assert float(found) == pytest.approx(chisquare(counts, shares * sum(counts)).pvalue)


@pytest.mark.parametrize("shares", [HALF, THREE])
def test_noise_is_taken_for_a_mismatch(shares: np.ndarray, runs: Runs) -> None:
    rng = np.random.default_rng(4)
    trials = sum(1 for _ in runs("mismatch", 40_000))
    windows, deviation = 3, 30.0
    people = rng.multinomial(300, shares, (trials, windows))
    counts = people + rng.normal(0, deviation, people.shape)
    noise = np.full(windows, deviation**2)
    found = np.mean(mismatch_p(counts, shares, noise) < 0.05)
    assert abs(found - 0.05) <= 3.3 * np.sqrt(0.05 * 0.95 / trials)
    # Without the noise's part it would be found nearly always.
    assert np.mean(mismatch_p(counts, shares, np.zeros(windows)) < 0.05) > 0.3


def test_a_mismatch_is_missed() -> None:
    rng = np.random.default_rng(5)
    counts = rng.multinomial(5000, [0.46, 0.54], (300, 1)) + rng.normal(0, 20.0, (300, 1, 2))
    assert np.mean(mismatch_p(counts, HALF, np.array([400.0])) < 0.001) > 0.95


def test_the_same_people_in_every_window_look_like_a_mismatch() -> None:
    rng = np.random.default_rng(6)
    once = rng.multinomial(2000, HALF, (2000, 1))
    counts = np.repeat(once, 5, axis=1).astype(float)
    assert np.mean(mismatch_p(counts, HALF, np.zeros(5)) < 0.05) > 0.2
    assert abs(np.mean(mismatch_p(counts, HALF, np.zeros(5), repeating=True) < 0.05) - 0.05) < 0.02


@pytest.mark.parametrize("noise", [0.0, 400.0])
def test_nobody_at_all_is_a_mismatch(noise: float) -> None:
    found = mismatch_p(np.array([[-3.0 if noise else 0.0, 2.0 if noise else 0.0]]), HALF, np.array([noise]))
    assert float(found) > 0.5
