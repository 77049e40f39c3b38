"""How many times as many people would be enough: the same sums grown, beside noise that does not grow."""

from collections.abc import Callable
from dataclasses import replace
from math import sqrt

from scipy.stats import norm

from homespun_server.experiments.ratios import Arm, difference

MOST_TIMES = 1e9
"""Where so many times as many people would not do, nothing does."""

_PRECISION = 1e-4


def grown(one: Arm, times: float) -> Arm:
    """Return what an arm would be with so many times as many people like its own, and the same noise."""
    return replace(one, above=one.above * times, below=one.below * times, spread=one.spread * times)


def shows_with(treated: Arm, control: Arm, factor: float, power: float, effect: float | None = None) -> bool:
    """Return whether an effect is shown with a power: the interval of the difference leaves 0 so often.

    Args:
        treated: The sums that are expected of a variant.
        control: Those of the control.
        factor: Standard deviations of the interval.
        power: How often.
        effect: The effect; None: the difference of the two.
    """
    bounds = difference(treated, control, factor)
    wide = max(float(bounds.high - bounds.value), float(bounds.value - bounds.low))
    needed = wide + float(norm.ppf(power)) * sqrt(float(treated.variance + control.variance))
    # Not so where the noise allows no interval: NaN is below nothing.
    return needed <= (float(bounds.value) if effect is None else effect)


def people_enough(treated: Arm, control: Arm, factor: float, effect: float, power: float) -> float | None:
    """Return by how much people have to be multiplied to show an effect with a power; None: no number does.

    Args:
        treated: The sums of a variant.
        control: The control's.
        factor: Standard deviations of the interval.
        effect: Least difference that matters, in the ratio's unit.
        power: With which it is to be shown.
    """

    def shows(times: float) -> bool:
        return shows_with(grown(treated, times), grown(control, times), factor, power, effect)

    positive = float(treated.below) > 0 and float(control.below) > 0
    return least_of(shows, 1 / MOST_TIMES, MOST_TIMES) if positive and effect > 0 else None


def least_of(holds: Callable[[float], bool], low: float, high: float) -> float | None:
    """Return about the first number in a range from which on a statement holds; None: it holds nowhere."""
    if not holds(high):
        return None
    while high / low > 1 + _PRECISION:
        middle = sqrt(low * high)
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
