"""Reading, deciding and appending: again if somebody else was first, so that every decision saw all events."""

import threading
import time
from collections.abc import Callable

from homespun_server.errors import BudgetError, ConflictError, LedgerError
from homespun_server.privacy.ledger.book import Book
from homespun_server.privacy.ledger.events import RESTORE, Event, Happening, encoded, hash_of
from homespun_server.privacy.ledger.log import EventLog
from homespun_server.privacy.ledger.policy import whole_seconds
from homespun_server.privacy.ledger.state import BudgetState

Clock = Callable[[], float]
"""Returns seconds since 1970-01-01 UTC."""

Decide = Callable[[Book, int], Happening]
"""Given the book and the time, says what happens, or raises if it may not; pure, for it may be asked again."""

ATTEMPTS = 10_000
"""How often somebody else may be first. Each time they got on with their work, so this is never reached."""


class Recorder:
    """One data set's log, and the book that it adds up to. Safe to use from several threads."""

    def __init__(self, log: EventLog, data_set: str, clock: Clock = time.time) -> None:
        self._log = log
        self._data_set = data_set
        self._clock = clock
        self._lock = threading.Lock()
        self._book = Book(data_set)
        self._seen: list[bytes] = []

    @property
    def opened(self) -> bool:
        """Whether the log holds an opened ledger.

        Raises:
            LedgerError: If the ledger is damaged.
        """
        with self._lock:
            return self._replayed().opened

    @property
    def hashes(self) -> frozenset[str]:
        """The hashes of all events.

        Raises:
            LedgerError: If the ledger is damaged.
        """
        with self._lock:
            self._replayed()
            return frozenset(hash_of(data) for data in self._seen)

    def state(self) -> BudgetState:
        """Return the state now.

        Raises:
            LedgerError: If no ledger was opened, or it is damaged.
        """
        with self._lock:
            return self._replayed().state(self._now())

    def record(self, decide: Decide) -> tuple[Event, Book]:
        """Decide what happens and append it.

        Returns:
            The event, and the book after it.

        Raises:
            BudgetError: If somebody else was first too many times.
            LedgerError: If the ledger is damaged.
        """
        with self._lock:
            for _ in range(ATTEMPTS):
                book, now = self._replayed(), self._now()
                event = Event(
                    data_set=self._data_set,
                    sequence=book.sequence + 1,
                    time=book.time(now),
                    previous=book.head,
                    what=decide(book, now),
                )
                data = encoded(event)
                # What no replay would take must never be kept.
                after = book.copy()
                after.add(data)
                try:
                    self._log.append(self._data_set, event.sequence, data)
                except ConflictError:
                    continue
                self._book = after
                self._seen.append(data)
                return event, after
        raise BudgetError(f"others changed the ledger of {self._data_set!r} {ATTEMPTS} times in a row; try again.")

    def _replayed(self) -> Book:
        events = self._log.read(self._data_set)
        if events[: len(self._seen)] != self._seen:
            raise LedgerError(f"the ledger of {self._data_set!r} was changed while it was in use. {RESTORE}")
        for data in events[len(self._seen) :]:
            self._book.add(data)
            self._seen.append(data)
        return self._book

    def _now(self) -> int:
        return whole_seconds(self._clock())
