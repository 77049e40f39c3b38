"""What an aggregator does without being asked: threads that work until they are told to stop.

A leader's threads do jobs and make collections; on both sides one destroys what expired. What fails is logged, and
done again after a pause that grows while it fails.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from homespun_server.collection.leader import Leader
from homespun_server.collection.places import Known, Places
from homespun_server.errors import DisagreementError

LONGEST_PAUSE = 60.0
"""Between two tries of what fails, seconds."""


class Reporter(Protocol):
    """Is told what came of the work."""

    def info(self, event: str, **values: Any) -> Any:
        """Log what happened."""

    def error(self, event: str, **values: Any) -> Any:
        """Log what went wrong."""


class Counter(Protocol):
    """Counts what came of the work."""

    def job(self, outcome: str) -> None:
        """Count a job: ``done``, ``failed`` or ``put off``."""

    def aggregated(self, accepted: int, refused: int) -> None:
        """Count reports that were added, and those that did not hold."""


class Workers:
    """Threads that repeat what there is to do."""

    def __init__(self, tell: Callable[[Exception], None], idle: float) -> None:
        """Start nothing yet.

        Args:
            tell: Is told what failed.
            idle: Seconds to wait where there was nothing to do.
        """
        self._tell = tell
        self._idle = idle
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self, steps: Sequence[Callable[[], bool]]) -> None:
        """Repeat each of these in a thread of its own; each returns whether there was something to do."""
        for step in steps:
            thread = threading.Thread(target=self._repeat, args=(step,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Let each end what it is at, and wait for them."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _repeat(self, step: Callable[[], bool]) -> None:
        pause = self._idle
        while not self._stop.is_set():
            try:
                if step():
                    pause = self._idle
                    continue
                pause = self._idle
            except Exception as error:  # noqa: BLE001 - a thread that ends would end the work for good
                self._tell(error)
                pause = min(LONGEST_PAUSE, 2 * pause)
            self._stop.wait(pause)


class LeaderWork:
    """What a leader's threads repeat."""

    def __init__(self, leader: Leader, places: Places, counter: Counter, log: Reporter) -> None:
        """Work for a leader.

        Args:
            leader: The leader.
            places: Its store.
            counter: Counts jobs and reports.
            log: Where is logged; no ids of reports are.
        """
        self._leader = leader
        self._places = places
        self._counter = counter
        self._log = log

    def aggregate(self) -> bool:
        """Do one job of every task that has one; return whether there may be more at once.

        After a job that was not full it waits, so that reports that come one by one become few jobs.
        """
        done = [self._one(known) for known in self._places.all()]
        return any(done)

    def collect(self) -> bool:
        """Make every collection that is asked for and can be made; return whether there was any."""
        made = False
        for known in self._places.all():
            if self._leader.collect(known):
                self._log.info("collected", task=known.hex)
                made = True
        return made

    def _one(self, known: Known) -> bool:
        outcome = "put off"
        try:
            did = self._leader.work(known)
            outcome = "done"
        except DisagreementError:
            outcome = "failed"
            raise
        finally:
            if outcome != "done":
                self._counter.job(outcome)
        if did is None:
            return False
        self._counter.job(outcome)
        self._counter.aggregated(did.accepted, did.refused)
        return did.full
