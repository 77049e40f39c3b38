"""The check of a report's norm that was not taken: both aggregators reveal random projections with noise.

It needs no proof, and privacy budget instead: every person is charged for the check of their own report. With a fifth
of a task's budget, the noise is so large that only norms far above the bound show.
"""

import numpy as np
from numpy.typing import NDArray

from benchmarks.result import Cell, Section
from homespun.protocol.zcdp import rho_for

EPSILON = 1.0
DELTA = 1e-6
SHARE = 0.2
TAIL = 6.4
"""A Gaussian exceeds so many standard deviations with a probability of 1.6·10⁻¹⁰."""

HONEST = 0.999
"""Share of honest reports that has to pass."""

DRAWS = 20_000
PROJECTIONS = (1, 4, 16, 64, 256)


def noised_check(seed: int) -> Section:
    """Return the norm that half of all reports pass with, by the number of projections."""
    budget = SHARE * rho_for(EPSILON, DELTA)
    rows = tuple(_row(count, budget, np.random.default_rng(seed)) for count in PROJECTIONS)
    columns = ("projections", "noise of each aggregator, in bounds", "norm of which half pass, in bounds")
    note = (
        f"A person's {SHARE:.0%} of ρ at ε = {EPSILON:g}, δ = {DELTA:g} pays for the noise on their projections, whose "
        f"norm is at most √k + {TAIL} bounds but with a probability of 10⁻¹⁰. The threshold lets {HONEST:.1%} of "
        f"honest reports of full norm pass; {DRAWS:,} draws."
    )
    return Section("The check that was not taken: projections with noise", columns, rows, note)


def _row(count: int, budget: float, draw: np.random.Generator) -> tuple[Cell, ...]:
    sigma = (np.sqrt(count) + TAIL) / np.sqrt(2 * budget)
    plain = draw.normal(size=(DRAWS, count))
    noise = draw.normal(size=(DRAWS, count)) * sigma * np.sqrt(2)
    threshold = float(np.quantile(_squares(plain + noise), HONEST))
    return count, float(sigma), _half(plain, noise, threshold)


def _half(plain: NDArray[np.float64], noise: NDArray[np.float64], threshold: float) -> float:
    low, high = 1.0, 1e6
    while high / low > 1 + 1e-4:
        middle = float(np.sqrt(low * high))
        if np.mean(_squares(middle * plain + noise) <= threshold) >= 1 / 2:
            low = middle
        else:
            high = middle
    return low


def _squares(values: NDArray[np.float64]) -> NDArray[np.float64]:
    squares: NDArray[np.float64] = (values * values).sum(axis=1)
    return squares
