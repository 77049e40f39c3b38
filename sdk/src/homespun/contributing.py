"""Contributions of a Personalizer: which tasks there are, which it takes part in, and its reports to them.

The order of one run, and what a crash leaves after each part:

1. The channel's index and tasks are fetched, verified as they are signed now; nothing is taken from an earlier run.
   What is wrong with one of them keeps nothing from the others, nor from sending what waits.
2. For a task to take part in, the time of its report is drawn once, by chance, and kept in the profile.
3. When it is due, what is about to be given is written down beside the profile, durably. A crash from here on counts
   its ε, whatever becomes of the report.
4. The report is queued, in the ledger and under the consent of now. A crash before leaves it to the next run, with the
   same report id, so that it is counted once; a crash later finds it in the ledger.
5. What waits is sent by the one way out, which writes down first.

At most one report is made in a run, and at most one is sent: several at once, of one address, would tell that they are
of one device. Where more are due, the others draw another pause. Over a connection that bundles are not taken over, no
report is made or sent.

No step asks what the person did: a device that allows the purpose reports, with zeros where there is nothing to say.
"""

import contextlib
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from homespun.consent.parts import IDENTIFIED
from homespun.contribute.outcome import SendOutcome
from homespun.contribute.settings import Contributions
from homespun.contribute.views import ContributionOutcome, TaskView
from homespun.errors import HomespunError, MisuseError
from homespun.home import Home
from homespun.repeating import Repeating

if TYPE_CHECKING:
    from homespun.contribute.vectors import VectorOf
    from homespun.protocol.collection.task import Task
    from homespun.sync import Updater
    from homespun.sync.collecting import Collection
    from homespun.taking_part import TakingPart

_ATTEMPTS = 1


class Sends(Protocol):
    """A transport that knows which destinations asked to be left alone."""

    def rests(self) -> dict[str, float]:
        """Return them, and until when, seconds since 1970."""

    def close(self) -> None:
        """Close every connection."""


def _ignore(_: str) -> None:
    """Tell nobody."""


def _nothing() -> None:
    """Do nothing."""


class Contributing:
    """``Personalizer.contributions``. Thread-safe.

    Attributes:
        vector_of: What this installation adds to tasks that measure an experiment; None: it measures none.
        settle: Is called when the experiments' definitions were looked up, to forget what the channel no longer names.
    """

    def __init__(
        self,
        home: Home,
        updater: "Updater | None",
        settings: Contributions | None,
        sends: Sends | None = None,
        *,
        interval_seconds: float = 21_600.0,
        vector_of: "VectorOf | None" = None,
        step: Callable[[str], object] = _ignore,
    ) -> None:
        """Put the parts together.

        Args:
            home: The person.
            updater: What asks the channel; None: there is no channel.
            settings: What the application lets installations contribute; None: nothing.
            sends: The transport, for what it knows of destinations; it sends for the way out alone.
            interval_seconds: Seconds between two looks for tasks.
            vector_of: What is added to tasks that measure an experiment.
            step: Is told the name of each moment at which something is on the disk.
        """
        self.vector_of = vector_of
        self.settle: Callable[[], None] = _nothing
        self._home = home
        self._updater = updater
        self._settings = settings
        self._sends = sends
        self._interval = interval_seconds
        self._step = step
        self._running = threading.Lock()
        self._repeating = Repeating(self.sync, "contributions")
        self._looked: float | None = None
        self._known: tuple[Task, ...] = ()
        self._tasks: tuple[TaskView, ...] = ()
        self._experiments: dict[str, bytes] | None = None

    @property
    def is_on(self) -> bool:
        """Whether the application lets this installation contribute."""
        return self._settings is not None and self._updater is not None

    def tasks(self) -> tuple[TaskView, ...]:
        """Return the channel's tasks as the last ``sync`` found them: what is asked, what it costs, and why not.

        Empty before the first one.
        """
        return self._tasks

    def experiments(self) -> dict[str, bytes] | None:
        """Return the experiments' definitions as the last ``sync`` found them, verified, by their SHA-256.

        None before the first one.
        """
        return None if self._experiments is None else dict(self._experiments)

    def sync(self, *, force: bool = False) -> ContributionOutcome:
        """Look for tasks if it is time to, make the reports that are due, and send what waits.

        What goes wrong on the way is told by the outcome.

        Args:
            force: Look although it is not time to.

        Raises:
            MisuseError: The application gave no ``contributions`` or no ``updates`` to ``Personalizer.open``.
            ClosedError: The personalizer was closed.
        """
        self._given()
        self._home.check_open()
        if not self._running.acquire(blocking=False):
            return ContributionOutcome(problem="Another thread is at it at the moment.")
        try:
            return self._run(force=force)
        except Exception as error:  # noqa: BLE001 - contributing does not raise into its host
            return ContributionOutcome(tasks=self._tasks, problem=str(error) or type(error).__name__)
        finally:
            self._running.release()

    def start(self, observer: "Callable[[ContributionOutcome], object] | None" = None) -> None:
        """Go on contributing in the background, when it is time to, until ``stop`` or the personalizer is closed.

        Args:
            observer: Called with each outcome, in the background's thread; what it raises is passed over.

        Raises:
            MisuseError: The application gave no ``contributions``.
            ClosedError: The personalizer was closed.
        """
        self._given()
        self._repeating.start(observer, self._home.check_open)

    def stop(self) -> None:
        """Stop contributing in the background; what is under way is waited for a few seconds, not longer."""
        self._repeating.stop()

    def close(self) -> None:
        """Stop, and let go of connections; closing twice does nothing."""
        self.stop()
        if self._sends is not None:
            self._sends.close()

    def _run(self, *, force: bool) -> ContributionOutcome:
        # Encoding and sealing are for those who contribute.
        from homespun.taking_part import TakingPart  # noqa: PLC0415

        if self._home.is_private:
            return ContributionOutcome(problem="A private session leaves no trace, so nothing is asked or sent.")
        part = TakingPart(self._home, self._settings or Contributions(), self.vector_of, self._step)
        files = self._given().takes_files()
        try:
            outcome = self._look(part, files=files, force=force)
        except Exception as error:  # noqa: BLE001 - what waits is sent, whatever is wrong with what is asked
            outcome = ContributionOutcome(problem=str(error) or type(error).__name__)
        sent = self._send(part) if files else None
        self._tasks = tuple(map(part.view, self._known))
        return replace(outcome, tasks=self._tasks, sent=sent)

    def _look(self, part: "TakingPart", *, files: bool, force: bool) -> ContributionOutcome:
        """Look for tasks if it is time to, and make a report that is due."""
        from homespun.sync.collecting import Collection  # noqa: PLC0415 - as above
        from homespun.sync.outcome import Rejected  # noqa: PLC0415 - as above

        part.end_old()
        if not force and not self._is_time(part, files=files):
            return ContributionOutcome()
        found = self._given().collection(part.due_of if files else _none, permitted=not self._home.is_private)
        if not isinstance(found, Collection):
            if isinstance(found, Rejected):
                # Asking again at once would get the same.
                self._looked = self._home.now()
            return ContributionOutcome(problem=str(found))
        self._looked = self._home.now()
        self._experiments = found.experiments
        self.settle()
        self._known = found.tasks
        queued, problems, failed = _report(part, found)
        if files:
            part.put_off(found.tasks, found.spoiled | failed, self._interval)
        return ContributionOutcome(queued=queued, refused=found.refused, problem=" ".join(problems) or None)

    def _given(self) -> "Updater":
        if self._updater is None or self._settings is None:
            raise MisuseError(
                "this application contributes nothing: it gave no contributions to Personalizer.open. Give "
                "contributions=homespun.Contributions() beside updates."
            )
        return self._updater

    def _is_time(self, part: "TakingPart", *, files: bool) -> bool:
        now, looked = self._home.now(), self._looked
        if looked is None or not 0 <= now - looked < self._interval:
            return True
        return files and part.has_due()

    def _send(self, part: "TakingPart") -> SendOutcome:
        sent = self._home.egress.send_pending(
            _ATTEMPTS, resting=lambda: part.resting(self._rests()), is_meant=lambda each: each not in IDENTIFIED
        )
        # Without a place for it, it holds for as long as this program runs.
        with contextlib.suppress(HomespunError):
            part.keep_rests(self._rests())
        return sent

    def _rests(self) -> dict[str, float]:
        return {} if self._sends is None else self._sends.rests()


def _none(_: "tuple[Task, ...]") -> "tuple[Task, ...]":
    """Return no task."""
    return ()


def _report(part: "TakingPart", found: "Collection") -> tuple[tuple[str, ...], list[str], frozenset[bytes]]:
    """Make the report that is due; return the names of what was made, what went wrong, and the ids where it did."""
    queued, problems, failed = [], [], set()
    for task in found.tasks:
        if task.id in found.items:
            try:
                part.make(task, found.items[task.id])
                queued.append(task.name)
            except Exception as error:  # noqa: BLE001 - one task must not keep a device from the others
                problems.append(f"{task.name}: {str(error) or type(error).__name__}")
                failed.add(task.id)
    return tuple(queued), problems, frozenset(failed)
