"""The running sum of a task: one vector, sealed in the store, whatever the number of reports.

It opens only together with the number of reports in it and the checksum of their ids, so that an older sum cannot be
put back beside a newer count, nor another task's.
"""

import os
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, delete, insert, select, update

from homespun.protocol.collection.field import add_vectors
from homespun_server.collection.keys import Secrets
from homespun_server.collection.messages import ShareRequest, checksum_of, set_digest
from homespun_server.collection.places import Batch, Known, change_batch
from homespun_server.collection.sealing import NONCE_BYTES, rest, wake
from homespun_server.store.schema import collection_reports as reports
from homespun_server.store.schema import collection_sums as sums


class Sums:
    """Adds to the sums of one aggregator."""

    def __init__(self, secrets: Secrets, entropy: Callable[[int], bytes] = os.urandom) -> None:
        """Seal with an aggregator's own key.

        Args:
            secrets: The aggregator's.
            entropy: Gives nonces.
        """
        self._secrets = secrets
        self._entropy = entropy

    def add_within(
        self, connection: Connection, known: Known, batch: Batch, ids: Sequence[bytes], added: NDArray[np.uint64]
    ) -> None:
        """Add reports to a sum, in the transaction that holds the batch.

        Args:
            connection: The transaction.
            known: The task.
            batch: As it is, held.
            ids: Of the reports that are added.
            added: Their shares, uint64 of shape [size], below the modulus.

        Raises:
            StoreError: If the sum is not the one that was put there.
        """
        if not ids:
            return
        count, checksum = batch.count + len(ids), checksum_of(ids, batch.checksum)
        total = add_vectors(self.read_within(connection, known, batch), added) if batch.count else added
        sealed = rest(
            total,
            self._secrets.resting_key(known.id),
            _bound(known, count, checksum),
            self._entropy(NONCE_BYTES),
        )
        if batch.count:
            connection.execute(update(sums).where(sums.c.task == known.number).values(total=sealed))
        else:
            connection.execute(insert(sums).values(task=known.number, total=sealed))
        change_batch(connection, known.number, count=count, checksum=checksum)

    def read_within(self, connection: Connection, known: Known, batch: Batch) -> NDArray[np.uint64]:
        """Return the sum of a batch, uint64 of shape [size].

        Raises:
            StoreError: If it is not the one that was put there.
        """
        if not batch.count:
            return np.zeros(known.task.statistic.size, np.uint64)
        sealed = connection.execute(select(sums.c.total).where(sums.c.task == known.number)).scalar_one_or_none()
        bound = _bound(known, batch.count, batch.checksum)
        return wake(bytes(sealed or b""), self._secrets.resting_key(known.id), bound)


def added_within(connection: Connection, known: Known, batch: Batch) -> ShareRequest:
    """Return which reports are in a sum: how many, and the digest of their ids.

    Args:
        connection: A transaction that holds the batch.
        known: The task.
        batch: As it is, held.
    """
    mine = (reports.c.task == known.number, reports.c.state == "added")
    ids = connection.execute(select(reports.c.id).where(*mine).order_by(reports.c.id).execution_options(yield_per=1000))
    return ShareRequest(count=batch.count, checksum=set_digest(bytes(row.id) for row in ids))


def forget_sum(connection: Connection, number: int) -> None:
    """Remove the sum of a task."""
    # Overwritten before it is removed, because what is removed may stay on the disk for a while.
    connection.execute(update(sums).where(sums.c.task == number).values(total=b""))
    connection.execute(delete(sums).where(sums.c.task == number))


def _bound(known: Known, count: int, checksum: bytes) -> bytes:
    return known.id + count.to_bytes(8, "big") + checksum
