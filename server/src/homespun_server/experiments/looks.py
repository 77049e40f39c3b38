"""A comparison after every window: what would have been seen at each look, and at which looks it may be believed.

A look after window k sees the sums of the first k windows. V, the variance that a mixture's x is made of, is the
number of people squared times the variance of the difference, noise included, in units of what the first window alone
would have by the same estimate. See ``sequence`` for which method promises what.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from homespun_server.experiments.ratios import Arm, Bounds, arm, difference, relative
from homespun_server.experiments.sequence import fixed, mixture, spent

Reals = NDArray[np.float64]


class Method(StrEnum):
    """How wide intervals are made."""

    FIXED = "fixed"
    MIXTURE = "mixture"
    SPENDING = "spending"


@dataclass(frozen=True)
class Sums:
    """Released sums of a control and of one variant beside it.

    Attributes:
        control: float64 [..., windows, k, k], Σzzᵀ with z = (1, measures), noised.
        treated: Likewise.
        noise: float64 [windows], variance of the noise in each number.
        repeating: Whether one person may be in several windows.
    """

    control: Reals
    treated: Reals
    noise: Reals
    repeating: bool = False

    def until(self, look: int) -> "Sums":
        """Return the sums that a look after so many windows sees."""
        return Sums(self.control[..., :look, :, :], self.treated[..., :look, :, :], self.noise[:look], self.repeating)

    def arms(self, above: int, below: int) -> tuple[Arm, Arm]:
        """Return what is known of a ratio with the variant and with the control, in this order."""
        treated, control = (
            arm(each, above, below, self.noise, repeating=self.repeating) for each in (self.treated, self.control)
        )
        return treated, control


@dataclass(frozen=True)
class Look:
    """What a look sees.

    Attributes:
        treated: The variant's sums so far.
        control: The control's.
        factor: How many standard deviations wide its intervals are.
    """

    treated: Arm
    control: Arm
    factor: Reals

    @property
    def difference(self) -> Bounds:
        """The variant minus the control."""
        return difference(self.treated, self.control, self.factor)

    @property
    def relative(self) -> Bounds:
        """The variant over the control, minus 1."""
        return relative(self.treated, self.control, self.factor)


def look_after(sums: Sums, above: int, below: int, *, look: int, alpha: float, method: Method, planned: int) -> Look:
    """Return what the look after so many windows sees.

    Args:
        sums: Of all windows, or at least of so many.
        above: Place in z of what is summed above.
        below: Place in z of what is summed below; 0 is the constant 1.
        look: Its number, from 1 on.
        alpha: Probability that this look misses the truth (fixed), or that any look does (the others).
        method: How wide intervals are made.
        planned: How many windows there will probably be, for a mixture.
    """
    treated, control = sums.until(look).arms(above, below)
    if method is Method.MIXTURE:
        grown = _grown(sums, (treated, control), look, above, below)
        factor = mixture(alpha, grown, planned)
    else:
        factor = np.full_like(treated.below, fixed(alpha if method is Method.FIXED else spent(alpha, look)))
    return Look(treated, control, factor)


def _grown(sums: Sums, now: tuple[Arm, Arm], look: int, above: int, below: int) -> Reals:
    """Return V in units of the first window's; the look's number where the first window tells nothing."""
    first = sums.until(1).arms(above, below)
    with np.errstate(invalid="ignore", divide="ignore"):
        grown = _information(*now) / _information(*first)
    return np.where(np.isfinite(grown) & (grown >= 1), grown, float(look))


def _information(treated: Arm, control: Arm) -> Reals:
    return (treated.below + control.below) ** 2 * (treated.variance + control.variance)
