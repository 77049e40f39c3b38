"""How large an effect an experiment can show, before it is run: from ε, the people, and what is usual.

The intervals are those of ``ratios`` at the sums that are expected, so what is planned is what is analysed later. An
effect can be shown if the interval leaves 0 with the stated power: it exceeds the interval's half width by the power's
quantile times the standard deviation of the difference (the usual formula, with the noise in both). With always-valid
intervals it is that of the last planned window, so earlier looks come free.

Nothing is read: what goes in are public figures and guesses.
"""

from collections.abc import Callable
from fractions import Fraction
from math import isqrt, sqrt

import msgspec
import numpy as np

from homespun.errors import MisuseError
from homespun.protocol.statistics.grid import GRID
from homespun_server.experiments.enough import least_of, shows_with
from homespun_server.experiments.ratios import Arm
from homespun_server.experiments.sequence import fixed, mixture
from homespun_server.privacy.zcdp import DEFAULT_DELTA, rho_for, sigma_for

MOST_PEOPLE = 10**12
"""No fleet is larger; where so many would not do, nothing does."""

_LEAST_PEOPLE = 4
_SMALLEST = 1e-9


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is planned.

    Attributes:
        people: Exposed people who report, over all variants and windows.
        epsilon: ε of one report; None: without noise.
        delta: Its δ.
        base: What the control's people have on average, as a share of the measure's cap.
        deviation: Standard deviation from person to person, in the same unit; None: the measure is 0 or 1 for each
            person, and ``base`` says how much they differ.
        effect: Least effect that matters, absolute, in the same unit.
        variants: How many, the control among them; each has as many people.
        cells: Numbers of each variant: 1, and for each measure 2, and for each product 1.
        windows: Windows with other people each, whose sums are released one by one.
        sequential: Whether every window is looked at.
        alpha: Probability of seeing an effect that is not there.
        power: Probability of seeing one that is.
        aggregators: How many of them add the whole noise each.
        bound: L2 bound of a report in grid steps.

    Raises:
        MisuseError: If a figure is out of range.
    """

    people: int
    base: float
    deviation: float | None
    effect: float
    epsilon: float | None
    delta: float = DEFAULT_DELTA
    variants: int = 2
    cells: int = 8
    windows: int = 1
    sequential: bool = True
    alpha: float = 0.05
    power: float = 0.8
    aggregators: int = 2
    bound: int = GRID

    def __post_init__(self) -> None:
        """Refuse what no experiment can have."""
        wrong = [
            words
            for holds, words in (
                (self.people >= _LEAST_PEOPLE, f"{self.people} people"),
                (0 < self.base < 1, f"a base of {self.base:g} caps"),
                (self.deviation is None or 0 < self.deviation <= 1, f"a deviation of {self.deviation} caps"),
                (0 < self.effect < 1 - self.base, f"an effect of {self.effect:g} caps on top of {self.base:g}"),
                (self.variants > 1, f"{self.variants} variant"),
                (1 <= self.cells <= self.bound**2, f"{self.cells} cells"),
                (self.windows > 0, f"{self.windows} windows"),
                (0 < self.alpha < 1 and 0 < self.power < 1, f"α = {self.alpha:g} with a power of {self.power:g}"),
            )
            if not holds
        ]
        if wrong:
            raise MisuseError(f"no experiment can have {', '.join(wrong)}. Nothing was worked out.")

    @property
    def level(self) -> float:
        """α of one comparison: every variant beside the control is compared with it."""
        return self.alpha / (self.variants - 1)

    @property
    def noise(self) -> float:
        """τ: standard deviation of the noise in one released number of one window, in people."""
        if self.epsilon is None:
            return 0.0
        sigma = sigma_for(self.bound, Fraction(rho_for(self.epsilon, self.delta)))
        return sqrt(self.aggregators) * sigma / unit_of(self.bound, self.cells)


class Power(msgspec.Struct, frozen=True, kw_only=True):
    """What an experiment of some people at some ε can show.

    Attributes:
        people: Over all variants.
        epsilon: None: without noise.
        effect: The least effect that it shows with the wanted power, absolute, as a share of the cap; None: none.
        noise_share: How much of the estimate's variance is the noise's.
    """

    people: int
    epsilon: float | None
    effect: float | None
    noise_share: float


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """A plan.

    Attributes:
        request: What was asked.
        noise: τ in people.
        this: What it can show.
        exact: What the same people could show without noise.
        needed: People who would be enough for the wanted effect at this ε; None: no number is.
        needed_exact: People who would be enough without noise; None: no number is.
        table: The same for other ε and other numbers of people.
    """

    request: Request
    noise: float
    this: Power
    exact: Power
    needed: int | None
    needed_exact: int | None
    table: tuple[Power, ...]

    @property
    def enough(self) -> bool:
        """Whether the wanted effect can be shown."""
        return self.this.effect is not None and self.this.effect <= self.request.effect

    @property
    def exact_enough(self) -> bool:
        """Whether it could be shown without noise."""
        return self.exact.effect is not None and self.exact.effect <= self.request.effect

    @property
    def lost(self) -> float:
        """Share of the people that the noise costs: so many fewer would show as much without it."""
        return self.this.noise_share


def unit_of(bound: int, cells: int) -> int:
    """Return how many grid steps the value 1.0 has in one of so many cells, within the bound."""
    return isqrt(bound * bound // cells)


def plan(request: Request, epsilons: tuple[float, ...], factors: tuple[float, ...]) -> Planned:
    """Work a plan out.

    Args:
        request: What is planned.
        epsilons: For the table.
        factors: By which the people are multiplied, for the table.
    """
    without = msgspec.structs.replace(request, epsilon=None)
    others = [
        msgspec.structs.replace(request, epsilon=epsilon, people=max(_LEAST_PEOPLE, round(request.people * factor)))
        for epsilon in (*epsilons, None)
        for factor in factors
    ]
    return Planned(
        request=request,
        noise=request.noise,
        this=power_of(request),
        exact=power_of(without),
        needed=people_for(request),
        needed_exact=people_for(without),
        table=tuple(map(power_of, others)),
    )


def power_of(request: Request) -> Power:
    """Return what an experiment can show."""
    return _power(request, request.noise)


def _power(request: Request, noise: float) -> Power:
    alpha = request.level
    factor = float(mixture(alpha, request.windows, request.windows)) if request.sequential else fixed(alpha)
    usual = _expected(request, request.base, noise)

    def shows(effect: float) -> bool:
        changed = _expected(request, request.base + effect, noise)
        return shows_with(changed, usual, factor, request.power)

    return Power(
        people=request.people,
        epsilon=request.epsilon,
        effect=least_of(shows, _SMALLEST, 1 - request.base),
        noise_share=float(usual.noise_share),
    )


def _expected(request: Request, mean: float, noise: float) -> Arm:
    """Return the sums of one variant whose people have so much on average."""
    people = np.array(request.people / request.variants)
    square = mean * (1 - mean) if request.deviation is None else request.deviation**2
    return Arm(people * mean, people, people * square, np.array(request.windows * noise**2))


def people_for(request: Request) -> int | None:
    """Return the least number of people with whom the wanted effect can be shown; None: no number is enough."""
    noise = request.noise

    def shows(people: int) -> bool:
        effect = _power(msgspec.structs.replace(request, people=people), noise).effect
        return effect is not None and effect <= request.effect

    return _least(shows, _LEAST_PEOPLE, MOST_PEOPLE)


def _least(holds: Callable[[int], bool], low: int, high: int) -> int | None:
    """Return the first whole number in a range from which on a statement holds; None: nowhere."""
    if not holds(high):
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low
