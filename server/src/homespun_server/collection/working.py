"""What an aggregator does without being asked: threads that work until they are told to stop.

A leader's threads do jobs and make collections; on both sides one destroys what expired. What fails is logged, and
done again after a pause that grows while it fails. A task that fails hinders no other.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from homespun_server.collection.expiring import expire_one
from homespun_server.collection.leader import Leader
from homespun_server.collection.places import Known, Places, Step, no_step
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


class Turns:
    """Does the same for one task after the other, and lets one that fails rest. For several threads."""

    def __init__(self, tell: Callable[[Exception], None], idle: float, clock: Callable[[], float]) -> None:
        """Let nothing rest yet.

        Args:
            tell: Is told what failed.
            idle: Seconds to wait after the first failure; each further one doubles them.
            clock: Seconds since any fixed moment; it never goes back.
        """
        self._tell = tell
        self._idle = idle
        self._clock = clock
        self._lock = threading.Lock()
        self._resting: dict[str, tuple[float, float]] = {}

    def each(self, tasks: Iterable[Known], do: Callable[[Known], bool]) -> bool:
        """Do something for every task that does not rest; return whether it returned that for any."""
        done = [self._one(known, do) for known in tasks if self._is_due(known)]
        return any(done)

    def _is_due(self, known: Known) -> bool:
        with self._lock:
            until, _ = self._resting.get(known.hex, (0.0, 0.0))
        return not until or self._clock() >= until

    def _one(self, known: Known, do: Callable[[Known], bool]) -> bool:
        try:
            done = do(known)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other tasks have nothing to do with it
            self._tell(error)
            self._put_off(known)
            return False
        with self._lock:
            self._resting.pop(known.hex, None)
        return done

    def _put_off(self, known: Known) -> None:
        with self._lock:
            until, pause = self._resting.get(known.hex, (0.0, 0.0))
            if self._clock() < until:
                # Another thread met the same failure.
                return
            pause = min(LONGEST_PAUSE, 2 * pause or self._idle)
            self._resting[known.hex] = (self._clock() + pause, pause)


class Ending:
    """What a thread of either side repeats: it destroys what is left of tasks that have ended."""

    def __init__(self, places: Places, turns: Turns, step: Step = no_step) -> None:
        """Look into a store.

        Args:
            places: The store.
            turns: Lets tasks that fail rest.
            step: Is told each step.
        """
        self._places = places
        self._turns = turns
        self._step = step

    def expire(self) -> bool:
        """Destroy what is left of every task that has ended; return whether there was any."""
        return self._turns.each(self._places.all(), lambda known: expire_one(self._places, known, self._step))


class LeaderWork:
    """What a leader's threads repeat."""

    def __init__(
        self, leader: Leader, places: Places, counter: Counter, log: Reporter, turns: Callable[[], Turns]
    ) -> None:
        """Work for a leader.

        Args:
            leader: The leader.
            places: Its store.
            counter: Counts jobs and reports.
            log: Where is logged; no ids of reports are.
            turns: Makes what lets tasks that fail rest, for each kind of work.
        """
        self._leader = leader
        self._places = places
        self._counter = counter
        self._log = log
        self._jobs, self._collections = turns(), turns()

    def aggregate(self) -> bool:
        """Do one job of every task that has one; return whether there may be more at once.

        After a job that was not full it waits, so that reports that come one by one become few jobs.
        """
        return self._jobs.each(self._places.all(), self._one)

    def collect(self) -> bool:
        """Make every collection that is asked for and can be made; return whether there was any."""
        return self._collections.each(self._places.all(), self._collect)

    def _collect(self, known: Known) -> bool:
        made = self._leader.collect(known)
        if made:
            self._log.info("collected", task=known.hex)
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
