"""A whole simulation: a fleet's rounds, a model of them, and the table path over the same people at the same ε."""

import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from homespun.protocol.collection.task import Aggregator
from homespun_server.collection.collecting import Collected, Collector
from homespun_server.evaluation.comparison import Observer, compare
from homespun_server.evaluation.references import EASE_REGULARISATION
from homespun_server.evaluation.report import Quality
from homespun_server.learning import FitData, FitOptions, make_bundle
from homespun_server.privacy.ledger import BudgetLedger, BudgetPolicy, MemoryLog, one_off_budget
from homespun_server.privacy.zcdp import DEFAULT_DELTA, rho_for
from homespun_server.simulation.fleet import devices_of, write_part
from homespun_server.simulation.memory import InMemory, Moved, Pair
from homespun_server.simulation.rounds import Aggregate, Campaign, Rounds, Took
from homespun_server.simulation.services import services
from homespun_server.simulation.uploading import NO_MISHAPS, Mishaps, Uploading
from homespun_server.statistics.cohort import Cohort
from homespun_server.statistics.interactions import Interactions
from homespun_server.statistics.likes import Likes
from homespun_server.training.content import catalogue
from homespun_server.training_collected import train_from_tasks

CAPACITY = 100_000
"""Most installations that a simulated task adds up, if there are no more."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is simulated.

    Attributes:
        devices: How many devices report; fewer if the table has fewer people who are not kept aside.
        epsilon: ε of one installation over all its tasks, and of one user on the table path.
        delta: δ of both.
        options: What a fit may vary; ``test_share`` of the people are kept aside, and judge both models.
        minimum_batch: With fewer reports nothing is revealed.
        over_http: Whether leader and helper are two programs that are reached over loopback HTTP, with stores.
        mishaps: What goes wrong on purpose there.
        ease_regularisation: λ tried for EASE, which stands beside both models.
    """

    devices: int
    epsilon: float
    delta: float = DEFAULT_DELTA
    options: FitOptions
    minimum_batch: int = 100
    over_http: bool = False
    mishaps: Mishaps = NO_MISHAPS
    ease_regularisation: Sequence[float] = EASE_REGULARISATION


@dataclass(frozen=True)
class Simulated:
    """What came of a simulation.

    Attributes:
        devices: How many devices reported.
        tasks: The collected tasks, by the name of the statistic.
        quality: Both models beside popularity; exact figures about people, for whoever holds the table.
        moved: Bytes that were moved.
        seconds: What took how long.
        bundles: Both bundles' folders, by name.
        kills: How often leader or helper was killed.
    """

    devices: int
    tasks: Mapping[str, Collected]
    quality: Quality
    moved: Moved
    seconds: Mapping[str, float]
    bundles: Mapping[str, Path]
    kills: int


def simulate(wanted: Wanted, interactions: Interactions, out: Path, observer: Observer) -> Simulated:
    """Collect from simulated devices in this process, train, and hold the model against the table path.

    Args:
        wanted: What is simulated.
        interactions: The table that the devices' events come from, and its catalogue.
        out: Gets both bundles.
        observer: Called with (step, done, in all).

    Raises:
        MisuseError: If there are too few people, or what is wanted does not fit a task.
        AggregationError: If the minimum batch is not reached.
        TrainingError: If no model can be made.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="homespun-simulation-")))
        options = wanted.options
        count = write_part(interactions, wanted.devices, options.test_share, folder / "part.parquet")
        part = stack.enter_context(Interactions.read(folder / "part.parquet", items=interactions.items))
        run = _Run(wanted, part, folder, out, observer)
        tasks = run.federated(count)
        run.table()
        likes = Likes(part, min_weight=options.min_weight, test_share=options.test_share)
        comparison = compare(likes, observer, ease_regularisation=wanted.ease_regularisation)
        measured = [comparison.measure(name, bundle) for name, bundle in run.bundles.items()]
        quality = comparison.quality(measured).for_the_operator()
        return Simulated(count, tasks, quality, run.moved, run.took.seconds, run.bundles, run.kills)


class _Run:
    """One simulation under way."""

    def __init__(self, wanted: Wanted, part: Interactions, folder: Path, out: Path, observer: Observer) -> None:
        self._wanted, self._part, self._folder, self._out = wanted, part, folder, out
        self._observer = observer
        self._now = int(time.time())
        self.moved, self.took, self.kills = Moved(), Took(), 0
        self.bundles: dict[str, Path] = {}

    def federated(self, count: int) -> Mapping[str, Collected]:
        """Run the rounds and train from what was collected."""
        options = replace(self._wanted.options, test_share=0.0)
        collector = self._collector()
        cohort = Cohort.training(self._wanted.options.test_share)
        devices = list(devices_of(self._part, cohort, collector.ledger.secret))
        campaign = self._campaign(options, count)
        with self._aggregating() as (aggregators, aggregate):
            rounds = Rounds(campaign, devices, collector, aggregators, aggregate, self._observer)
            tasks = rounds.run(catalogue(self._part.items))
        start = time.perf_counter()
        trained = train_from_tasks(
            collector, self._part.items, self._out / "collected", options=options, observer=self._observer
        )
        self.took.add("train from the releases", time.perf_counter() - start)
        self.bundles["from devices"] = trained.bundle
        return tasks

    def table(self) -> None:
        """Fit from the table at the same ε."""
        wanted = self._wanted
        budget = one_off_budget(wanted.epsilon, wanted.delta)
        folder = self._out / "table" / "bundle"
        start = time.perf_counter()
        make_bundle(
            FitData(self._part, wanted.options, budget),
            folder,
            budget=budget,
            options=wanted.options,
            observer=self._observer,
            now=datetime.now(UTC),
        )
        self.took.add("the table path, whole", time.perf_counter() - start)
        self.bundles["from the table"] = folder

    def _collector(self) -> Collector:
        ledger = BudgetLedger(MemoryLog(), "simulated-fleet")
        ledger.open(BudgetPolicy(delta=self._wanted.delta, period="once", lifetime=self._wanted.epsilon))
        return Collector(X25519PrivateKey.generate(), ledger, self._folder / "releases")

    def _campaign(self, options: FitOptions, count: int) -> Campaign:
        return Campaign(
            options=options,
            rho=Fraction(rho_for(self._wanted.epsilon, self._wanted.delta)),
            delta=f"{Decimal(str(self._wanted.delta)):f}",
            people=max(count, CAPACITY),
            minimum_batch=self._wanted.minimum_batch,
            now=self._now,
            timed="time" in self._part.report.columns,
        )

    @contextmanager
    def _aggregating(self) -> Iterator[tuple[tuple[Aggregator, Aggregator], Aggregate]]:
        """Yield leader and helper, and what has devices report to them."""
        if not self._wanted.over_http:
            pair = Pair.make(os.urandom(32), self.moved)
            yield pair.aggregators(), InMemory(pair, self._now, self.took, self._observer)
            return
        with services(self._folder / "services") as running:
            uploading = Uploading(running, self._wanted.mishaps, self._now, self.moved, self.took, self._observer)
            yield running.aggregators(), uploading
            self.kills = running.kills
