"""Where a ledger's events are kept: append-only, one numbered sequence per data set."""

import os
import secrets
import threading
from collections import defaultdict
from collections.abc import Callable
from typing import Protocol

from homespun_server.errors import ConflictError, LedgerError

SECRET_BYTES = 32


class EventLog(Protocol):
    """What the ledger needs of a store. Safe to use from several threads and processes at once."""

    def read(self, data_set: str) -> list[bytes]:
        """Return all events in order; none if there is no ledger.

        Raises:
            LedgerError: If events are missing.
        """

    def append(self, data_set: str, sequence: int, event: bytes) -> None:
        """Keep an event for good, durably, before returning.

        The first event also makes the data set's secret.

        Args:
            data_set: Whose.
            sequence: Its number, from 1.
            event: Its bytes.

        Raises:
            ConflictError: If the sequence is taken or would leave a gap; nothing was kept.
        """

    def secret(self, data_set: str) -> bytes:
        """Return the data set's sampling secret, 32 bytes.

        Raises:
            LedgerError: If there is no ledger.
        """


class MemoryLog:
    """A log that is gone with the process: for tests, and for budgets that nobody keeps.

    A forked process has a copy that its parent does not see, and could spend everything a second time; it is refused.
    """

    def __init__(self, randomness: Callable[[int], bytes] = secrets.token_bytes) -> None:
        """Start without events.

        Args:
            randomness: Returns so many unpredictable bytes.
        """
        self._randomness = randomness
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._events: dict[str, list[bytes]] = defaultdict(list)
        self._secrets: dict[str, bytes] = {}

    def read(self, data_set: str) -> list[bytes]:
        """See ``EventLog``."""
        with self._lock:
            return list(self._events.get(data_set, ()))

    def append(self, data_set: str, sequence: int, event: bytes) -> None:
        """See ``EventLog``; a forked process is refused."""
        if os.getpid() != self._process:
            raise LedgerError(
                "this budget is kept in the memory of another process, which cannot see what is spent here. Nothing "
                "was spent; keep the ledger in a store, or spend where it was opened."
            )
        with self._lock:
            if sequence != len(self._events.get(data_set, ())) + 1:
                raise ConflictError(
                    f"event {sequence} of {data_set!r} is not the next one; read again and decide again."
                )
            self._events[data_set].append(event)
            if data_set not in self._secrets:
                self._secrets[data_set] = self._randomness(SECRET_BYTES)

    def secret(self, data_set: str) -> bytes:
        """See ``EventLog``."""
        with self._lock:
            if data_set not in self._secrets:
                raise LedgerError(f"there is no budget ledger for the data set {data_set!r}, and so no secret.")
            return self._secrets[data_set]
