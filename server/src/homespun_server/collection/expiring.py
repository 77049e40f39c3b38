"""What an aggregator destroys when a task expires: everything of it but what it was, and what was answered.

What was answered is kept: it has its noise, and opens with the collector's key alone.
"""

from sqlalchemy import Connection, delete, select, update

from homespun_server.collection.places import Known, Places, Step, batch_within, change_batch, no_step
from homespun_server.collection.summing import forget_sum
from homespun_server.store.schema import collection_jobs as jobs
from homespun_server.store.schema import collection_payloads as payloads
from homespun_server.store.schema import collection_reports as reports


def expire(places: Places, step: Step = no_step) -> tuple[Known, ...]:
    """Destroy sealed reports, sums, jobs and ids of every task that has expired; return those that had not yet.

    Raises:
        StoreError: If the store cannot be written.
    """
    now = places.seconds()
    ended = []
    for known in places.all():
        if now >= known.task.expires and places.batch(known).state != "expired":
            with places.writing() as connection:
                batch_within(connection, known.number, hold=True)
                step("expiry: destroying")
                _destroy(connection, known.number)
                change_batch(connection, known.number, state="expired")
            step("expiry: destroyed")
            ended.append(known)
    if ended:
        places.settle()
    return tuple(ended)


def _destroy(connection: Connection, number: int) -> None:
    mine = reports.c.task == number
    # First what the sealed shares cannot be opened without, in place.
    connection.execute(update(reports).where(mine).values(enc=None, time=None, arrived=None))
    connection.execute(delete(payloads).where(payloads.c.report.in_(select(reports.c.sequence).where(mine))))
    connection.execute(delete(reports).where(mine))
    connection.execute(delete(jobs).where(jobs.c.task == number))
    forget_sum(connection, number)
