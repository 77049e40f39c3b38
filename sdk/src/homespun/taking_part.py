"""Taking part in tasks: what is decided, kept and made for each of them.

The order, and what a crash leaves after each part, is told in ``homespun.contributing``.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal

import msgspec

from homespun.consent.parts import TASKS
from homespun.contribute.deciding import Standing, obstacle
from homespun.contribute.reporting import SECRET_BYTES, make_report, sampling_secret, secret_check
from homespun.contribute.settings import Contributions
from homespun.contribute.uploads import encode_upload
from homespun.contribute.vectors import Vector, VectorOf, vector_of_events
from homespun.contribute.views import TaskView, view_of
from homespun.errors import NotPermittedError
from homespun.home import Home
from homespun.profile import Given
from homespun.protocol.collection.task import Task
from homespun.protocol.egress import Progress, progress_of
from homespun.protocol.epsilon import epsilon_text

_SECRET = "secret"  # noqa: S105 - the name that it is kept under
_RESTS = "rests"
_DRAWS = 1 << 64
_MOST_REST_SECONDS = 86_400.0
_LONGEST_NAME = 40
_DIGITS = 16


class _Planned(msgspec.Struct, frozen=True):
    """A report that is to be made.

    Attributes:
        due: When, seconds since 1970.
        closes: When its task closes.
        expires: When its task expires.
        purpose: The purpose that its task needs.
    """

    due: float
    closes: int
    expires: int
    purpose: str


class TakingPart:
    """One installation's part in tasks. Not thread-safe: ``Contributing`` has the lock."""

    def __init__(
        self, home: Home, settings: Contributions, vector_of: VectorOf | None, step: Callable[[str], object]
    ) -> None:
        """Put the parts together.

        Args:
            home: The person.
            settings: What the application lets installations contribute.
            vector_of: What is added to tasks that measure an experiment; None: none is measured.
            step: Is told the name of each moment at which something is on the disk.
        """
        self._home = home
        self._settings = settings
        self._vector_of = vector_of
        self._step = step

    def _obstacle(self, task: Task) -> str:
        """Return why the installation takes no part now; empty if it does."""
        standing = Standing(
            now=self._home.now(),
            left=self._home.egress.epsilon_left(besides=(_what(task.name, task.id.hex()),)),
            allowed=self._home.allows,
            is_done=self._is_done,
            measures=self._vector_of is not None,
        )
        return obstacle(task, self._settings, standing)

    def due_of(self, tasks: Sequence[Task]) -> tuple[Task, ...]:
        """Return the tasks whose report is to be made now, the one that was due first foremost.

        When the report of a task will be made is drawn on first asking.
        """
        return tuple(sorted(filter(self._is_due, tasks), key=self._due))

    def _is_due(self, task: Task) -> bool:
        # Drawn first: what is due at once is due now, by a clock that has gone on meanwhile.
        return not self._obstacle(task) and self._due(task) <= self._home.now()

    def put_off(self, tasks: Sequence[Task], failed: Collection[bytes], seconds: float) -> None:
        """Give every report that is due, and was not made in this run, another time.

        What could be made draws another pause, so that several are not made one after the other. What cannot be made
        now waits for ``seconds``, so that nobody is asked for it at every glance.

        Args:
            tasks: The tasks as they are signed now.
            failed: Ids of those whose report could not be made in this run.
            seconds: Seconds between two looks for tasks.
        """
        now = self._home.now()
        known = {task.id.hex(): task for task in tasks}
        for name, planned in self._planned().items():
            if planned.due <= now and not self._is_done(name):
                task = known.get(name)
                is_ready = task is not None and task.id not in failed and not self._obstacle(task)
                due = self._drawn(task, now) if task is not None and is_ready else now + seconds
                last = max(now, planned.closes - 1)
                self._keep(name, msgspec.json.encode(msgspec.structs.replace(planned, due=min(due, last))))

    def _is_done(self, task: str) -> bool:
        """Return whether this installation was part of a task: in this profile, or in one that was here before it."""
        if any(_is_of(each.queued.what, task) and each.counts for each in self._progress().values()):
            return True
        lines = [each for each in self._home.given() if each.task == task]
        if not lines:
            return False
        profile, secret = self._home.profile, self._home.kept(TASKS).get(_SECRET)
        # With the secret that it was begun with, the report has the same id, and is counted once.
        own = None if secret is None else secret_check(secret, bytes.fromhex(task))
        return any(each.profile != profile or each.check != own for each in lines)

    def view(self, task: Task) -> TaskView:
        """Return how a task stands."""
        if self._is_done(task.id.hex()):
            return view_of(task, "done")
        why = self._obstacle(task)
        return view_of(task, "refused", why=why) if why else view_of(task, "taken", due=self._due(task))

    def has_due(self) -> bool:
        """Return whether a report is due that was not made, and may be now."""
        now = self._home.now()
        return any(
            each.due <= now < each.closes and self._home.allows(each.purpose) and not self._is_done(task)
            for task, each in self._planned().items()
        )

    def _due(self, task: Task) -> float:
        """Return when a task's report is due, drawn on first use: evenly over its delay, and before it closes."""
        name = task.id.hex()
        planned = self._planned().get(name)
        if planned is None:
            drawn = self._drawn(task, self._home.now())
            planned = _Planned(drawn, task.closes, task.expires, task.purpose)
            self._keep(name, msgspec.json.encode(planned))
            self._step("report: planned")
        return planned.due

    def _drawn(self, task: Task, now: float) -> float:
        span = max(0.0, min(float(task.delay_seconds), task.closes - 1 - now))
        return now + span * int.from_bytes(self._home.entropy(8), "big") / _DRAWS

    def _planned(self) -> dict[str, _Planned]:
        kept = self._home.kept(TASKS)
        others = (_SECRET, _RESTS)
        return {name: msgspec.json.decode(raw, type=_Planned) for name, raw in kept.items() if name not in others}

    def resting(self, rests: Mapping[str, float]) -> frozenset[str]:
        """Return the destinations that asked to be left alone, and still are.

        Args:
            rests: Until when which destination is, as the transport heard it, seconds since 1970.
        """
        return frozenset(_lasting({**self._kept_rests(), **rests}, self._home.now()))

    def keep_rests(self, rests: Mapping[str, float]) -> None:
        """Keep which destinations asked to be left alone, so that a restart does not forget it.

        Raises:
            NotPermittedError: There is no profile that could keep it.
            ProfileError: It could not be written down.
        """
        before, now = self._kept_rests(), self._home.now()
        lasting = _lasting({**before, **rests}, now)
        if lasting != before:
            self._keep(_RESTS, msgspec.json.encode(lasting))

    def _kept_rests(self) -> dict[str, float]:
        raw = self._home.kept(TASKS).get(_RESTS)
        return {} if raw is None else msgspec.json.decode(raw, type=dict[str, float])

    def _secret(self) -> bytes:
        """Return the installation's secret, drawn on first use and never sent."""
        found = self._home.kept(TASKS).get(_SECRET)
        if found is None:
            found = self._home.entropy(SECRET_BYTES)
            self._keep(_SECRET, found)
            self._step("secret: kept")
        return found

    def _keep(self, name: str, value: bytes | None) -> None:
        if not self._home.keep(TASKS, name, value):
            raise NotPermittedError("there is no profile that could keep when a report is due, so none is made.")

    def end_old(self) -> None:
        """Drop what waits for tasks that are closed, and forget when a report was due that is not to be made."""
        now = self._home.now()
        for task, planned in self._planned().items():
            if planned.closes <= now:
                note = "its task has expired" if planned.expires <= now else "its task is closed"
                self._drop(task, note)
            if planned.expires <= now or not self._home.allows(planned.purpose):
                # Where nothing may be kept, it goes with the rest.
                self._home.keep(TASKS, task, None)

    def _drop(self, task: str, note: str) -> None:
        found = self._progress().items()
        waiting = [number for number, each in found if each.waiting and _is_of(each.queued.what, task)]
        if waiting:
            self._home.egress.cancel_waiting(waiting, note=note)

    def _progress(self) -> dict[int, Progress]:
        return progress_of(self._home.egress_entries())

    def make(self, task: Task, items: tuple[str, ...]) -> None:
        """Make this installation's report to a task, and queue it.

        Args:
            task: The task, verified.
            items: The ids of the items that it counts.

        Raises:
            CollectionError: What is asked for cannot be computed.
            NotPermittedError, BudgetError: It is not allowed any more, or there is no room.
            ProfileError: It could not be written down.
        """
        secret, name = self._secret(), task.id.hex()
        report = make_report(
            task,
            self._vector(task, items, secret),
            secret=secret,
            now=self._home.now(),
            entropy=self._home.entropy,
        )
        # Another report may have taken what was left; what is written down now counts whatever becomes of it.
        if why := self._obstacle(task):
            raise NotPermittedError(f"no report is made: {why}.")
        what = _what(task.name, name)
        self._home.give(
            Given(
                profile=self._home.profile,
                what=what,
                task=name,
                epsilon=task.price,
                expires=task.expires,
                check=secret_check(secret, task.id),
            )
        )
        self._step("report: given")
        self._home.egress.queue(
            what,
            encode_upload(task.id, report),
            purpose=task.purpose,
            destination=task.leader.url,
            epsilon=Decimal(epsilon_text(task.price)),
            idempotent=True,
            once=True,
        )
        self._step("report: queued")

    def _vector(self, task: Task, items: tuple[str, ...], secret: bytes) -> Vector:
        if task.experiment is not None and self._vector_of is not None:
            return self._vector_of(task)
        ignored = self._home.steering().ignored_items
        events = [event for event in self._home.events() if event.item not in ignored]
        return vector_of_events(task, items, events, sampling_secret(secret))


def _what(name: str, task: str) -> str:
    """Return a report's name in the ledger: its task's name, and the start of its id."""
    return f"report/{name[:_LONGEST_NAME]}/{task[:_DIGITS]}"


def _lasting(rests: Mapping[str, float], now: float) -> dict[str, float]:
    # A clock that was set back must not keep something waiting for years.
    return {each: until for each, until in rests.items() if now < until <= now + _MOST_REST_SECONDS}


def _is_of(what: str, task: str) -> bool:
    return what.startswith("report/") and what.endswith(f"/{task[:_DIGITS]}")
