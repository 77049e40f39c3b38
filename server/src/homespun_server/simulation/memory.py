"""Leader and helper in one process, without stores: opening, checks, sums, noise and sealing are the services' code."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from numpy.typing import NDArray

from homespun.protocol.collection.report import Report, parse_report
from homespun.protocol.collection.task import Aggregator, Task
from homespun_server.collection.checking import Checker, Part
from homespun_server.collection.keys import Secrets
from homespun_server.collection.messages import MAX_JOB_REPORTS, Collection, Role, ShareRequest, set_digest
from homespun_server.collection.noising import noised_share
from homespun_server.collection.places import Known
from homespun_server.errors import AggregationError
from homespun_server.evaluation.comparison import Observer
from homespun_server.learning.collected import Asked
from homespun_server.simulation.fleet import Device
from homespun_server.simulation.rounds import DEVICES, Took, reports_of

JOB_BYTES = 1 << 24
"""Most bytes of the reports of one job."""

_WORD_BYTES = 4


@dataclass
class Moved:
    """Bytes that were moved.

    Attributes:
        reports: How many reports were uploaded.
        uploaded: From devices to the leader.
        forwarded: From the leader to the helper: its shares and what the two tell each other.
        collected: From both to the collector.
    """

    reports: int = 0
    uploaded: int = 0
    forwarded: int = 0
    collected: int = 0


@dataclass
class _Running:
    checker: Checker
    total: NDArray[np.uint64]


@dataclass
class Pair:
    """Both aggregators.

    Attributes:
        leader: The leader's secrets.
        helper: The helper's.
        moved: What was moved through them.
    """

    leader: Secrets = field(repr=False)
    helper: Secrets = field(repr=False)
    moved: Moved = field(default_factory=Moved)

    @classmethod
    def make(cls, pairing: bytes, moved: "Moved | None" = None) -> "Pair":
        """Make a pair with new keys.

        Args:
            pairing: 32 secret bytes that both have in common.
            moved: Gets the bytes; None: nobody looks.
        """
        leader, helper = (Secrets(X25519PrivateKey.generate(), pairing) for _ in range(2))
        return cls(leader, helper, moved or Moved())

    def aggregators(self) -> tuple[Aggregator, Aggregator]:
        """Return both as tasks name them; nobody listens at their addresses."""
        return (
            Aggregator(name="leader", url="https://leader.invalid", key=self.leader.public),
            Aggregator(name="helper", url="https://helper.invalid", key=self.helper.public),
        )

    def collect(self, task: Task, reports: Iterable[bytes]) -> Collection:
        """Return what the collector gets of a task's reports.

        Args:
            task: The task.
            reports: As devices upload them.

        Raises:
            AggregationError: If there are too few.
        """
        known = Known(0, task)
        leader = _Running(Checker("leader", self.leader), np.zeros(task.statistic.size, np.uint64))
        helper = _Running(Checker("helper", self.helper), np.zeros(task.statistic.size, np.uint64))
        taken: list[bytes] = []
        for job in _jobs(reports, max(1, min(MAX_JOB_REPORTS, JOB_BYTES // known.report_bytes))):
            taken += self._job(known, [parse_report(raw, known.form) for raw in job], leader, helper)
            self.moved.uploaded += sum(map(len, job))
            self.moved.reports += len(job)
        count = len(taken)
        if count < task.minimum_batch:
            raise AggregationError(f"{task.name}: {count:,} reports, and nothing is revealed below the minimum.")
        counted = ShareRequest(count=count, checksum=set_digest(sorted(taken)))
        sides: tuple[tuple[Role, _Running], ...] = (("leader", leader), ("helper", helper))
        sealed = [noised_share(role, known, counted, side.total) for role, side in sides]
        self.moved.collected += sum(map(len, sealed))
        return Collection(
            task=known.hex,
            count=count,
            checksum=counted.checksum,
            leader=sealed[0],
            helper=sealed[1],
            development=task.development,
        )

    def _job(self, known: Known, reports: list[Report], leader: _Running, helper: _Running) -> list[bytes]:
        """Add reports on both sides; return the ids of those that both accepted."""
        first = leader.checker.prepare(
            known, [Part(each.report_id, each.time, each.public, each.leader) for each in reports]
        )
        other = helper.checker.prepare(
            known, [Part(each.report_id, each.time, each.public, each.helper) for each in reports]
        )
        accepted = first.accepted(other.messages)
        if not np.array_equal(accepted, other.accepted(first.messages)):
            raise AggregationError("leader and helper decide differently; nothing can be revealed.")
        first.add_accepted(accepted, leader.total)
        other.add_accepted(accepted, helper.total)
        messages = 2 * known.form.verifier_bytes
        self.moved.forwarded += sum(len(each.helper) + len(each.public) + messages for each in reports)
        return [each.report_id for each, taken in zip(reports, accepted, strict=True) if taken]


class InMemory:
    """Has devices report to a pair; an ``Aggregate``."""

    def __init__(self, pair: Pair, now: int, took: Took, observer: Observer) -> None:
        """Report to a pair.

        Args:
            pair: Leader and helper.
            now: When it is, seconds since 1970.
            took: Gets the seconds.
            observer: Called with (step, done, in all).
        """
        self._pair, self._now, self._took, self._observer = pair, now, took, observer

    def __call__(self, task: Task, asked: Asked, devices: Sequence[Device]) -> Collection:
        """Return what leader and helper answer."""
        reports = reports_of(devices, task, asked.ids, self._now, self._took, self._observer, len(devices))
        start, before = time.perf_counter(), self._took.seconds.get(DEVICES, 0.0)
        found = self._pair.collect(task, reports)
        spent = time.perf_counter() - start - (self._took.seconds.get(DEVICES, 0.0) - before)
        self._took.add("leader and helper: open, check, add, noise", spent)
        return found


def _jobs(reports: Iterable[bytes], most: int) -> Iterator[tuple[bytes, ...]]:
    waiting = iter(reports)
    while job := tuple(islice(waiting, most)):
        yield job
