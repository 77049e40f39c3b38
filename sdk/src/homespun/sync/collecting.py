"""What a channel asks of its devices, as it is signed now: its index, its tasks and experiments, and their items.

Every document is a target of the channel's delegation, asked for by a request that is in the ledger, and kept below the
updates' folder under its SHA-256, so that it is asked for once. Which documents are asked for does not depend on the
profile: all tasks and experiments of the index are; the items of a task are asked for where its report is to be made,
of one task in a run. What is wrong with one document keeps nobody from the others.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NoReturn, ParamSpec, TypeVar

from homespun.profile.files import listed, make_folder, read_bounded
from homespun.protocol.collection.task import (
    MAX_INDEX_BYTES,
    MAX_UNIVERSE_BYTES,
    CollectionIndex,
    Ref,
    Task,
    experiment_path,
    index_path,
    parse_index,
    parse_task,
    parse_universe,
    task_path,
    universe_path,
)
from homespun.sync.failing import outcome_of
from homespun.sync.outcome import Deferred, Rejected, Unreachable
from homespun.sync.stopping import StoppedError
from homespun.sync.store import Store

if TYPE_CHECKING:
    from homespun.sync.repository import Repository

P = ParamSpec("P")
T = TypeVar("T")

Wanted = Callable[[tuple[Task, ...]], Sequence[Task]]
"""From a channel's tasks to those whose items are needed now, the most wanted first."""

FOLDER: Final = "collection"
"""Where documents are kept, below the updates' folder."""

_MOST_TRIED: Final = 4
"""Of how many tasks items are tried in one run."""

_MOST_UNANSWERED: Final = 3
"""After so many documents without an answer, nobody answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """What a channel asks of its devices.

    Attributes:
        tasks: The tasks.
        refused: Why a task that the index names is none, one text each.
        experiments: The experiments' definitions, verified and not read, by their SHA-256.
        items: The items' ids that a task counts, by the task's id; of the first that is wanted and whose items can be
            read, and of no other.
        spoiled: Ids of tasks that were wanted, and whose items cannot be read.
    """

    tasks: tuple[Task, ...] = ()
    refused: tuple[str, ...] = ()
    experiments: dict[str, bytes]
    items: dict[bytes, tuple[str, ...]]
    spoiled: frozenset[bytes] = frozenset()


class Collector:
    """Gets what a channel asks of its devices, in one run."""

    def __init__(self, repository: "Repository", store: Store, channel: str) -> None:
        """Ask for nothing yet.

        Args:
            repository: The channel, its metadata refreshed.
            store: Where documents are kept.
            channel: The channel's name.
        """
        self._repository = repository
        self._store = store
        self._channel = channel
        self._folder = store.folder / FOLDER
        self._used: set[str] = set()
        self._refused: list[str] = []
        self._unanswered = 0

    def collect(self, wanted: Wanted) -> Collection:
        """Return what is asked.

        Args:
            wanted: Returns the tasks whose items are needed now, the most wanted first.

        Raises:
            StoppedError: The run ends.
            RepositoryError: The channel's metadata is not what it should be.
            CollectionError: The index is malformed.
            TransportError: Nobody answers.
            OSError: The disk refuses.
        """
        make_folder(self._folder)
        index = self._index()
        tasks = self._tasks(index.tasks)
        experiments = {
            ref.sha256: raw
            for ref in index.experiments
            if (raw := self._tried(ref.sha256[:12], self._of, experiment_path(self._channel, ref.sha256), ref))
            is not None
        }
        items, spoiled = self._first(wanted(tasks))
        self._prune()
        return Collection(
            tasks=tasks, refused=tuple(self._refused), experiments=experiments, items=items, spoiled=frozenset(spoiled)
        )

    def _first(self, tasks: Sequence[Task]) -> tuple[dict[bytes, tuple[str, ...]], list[bytes]]:
        spoiled: list[bytes] = []
        for task in tasks[:_MOST_TRIED]:
            items = self._tried(task.name, self._items, task)
            if items is not None:
                return {task.id: items}, spoiled
            spoiled.append(task.id)
        return {}, spoiled

    def _tried(self, name: str, get: Callable[P, T], *args: P.args, **named: P.kwargs) -> T | None:
        """Return what is got, or None where it is not what it should be; what ends the run is raised."""
        try:
            return get(*args, **named)
        except Exception as error:
            outcome = outcome_of(error)
            self._unanswered += isinstance(outcome, Unreachable)
            if isinstance(outcome, Deferred) or self._unanswered >= _MOST_UNANSWERED:
                raise
            self._refused.append(f"{name}: {outcome}")
            return None

    def _index(self) -> CollectionIndex:
        raw = self._repository.target(index_path(self._channel), MAX_INDEX_BYTES, self._kept)
        return CollectionIndex() if raw is None else parse_index(raw)

    def _tasks(self, refs: Iterable[Ref]) -> tuple[Task, ...]:
        tried = [self._tried(ref.sha256[:12], self._task, ref) for ref in refs]
        return tuple(task for task in tried if task is not None)

    def _task(self, ref: Ref) -> Task:
        return parse_task(self._of(task_path(self._channel, ref.sha256), ref))

    def _items(self, task: Task) -> tuple[str, ...]:
        digest = task.statistic.universe.digest
        if digest is None:
            return ()
        raw = self._signed(universe_path(self._channel, digest), MAX_UNIVERSE_BYTES)
        return parse_universe(raw, task.statistic)

    def _of(self, path: str, ref: Ref) -> bytes:
        raw = self._signed(path, ref.size)
        if hashlib.sha256(raw).hexdigest() != ref.sha256 or len(raw) != ref.size:
            _reject(f"the channel signs another {path} than its index names.")
        return raw

    def _signed(self, path: str, limit: int) -> bytes:
        raw = self._repository.target(path, limit, self._kept)
        if raw is None:
            _reject(f"the channel's index leads to {path}, which it does not sign.")
        return raw

    def _kept(self, sha256: str, download: Callable[[], bytes]) -> bytes:
        """Return a document that is kept, or keep the one that is downloaded."""
        self._used.add(sha256)
        path = self._folder / sha256
        try:
            raw = read_bounded(path, MAX_UNIVERSE_BYTES)
        except OSError:
            raw = b""
        if hashlib.sha256(raw).hexdigest() == sha256:
            return raw
        raw = download()
        self._store.replace(path, raw)
        return raw

    def _prune(self) -> None:
        for name in set(listed(self._folder)) - self._used:
            (self._folder / name).unlink(missing_ok=True)


def _reject(reason: str) -> NoReturn:
    raise StoppedError(Rejected(reason))
