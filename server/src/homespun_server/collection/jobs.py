"""A leader's aggregation jobs in its store: which reports are in one is durable before the job is sent.

So after a crash the very same job is sent again, and the helper repeats its answer. A worker process takes a job for a
while; if it does not finish in time, another one takes it over, and whoever finishes first decides. That two work on
the same job is allowed and harmless.
"""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, delete, func, insert, select, update

from homespun_server.collection.checking import Part
from homespun_server.collection.intake import joined
from homespun_server.collection.places import Known, Places, Step, batch_within, change_batch, no_step
from homespun_server.collection.sealing import OVERHEAD
from homespun_server.collection.settings import AggregationSettings
from homespun_server.collection.summing import Sums
from homespun_server.errors import AggregationError, DisagreementError
from homespun_server.store.schema import collection_jobs as jobs
from homespun_server.store.schema import collection_payloads as payloads
from homespun_server.store.schema import collection_reports as reports


@dataclass(frozen=True)
class Job:
    """An aggregation job that this worker has taken.

    Attributes:
        id: Names it, 32 hexadecimal digits.
        known: Its task.
    """

    id: str
    known: Known


@dataclass(frozen=True)
class Both:
    """Both sealed parts of a report in a job.

    Attributes:
        leader: The leader's.
        helper: The helper's.
    """

    leader: Part
    helper: Part


class FinishedError(AggregationError):
    """Another worker finished a job while this one was at it; nothing is left to do."""


class Jobs:
    """The jobs of one leader. Safe to use from several threads and processes at once."""

    def __init__(self, places: Places, sums: Sums, settings: AggregationSettings, step: Step = no_step) -> None:
        """Keep jobs in a store.

        Args:
            places: The leader's store.
            sums: Adds to its sums.
            settings: How large jobs are, and how long they are taken for.
            step: Is told each step.
        """
        self._places = places
        self._sums = sums
        self._settings = settings
        self._step = step

    def largest(self, known: Known) -> int:
        """Return how many reports of a task a job has at most."""
        return max(1, min(self._settings.job_reports, self._settings.job_bytes // known.report_bytes))

    def take(self, known: Known) -> Job | None:
        """Take a job of a task: one that nobody works on any more, or a new one; None: there is nothing to do.

        Raises:
            StoreError: If the store cannot be written.
        """
        if not self._is_work(known):
            return None
        with self._places.writing() as connection:
            found = self._left_over(connection, known) or self._made(connection, known)
            self._step("job: taking")
        if found is not None:
            self._step("job: taken")
        return found

    def parts(self, job: Job) -> Iterator[Both]:
        """Yield the sealed parts of a job's reports, in the order of their ids; none: it was finished before.

        Raises:
            FinishedError: It was finished meanwhile.
        """
        heads = (
            select(reports.c.sequence, reports.c.id, reports.c.time, reports.c.enc)
            .where(reports.c.job == job.id, reports.c.state == "taken")
            .order_by(reports.c.id)
        )
        with self._places.store.reading() as connection:
            for row in connection.execute(heads).all():
                # One by one: whoever sorts rows with megabytes in them copies the megabytes.
                content = connection.scalar(select(payloads.c.content).where(payloads.c.report == row.sequence))
                if content is None:
                    raise FinishedError("another worker finished the job meanwhile.")
                yield _both(job.known, row, content)

    def bind(self, job: Job, digest: bytes) -> bool:
        """Keep the digest of a job's request before it is first sent; return whether the job is still to be done.

        Args:
            job: The job.
            digest: SHA-256 of the request that is about to be sent.

        Raises:
            DisagreementError: Another request was sent for this job before.
            StoreError: If the store cannot be written.
        """
        mine = (jobs.c.id == job.id, jobs.c.state == "ready")
        with self._places.writing() as connection:
            row = connection.execute(select(jobs.c.request).where(*mine).with_for_update()).one_or_none()
            if row is None:
                return False
            if row.request is None:
                connection.execute(update(jobs).where(*mine).values(request=digest))
            elif row.request != digest:
                raise DisagreementError(
                    "a job would be sent with other bytes than before: key, store or program are others than they "
                    "were. It is not sent, because two answers about a report tell what is in it, and nothing of the "
                    "batch can be revealed."
                )
        return True

    def finish(self, job: Job, ids: Sequence[bytes], accepted: NDArray[np.bool_], added: NDArray[np.uint64]) -> bool:
        """Add a job's accepted reports to the sum and destroy what was sealed, in one transaction.

        Args:
            job: The job.
            ids: Of its reports.
            accepted: bool of shape [reports].
            added: What to add, uint64 of shape [size].

        Returns:
            Whether it was this worker that finished it.

        Raises:
            StoreError: If the store cannot be written; nothing was added.
        """
        with self._places.writing() as connection:
            batch = batch_within(connection, job.known.number, hold=True)
            if batch.state not in ("open", "closing") or not _closed(connection, job, "done"):
                return False
            taken = [each for each, good in zip(ids, accepted, strict=True) if good]
            self._sums.add_within(connection, job.known, batch, taken, added)
            self._step("job: added")
            _destroy(connection, job, taken)
            # What did not hold makes room for another report.
            change_batch(connection, job.known.number, received=batch.received - (len(ids) - len(taken)))
            self._step("job: finishing")
        self._step("job: finished")
        return True

    def fail(self, job: Job, why: str) -> None:
        """Keep that leader and helper disagree: the batch can never be revealed.

        Raises:
            StoreError: If the store cannot be written.
        """
        with self._places.writing() as connection:
            batch = batch_within(connection, job.known.number, hold=True)
            if batch.state in ("open", "closing") and _closed(connection, job, "failed", why):
                change_batch(connection, job.known.number, state="failed", why=why)

    def give_back(self, job: Job) -> None:
        """Let whoever comes next take a job.

        Raises:
            StoreError: If the store cannot be written.
        """
        with self._places.writing() as connection:
            connection.execute(update(jobs).where(jobs.c.id == job.id, jobs.c.state == "ready").values(leased_until=0))

    def release_all(self) -> None:
        """Let every job be taken at once: no other process works on any.

        Raises:
            StoreError: If the store cannot be written.
        """
        with self._places.writing() as connection:
            connection.execute(update(jobs).where(jobs.c.state == "ready").values(leased_until=0))

    def _is_work(self, known: Known) -> bool:
        """Look without holding anything: most looks find nothing."""
        now = self._places.seconds()
        waiting = select(reports.c.sequence).where(reports.c.task == known.number, reports.c.state == "waiting")
        with self._places.store.reading() as connection:
            if batch_within(connection, known.number).state not in ("open", "closing") or now >= known.task.expires:
                return False
            left = connection.execute(_left(known, now).limit(1)).first()
            return left is not None or connection.execute(waiting.limit(1)).first() is not None

    def _left_over(self, connection: Connection, known: Known) -> Job | None:
        now = self._places.seconds()
        found = connection.scalar(_left(known, now).limit(1).with_for_update(skip_locked=True))
        if found is None:
            return None
        until = now + self._settings.lease_seconds
        connection.execute(update(jobs).where(jobs.c.id == found).values(leased_until=until))
        return Job(found, known)

    def _made(self, connection: Connection, known: Known) -> Job | None:
        query = (
            select(reports.c.sequence)
            .where(reports.c.task == known.number, reports.c.state == "waiting")
            .order_by(reports.c.sequence)
            .limit(self.largest(known))
            .with_for_update(skip_locked=True)
        )
        chosen = list(connection.scalars(query))
        if not chosen:
            return None
        made = secrets.token_hex(16)
        until = self._places.seconds() + self._settings.lease_seconds
        connection.execute(insert(jobs).values(id=made, task=known.number, state="ready", leased_until=until))
        connection.execute(update(reports).where(reports.c.sequence.in_(chosen)).values(job=made, state="taken"))
        return Job(made, known)


def unfinished(connection: Connection, number: int) -> int:
    """Return how many reports of a task are neither added nor refused yet."""
    waiting = reports.c.state.in_(("waiting", "taken"))
    query = select(func.count()).select_from(reports).where(reports.c.task == number, waiting)
    return connection.scalar(query) or 0


def _left(known: Known, now: int) -> Any:
    return select(jobs.c.id).where(jobs.c.task == known.number, jobs.c.state == "ready", jobs.c.leased_until <= now)


def _closed(connection: Connection, job: Job, state: str, why: str | None = None) -> bool:
    """End a job that nobody ended before."""
    ended = connection.execute(
        update(jobs).where(jobs.c.id == job.id, jobs.c.state == "ready").values(state=state, why=why)
    )
    return ended.rowcount == 1


def _destroy(connection: Connection, job: Job, taken: Sequence[bytes]) -> None:
    """Keep nothing of a job's reports but their ids."""
    mine = reports.c.job == job.id
    numbers = select(reports.c.sequence).where(mine)
    connection.execute(delete(payloads).where(payloads.c.report.in_(numbers)))
    empty = {"enc": None, "time": None, "arrived": None}
    connection.execute(update(reports).where(mine).values(state="refused", **empty))
    if taken:
        connection.execute(update(reports).where(mine, reports.c.id.in_(taken)).values(state="added"))


def _both(known: Known, row: Any, content: bytes) -> Both:
    identity, time = bytes(row.id), row.time
    public, leader, helper = joined(bytes(row.enc), content, known.form.leader_bytes + OVERHEAD)
    return Both(Part(identity, time, public, leader), Part(identity, time, public, helper))
