"""What it costs that two parties add noise: models of collected tasks beside the table path at the same ε.

Devices' sums before noise are the table's bit for bit (``tests/server/simulation/test_equal_sums.py``). So the sum is
the table's here, shared, noised by leader and helper each, sealed, collected and trained by the services' own code
(``homespun_server.simulation.at_once``); and of each task some people's reports are made, split, checked and added for
true, which must come to their vectors' sum. The table with √2 of the noise is the table path at half of ρ: that is what
the collected model should equal, but for the draw.
"""

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from benchmarks.models.bundles import Fitted, fit, measure, slug
from benchmarks.models.datasets import APPS, ML1M, locate
from benchmarks.models.dividing import Divided, divided
from benchmarks.models.part import says_what_is_missing
from benchmarks.models.ranked import NDCG_100, Judged, Ranked
from benchmarks.models.sections import Claim, quality, ratios
from benchmarks.result import Cell, Section
from benchmarks.workspace import BenchmarkError, Workspace
from homespun.protocol.collection.shares import ShareForm, ShareVerifier, add_vectors, centre, split
from homespun.protocol.collection.task import Task
from homespun_server.collection.collecting import Collected, Collector
from homespun_server.collection.messages import Collection
from homespun_server.evaluation.protocols import Liked, StrongGeneralization
from homespun_server.learning import FitOptions
from homespun_server.learning.collected import Asked
from homespun_server.privacy.ledger import BudgetLedger, BudgetPolicy, MemoryLog
from homespun_server.privacy.zcdp import DEFAULT_DELTA, epsilon_of, rho_for
from homespun_server.simulation.at_once import AtOnce
from homespun_server.simulation.fleet import Device, devices_of
from homespun_server.simulation.memory import Pair
from homespun_server.simulation.rounds import Campaign, Rounds
from homespun_server.statistics.cohort import Cohort
from homespun_server.statistics.population import Population
from homespun_server.training.content import catalogue
from homespun_server.training_collected import train_from_tasks

EPSILONS = (8.0, 1.0)
TEST_SHARE = 0.2
DEPTH = 100
ITEMS = 1000
"""Half a million pairs: reports of 2 MB."""

SHARED = 20
"""People of each task whose reports are made, split, checked and added for true."""

ML1M_OPTIONS = FitOptions(
    parts=("collaborative", "content"), max_items=ITEMS, dimensions=128, min_weight=4.0, new_items_every=0
)
APPS_OPTIONS = FitOptions(parts=("collaborative",), max_items=ITEMS, dimensions=128)


@says_what_is_missing
def run(workspace: Workspace) -> Sequence[Section]:
    """Models from collected tasks beside the table path at ε = 1 and 8: MovieLens-1M and Apps for Android."""
    sections = []
    for name, options in ((ML1M, ML1M_OPTIONS), (APPS, APPS_OPTIONS)):
        liked = None if options.min_weight is None else Liked(options.min_weight)
        protocol = StrongGeneralization(TEST_SHARE) if liked is None else StrongGeneralization(TEST_SHARE, liked)
        with divided(locate(name, workspace), protocol, f"federated-{name}", workspace) as data:
            sections += _beside(data, options, workspace)
    return sections


def _beside(data: Divided, options: FitOptions, workspace: Workspace) -> list[Section]:
    ranked: list[Ranked] = []
    claims: list[Claim] = []
    tasks: list[tuple[Cell, ...]] = []
    for epsilon in EPSILONS:
        table = _ranked(fit(f"table, ε = {epsilon:g}", data, options, workspace, epsilon=epsilon), data, workspace)
        noisier = epsilon_of(rho_for(epsilon, DEFAULT_DELTA) / 2, DEFAULT_DELTA)
        name = f"table with √2 of the noise of ε = {epsilon:g}"
        other = _ranked(fit(name, data, options, workspace, epsilon=noisier), data, workspace)
        fitted, collected = _collected(data, options, epsilon, workspace)
        own = _ranked(fitted, data, workspace)
        ranked += [table, other, own]
        claims += [Claim(own, table), Claim(own, other)]
        tasks += [_row(epsilon, each) for each in collected.values()]
    judged = Judged.all(data.cases)
    title = f"{data.data.title}: collected from devices, and from a table"
    note = (
        f"ε at δ = {DEFAULT_DELTA:g}, per user for the table, per installation over all its tasks for devices, "
        "while leader or helper is honest. The noise cannot be seeded, so intervals, which are over users, do not show "
        "another draw."
    )
    return [
        quality(title, judged, ranked, (NDCG_100,), data.split.text, ()),
        ratios(f"{title}: ratios", judged, claims, NDCG_100, note),
        Section(f"{data.data.title}: the tasks", _COLUMNS, tuple(tasks), _TASKS_NOTE),
    ]


_COLUMNS = ("ε of all", "task", "reports", "numbers", "ε by itself", "σ of both, in bounds", "shared for true")
_TASKS_NOTE = (
    f"Shared for true: {SHARED} people's reports were split, checked by both sides and added, and both sums of shares "
    "added up to their vectors' sum exactly."
)


def _row(epsilon: float, each: Collected) -> tuple[Cell, ...]:
    statistic = each.release.statistic
    sigma = each.release.sigma / statistic.l2_bound
    return (epsilon, statistic.name, each.about.count, statistic.size, float(each.about.epsilon), sigma, "equal")


def _ranked(fitted: Fitted, data: Divided, workspace: Workspace) -> Ranked:
    return measure(fitted, data, DEPTH, workspace).ranked


def _collected(
    data: Divided, options: FitOptions, epsilon: float, workspace: Workspace
) -> tuple[Fitted, Mapping[str, Collected]]:
    name = f"devices, ε = {epsilon:g}"
    options = replace(options, name=name, test_share=0.0)
    with _collector(epsilon) as collector:
        secret = collector.ledger.secret
        people = _people(data)
        aggregate = _Checked(AtOnce(Population(data.training, secret), Cohort.everybody(), people, workspace.observer))
        some = list(islice(devices_of(data.training, Cohort.everybody(), secret), SHARED))
        campaign = Campaign(
            options=options,
            rho=Fraction(rho_for(epsilon, DEFAULT_DELTA)),
            delta=f"{DEFAULT_DELTA:f}",
            people=people,
            minimum_batch=2,
            now=int(workspace.now().timestamp()),
            timed="time" in data.training.report.columns,
        )
        aggregators = Pair.make(os.urandom(32)).aggregators()
        rounds = Rounds(campaign, some, collector, aggregators, aggregate, workspace.observer)
        tasks = rounds.run(catalogue(data.items))
        out = data.folder / "bundles" / slug(name)
        trained = train_from_tasks(collector, data.items, out, options=options, observer=workspace.observer)
    return Fitted(name, trained.bundle, options, trained.learned), tasks


class _Checked:
    """Sums over the table, after some people's reports were shared for true."""

    def __init__(self, at_once: AtOnce) -> None:
        self._at_once = at_once

    def __call__(self, task: Task, asked: Asked, devices: Sequence[Device]) -> Collection:
        _share(task, asked, devices)
        return self._at_once(task, asked, devices)


def _share(task: Task, asked: Asked, devices: Sequence[Device]) -> None:
    """Split, check and add some people's reports.

    Raises:
        BenchmarkError: If both sums of shares do not add up to the sum of the vectors.
    """
    form, key, total = ShareForm.of(task.statistic), os.urandom(32), np.zeros(task.statistic.size, np.int64)
    leader, helper = np.zeros(form.size, np.uint64), np.zeros(form.size, np.uint64)
    for number, device in enumerate(devices):
        vector = device.vector(task, asked.ids)
        binding = task.id + number.to_bytes(16, "big") + task.opens.to_bytes(8, "big")
        report = split(form, vector, binding, os.urandom)
        first = ShareVerifier(form, "leader", key).prepare([report.leader], [report.public], [binding])
        other = ShareVerifier(form, "helper", key).prepare([report.helper], [report.public], [binding])
        first.add_accepted(first.accepted(other.messages), leader)
        other.add_accepted(other.accepted(first.messages), helper)
        total += vector
    if not np.array_equal(centre(add_vectors(leader, helper)), total):
        raise BenchmarkError(f"{task.name}: the sums of shares are not the sum of the vectors")


def _people(data: Divided) -> int:
    ((people,),) = data.training.connection.execute("SELECT count(DISTINCT user) FROM interactions").fetchall()
    return int(people)


@contextmanager
def _collector(epsilon: float) -> Iterator[Collector]:
    ledger = BudgetLedger(MemoryLog(), "fleet")
    ledger.open(BudgetPolicy(delta=DEFAULT_DELTA, period="once", lifetime=epsilon))
    with tempfile.TemporaryDirectory() as folder:
        yield Collector(X25519PrivateKey.generate(), ledger, Path(folder))
