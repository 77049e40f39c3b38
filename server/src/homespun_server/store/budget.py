"""The budget ledgers' events and the data sets' secrets in the store: an ``EventLog``.

Appending counts the events in the same transaction, and reading compares the count and the last event, so that
rows that went missing at the end are noticed too. The chain inside the events is the ledger's business.
"""

import hashlib
import secrets
from collections.abc import Callable

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from homespun_server.errors import ConflictError, LedgerError
from homespun_server.store.schema import budget_data_sets, budget_events, sampling_secrets
from homespun_server.store.store import Store

SECRET_BYTES = 32


class SqlLog:
    """Budget events in a store. Safe to use from several threads and processes at once."""

    def __init__(self, store: Store, randomness: Callable[[int], bytes] = secrets.token_bytes) -> None:
        """Use a store, which stays the caller's to close.

        Args:
            store: The store.
            randomness: Returns so many unpredictable bytes.
        """
        self._store = store
        self._randomness = randomness

    def data_sets(self) -> list[str]:
        """Return the names of the data sets that have a ledger, in order."""
        with self._store.reading() as connection:
            return list(connection.scalars(select(budget_data_sets.c.name).order_by(budget_data_sets.c.name)))

    def read(self, data_set: str) -> list[bytes]:
        """Return all events in order; none if there is no ledger.

        Raises:
            LedgerError: If events are missing.
            StoreError: If the store cannot be read.
        """
        # One statement, so that the count and the events are of one moment.
        query = (
            select(budget_data_sets.c.events, budget_data_sets.c.head, budget_events.c.event)
            .outerjoin(budget_events, budget_events.c.data_set == budget_data_sets.c.name)
            .where(budget_data_sets.c.name == data_set)
            .order_by(budget_events.c.sequence)
        )
        with self._store.reading() as connection:
            rows = connection.execute(query).all()
        if not rows:
            return []
        events = [bytes(row.event) for row in rows if row.event is not None]
        if len(events) != rows[0].events or digest(events[-1]) != rows[0].head:
            raise LedgerError(
                f"the store {self._store.name} should hold {rows[0].events} events of {data_set!r} and holds "
                f"{len(events)}, or another last one: some were removed or changed. What was spent cannot be told any "
                "more, so nothing can be spent. Restore the store from a backup that is not older than the last spend."
            )
        return events

    def append(self, data_set: str, sequence: int, event: bytes) -> None:
        """Keep an event for good, durably, before returning; the first one also makes the secret.

        Raises:
            ConflictError: If the sequence is taken or would leave a gap; nothing was kept.
            StoreError: If the store cannot be written.
        """
        try:
            with self._store.writing() as connection:
                if sequence == 1:
                    self._begin(connection, data_set, event)
                else:
                    _count(connection, data_set, sequence, event)
                connection.execute(insert(budget_events).values(data_set=data_set, sequence=sequence, event=event))
        except IntegrityError as error:
            raise _conflict(data_set, sequence) from error

    def secret(self, data_set: str) -> bytes:
        """Return the data set's sampling secret, 32 bytes.

        Raises:
            LedgerError: If there is no ledger.
            StoreError: If the store cannot be read.
        """
        query = select(sampling_secrets.c.secret).where(sampling_secrets.c.data_set == data_set)
        with self._store.reading() as connection:
            secret = connection.scalar(query)
        if secret is None:
            raise LedgerError(f"there is no budget ledger for the data set {data_set!r}, and so no secret.")
        return bytes(secret)

    def _begin(self, connection: Connection, data_set: str, event: bytes) -> None:
        connection.execute(insert(budget_data_sets).values(name=data_set, events=1, head=digest(event)))
        secret = self._randomness(SECRET_BYTES)
        connection.execute(insert(sampling_secrets).values(data_set=data_set, secret=secret))


def digest(event: bytes) -> str:
    """Return the SHA-256 of an event's bytes, which the store keeps of the last one."""
    return hashlib.sha256(event).hexdigest()


def _count(connection: Connection, data_set: str, sequence: int, event: bytes) -> None:
    # The row is locked by this, so that two programs cannot both be next.
    counted = connection.execute(
        update(budget_data_sets)
        .where(budget_data_sets.c.name == data_set, budget_data_sets.c.events == sequence - 1)
        .values(events=sequence, head=digest(event))
    )
    if counted.rowcount != 1:
        raise _conflict(data_set, sequence)


def _conflict(data_set: str, sequence: int) -> ConflictError:
    return ConflictError(f"event {sequence} of {data_set!r} is not the next; read and decide again.")
