"""What an interval says, in a word.

An experiment is *broken* if its variants have not the shares of people that they should have; nothing else is then
said. A variant is *better* or *worse* if the whole interval of its difference lies on one side of 0. Otherwise it
depends on what the interval excludes: if it excludes the least effect that matters, up and down, *no difference was
shown*; if it holds that effect beside 0, or the noise allows no interval, there is *not enough data*, which is no
finding about the variant at all. Narrow alone is not enough: an interval that ends beyond the effect does not say
that there is none.

A guardrail is *held* if the interval leaves room for no more harm than is tolerated, and *worse* if it is wholly harm
and leaves room for more; anything else is not enough data.
"""

from enum import StrEnum
from math import isfinite

from homespun.protocol.experiment.metrics import Good


class Verdict(StrEnum):
    """What can be said of a variant beside the control."""

    BETTER = "better"
    WORSE = "worse"
    HELD = "held"
    NO_DIFFERENCE = "no difference shown"
    NOT_ENOUGH = "not enough data"
    BROKEN = "broken"

    @property
    def word(self) -> str:
        """How it is coloured: ``better``, ``worse`` or ``open``."""
        return {Verdict.BETTER: "better", Verdict.HELD: "better", Verdict.WORSE: "worse", Verdict.BROKEN: "worse"}.get(
            self, "open"
        )


def judge(low: float, high: float, effect: float, good: Good) -> Verdict:
    """Return what the interval of a difference in the primary metric says.

    Args:
        low: Its lower end; NaN: there is no interval.
        high: Its upper end.
        effect: Least difference that matters, in the same unit; NaN: it is not known.
        good: Whether more is better.
    """
    if not (isfinite(low) and isfinite(high)):
        return Verdict.NOT_ENOUGH
    if low > 0 or high < 0:
        return Verdict.BETTER if (low > 0) == (good == "more") else Verdict.WORSE
    return Verdict.NO_DIFFERENCE if -effect < low and high < effect else Verdict.NOT_ENOUGH


def judge_guardrail(low: float, high: float, tolerated: float, good: Good) -> Verdict:
    """Return what the interval of a difference in a guardrail says.

    Args:
        low: Its lower end; NaN: there is no interval.
        high: Its upper end.
        tolerated: Harm that is tolerated, in the same unit; NaN: it is not known.
        good: Whether more is better.
    """
    least, most = (-high, -low) if good == "more" else (low, high)
    if most <= tolerated:
        return Verdict.HELD
    return Verdict.WORSE if least > 0 else Verdict.NOT_ENOUGH
