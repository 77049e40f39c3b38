"""What an aggregator destroys when a task ends without a sum: everything of it but what it was, and what was answered.

What was answered is kept: it has its noise, and opens with the collector's key alone. A task ends so when it expires,
when its operator retires it, and when the aggregator was paired anew since it was added: its reports may have been
answered under the old key, and answers under two keys tell what is in a report.
"""

from sqlalchemy import Connection, delete, select, update

from homespun_server.collection.places import Known, Places, State, Step, batch_within, change_batch, no_step
from homespun_server.collection.summing import forget_sum
from homespun_server.store.schema import collection_jobs as jobs
from homespun_server.store.schema import collection_payloads as payloads
from homespun_server.store.schema import collection_reports as reports

PAIRED_ANEW = (
    "leader and helper were paired anew since this task was added. Its reports were destroyed, because answers under "
    "two keys tell what is in a report; publish a new task."
)

RETIRED = "retired by the operator: its reports and its sum were destroyed, and nothing of it is ever revealed."


def expire(places: Places, step: Step = no_step) -> tuple[Known, ...]:
    """Destroy sealed reports, sums, jobs and ids of every task that has ended; return those that had not yet.

    Raises:
        StoreError: If the store cannot be written.
    """
    return tuple(known for known in places.all() if expire_one(places, known, step))


def expire_one(places: Places, known: Known, step: Step = no_step) -> bool:
    """Destroy what is left of a task if it has ended; return whether it had not yet.

    Raises:
        StoreError: If the store cannot be written.
    """
    if places.seconds() >= known.task.expires:
        return _end(places, known, "expired", None, step)
    return end_if_paired_anew(places, known, step)


def retire(places: Places, known: Known, step: Step = no_step) -> bool:
    """Destroy what is left of a task that was not collected, for good; return whether there was one.

    Args:
        places: The store.
        known: The task.
        step: Is told each step.

    Raises:
        StoreError: If the store cannot be written.
    """
    return places.batch(known).answer is None and _end(places, known, "expired", RETIRED, step)


def end_if_paired_anew(places: Places, known: Known, step: Step = no_step) -> bool:
    """Destroy what is left of a task that began under another pairing; return whether it was there still.

    Raises:
        StoreError: If the store cannot be written.
    """
    return not places.has_its_key(known) and _end(places, known, "failed", PAIRED_ANEW, step)


def _end(places: Places, known: Known, state: State, why: str | None, step: Step) -> bool:
    if not _is_to_end(places.batch(known).state, state):
        return False
    with places.writing() as connection:
        batch = batch_within(connection, known.number, hold=True)
        if not _is_to_end(batch.state, state):
            return False
        step("expiry: destroying")
        _destroy(connection, known.number)
        change_batch(connection, known.number, state=state, why=why or batch.why)
    step("expiry: destroyed")
    places.settle()
    return True


def _is_to_end(state: State, after: State) -> bool:
    """Return whether a batch changes: what was collected is gone already, and stays until it expires."""
    return state != "expired" if after == "expired" else state in ("open", "closing")


def _destroy(connection: Connection, number: int) -> None:
    mine = reports.c.task == number
    # First what the sealed shares cannot be opened without, in place.
    connection.execute(update(reports).where(mine).values(enc=None, time=None, arrived=None))
    connection.execute(delete(payloads).where(payloads.c.report.in_(select(reports.c.sequence).where(mine))))
    connection.execute(delete(reports).where(mine))
    connection.execute(delete(jobs).where(jobs.c.task == number))
    forget_sum(connection, number)
