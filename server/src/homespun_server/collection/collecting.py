"""The collector: charges a task, asks its leader, opens both sums and keeps the release.

Order: charge, ask, open, record what was released, keep. Before the charge nothing is asked, so nothing is revealed
that nobody accounts for. Whoever is killed anywhere goes on by collecting again: the charge is found, the leader gives
the same bytes, their digest is the one that was recorded, and what is kept is kept once.

Not here: who may ask (the leader's token), and what a task's figures promise (the task).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from homespun.protocol.collection.task import Task
from homespun_server.collection.messages import Collection
from homespun_server.collection.revealing import revealed
from homespun_server.errors import AggregationError, OutputError, ReleaseFileError
from homespun_server.privacy.kept import keep, kept
from homespun_server.privacy.ledger import BudgetLedger
from homespun_server.privacy.release import Release, collected, task_spend
from homespun_server.statistics.cohort import mark_of

Ask = Callable[[Task], Collection]
"""Asks a task's leader; raises AggregationError where there is no sum."""

Step = Callable[[str], None]
"""Is told each step, by name; a test ends the process there."""

NUMBERS, ABOUT = ".parquet", ".json"


class About(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is kept beside a collected task's numbers.

    Attributes:
        schema: Version of this structure.
        task: The task, its SHA-256 in hexadecimal.
        name: Its name.
        count: How many reports were added; public.
        epsilon: ε that the task promised for one report, as decimal text.
        delta: Its δ.
        sigma: Parameter of the noise that each aggregator added, in grid steps.
        development: Whether one party runs leader and helper, which protects nobody from that party.
    """

    schema: int = 1
    task: str
    name: str
    count: int
    epsilon: str
    delta: str
    sigma: int
    development: bool


@dataclass(frozen=True)
class Collected:
    """A collected task.

    Attributes:
        release: Its release.
        about: What else is known of it.
    """

    release: Release
    about: About


@dataclass(frozen=True)
class Collector:
    """Collects tasks into a folder of releases.

    Attributes:
        private: The key that sums are sealed to.
        ledger: The fleet's budget.
        folder: Keeps the releases; made if it is not there.
        step: Is told each step.
    """

    private: X25519PrivateKey = field(repr=False)
    ledger: BudgetLedger
    folder: Path
    step: Step = lambda _: None

    def collect(self, task: Task, ask: Ask) -> Collected:
        """Return a task's release; charged once, whoever asks and however often.

        Args:
            task: The task; it was verified by whoever published it.
            ask: Asks its leader.

        Raises:
            AggregationError: The task is another collector's, or there is no sum that could be used.
            BudgetError: The ledger does not allow it: then nothing is asked.
            OutputError: It cannot be kept; it is charged, and collecting again goes on.
            ReleaseFileError: What is kept was changed.
        """
        self._check(task)
        before = self.kept(task.id.hex())
        if before is not None:
            return before
        charge = self.ledger.charge_task(task.id.hex(), task_spend(task.statistic, task.sigma))
        self.step("charged")
        collection = ask(task)
        self.step("asked")
        values = revealed(task, collection, self.private)
        self.step("opened")
        release = collected(charge, task.statistic, values, mark_of(self.ledger.secret))
        self.step("recorded")
        return self._keep(release, about_of(task, collection.count))

    def kept(self, task: str) -> Collected | None:
        """Return a task that was collected, by its SHA-256 in hexadecimal; None: it was not.

        Raises:
            ReleaseFileError: What is kept was changed.
        """
        numbers, about = self.folder / (task + NUMBERS), self.folder / (task + ABOUT)
        if not numbers.is_file():
            return None
        release = kept(numbers, self.ledger)
        found = _read(about)
        if not release.task == found.task == task:
            raise ReleaseFileError(f"{numbers} is not about the task that it is named by. Take a copy that is whole.")
        return Collected(release, found)

    def _check(self, task: Task) -> None:
        if task.collector != self.private.public_key().public_bytes_raw().hex():
            raise AggregationError(
                f"{task.name} is sealed to the collector {task.collector[:12]}, and this is another one. Nothing was "
                "charged or asked; use the directory of the collector that the task names."
            )

    def _keep(self, release: Release, about: About) -> Collected:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            new = self.folder / (about.task + ABOUT + ".new")
            new.write_bytes(msgspec.json.format(msgspec.json.encode(about), indent=2) + b"\n")
            new.replace(self.folder / (about.task + ABOUT))
        except OSError as error:
            raise OutputError(
                f"the release of {about.name} cannot be kept in {self.folder}: {error}. It is charged; make room and "
                "collect it again, which costs nothing more."
            ) from error
        self.step("described")
        # The numbers come last: where they are, all of it is.
        keep(release, self.folder / (about.task + NUMBERS))
        self.step("kept")
        return Collected(release, about)


def about_of(task: Task, count: int) -> About:
    """Return what is kept beside a task's numbers."""
    return About(
        task=task.id.hex(),
        name=task.name,
        count=count,
        epsilon=task.epsilon,
        delta=task.delta,
        sigma=task.sigma,
        development=task.development,
    )


def _read(path: Path) -> About:
    try:
        return msgspec.json.decode(path.read_bytes(), type=About)
    except (OSError, msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise ReleaseFileError(f"{path} is missing or damaged ({type(error).__name__}). Take a copy.") from error
