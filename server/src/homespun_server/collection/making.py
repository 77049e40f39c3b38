"""Tasks from sums that are to be asked for: what each costs, in ε that a device can check, and when it is open."""

from dataclasses import dataclass
from decimal import ROUND_CEILING, Context, Decimal
from fractions import Fraction
from typing import Literal

from homespun.protocol.collection.constants import NORM_PROOF_DELTA
from homespun.protocol.collection.task import Aggregator, Task
from homespun.protocol.statistics.declaration import Statistic
from homespun.protocol.zcdp import gaussian_rho, sigma_for, stated_epsilon

_DIGITS = 4


@dataclass(frozen=True, kw_only=True)
class Call:
    """What the tasks of one round have in common.

    Attributes:
        leader: Takes reports.
        helper: Holds the other share.
        collector: The collector's public key, in hexadecimal.
        opens: From when on reports are made, seconds since 1970.
        closes: Until when.
        expires: From when on everything about it is refused and destroyed.
        minimum_batch: With fewer reports nothing is revealed.
        delta: δ of each task, as decimal text.
        delay_seconds: Longest random delay of a report.
        purpose: What a person has to have consented to.
        development: Whether one party runs leader and helper.
    """

    leader: Aggregator
    helper: Aggregator
    collector: str
    opens: int
    closes: int
    expires: int
    minimum_batch: int
    delta: str = "0.000001"
    delay_seconds: int = 0
    purpose: Literal["contribution", "measurement"] = "contribution"
    development: bool = False


def make_task(statistic: Statistic, rho: Fraction, call: Call, text: str | None = None) -> Task:
    """Return a task that costs at most ρ, with the smallest noise that does.

    Args:
        statistic: What is summed, with integers of 32 bits.
        rho: The most that one report may cost while one aggregator is honest, in ρ of zCDP.
        call: What the round's tasks have in common.
        text: What devices show people; None: the declaration's own words.

    Raises:
        MisuseError: If the task would contradict itself, for instance because its sum could wrap.
    """
    sigma = sigma_for(statistic.l2_bound, rho)
    return Task(
        name=statistic.name,
        statistic=statistic,
        text=text or statistic.description,
        purpose=call.purpose,
        opens=call.opens,
        closes=call.closes,
        expires=call.expires,
        minimum_batch=call.minimum_batch,
        epsilon=epsilon_text(gaussian_rho(statistic.l2_bound, sigma), float(Decimal(call.delta))),
        delta=call.delta,
        sigma=sigma,
        leader=call.leader,
        helper=call.helper,
        collector=call.collector,
        delay_seconds=call.delay_seconds,
        development=call.development,
    )


def epsilon_text(rho: Fraction, delta: float) -> str:
    """Return the ε to promise for ρ at δ, rounded up to four digits, as the text that a task holds."""
    epsilon = stated_epsilon(rho, delta - NORM_PROOF_DELTA)
    rounded = Context(prec=_DIGITS, rounding=ROUND_CEILING).create_decimal_from_float(epsilon)
    return f"{rounded.normalize():f}"
