"""Simulated experiments: made-up people of whom the truth is known, counted, noised and summed as devices would.

Whether intervals hold the truth as often as they say, and whether looking often finds what is not there, is measured
here with the code that analyses real releases. People see so many things (a Poisson number whose mean differs from
person to person, capped), choose some of them, and buy or do not. What a device would send is rounded down to its
grid, and the noise has the σ of the claim; but it is rounded float noise from a seeded generator, which promises
nothing and can be repeated. Made-up people cannot be harmed by that; a real release never comes from here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.stats import nbinom

from homespun.errors import MisuseError
from homespun.protocol.statistics.grid import GRID
from homespun_server.experiments.power import unit_of
from homespun_server.experiments.ratios import with_half_steps
from homespun_server.privacy.zcdp import DEFAULT_DELTA, rho_for, sigma_for

Reals = NDArray[np.float64]

CAP = 20
"""Most impressions, and clicks, that count of one person, where nothing else is said."""

IMPRESSIONS, CLICKS, BOUGHT = 1, 2, 3
"""Places of the measures among a person's values; 0 is the constant 1."""

_MEASURES = 4
CELLS = 8
"""1, three measures, their squares, and clicks × impressions."""

_HALF_HEAVY = 2.0
_AT_ONCE = 2_000_000
AGGREGATORS = 2


@dataclass(frozen=True)
class World:
    """How made-up people are.

    Attributes:
        impressions: Mean number of things seen, before the cap.
        clicks: Probability that one of them is chosen, by variant.
        bought: Probability that a person buys, by variant.
        shares: Share of the people that each variant really has.
        cap: Most impressions, and clicks, that count of one person.
    """

    impressions: float = 6.0
    clicks: tuple[float, ...] = (0.2, 0.2)
    bought: tuple[float, ...] = (0.1, 0.1)
    shares: tuple[float, ...] = (0.5, 0.5)
    cap: int = CAP

    @property
    def seen(self) -> float:
        """The true mean of capped impressions, as a share of the cap: Poisson mixed by Gamma, summed up exactly."""
        values = np.arange(self.cap)
        heavy = nbinom(_HALF_HEAVY, _HALF_HEAVY / (_HALF_HEAVY + self.impressions))
        return float(1 - (heavy.pmf(values) * (self.cap - values)).sum() / self.cap)


@dataclass(frozen=True)
class Trials:
    """Released sums of simulated experiments.

    Attributes:
        released: int64 [trials, variants, windows, cells], noised, in steps, in the order of ``PLACES``.
        sums: float64 [trials, variants, windows, 4, 4], Σzzᵀ, noised, without what rounding took; NaN for products
            that are not collected.
        noise: float64 [windows], variance of the noise in each number.
    """

    released: NDArray[np.int64]
    sums: Reals
    noise: Reals


def simulate(
    world: World,
    *,
    people: int,
    windows: int,
    trials: int,
    epsilon: float | None,
    rng: np.random.Generator,
    delta: float = DEFAULT_DELTA,
    returning: bool = False,
) -> Trials:
    """Run experiments.

    Args:
        world: How people are.
        people: Of each experiment, over all variants and windows; others in each window.
        windows: How many, with as many people each.
        trials: How many experiments.
        epsilon: ε of a report; None: without noise.
        rng: Makes people and noise.
        delta: δ of a report.
        returning: Whether the same people are in every window and do the same in each: the worst that repeating can do.

    Raises:
        MisuseError: If there is not a single experiment, or nobody in a window.
    """
    if min(trials, windows) < 1 or people < windows:
        raise MisuseError(
            f"{trials} experiments of {people} people in {windows} windows cannot be made up: each needs somebody."
        )
    unit, sigma = unit_of(GRID, CELLS), 0.0
    if epsilon is not None:
        sigma = sqrt(AGGREGATORS) * sigma_for(GRID, Fraction(rho_for(epsilon, delta)))
    released = np.zeros((trials, len(world.shares), windows, CELLS), np.int64)
    for start, stop in _batches(trials, people // windows):
        for window in range(windows):
            if window == 0 or not returning:
                exact = _exact(world, people // windows, stop - start, unit, rng)
            released[start:stop, :, window] = exact + np.rint(rng.normal(0, sigma, exact.shape)).astype(np.int64)
    rounded = np.array([0.0, 0.5, 0.5, 0.0]) / unit if world.cap > 1 else np.zeros(_MEASURES)
    sums = with_half_steps(_moments(released / unit), rounded)
    return Trials(released, sums, np.full(windows, (sigma / unit) ** 2))


def _moments(released: Reals) -> Reals:
    """Return released numbers as symmetric matrices: float64 [..., 4, 4]."""
    found = np.full((*released.shape[:-1], _MEASURES, _MEASURES), np.nan)
    for place, (row, column) in enumerate(PLACES):
        found[..., row, column] = found[..., column, row] = released[..., place]
    return found


PLACES = (
    (0, 0),
    (0, IMPRESSIONS),
    (0, CLICKS),
    (0, BOUGHT),
    (IMPRESSIONS, IMPRESSIONS),
    (CLICKS, CLICKS),
    (BOUGHT, BOUGHT),
    (CLICKS, IMPRESSIONS),
)
"""Of the released numbers among second moments, in the order of ``_exact``."""


def _batches(trials: int, people: int) -> Iterator[tuple[int, int]]:
    size = max(1, _AT_ONCE // max(1, people))
    for start in range(0, trials, size):
        yield start, min(trials, start + size)


def _exact(world: World, people: int, trials: int, unit: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the sums of one window before noise, in steps: int64 [trials, variants, cells]."""
    variants = rng.choice(len(world.shares), (trials, people), p=world.shares)
    moods = rng.gamma(_HALF_HEAVY, world.impressions / _HALF_HEAVY, variants.shape)
    cap = world.cap
    seen = np.minimum(rng.poisson(moods), cap)
    clicked = rng.binomial(seen, np.array(world.clicks)[variants])
    bought = unit * (rng.random(variants.shape) < np.array(world.bought)[variants])
    # Each value is rounded down to its steps, as on a device.
    values = (
        np.full_like(seen, unit),
        unit * seen // cap,
        unit * clicked // cap,
        bought,
        unit * seen**2 // cap**2,
        unit * clicked**2 // cap**2,
        bought,
        unit * (clicked * seen) // cap**2,
    )
    sums = [[(steps * (variants == variant)).sum(axis=1) for steps in values] for variant in range(len(world.shares))]
    return np.array(sums, np.int64).transpose(2, 0, 1)
