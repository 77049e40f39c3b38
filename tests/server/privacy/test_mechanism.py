"""What would make the noise something else than what the budget was charged for.

The draws cannot be seeded. Every statistical bound here is passed by a correct build but for less than
once in ten million runs: all of them together fail a correct build about once in a million.
"""

import math
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import chi2, chi2_contingency, norm

from homespun_server.errors import PrivacyParameterError
from homespun_server.privacy import mechanisms
from homespun_server.privacy.mechanisms import LARGEST_SIGMA, add_discrete_gaussian

ALPHA = 1e-8
DEVIATIONS = float(norm.isf(ALPHA / 2))
DRAWS = 30_000
BINS = 200
LEAST_EXPECTED = 30
PARTS = 8
CELLS = 4_000

Integers = NDArray[np.int64]


def noise(sigma: int, draws: int = DRAWS) -> Integers:
    return add_discrete_gaussian(np.zeros(draws, np.int64), sigma)


def probability_of_fit(draws: Integers, sigma: int) -> float:
    """Return the p-value of Pearson's χ² against the exact discrete Gaussian, in bins that expect enough each."""
    reach = np.arange(-40 * sigma, 40 * sigma + 1)
    mass = np.exp(-(reach.astype(np.float64) ** 2) / (2 * sigma**2))
    upto = np.cumsum(mass / mass.sum())
    cuts = np.unique(np.searchsorted(upto, np.arange(1, BINS) / BINS))
    cuts = cuts[(1 - upto[cuts]) * draws.size >= LEAST_EXPECTED]
    found = np.bincount(np.searchsorted(reach[cuts], draws), minlength=cuts.size + 1)
    wanted = draws.size * np.diff(np.concatenate([[0], upto[cuts], [1]]))
    assert wanted.min() >= LEAST_EXPECTED
    return float(chi2.sf(((found - wanted) ** 2 / wanted).sum(), wanted.size - 1))


@pytest.mark.parametrize("sigma", [1, 2, 5, 150, 35_000])
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


@pytest.mark.parametrize("share", [0.9, 1.1])
def test_the_comparison_lets_a_little_less_noise_pass(share: float) -> None:
    assert probability_of_fit(rounded(35_000 * share), 35_000) < ALPHA


@pytest.mark.parametrize("sigma", [1, 35_000])
def test_noise_depends_on_what_it_is_added_to(sigma: int) -> None:
    values = np.arange(DRAWS, dtype=np.int64) * 1_000_003 - (1 << 30)
    assert probability_of_fit(add_discrete_gaussian(values, sigma) - values, sigma) > ALPHA


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


def probability_of_independence(left: Integers, right: Integers) -> float:
    """Return the p-value of χ² over the pairs' eighths: it sees dependence that is not linear, too."""
    table = np.zeros((PARTS, PARTS))
    np.add.at(table, (eighths(left), eighths(right)), 1)
    return float(chi2_contingency(table).pvalue)


def eighths(draws: Integers) -> Integers:
    return np.searchsorted(np.quantile(draws, np.arange(1, PARTS) / PARTS), draws)


def assert_independent(left: Integers, right: Integers) -> None:
    assert np.count_nonzero(left == right) <= 2
    assert abs(correlation(left, right)) < DEVIATIONS
    assert probability_of_independence(left, right) > ALPHA


@pytest.mark.parametrize("make", [lambda draws: draws, lambda draws: -draws, np.abs, lambda draws: draws // 3])
def test_the_comparison_lets_dependence_pass(make: Callable[[Integers], Integers]) -> None:
    draws = rounded(35_000)[:CELLS]
    with pytest.raises(AssertionError):
        assert_independent(draws, make(draws))


def test_two_releases_share_their_noise() -> None:
    assert_independent(noise(1 << 30, CELLS), noise(1 << 30, CELLS))


@pytest.mark.parametrize("lag", [1, 2, 3, 64, 999])
def test_two_cells_of_a_release_share_their_noise(lag: int) -> None:
    draws = noise(1 << 30, CELLS + lag)
    assert_independent(draws[:-lag], draws[lag:])


def test_two_releases_at_the_same_time_share_their_noise() -> None:
    with ThreadPoolExecutor(max_workers=2) as pool:
        first, second = pool.map(lambda _: noise(1 << 30, CELLS), range(2))
    assert_independent(first, second)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only where processes can be forked")
def test_a_forked_process_repeats_its_parents_noise() -> None:
    parent, child, later = drawn_by(FORK)
    assert_independent(parent, child)
    assert_independent(parent, later)
    assert_independent(child, later)


def test_another_process_draws_the_same_noise() -> None:
    assert_independent(*drawn_by(DRAW), *drawn_by(DRAW))


DRAW = f"""
import random
import sys

import numpy as np

from homespun_server.privacy.mechanisms import add_discrete_gaussian

random.seed(1)
np.random.seed(1)
sys.stdout.buffer.write(add_discrete_gaussian(np.zeros({CELLS}, np.int64), 1 << 30).tobytes())
"""
"""A fresh process that seeds all that can be seeded."""

FORK = f"""
import os
import sys

import numpy as np

from homespun_server.privacy.mechanisms import add_discrete_gaussian

def draw():
    return add_discrete_gaussian(np.zeros({CELLS}, np.int64), 1 << 30).tobytes()

draw()  # whatever the sampler keeps, it has now
reading, writing = os.pipe()
if os.fork() == 0:
    os.close(reading)
    with open(writing, "wb") as pipe:
        pipe.write(draw())
    os._exit(0)
os.close(writing)
own = draw()
with open(reading, "rb") as pipe:
    childs = pipe.read()
_, status = os.wait()
assert status == 0
sys.stdout.buffer.write(own + childs + draw())
"""


def drawn_by(program: str) -> list[Integers]:
    """Run a program and return what it drew, CELLS a piece."""
    # Forking a process of many threads is no longer quiet, and no part of what is tested.
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", program]
    output = subprocess.run(command, check=True, capture_output=True).stdout
    return list(np.frombuffer(output, np.int64).reshape(-1, CELLS))


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
