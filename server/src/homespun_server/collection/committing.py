"""Many uploads in one transaction: what arrives while one is written is written together with the next.

Nobody waits longer than for the transaction before and their own. What waits is bounded by bytes: beyond that, devices
are told to come back. For one event loop.
"""

import asyncio
from collections import deque
from dataclasses import dataclass

from anyio import to_thread

from homespun.protocol.collection.report import Report
from homespun_server.collection.intake import Intake, Reject
from homespun_server.collection.places import Known
from homespun_server.errors import StoreError

MAX_REPORTS = 512
"""Most reports of one transaction."""

MAX_BYTES = 1 << 25
"""Most bytes of one transaction, but for a single report."""


@dataclass(eq=False)
class _Waiting:
    known: Known
    report: Report
    done: "asyncio.Future[Reject | None]"


class Committer:
    """Writes uploads in groups."""

    def __init__(self, intake: Intake) -> None:
        """Write with an intake.

        Args:
            intake: Keeps reports.
        """
        self._intake = intake
        self._waiting: deque[_Waiting] = deque()
        self._running: asyncio.Task[None] | None = None

    async def keep(self, known: Known, report: Report) -> Reject | None:
        """Keep a report, durably, before returning; return why it was not kept.

        Raises:
            StoreError: If the store cannot be written.
        """
        done: asyncio.Future[Reject | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(known, report, done))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await done

    async def _run(self) -> None:
        try:
            while self._waiting:
                await self._write(self._group())
        finally:
            self._running = None

    def _group(self) -> list[_Waiting]:
        """Take what is written together: of one task, in the order of arrival."""
        group = [self._waiting.popleft()]
        known = group[0].known
        most = min(MAX_REPORTS, max(1, MAX_BYTES // known.report_bytes))
        while self._waiting and len(group) < most and self._waiting[0].known is known:
            group.append(self._waiting.popleft())
        return group

    async def _write(self, group: list[_Waiting]) -> None:
        try:
            outcomes = await to_thread.run_sync(self._intake.keep, group[0].known, [each.report for each in group])
        except StoreError as error:
            for each in group:
                _end(each, error)
            return
        except BaseException:
            # Whoever waits must not wait for ever, and what happened is told by whoever watches this task.
            for each in group:
                _end(each, StoreError("reports could not be kept."))
            raise
        for each, outcome in zip(group, outcomes, strict=True):
            if not each.done.done():
                each.done.set_result(outcome)


def _end(waiting: _Waiting, error: StoreError) -> None:
    if not waiting.done.done():
        waiting.done.set_exception(error)
