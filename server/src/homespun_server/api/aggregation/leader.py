"""What a leader answers: uploads of devices, and the collector."""

import time
from collections.abc import Callable
from http import HTTPStatus

import msgspec
from anyio import to_thread

from homespun_server.api.aggregation.exchange import RETRY_SECONDS, Exchange, Room
from homespun_server.api.aggregation.service import JSON, Common, Route
from homespun_server.api.limits import TokenBucket
from homespun_server.collection.attesting import Attestation
from homespun_server.collection.committing import Committer
from homespun_server.collection.intake import Intake, Reject
from homespun_server.collection.leader import Leader, Progress
from homespun_server.collection.messages import COLLECTION_TYPE, REPORT_TYPE
from homespun_server.collection.places import Known
from homespun_server.collection.waiting import WaitingReports
from homespun_server.store.tokens import Token

_STATUSES: dict[str, int] = {
    "unknown-task": 404,
    "outside-window": 409,
    "malformed": 400,
    "crowded": 503,
    "full": 409,
    "closing": 503,
    "closed": 409,
    "expired": 410,
    "mismatch": 409,
    "below-minimum": 409,
}

_DETAILS: dict[str, str] = {
    "unknown-task": "this leader does not take part in such a task.",
    "outside-window": "the task is not open now, or the report is not of its time.",
    "malformed": "this is no report of this task.",
    "full": "the task has all the reports that it can add up.",
    "crowded": "as many reports wait as the task can add up; come back later.",
    "closing": "the task is being collected; come back later.",
    "closed": "the task is closed: it was collected, or has failed.",
    "expired": "the task has expired.",
    "mismatch": "leader and helper do not hold the same reports, so nothing can be revealed.",
    "below-minimum": "there are fewer reports than the task's minimum; nothing was closed or revealed.",
}


class LeaderRoutes:
    """What a leader answers."""

    def __init__(
        self,
        common: Common,
        intake: Intake,
        leader: Leader,
        *,
        waiting: WaitingReports,
        attestation: Attestation,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Answer for a leader.

        Args:
            common: What both aggregators have.
            intake: Checks and keeps reports.
            leader: Makes collections.
            waiting: Knows what waits.
            attestation: Decides on uploads before they are kept.
            clock: Seconds since any fixed moment; it never goes back.
        """
        service, aggregation = common.settings.service, common.settings.aggregation
        self._common = common
        self._intake = intake
        self._leader = leader
        self._waiting = waiting
        self._gate = common.gate
        self._attestation = attestation
        self._committer = Committer(intake)
        self._uploads = TokenBucket(service.anonymous_rate, service.anonymous_burst, clock)
        self._room = Room(aggregation.intake_bytes)

    def routes(self) -> list[Route]:
        """Return what is answered."""
        return [
            Route("POST", "/tasks/{task}/reports", self._report),
            Route("POST", "/tasks/{task}/collection", self._collection),
        ]

    async def _report(self, exchange: Exchange, task: str) -> None:
        if wait := self._uploads.take():
            await self._later(exchange, 429, "busy", "there are too many uploads; wait as Retry-After says.", wait)
            return
        known = await self._find(task)
        if known is None:
            await self._reject(exchange, "unknown-task")
        elif exchange.header(b"content-type") != REPORT_TYPE.encode() or exchange.length != known.report_bytes:
            # Every report of a task has the same length, and one of another is not even read.
            await self._reject(exchange, "malformed")
        elif self._waiting.bytes + known.report_bytes > self._common.settings.aggregation.waiting_bytes:
            await self._later(exchange, 503, "full", "too many reports wait to be added; come back later.")
        elif not await self._attestation.admits(known.task, exchange.headers):
            self._common.metrics.rejected("not-admitted")
            await exchange.refuse(403, "not-admitted", "this upload does not show what this leader asks for.")
        else:
            await self._read(exchange, known)

    async def _read(self, exchange: Exchange, known: Known) -> None:
        raw = await exchange.body(known.report_bytes, self._room)
        if raw is None or len(raw) != known.report_bytes:
            self._room.give_back(len(raw or b""))
            await self._reject(exchange, "malformed")
            return
        try:
            report = self._intake.check(known, raw)
            outcome = report if isinstance(report, str) else await self._committer.keep(known, report)
        finally:
            self._room.give_back(known.report_bytes)
        if outcome is not None:
            await self._reject(exchange, outcome)
            return
        self._common.metrics.taken()
        await exchange.answer(201)

    async def _collection(self, exchange: Exchange, task: str) -> None:
        admitted = await self._gate.admit(exchange.bearer or "")
        if admitted.wait:
            await self._later(exchange, 429, "busy", "there are too many requests.", admitted.wait)
            return
        if not isinstance(admitted.token, Token):
            await exchange.refuse(401, "no-token", "this needs the collector's token: Authorization: Bearer TOKEN.")
            return
        known = await self._find(task)
        if known is None:
            await exchange.refuse(404, "unknown-task", _DETAILS["unknown-task"])
            return
        found = await to_thread.run_sync(self._leader.ask, known)
        if isinstance(found, Progress):
            said = {"state": "closing" if found.closing else "open", "count": found.count, "pending": found.pending}
            wait = [(b"retry-after", b"%d" % max(1, round(self._common.settings.aggregation.idle_seconds)))]
            await exchange.answer(202, msgspec.json.encode(said), JSON, wait)
        elif isinstance(found, bytes):
            await exchange.answer(200, found, COLLECTION_TYPE)
        else:
            await exchange.refuse(_STATUSES[found], found, _DETAILS[found])

    async def _find(self, task: str) -> Known | None:
        return self._common.places.held(task) or await to_thread.run_sync(self._common.places.find, task)

    async def _reject(self, exchange: Exchange, why: Reject) -> None:
        self._common.metrics.rejected(why)
        wait = RETRY_SECONDS if _STATUSES[why] == HTTPStatus.SERVICE_UNAVAILABLE else None
        await exchange.refuse(_STATUSES[why], why, _DETAILS[why], wait)

    async def _later(self, exchange: Exchange, status: int, word: str, detail: str, wait: int = RETRY_SECONDS) -> None:
        self._common.metrics.rejected(word)
        await exchange.refuse(status, word, detail, wait)
