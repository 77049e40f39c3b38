"""What would make the noise something else than what the accountant was charged for.

The draws cannot be seeded. Every statistical bound here is passed by a correct build but for less than
once in ten million runs: ten of them together fail a correct build less than once in a million.
"""

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import chi2, norm

from homespun_server.errors import PrivacyParameterError
from homespun_server.privacy import mechanisms
from homespun_server.privacy.mechanisms import LARGEST_SIGMA, add_discrete_gaussian

ALPHA = 1e-8
DEVIATIONS = float(norm.isf(ALPHA / 2))
DRAWS = 30_000
LEAST_EXPECTED = 30

Integers = NDArray[np.int64]


def noise(sigma: int, draws: int = DRAWS) -> Integers:
    return add_discrete_gaussian(np.zeros(draws, np.int64), sigma)


def probability_of_fit(draws: Integers, sigma: int) -> float:
    """Return the p-value of Pearson's χ² against the exact discrete Gaussian, both tails gathered."""
    reach = np.arange(-40 * sigma, 40 * sigma + 1)
    mass = np.exp(-(reach.astype(np.float64) ** 2) / (2 * sigma**2))
    expected = draws.size * mass / mass.sum()
    edge = int(reach[expected >= LEAST_EXPECTED].max())
    inner = np.abs(reach) < edge
    found = np.bincount(np.clip(draws, -edge, edge) + edge, minlength=2 * edge + 1)
    outer = expected[reach >= edge].sum()
    wanted = np.concatenate([[outer], expected[inner], [outer]])
    return float(chi2.sf(((found - wanted) ** 2 / wanted).sum(), wanted.size - 1))


@pytest.mark.parametrize("sigma", [1, 2, 5])
def test_the_noise_is_not_the_discrete_gaussian(sigma: int) -> None:
    assert probability_of_fit(noise(sigma), sigma) > ALPHA


def rounded(sigma: float) -> Integers:
    return np.rint(np.random.default_rng(1).normal(0, sigma, DRAWS)).astype(np.int64)


@pytest.mark.parametrize(
    "wrong",
    [lambda: rounded(1), lambda: rounded(0.9), lambda: np.abs(rounded(1)), lambda: np.zeros(DRAWS, np.int64)],
)
def test_the_comparison_lets_another_noise_pass(wrong: Callable[[], Integers]) -> None:
    assert probability_of_fit(wrong(), 1) < ALPHA


def test_the_noise_is_biased_or_too_small() -> None:
    sigma = 35_000
    draws = noise(sigma) / sigma
    assert abs(draws.mean()) * math.sqrt(DRAWS) < DEVIATIONS
    assert abs((draws**2).mean() - 1) / math.sqrt(2 / DRAWS) < DEVIATIONS


def correlation(left: Integers, right: Integers) -> float:
    """Return the correlation in standard deviations of independent noise."""
    return float(np.corrcoef(left, right)[0, 1]) * math.sqrt(left.size)


def test_a_chunk_of_noise_is_used_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mechanisms, "CHUNK", 2_000)
    chunks = noise(1 << 30, 8_000).reshape(4, 2_000)
    pairs = [(a, b) for a in range(4) for b in range(a)]
    assert max(abs(correlation(chunks[a], chunks[b])) for a, b in pairs) < DEVIATIONS
    assert abs(correlation(chunks.ravel()[:-1], chunks.ravel()[1:])) < DEVIATIONS


def test_two_releases_share_their_noise() -> None:
    first, second = noise(1 << 30, 2_000), noise(1 << 30, 2_000)
    assert abs(correlation(first, second)) < DEVIATIONS


def test_chunks_come_back_in_another_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mechanisms, "CHUNK", 7)
    values = np.arange(100, dtype=np.int64) * 1_000_000
    noised = add_discrete_gaussian(values, 1)
    assert np.abs(noised - values).max() < 1_000


@pytest.mark.parametrize("size", [0, 1, 6, 7, 8, 50])
def test_shape_type_or_input_changes(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mechanisms, "CHUNK", 7)
    values = np.arange(size, dtype=np.int64)
    noised = add_discrete_gaussian(values, 3)
    assert noised.shape == values.shape
    assert noised.dtype == np.int64
    assert noised is not values
    assert np.array_equal(values, np.arange(size))


def test_progress_stops_short_of_the_total(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mechanisms, "CHUNK", 7)
    seen: list[tuple[int, int]] = []
    add_discrete_gaussian(np.zeros(20, np.int64), 3, lambda done, total: seen.append((done, total)))
    assert seen == [(7, 20), (14, 20), (20, 20)]


@pytest.mark.parametrize("sigma", [0, -1, LARGEST_SIGMA + 1])
def test_noise_that_protects_nobody_is_drawn(sigma: int) -> None:
    with pytest.raises(PrivacyParameterError, match="σ is"):
        add_discrete_gaussian(np.ones(3, np.int64), sigma)
