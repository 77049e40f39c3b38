"""The rounds of a simulated collection: item counts, then everything else over the universe that they choose."""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, Context, Decimal
from fractions import Fraction

from homespun.contribute.reporting import make_report
from homespun.protocol.collection.constants import NORM_PROOF_DELTA
from homespun.protocol.collection.task import Aggregator, Task
from homespun_server.collection.collecting import Collected, Collector
from homespun_server.collection.messages import Collection
from homespun_server.evaluation.comparison import Observer
from homespun_server.learning import FitOptions
from homespun_server.learning.collected import Asked, first_round, second_round
from homespun_server.learning.releasing import shares_of
from homespun_server.privacy.provenance import Sourced
from homespun_server.privacy.release import Release
from homespun_server.privacy.zcdp import epsilon_of
from homespun_server.publishing.tasks import TaskRequest, make_task
from homespun_server.simulation.fleet import Device
from homespun_server.statistics.items import Items

Aggregate = Callable[[Task, Asked, Sequence[Device]], Collection]
"""Has devices report to a task and returns what leader and helper answer."""

HOUR = 3600
_DIGITS = 6

DEVICES = "devices: encode, split, seal"


@dataclass(frozen=True, kw_only=True)
class Campaign:
    """What is asked of a fleet.

    Attributes:
        options: What a fit may vary.
        rho: ρ of all tasks together, for one installation.
        delta: δ, as decimal text.
        people: Most installations that a task adds up.
        minimum_batch: With fewer reports nothing is revealed.
        now: When it is, seconds since 1970.
        timed: Whether events have an order that may be learned.
        development: Whether the tasks say that one party runs both aggregators.
    """

    options: FitOptions
    rho: Fraction
    delta: str
    people: int
    minimum_batch: int
    now: int
    timed: bool = True
    development: bool = True


@dataclass
class Took:
    """Seconds that were spent, by step."""

    seconds: dict[str, float] = field(default_factory=dict)

    def add(self, step: str, seconds: float) -> None:
        """Add to a step."""
        self.seconds[step] = self.seconds.get(step, 0.0) + seconds


class Rounds:
    """Runs the rounds of a campaign."""

    def __init__(
        self,
        campaign: Campaign,
        devices: Sequence[Device],
        collector: Collector,
        aggregators: tuple[Aggregator, Aggregator],
        aggregate: Aggregate,
        observer: Observer,
    ) -> None:
        """Prepare a campaign.

        Args:
            campaign: What is asked.
            devices: The fleet.
            collector: Collects.
            aggregators: Leader and helper.
            aggregate: Has devices report.
            observer: Called with (step, done, in all).
        """
        self._campaign = campaign
        self._devices = devices
        self._collector = collector
        self._aggregators = aggregators
        self._aggregate = aggregate
        self._observer = observer

    def run(self, items: Sourced[Items]) -> Mapping[str, Collected]:
        """Collect both rounds; return the tasks by the name of the statistic, item counts first."""
        options, campaign = self._campaign.options, self._campaign
        shares = shares_of(options, timed=campaign.timed)
        first = first_round(items.value.ids, options, campaign.people)
        found = {first.statistic.name: self._collect(first, shares[first.statistic.name])}
        counts: Release = found[first.statistic.name].release
        for asked in second_round(counts, items, options, campaign.people, timed=campaign.timed):
            found[asked.statistic.name] = self._collect(asked, shares[asked.statistic.name])
        return found

    def _collect(self, asked: Asked, share: Fraction) -> Collected:
        leader, helper = self._aggregators
        campaign = self._campaign
        task = make_task(
            TaskRequest(
                name=asked.statistic.name,
                statistic=asked.statistic,
                text=asked.statistic.description,
                epsilon=_epsilon(campaign.rho * share, campaign.delta),
                delta=Decimal(campaign.delta),
                opens=campaign.now - campaign.now % HOUR,
                days=1,
                grace_days=1,
                minimum_batch=campaign.minimum_batch,
                max_people=campaign.people,
                delay_hours=0,
                leader=leader,
                helper=helper,
                collector=self._collector.private.public_key().public_bytes_raw().hex(),
                development=campaign.development,
            )
        )
        self._observer(f"collect {task.name}", 0, 1)
        found = self._collector.collect(task, lambda of: self._aggregate(of, asked, self._devices))
        self._observer(f"collect {task.name}", 1, 1)
        return found


def reports_of(
    devices: Iterable[Device], task: Task, ids: Sequence[str], now: float, took: Took, observer: Observer, of: int
) -> Iterator[bytes]:
    """Yield the devices' reports, by the code that devices run; whoever has nothing to say reports zeros.

    Args:
        devices: The devices.
        task: The task.
        ids: The items that it counts.
        now: Seconds since 1970.
        took: Gets the seconds.
        observer: Called with (step, done, in all).
        of: How many devices there are.
    """
    for done, device in enumerate(devices, start=1):
        start = time.perf_counter()
        report = make_report(task, device.vector(task, ids), secret=device.secret, now=now, entropy=os.urandom)
        took.add(DEVICES, time.perf_counter() - start)
        yield report
        if not done % 64 or done == of:
            observer(f"report to {task.name}", done, of)


def _epsilon(rho: Fraction, delta: str) -> Decimal:
    """Return the ε to promise for at most ρ, rounded down so that no more is spent."""
    epsilon = epsilon_of(float(rho), float(delta) - NORM_PROOF_DELTA)
    return Context(prec=_DIGITS, rounding=ROUND_FLOOR).create_decimal_from_float(epsilon)
