"""What a helper answers: its leader alone, who shows the token that both derive from their pairing."""

import hmac
import time
from collections.abc import Callable

from anyio import CapacityLimiter, to_thread

from homespun_server.api.aggregation.exchange import RETRY_SECONDS, Exchange, Room
from homespun_server.api.aggregation.service import Common, Route
from homespun_server.api.limits import TokenBucket
from homespun_server.collection.helper import Helper, Refusal
from homespun_server.collection.messages import JOB_TYPE, MAX_JOB_REPORTS, JobRequest, ShareRequest, parse
from homespun_server.collection.places import Known
from homespun_server.collection.sealing import OVERHEAD
from homespun_server.errors import AggregationError

ENTRY_BYTES = 256
"""More than a request says of a report beside what is sealed and the verifier message."""

MAX_SHARE_REQUEST = 1 << 10

_DETAILS: dict[Refusal, str] = {
    "other-request": "this job was done already, with other reports.",
    "closed": "the task is closed.",
    "full": "the task has all the reports that it can add up.",
    "expired": "the task has expired.",
    "mismatch": "this helper holds another set of reports.",
    "below-minimum": "there are fewer reports than the task's minimum.",
}


class HelperRoutes:
    """What a helper answers."""

    def __init__(
        self, common: Common, helper: Helper, bearer: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Answer for a helper.

        Args:
            common: What both aggregators have.
            helper: Does what is asked.
            bearer: The leader's token.
            clock: Seconds since any fixed moment; it never goes back.
        """
        service, aggregation = common.settings.service, common.settings.aggregation
        self._common = common
        self._helper = helper
        self._bearer = bearer.encode()
        self._strangers = TokenBucket(service.token_rate, service.token_burst, clock)
        self._room = Room(aggregation.intake_bytes)
        # Whatever a leader asks at once, memory holds so many jobs.
        self._jobs = CapacityLimiter(aggregation.workers)

    def routes(self) -> list[Route]:
        """Return what is answered."""
        return [
            Route("PUT", "/tasks/{task}/jobs/{job}", self._job),
            Route("POST", "/tasks/{task}/aggregate-share", self._share),
        ]

    async def _job(self, exchange: Exchange, task: str, job: str) -> None:
        known = await self._admitted(exchange, task)
        if known is None:
            return
        each = known.form.helper_bytes + OVERHEAD + known.form.verifier_bytes + ENTRY_BYTES
        raw = await exchange.body(MAX_JOB_REPORTS * each, self._room)
        if raw is None:
            await exchange.refuse(413, "too-large", "no job is so large.")
            return
        try:
            request = parse(raw, JobRequest)
            found = await to_thread.run_sync(self._helper.job, known, job, raw, request, limiter=self._jobs)
        except AggregationError as error:
            await exchange.refuse(400, "malformed", str(error))
            return
        finally:
            self._room.give_back(len(raw))
        await self._told(exchange, found)

    async def _share(self, exchange: Exchange, task: str) -> None:
        known = await self._admitted(exchange, task)
        if known is None:
            return
        raw = await exchange.body(MAX_SHARE_REQUEST, self._room)
        self._room.give_back(len(raw or b""))
        try:
            request = parse(raw or b"", ShareRequest)
        except AggregationError as error:
            await exchange.refuse(400, "malformed", str(error))
            return
        await self._told(exchange, await to_thread.run_sync(self._helper.share, known, request))

    async def _admitted(self, exchange: Exchange, task: str) -> Known | None:
        """Return the task if it is the leader who asks; otherwise answer and return None."""
        if not hmac.compare_digest((exchange.bearer or "").encode("latin-1"), self._bearer):
            if wait := self._strangers.take():
                await exchange.refuse(429, "busy", "there are too many requests.", wait)
            else:
                await exchange.refuse(401, "no-token", "this helper answers its leader alone.")
            return None
        known = await to_thread.run_sync(self._common.places.find, task)
        if known is None:
            await exchange.refuse(404, "unknown-task", "this helper does not take part in such a task.")
        return known

    async def _told(self, exchange: Exchange, found: bytes | Refusal) -> None:
        if isinstance(found, bytes):
            await exchange.answer(200, found, JOB_TYPE)
            return
        if found in ("expired", "below-minimum"):
            # Nothing is wrong between the two.
            await exchange.refuse(410, found, _DETAILS[found], RETRY_SECONDS)
            return
        self._common.log.error("the leader asks what cannot be", why=found)
        await exchange.refuse(409, found, _DETAILS[found])
