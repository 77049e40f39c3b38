"""Ingest: the tables are read once and checked. Nothing of them is kept but how many rows were read and left out."""

from pathlib import Path

import msgspec

from homespun_server.running.cache import write_json
from homespun_server.running.job import Job

FILE = "ingest.json"


class Ingested(msgspec.Struct, frozen=True, kw_only=True):
    """What reading the tables did: exact figures, for the operator.

    Attributes:
        rows: Rows of the table.
        kept: Of them that are used.
        skipped: Rows left out, by reason.
        columns: The table's column for every role.
        items: Items of the catalogue.
        tagged: Of them with a tag.
    """

    rows: int
    kept: int
    skipped: dict[str, int]
    columns: dict[str, str]
    items: int
    tagged: int


def ingest(job: Job, made: Path) -> None:
    """Read and check the tables."""
    with job.people() as interactions:
        report, items = interactions.report, interactions.items
        found = Ingested(
            rows=report.read,
            kept=report.kept,
            skipped={str(fault.reason): fault.count for fault in report.skipped},
            columns=report.columns,
            items=len(items.ids),
            tagged=sum(map(bool, items.tags)),
        )
    write_json(made / FILE, found)


def ingested(folder: Path) -> Ingested:
    """Return what reading the tables did."""
    return msgspec.json.decode((folder / FILE).read_bytes(), type=Ingested)
