"""Means, ratios and uplifts of noised sums, with intervals that hold the noise.

Everything is a ratio of two sums over people, R = Σa / Σb: a mean per exposed person has b = 1, a share of them has a
that is 0 or 1, and a rate such as clicks per impression has a sum below that varies too. Its estimate is that of the
released sums, Â / B̂. At the true R the people's terms a − Rb have mean 0, so that

    Â − R·B̂   has mean 0 and the variance   Σ(a − Rb)² + τ²·(1 + R²),

with τ² the variance of the noise in every released number. The first part is worked out of the released second
moments, Σa² − 2R·Σab + R²·Σb², whose own noise has mean 0 as well; below 0 it counts as 0. The set of all R with
(Â − R·B̂)² within ``factor``² times that variance is Fieller's interval (Fieller 1954, "Some Problems in Interval
Estimation"), with the variance held at the estimate. It is bounded if and only if B̂ exceeds ``factor``·τ: where the
noise may have made the denominator, there is no interval, and NaN says so. With much data it is the delta method's.

A difference of two variants, which are different people with independent noise, has the interval of Zou and Donner
2008 ("Construction of confidence limits about effect measures: a general approach", MOVER), which is made of the ends
of both. A relative uplift has Fieller's again, of the two ratios.

``factor`` is in standard deviations; where it comes from is ``sequence``'s business. All functions take arrays of any
shape and work on each place alone, so that simulated experiments are analysed by the very same code.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]


@dataclass(frozen=True)
class Arm:
    """What is known of a ratio in one variant. Arrays of one shape, in people times the measures' units.

    Attributes:
        above: Â, the sum above.
        below: B̂, the sum below.
        spread: Σ(a − Rb)² at the estimate, not below 0.
        noise: τ², the variance of the noise in each of the two sums.
    """

    above: Reals
    below: Reals
    spread: Reals
    noise: Reals

    @property
    def value(self) -> Reals:
        """The estimate Â / B̂; NaN without a sum below that is above 0."""
        return self.above / self._people

    @property
    def variance(self) -> Reals:
        """The delta method's variance of the estimate: of the people and of the noise."""
        return (self.spread + self.noise * (1 + self.value**2)) / self._people**2

    @property
    def noise_share(self) -> Reals:
        """How much of the variance is the noise's: 0 to 1."""
        noise = self.noise * (1 + self.value**2)
        return noise / np.where(self.noise > 0, self.spread + noise, 1.0)

    @property
    def _people(self) -> Reals:
        return np.where(self.below > 0, self.below, np.nan)


@dataclass(frozen=True)
class Bounds:
    """An interval; arrays of one shape, NaN where the data allow none.

    Attributes:
        value: The estimate.
        low: Its lower end.
        high: Its upper end.
    """

    value: Reals
    low: Reals
    high: Reals

    def scaled(self, by: float) -> "Bounds":
        """Return the interval in another unit, of which ``by`` make one of this."""
        return Bounds(self.value * by, self.low * by, self.high * by)


def with_half_steps(windows: Reals, halves: Reals) -> Reals:
    """Return second moments without what rounding down takes from them on average.

    A device rounds every number down to its grid, squares and products as well, which a step in a small square makes
    felt: the spread would seem smaller than it is. What is cut off is between nothing and a step, half a step on
    average over values that are not chosen for it; whoever has 0 loses nothing, so intervals become a little wide.
    First moments are left alone: means are at most a step of a cap too low, in all variants alike.

    Args:
        windows: float64 [..., k, k], Σzzᵀ as released.
        halves: float64 [k], half a step in people; 0 for the constant 1, and for measures that are 0 or 1.
    """
    lost = np.maximum.outer(halves, halves)
    lost[0, :] = lost[:, 0] = 0.0
    return windows + windows[..., :1, :1] * lost


def arm(windows: Reals, above: int, below: int, noise: Reals, *, repeating: bool) -> Arm:
    """Add up windows of one variant.

    Args:
        windows: float64 [..., windows, k, k]: Σzzᵀ over the window's people with z = (1, measures), noised. NaN where
            a product was not collected.
        above: Place in z of what is summed above.
        below: Place in z of what is summed below; 0 is the constant 1.
        noise: float64 [windows], τ² of each window.
        repeating: Whether one person may be in several windows. Then nothing is known of how their windows go
            together, and the spread of the sum is bounded by what it would be if they went together entirely:
            (Σ√spread)² by the inequality of Cauchy and Schwarz. Otherwise spreads add up. Noise always adds up.
    """
    total_above, total_below = (windows[..., 0, place].sum(axis=-1) for place in (above, below))
    ratio = (total_above / np.where(total_below > 0, total_below, np.nan))[..., None]
    parts = windows[..., above, above] - 2 * ratio * windows[..., above, below] + ratio**2 * windows[..., below, below]
    alone = np.sqrt(np.maximum(parts, 0.0))
    spread = alone.sum(axis=-1) ** 2 if repeating else np.maximum(parts.sum(axis=-1), 0.0)
    return Arm(total_above, total_below, spread, np.full_like(total_above, noise.sum()))


def interval(one: Arm, factor: Reals | float) -> Bounds:
    """Return Fieller's interval of an arm's ratio."""
    factor = np.asarray(factor, np.float64)
    lead = one.below**2 - factor**2 * one.noise
    inside = one.noise * one.above**2 + (one.spread + one.noise) * lead
    known = (one.below > 0) & (lead > 0)
    lead, inside = np.where(known, lead, np.nan), np.where(known, inside, np.nan)
    middle, half = one.above * one.below / lead, factor * np.sqrt(inside) / lead
    return Bounds(one.value, middle - half, middle + half)


def difference(treated: Arm, control: Arm, factor: Reals | float) -> Bounds:
    """Return the interval of a difference of two variants, by Zou and Donner's way from the intervals of both."""
    own, other = interval(treated, factor), interval(control, factor)
    value = own.value - other.value
    down = np.hypot(own.value - own.low, other.high - other.value)
    up = np.hypot(own.high - own.value, other.value - other.low)
    return Bounds(value, value - down, value + up)


def relative(treated: Arm, control: Arm, factor: Reals | float) -> Bounds:
    """Return the interval of a relative uplift, treated / control − 1; NaN where the control may well have nothing."""
    factor = np.asarray(factor, np.float64)
    own, other = interval(treated, factor), interval(control, factor)
    # In squared half widths, which hold the noise of the sums below, instead of the delta method's variances.
    own_square, other_square = (((each.high - each.low) / 2) ** 2 for each in (own, other))
    lead = other.value**2 - other_square
    known = (other.value > 0) & (lead > 0)
    lead = np.where(known, lead, np.nan)
    inside = own_square * other.value**2 + other_square * own.value**2 - own_square * other_square
    middle, half = own.value * other.value / lead, np.sqrt(np.where(known, np.maximum(inside, 0.0), np.nan)) / lead
    return Bounds(np.where(known, own.value, np.nan) / other.value - 1, middle - half - 1, middle + half - 1)
