"""A helper's answers to its leader: jobs and, once, its share of the sum.

Everything that comes of a job is kept in one transaction: the sum, the ids with what was decided, and the answer, which
is repeated to whoever asks for the same job again. A report counts once over all jobs. The helper trusts its leader
with nothing but the order of work: it checks every report itself, and reveals nothing before its own count of reports
reaches the minimum and the leader names the same set.
"""

import hashlib
import threading
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from homespun_server.collection.checking import Checker, Part
from homespun_server.collection.expiring import end_if_paired_anew
from homespun_server.collection.intake import is_in_window
from homespun_server.collection.messages import Decision, JobAnswer, JobRequest, ShareRequest
from homespun_server.collection.noising import noised_share
from homespun_server.collection.places import (
    Batch,
    Known,
    Places,
    Step,
    batch_within,
    change_batch,
    no_step,
)
from homespun_server.collection.summing import Sums, added_within, forget_sum
from homespun_server.store.schema import collection_jobs as jobs
from homespun_server.store.schema import collection_reports as reports

Refusal = Literal["other-request", "closed", "full", "expired", "mismatch", "below-minimum"]
"""Why a helper does not do what it is asked."""


class Helper:
    """One helper. Safe to use from several threads and processes at once."""

    def __init__(self, places: Places, sums: Sums, checker: Checker, step: Step = no_step) -> None:
        """Put a helper together.

        Args:
            places: Its store.
            sums: Adds to its sums.
            checker: Checks its part of reports.
            step: Is told each step.
        """
        self._places = places
        self._sums = sums
        self._checker = checker
        self._step = step
        self._revealing = threading.Lock()

    def job(self, known: Known, job: str, raw: bytes, request: JobRequest) -> bytes | Refusal:
        """Do a job, durably, before returning; one that was done is answered as it was.

        Args:
            known: The task.
            job: Names it, 32 hexadecimal digits.
            raw: The request's bytes.
            request: The same, read.

        Returns:
            A ``JobAnswer``, or why there is none.

        Raises:
            StoreError: If the store cannot be used; nothing was added.
        """
        if not self._places.has_its_key(known):
            end_if_paired_anew(self._places, known, self._step)
            return "closed"
        digest = hashlib.sha256(raw).digest()
        while True:
            repeated = self._repeated(job, digest)
            if repeated is not None:
                return repeated
            try:
                return self._done(known, job, digest, request)
            except IntegrityError:
                # The same job, or another one with the same reports, was done meanwhile: look again.
                self._step("job: met another")

    def share(self, known: Known, request: ShareRequest) -> bytes | Refusal:
        """Close a task and return this side's sealed share of the sum; asked again, the very same bytes.

        Raises:
            StoreError: If the store cannot be used.
        """
        end_if_paired_anew(self._places, known, self._step)
        # Noise takes its time, and what a second one would draw is thrown away.
        with self._revealing:
            with self._places.writing() as connection:
                batch = batch_within(connection, known.number, hold=True)
                added = added_within(connection, known, batch)
                refused = self._refused(known, batch, added, request)
                if refused is not None or batch.answer is not None:
                    return refused or batch.answer or "closed"
                total = self._sums.read_within(connection, known, batch)
            sealed = noised_share("helper", known, added, total)
            self._step("share: noised")
            return self._reveal(known, added, request, sealed)

    def _repeated(self, job: str, digest: bytes) -> bytes | Refusal | None:
        with self._places.store.reading() as connection:
            return _answered(connection, job, digest)

    def _done(self, known: Known, job: str, digest: bytes, request: JobRequest) -> bytes | Refusal:
        fresh = self._fresh(known, request)
        parts = [Part(each.id, each.time, each.public, each.sealed) for each in request.reports]
        self._step("job: opening")
        prepared = self._checker.prepare(known, parts)
        messages = [each if new else None for each, new in zip(prepared.messages, fresh, strict=True)]
        accepted = prepared.accepted([each.verifier for each in request.reports]) & fresh
        added = np.zeros(known.task.statistic.size, np.uint64)
        prepared.add_accepted(accepted, added)
        decisions = tuple(Decision(*each) for each in zip(messages, map(bool, accepted), strict=True))
        answer = msgspec.msgpack.encode(JobAnswer(job=job, request=digest, decisions=decisions))
        self._step("job: decided")
        with self._places.writing() as connection:
            batch = batch_within(connection, known.number, hold=True)
            # Another copy of the same request may have been faster, and then its reports take the last room.
            before = _answered(connection, job, digest) or self._cannot_add(known, batch, int(accepted.sum()))
            if before is not None:
                return before
            connection.execute(
                insert(jobs).values(id=job, task=known.number, state="done", request=digest, answer=answer)
            )
            _keep_ids(connection, known, job, request, fresh, accepted)
            self._step("job: kept ids")
            ids = [each.id for each, good in zip(request.reports, accepted, strict=True) if good]
            self._sums.add_within(connection, known, batch, ids, added)
            self._step("job: finishing")
        self._step("job: finished")
        return answer

    def _fresh(self, known: Known, request: JobRequest) -> NDArray[np.bool_]:
        """Return which reports are timely, new to this helper, and for the first time in this job."""
        ids = [each.id for each in request.reports]
        query = select(reports.c.id).where(reports.c.task == known.number, reports.c.id.in_(ids))
        with self._places.store.reading() as connection:
            seen = {bytes(each) for each in connection.scalars(query)}
        fresh = []
        for each in request.reports:
            fresh.append(each.id not in seen and is_in_window(known, each.time))
            seen.add(each.id)
        return np.array(fresh, np.bool_)

    def _cannot_add(self, known: Known, batch: Batch, more: int) -> Refusal | None:
        if self._places.seconds() >= known.task.expires or batch.state == "expired":
            return "expired"
        if batch.state != "open":
            return "closed"
        return "full" if batch.count + more > known.task.statistic.max_people else None

    def _refused(self, known: Known, batch: Batch, added: ShareRequest, request: ShareRequest) -> Refusal | None:
        if batch.state == "expired" or (batch.answer is None and self._places.seconds() >= known.task.expires):
            return "expired"
        if batch.state == "failed":
            return "mismatch"
        # A set only grows, so that one of the same number is the same.
        if added != request or batch.count != added.count:
            return "mismatch"
        return "below-minimum" if batch.count < known.task.minimum_batch else None

    def _reveal(self, known: Known, added: ShareRequest, request: ShareRequest, sealed: bytes) -> bytes | Refusal:
        with self._places.writing() as connection:
            batch = batch_within(connection, known.number, hold=True)
            refused = self._refused(known, batch, added, request)
            if refused is not None or batch.answer is not None:
                return refused or batch.answer or "closed"
            change_batch(connection, known.number, state="collected", answer=sealed)
            forget_sum(connection, known.number)
            self._step("share: storing")
        self._step("share: stored")
        return sealed


def _answered(connection: Connection, job: str, digest: bytes) -> bytes | Refusal | None:
    """Return what was answered to a job; None: it was not done."""
    row = connection.execute(select(jobs.c.request, jobs.c.answer).where(jobs.c.id == job)).one_or_none()
    if row is None:
        return None
    return bytes(row.answer) if row.request == digest and row.answer is not None else "other-request"


def _keep_ids(
    connection: Connection,
    known: Known,
    job: str,
    request: JobRequest,
    fresh: NDArray[np.bool_],
    accepted: NDArray[np.bool_],
) -> None:
    """Keep what was decided on each report that is new here; two jobs cannot both keep the same id."""
    rows = [
        {"task": known.number, "id": each.id, "state": "added" if good else "refused", "job": job}
        for each, new, good in zip(request.reports, fresh, accepted, strict=True)
        if new
    ]
    if rows:
        connection.execute(insert(reports), rows)
