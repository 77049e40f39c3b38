"""What a leader does with an upload: checks it, and keeps it sealed and durable before anybody is told so.

An upload is checked against its task alone: nothing in it says whose it is. A report whose id is there already is
taken once and answered like the first, so that a device may repeat itself after a crash. The two ephemeral keys,
without which nobody opens the shares, are kept in the report's row and the rest apart, see ``sealing``.
"""

from collections.abc import Iterable, Sequence
from typing import Literal

from sqlalchemy import Connection, insert, select

from homespun.errors import CollectionError
from homespun.protocol.collection.form import PUBLIC_BYTES
from homespun.protocol.collection.report import Report, parse_report
from homespun_server.collection.places import Batch, Known, Places, Step, batch_within, change_batch, no_step
from homespun_server.collection.sealing import ENC_BYTES
from homespun_server.store.schema import collection_payloads as payloads
from homespun_server.store.schema import collection_reports as reports

Reject = Literal["unknown-task", "outside-window", "malformed", "crowded", "full", "closing", "closed", "expired"]
"""Why a report is not taken. ``crowded`` and ``closing`` may pass."""

ARRIVAL_SECONDS = 60
"""When a waiting report arrived is kept as coarsely as this, and only while it waits."""


class Intake:
    """Takes reports for a leader. Safe to use from several threads."""

    def __init__(self, places: Places, step: Step = no_step) -> None:
        """Keep reports in a store.

        Args:
            places: The leader's store.
            step: Is told each step.
        """
        self._places = places
        self._step = step

    def check(self, known: Known, raw: bytes) -> Report | Reject:
        """Return the report of an upload, or why it is none; nothing is kept yet."""
        now = self._places.seconds()
        if now >= known.task.expires:
            return "expired"
        try:
            report = parse_report(raw, known.form)
        except CollectionError:
            return "malformed"
        # A device whose clock runs ahead by less than the precision is not turned away.
        timely = is_in_window(known, report.time) and report.time <= now + known.task.time_precision
        return report if timely and now < known.task.closes else "outside-window"

    def keep(self, known: Known, taken: Sequence[Report]) -> list[Reject | None]:
        """Keep reports of one task, durably, before returning.

        Args:
            known: The task.
            taken: Reports that were checked.

        Returns:
            For each why it was not kept; None: it is, since now or before.

        Raises:
            StoreError: If the store cannot be written; nothing was kept.
        """
        unique = {report.report_id: report for report in taken}
        self._step("intake: begun")
        with self._places.writing() as connection:
            batch = batch_within(connection, known.number, hold=True)
            kept = _there(connection, known, unique)
            new = [report for report in unique.values() if report.report_id not in kept]
            new = new[: _room(known, batch)]
            self._insert(connection, known, new)
            self._step("intake: inserted")
            if new:
                change_batch(connection, known.number, received=batch.received + len(new))
        self._step("intake: committed")
        kept |= {report.report_id for report in new}
        why = _why_not(known, batch)
        return [None if report.report_id in kept else why for report in taken]

    def _insert(self, connection: Connection, known: Known, new: Sequence[Report]) -> None:
        if not new:
            return
        arrived = self._places.seconds() // ARRIVAL_SECONDS * ARRIVAL_SECONDS
        rows = [_row(known, report, arrived) for report in new]
        inserted = connection.execute(insert(reports).returning(reports.c.sequence, reports.c.id), rows)
        numbers = {bytes(row.id): row.sequence for row in inserted}
        contents = [{"report": numbers[report.report_id], "content": _content(report)} for report in new]
        connection.execute(insert(payloads), contents)


def is_in_window(known: Known, time: int) -> bool:
    """Return whether a report may have been made at a time, which is rounded."""
    task = known.task
    return task.rounded(task.opens) <= time < task.closes and task.rounded(time) == time


def joined(keys: bytes, content: bytes, leader_bytes: int) -> tuple[bytes, bytes, bytes]:
    """Return what is public of a report, the leader's sealed share and the helper's, from how they are kept.

    Args:
        keys: The two ephemeral keys, the leader's first.
        content: The rest.
        leader_bytes: Length of the leader's sealed share.
    """
    view = memoryview(content)
    at = len(content) - (leader_bytes - ENC_BYTES)
    helper = keys[ENC_BYTES:] + bytes(view[PUBLIC_BYTES:at])
    return bytes(view[:PUBLIC_BYTES]), b"".join((keys[:ENC_BYTES], view[at:])), helper


def _row(known: Known, report: Report, arrived: int) -> dict[str, object]:
    return {
        "task": known.number,
        "id": report.report_id,
        "state": "waiting",
        "time": report.time,
        "arrived": arrived,
        "enc": report.leader[:ENC_BYTES] + report.helper[:ENC_BYTES],
    }


def _content(report: Report) -> bytes:
    return b"".join((report.public, memoryview(report.helper)[ENC_BYTES:], memoryview(report.leader)[ENC_BYTES:]))


def _there(connection: Connection, known: Known, ids: Iterable[bytes]) -> set[bytes]:
    query = select(reports.c.id).where(reports.c.task == known.number, reports.c.id.in_(list(ids)))
    return {bytes(each) for each in connection.scalars(query)}


def _why_not(known: Known, batch: Batch) -> Reject:
    if batch.state != "open":
        return batch.state if batch.state in ("closing", "expired") else "closed"
    # What waits may not hold, and makes room then.
    return "full" if batch.count >= known.task.statistic.max_people else "crowded"


def _room(known: Known, batch: Batch) -> int:
    if batch.state != "open":
        return 0
    return max(0, known.task.statistic.max_people - batch.received)
