"""A leader's work: aggregation jobs with the helper, and what the collector gets at the end.

``work`` does one job, ``collect`` one collection; each can be broken off anywhere and done again. A helper that
decides otherwise than this side ends the batch: one of the two is wrong, and nothing is revealed.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from homespun_server.collection.checking import Checker, Part, Prepared
from homespun_server.collection.expiring import end_if_paired_anew
from homespun_server.collection.jobs import FinishedError, Job, Jobs, unfinished
from homespun_server.collection.messages import Collection, JobAnswer, JobReport, JobRequest, ShareRequest, parse
from homespun_server.collection.noising import noised_share
from homespun_server.collection.peer import Peer
from homespun_server.collection.places import Batch, Known, Places, Step, batch_within, change_batch, no_step
from homespun_server.collection.sealing import OVERHEAD
from homespun_server.collection.summing import Sums, added_within, forget_sum
from homespun_server.errors import AggregationError, DisagreementError

Refusal = Literal["below-minimum", "mismatch", "expired"]
"""Why there is no collection."""


@dataclass(frozen=True)
class Progress:
    """How far a collection is that is being made.

    Attributes:
        count: Reports in the sum.
        pending: Reports that wait, or are in a job.
        closing: Whether no more are taken; otherwise it is not yet known whether there are enough.
    """

    count: int
    pending: int
    closing: bool


@dataclass(frozen=True)
class Did:
    """What came of a job.

    Attributes:
        accepted: Reports that were added.
        refused: Reports that do not hold.
        full: Whether it had as many as a job may have, so that more may wait.
    """

    accepted: int
    refused: int
    full: bool


class Leader:
    """One leader. Safe to use from several threads."""

    def __init__(
        self, places: Places, sums: Sums, jobs: Jobs, checker: Checker, peer: Peer, step: Step = no_step
    ) -> None:
        """Put a leader together.

        Args:
            places: Its store.
            sums: Adds to its sums.
            jobs: Its jobs.
            checker: Checks its part of reports.
            peer: Its helper.
            step: Is told each step.
        """
        self._places = places
        self._sums = sums
        self._jobs = jobs
        self._checker = checker
        self._peer = peer
        self._step = step

    def work(self, known: Known) -> Did | None:
        """Do one job of a task; None: there was none, or another worker finished it first.

        Raises:
            AggregationError: It could not be done; it is done later.
            DisagreementError: The helper decided otherwise: the batch has failed.
            StoreError: If the store cannot be used.
        """
        if end_if_paired_anew(self._places, known, self._step):
            return None
        job = self._jobs.take(known)
        if job is None:
            return None
        try:
            return self._done(job)
        except FinishedError:
            return None
        except DisagreementError as error:
            self._jobs.fail(job, str(error))
            raise
        except AggregationError:
            self._jobs.give_back(job)
            raise

    def ask(self, known: Known) -> bytes | Progress | Refusal:
        """Return what the collector gets, how far it is, or why it gets nothing; the task is closed if it can be.

        It can be when enough reports were added: what only waits may be anything, and must not close a task.

        Raises:
            StoreError: If the store cannot be used.
        """
        end_if_paired_anew(self._places, known, self._step)
        with self._places.writing() as connection:
            batch = batch_within(connection, known.number, hold=True)
            if batch.answer is not None:
                return batch.answer
            if batch.state == "expired" or self._places.seconds() >= known.task.expires:
                return "expired"
            if batch.state == "failed":
                return "mismatch"
            pending = unfinished(connection, known.number)
            if batch.count + pending < known.task.minimum_batch:
                return "below-minimum"
            closing = batch.count >= known.task.minimum_batch
            if closing and batch.state == "open":
                change_batch(connection, known.number, state="closing")
        return Progress(batch.count, pending, closing)

    def collect(self, known: Known) -> bool:
        """Make the collection of a task that is closing and has no more jobs; return whether it was made.

        Raises:
            AggregationError: It could not be made; it is made later.
            DisagreementError: The helper has other reports: the batch has failed.
            StoreError: If the store cannot be used.
        """
        end_if_paired_anew(self._places, known, self._step)
        ready = self._ready(known)
        if ready is None:
            return False
        batch, asked = ready
        self._step("collection: asking")
        try:
            helper = self._peer.share(known, asked)
            _check_share(known, helper)
        except DisagreementError as error:
            self._fail(known, batch, str(error))
            raise
        self._step("collection: answered")
        return self._reveal(known, batch, asked, helper)

    def _done(self, job: Job) -> Did | None:
        helpers: list[Part] = []
        prepared = self._checker.prepare(job.known, self._leaders(job, helpers))
        if not helpers:
            return None
        self._step("job: opened")
        request = msgspec.msgpack.encode(_request(helpers, prepared))
        ids = [each.id for each in helpers]
        if not self._jobs.bind(job, hashlib.sha256(request).digest()):
            return None
        self._step("job: sending")
        raw = self._peer.job(job.known, job.id, request)
        self._step("job: answered")
        accepted = _agreed(prepared, parse(raw, JobAnswer), job, request)
        added = np.zeros(job.known.task.statistic.size, np.uint64)
        prepared.add_accepted(accepted, added)
        self._step("job: decided")
        if not self._jobs.finish(job, ids, accepted, added):
            return None
        full = len(ids) >= self._jobs.largest(job.known)
        return Did(int(accepted.sum()), int((~accepted).sum()), full)

    def _leaders(self, job: Job, helpers: list[Part]) -> Iterator[Part]:
        """Yield the leader's parts, which are long, one after the other, and keep the helper's, which are short."""
        for each in self._jobs.parts(job):
            helpers.append(each.helper)
            yield each.leader

    def _ready(self, known: Known) -> tuple[Batch, ShareRequest] | None:
        """Return a batch of which everything is added, and which reports that are."""
        if self._places.batch(known).state != "closing":
            return None
        # Held: otherwise a job that ends between the two questions would be in neither answer.
        with self._places.writing() as connection:
            batch = batch_within(connection, known.number, hold=True)
            if batch.state != "closing" or unfinished(connection, known.number):
                return None
            return batch, added_within(connection, known, batch)

    def _reveal(self, known: Known, batch: Batch, asked: ShareRequest, helper: bytes) -> bool:
        with self._places.store.reading() as connection:
            total = self._sums.read_within(connection, known, batch)
        leader = noised_share("leader", known, asked, total)
        del total
        made = Collection(
            task=known.hex,
            count=asked.count,
            checksum=asked.checksum,
            leader=leader,
            helper=helper,
            development=known.task.development,
        )
        self._step("collection: noised")
        with self._places.writing() as connection:
            if batch_within(connection, known.number, hold=True).state != "closing":
                return False
            change_batch(connection, known.number, state="collected", answer=msgspec.msgpack.encode(made))
            forget_sum(connection, known.number)
            self._step("collection: storing")
        self._step("collection: stored")
        return True

    def _fail(self, known: Known, asked: Batch, why: str) -> None:
        """Keep that the helper has other reports than those that it was asked for, if these still are the batch's."""
        with self._places.writing() as connection:
            if batch_within(connection, known.number, hold=True) == asked:
                change_batch(connection, known.number, state="failed", why=why)


def _request(parts: list[Part], prepared: Prepared) -> JobRequest:
    return JobRequest(
        reports=tuple(
            JobReport(id=part.id, time=part.time, public=part.public, sealed=part.sealed, verifier=message)
            for part, message in zip(parts, prepared.messages, strict=True)
        )
    )


def _agreed(prepared: Prepared, answer: JobAnswer, job: Job, request: bytes) -> NDArray[np.bool_]:
    """Return which reports both sides accept.

    Raises:
        AggregationError: It is the answer to something else.
        DisagreementError: The helper decided otherwise than this side, about any report.
    """
    asked = (job.id, hashlib.sha256(request).digest(), len(prepared.messages))
    if (answer.job, answer.request, len(answer.decisions)) != asked:
        raise AggregationError("the helper answers another job than it was asked; it is asked again.")
    accepted = prepared.accepted([decision.verifier for decision in answer.decisions])
    theirs = np.array([decision.accepted for decision in answer.decisions], np.bool_)
    if not np.array_equal(accepted, theirs):
        raise DisagreementError(
            f"leader and helper decide differently on {int((accepted != theirs).sum())} of {len(theirs)} reports of a "
            "job. One of them is wrong or lies, and nothing of the batch can be revealed."
        )
    return accepted


def _check_share(known: Known, sealed: bytes) -> None:
    if len(sealed) != 4 * known.task.statistic.size + OVERHEAD:
        raise AggregationError("the helper's sealed sum has another length than it must have; it is asked again.")
