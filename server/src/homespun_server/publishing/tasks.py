"""Making a task: what is asked, of how many, with noise that keeps what is promised, and what it costs a person.

The noise is computed here once, from ε and δ, with the formulas that devices check it with; each aggregator adds it.
"""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from math import inf
from typing import Literal

import msgspec

from homespun.errors import MisuseError
from homespun.protocol.collection.constants import LARGEST_SUM, NORM_PROOF_DELTA
from homespun.protocol.collection.task import WIDTH, Aggregator, Task, encode_task, parse_task
from homespun.protocol.epsilon import epsilon_steps, epsilon_text
from homespun.protocol.statistics.declaration import Statistic
from homespun_server.planning.loss import loss
from homespun_server.privacy.zcdp import rho_for, sigma_for

DAY = 86_400

INSTALLATIONS = (1, 2, 3)
"""Installations of one person that are looked at."""


@dataclass(frozen=True, kw_only=True)
class TaskRequest:
    """What is wanted.

    Attributes:
        name: The task's name.
        statistic: What is summed, in any width.
        text: What it is for and what leaves, as people read it.
        purpose: The purpose that a person has to have consented to.
        epsilon: ε of one installation's report.
        delta: Its δ.
        opens: From when reports are made, seconds since 1970.
        days: For how many days.
        grace_days: Days after it closes until it expires.
        minimum_batch: With fewer reports nothing is revealed.
        max_people: Most reports that are added up; None: as many as fit.
        delay_hours: Longest random delay of a report.
        leader: Who takes reports.
        helper: Who holds the other share.
        collector: Public key of who gets the sum.
        events_from: Only events from here count; None: however old.
        events_until: Only events before this count; None: however new.
        experiment: Digest of the experiment that it measures; None: none.
        development: Whether leader and helper run in one place.
    """

    name: str
    statistic: Statistic
    text: str
    purpose: Literal["contribution", "measurement"] = "contribution"
    epsilon: Decimal
    delta: Decimal
    opens: int
    days: int = 7
    grace_days: int = 7
    minimum_batch: int
    max_people: int | None = None
    delay_hours: float = 24.0
    leader: Aggregator
    helper: Aggregator
    collector: str
    events_from: int | None = None
    events_until: int | None = None
    experiment: str | None = None
    development: bool = False


@dataclass(frozen=True)
class Cost:
    """What a task costs somebody with some installations that all report.

    Attributes:
        installations: How many.
        rho: ρ of zCDP: the contributions of k installations have k times the norm, so that it grows with k².
        epsilon: ε at the task's δ, less what the check of the norm may take of it for each installation; infinite where
            that takes all of it.
    """

    installations: int
    rho: float
    epsilon: float


def make_task(request: TaskRequest) -> Task:
    """Return the task, with the least noise that keeps its promise.

    Raises:
        MisuseError: It contradicts itself, or does not fit.
        CollectionError: A value is out of range.
        PrivacyParameterError: ε and δ promise nothing.
    """
    epsilon, delta = epsilon_text(epsilon_steps(request.epsilon)), epsilon_text(epsilon_steps(request.delta))
    statistic = request.statistic
    # What the check of a report's norm may take of δ is set aside.
    budget = rho_for(float(request.epsilon), float(request.delta) - NORM_PROOF_DELTA)
    sigma = sigma_for(statistic.l2_bound, Fraction(budget))
    closes = request.opens + request.days * DAY
    most = (LARGEST_SUM - 2 * statistic.noise_tail(sigma)) // statistic.l2_bound
    people = most if request.max_people is None else request.max_people
    made = Task(
        name=request.name,
        statistic=msgspec.structs.replace(statistic, width=WIDTH, max_people=max(1, people)),
        text=request.text,
        purpose=request.purpose,
        opens=request.opens,
        closes=closes,
        expires=closes + request.grace_days * DAY,
        minimum_batch=request.minimum_batch,
        epsilon=epsilon,
        delta=delta,
        sigma=sigma,
        leader=request.leader,
        helper=request.helper,
        collector=request.collector,
        delay_seconds=int(request.delay_hours * 3600),
        events_from=request.events_from,
        events_until=request.events_until,
        experiment=request.experiment,
        development=request.development,
    )
    return parse_task(encode_task(made))


def costs(task: Task, installations: tuple[int, ...] = INSTALLATIONS) -> tuple[Cost, ...]:
    """Return what a task costs a person by how many of their installations report."""
    rho = float(task.rho)
    return tuple(Cost(k, rho * k * k, _epsilon(rho, float(Decimal(task.delta)), k)) for k in installations)


def _epsilon(rho: float, delta: float, installations: int) -> float:
    # Each of them may draw its report anew.
    rest = delta - installations * NORM_PROOF_DELTA
    return loss(rho, rest, devices=installations).epsilon if rest > 0 else inf


def decimal_of(text: str) -> Decimal:
    """Return a number as people write it, exactly.

    Raises:
        MisuseError: It is none.
    """
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise MisuseError(f"{text!r} is no number; write for instance 0.5 or 1e-6.") from error
