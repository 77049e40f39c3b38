"""How far a task is, for whoever runs an aggregator."""

import msgspec

from homespun_server.collection.places import Known, Places, State
from homespun_server.collection.waiting import WaitingReports


class TaskStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How far a task is. Nothing in it names a report.

    Attributes:
        task: The task, 64 hexadecimal digits.
        name: Its name.
        state: See ``Batch``.
        received: Reports in the sum, and those that wait or are in a job; a helper has no such number.
        count: Reports in the sum.
        minimum_batch: With fewer nothing is revealed.
        waiting: Reports without a job; a helper has none.
        oldest_seconds: How long the oldest of these has waited.
        opens: When reports may come, seconds since 1970.
        closes: Until when.
        expires: When everything is destroyed.
        why: What somebody should know.
    """

    task: str
    name: str
    state: State
    received: int
    count: int
    minimum_batch: int
    waiting: int
    oldest_seconds: int
    opens: int
    closes: int
    expires: int
    why: str | None


def status_of(places: Places, known: Known) -> TaskStatus:
    """Return how far a task is.

    Raises:
        StoreError: If the store cannot be read.
    """
    batch, task = places.batch(known), known.task
    waits = WaitingReports(places).of(known)
    return TaskStatus(
        task=known.hex,
        name=task.name,
        state=batch.state,
        received=batch.received,
        count=batch.count,
        minimum_batch=task.minimum_batch,
        waiting=waits.reports,
        oldest_seconds=waits.seconds,
        opens=task.opens,
        closes=task.closes,
        expires=task.expires,
        why=batch.why,
    )
