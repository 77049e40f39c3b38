"""How many standard deviations an interval is wide: for one look at the end, or for looking at every window.

*Fixed horizon*: the normal quantile. Its interval holds the truth with the stated probability if the look was the only
one and was planned. Who looks after every window and stops when the interval leaves 0 is wrong far more often.

*Always valid, people who differ by window*: the asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy
and Ramdas (2021, "Time-uniform central limit theory and asymptotic confidence sequences"; Annals of Statistics 2024),
Theorem 2.2 and, for unequal variances, 2.5: with probability 1 − α no look at all, of ever so many, misses the truth.
In standard deviations it is √(2·(1 + 1/x)·log(√(1 + x)/α)) with x = ρ²V, where V is the variance that the sum of all
people's terms has so far. It is Robbins' normal mixture. The noise of each window is one more independent term of that
sum with a known variance, so V holds it; the sequence is valid for noise and people together. ρ is chosen before the
data so that the sequence is narrowest at the last planned window, by the paper's formula.

*Always valid, people who may repeat*: the terms of one person in two windows are not independent, so their sum is no
martingale, and the sequence above promises nothing. Look k has its own fixed interval at 6α/(π²k²) instead, which add
up to α over all looks (Bonferroni), with the larger variance that ``ratios.arm`` gives. Wider, and true.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

Reals = NDArray[np.float64]


def fixed(alpha: float) -> float:
    """Return the factor of a two-sided interval that is looked at once: it misses with probability α."""
    return float(norm.isf(alpha / 2))


def best_x(alpha: float) -> float:
    """Return x at which a mixture with α is narrowest: −2·log α + log(1 − 2·log α), equation 9 of the paper."""
    return -2 * math.log(alpha) + math.log1p(-2 * math.log(alpha))


def mixture(alpha: float, grown: Reals | float, planned: int) -> Reals:
    """Return the factor of an always-valid interval over windows of different people.

    Args:
        alpha: The probability that any look misses.
        grown: V of all windows so far, in units of the first window's: 1 after the first, 4 after four equal ones.
        planned: How many windows there will probably be. More, or fewer, are as valid, and less narrow.
    """
    x = best_x(alpha) * np.maximum(grown, 1.0) / planned
    return np.sqrt(2 * (1 + 1 / x) * (np.log1p(x) / 2 - math.log(alpha)))


def spent(alpha: float, look: int) -> float:
    """Return the part of α that look number ``look``, from 1 on, may spend: 6α/(π²·look²)."""
    return 6 * alpha / (math.pi * look) ** 2
