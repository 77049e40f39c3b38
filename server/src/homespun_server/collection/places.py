"""Where an aggregator keeps things: its store, with what both aggregators ask of it.

Every change of a batch is made in one transaction that holds the batch's row first, so that two programs that change
the same one wait for each other. On SQLite, threads of this process wait here rather than in SQLite, which polls.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Literal

from sqlalchemy import Connection, Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from homespun.protocol.collection.report import report_size
from homespun.protocol.collection.shares import ShareForm
from homespun.protocol.collection.task import Task, encode_task, parse_task
from homespun_server.collection.keys import key_digest
from homespun_server.collection.messages import CHECKSUM_BYTES
from homespun_server.errors import AggregationError
from homespun_server.store import Store
from homespun_server.store.moments import Now, text_of
from homespun_server.store.schema import collection_batches as batches
from homespun_server.store.schema import collection_tasks as tasks

State = Literal["open", "closing", "collected", "failed", "expired"]

Step = Callable[[str], None]
"""Is told each step by name; whoever tests what a crash leaves behind stops the process there."""

RELOAD_SECONDS = 1.0
"""A task that is not known is looked for in the store at most this often."""


def no_step(_: str) -> None:
    """Do nothing: the step of an aggregator that is not tested."""


@dataclass(frozen=True)
class Known:
    """A task that this aggregator takes part in.

    Attributes:
        number: Its row.
        task: The task.
        key: SHA-256 of the key that its reports are checked with, as it was when the task was added; None: it is in
            no store.
    """

    number: int
    task: Task
    key: bytes | None = None

    @cached_property
    def form(self) -> ShareForm:
        """What its shares look like."""
        return ShareForm.of(self.task.statistic)

    @cached_property
    def report_bytes(self) -> int:
        """How long each of its reports is."""
        return report_size(self.form)

    @property
    def hex(self) -> str:
        """Its id, as it stands in addresses."""
        return self.task.id.hex()

    @property
    def id(self) -> bytes:
        """Its id, 32 bytes."""
        return self.task.id


@dataclass(frozen=True)
class Batch:
    """How far a task is.

    Attributes:
        state: Of a leader: ``open``, ``closing`` while a collection is made, ``collected``, ``failed`` if leader and
            helper disagreed, ``expired``. A helper's is never ``closing``.
        received: Reports in the sum, and those that wait or are in a job; 0 at a helper.
        count: Reports in the sum.
        checksum: Of their ids, kept while reports are added, see ``checksum_of``.
        why: What somebody should know of it; None: nothing.
        answer: What was answered when it was collected.
    """

    state: State
    received: int
    count: int
    checksum: bytes
    why: str | None
    answer: bytes | None


class Places:
    """An aggregator's store. Safe to use from several threads."""

    def __init__(self, store: Store, now: Now, clock: Callable[[], float], pairing: bytes) -> None:
        """Use a store, which stays the caller's to close.

        Args:
            store: The store.
            now: Returns the time.
            clock: Seconds since any fixed moment; it never goes back.
            pairing: 32 bytes that leader and helper have in common.
        """
        self._pairing = pairing
        self.store = store
        self._now = now
        self._clock = clock
        self._known: dict[str, Known] = {}
        self._looked = float("-inf")
        with store.reading() as connection:
            self.one_program = connection.dialect.name == "sqlite"
        self._turn = threading.Lock()

    def seconds(self) -> int:
        """Return the time, seconds since 1970."""
        return int(self._now().timestamp())

    def moment(self) -> datetime:
        """Return the time."""
        return self._now()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open a transaction, as ``Store.writing`` does; threads of this process take turns where it pays."""
        with self._turn if self.one_program else contextlib.nullcontext(), self.store.writing() as connection:
            yield connection

    def add(self, task: Task) -> Known:
        """Take part in a task; nothing happens if it is there already.

        Raises:
            StoreError: If the store cannot be written.
        """
        values = {
            "id": task.id.hex(),
            "document": encode_task(task),
            "key": key_digest(self._pairing, task.id),
            "added": text_of(self._now()),
        }
        begun = {"state": "open", "received": 0, "count": 0, "checksum": bytes(CHECKSUM_BYTES)}
        with contextlib.suppress(IntegrityError), self.writing() as connection:
            connection.execute(insert(tasks).values(**values))
            number = select(tasks.c.number).where(tasks.c.id == task.id.hex()).scalar_subquery()
            connection.execute(insert(batches).values(task=number, **begun))
        self._looked = float("-inf")
        found = self.find(task.id.hex())
        if found is None:
            raise AggregationError("the task was not kept; look at the store.")
        return found

    def find(self, task: str) -> Known | None:
        """Return a task by its id in hexadecimal; None: this aggregator does not take part in it.

        Raises:
            StoreError: If the store cannot be read.
        """
        if task not in self._known and self._clock() - self._looked >= RELOAD_SECONDS:
            self.all()
        return self._known.get(task)

    def held(self, task: str) -> Known | None:
        """Return a task that was found before, without looking into the store."""
        return self._known.get(task)

    def all(self) -> tuple[Known, ...]:
        """Return every task, in the order in which they came.

        Raises:
            StoreError: If the store cannot be read.
        """
        begun = self._clock()
        query = select(tasks.c.number, tasks.c.id, tasks.c.document, tasks.c.key).order_by(tasks.c.number)
        with self.store.reading() as connection:
            rows = connection.execute(query).all()
        for row in rows:
            if row.id not in self._known:
                self._known[row.id] = Known(row.number, parse_task(bytes(row.document)), bytes(row.key))
        # Only now: what is asked for meanwhile must not pass for unknown.
        self._looked = begun
        return tuple(self._known[row.id] for row in rows)

    def has_its_key(self, known: Known) -> bool:
        """Return whether a task's reports are still checked with the key that they were checked with first."""
        return known.key == key_digest(self._pairing, known.id)

    def batch(self, known: Known) -> Batch:
        """Return how far a task is.

        Raises:
            StoreError: If the store cannot be read.
        """
        with self.store.reading() as connection:
            return batch_within(connection, known.number)

    def settle(self) -> None:
        """Let what was overwritten in a SQLite store not outlive it in its log."""
        if self.one_program:
            with self.store.reading() as connection:
                connection.exec_driver_sql("COMMIT")
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
                connection.exec_driver_sql("BEGIN")


def batch_within(connection: Connection, number: int, *, hold: bool = False) -> Batch:
    """Return how far a task is; with ``hold`` nobody else changes it before the transaction ends."""
    query = select(batches).where(batches.c.task == number)
    row = connection.execute(query.with_for_update() if hold else query).one()
    return _batch(row)


def change_batch(connection: Connection, number: int, **values: object) -> None:
    """Change the row of a batch that is held."""
    connection.execute(update(batches).where(batches.c.task == number).values(**values))


def _batch(row: Row[tuple[object, ...]]) -> Batch:
    values = row._asdict()
    answer = values["answer"]
    return Batch(
        state=values["state"],
        received=values["received"],
        count=values["count"],
        checksum=bytes(values["checksum"]),
        why=values["why"],
        answer=None if answer is None else bytes(answer),
    )
