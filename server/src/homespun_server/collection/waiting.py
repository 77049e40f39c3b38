"""What waits at a leader, looked up now and then: how many reports, how many bytes, and since when."""

from dataclasses import dataclass

from sqlalchemy import func, select

from homespun_server.collection.places import Known, Places
from homespun_server.store.schema import collection_reports as reports


@dataclass(frozen=True)
class Waits:
    """What of a task has no job yet.

    Attributes:
        reports: How many.
        seconds: How long the oldest has waited, known to a minute.
    """

    reports: int
    seconds: int


class WaitingReports:
    """Looks what waits."""

    def __init__(self, places: Places) -> None:
        """Know of nothing yet.

        Args:
            places: The leader's store.
        """
        self._places = places
        self.bytes = 0

    def look(self) -> dict[str, Waits]:
        """Look, and return what waits, by task.

        Raises:
            StoreError: If the store cannot be read.
        """
        found = {known.hex: (known, self.of(known)) for known in self._places.all()}
        self.bytes = sum(known.report_bytes * waits.reports for known, waits in found.values())
        return {task: waits for task, (_, waits) in found.items()}

    def of(self, known: Known) -> Waits:
        """Look what waits of a task.

        Raises:
            StoreError: If the store cannot be read.
        """
        mine = (reports.c.task == known.number, reports.c.state == "waiting")
        oldest = select(reports.c.arrived).where(*mine).order_by(reports.c.sequence).limit(1)
        with self._places.store.reading() as connection:
            count = connection.scalar(select(func.count()).select_from(reports).where(*mine)) or 0
            since = connection.scalar(oldest)
        return Waits(count, 0 if since is None else max(0, self._places.seconds() - since))
