"""A table of interactions, checked and normalised, in a database of its own.

The tables of that database, for the queries of this package:

- ``interactions``: ``row`` BIGINT (ascending in file order; also the order where times are unknown or equal),
  ``user`` VARCHAR, ``item`` INTEGER (a position in the catalogue), ``time`` DOUBLE (seconds since 1970
  UTC), ``kind`` VARCHAR, ``weight`` DOUBLE, and ``context_0``, ``context_1``… VARCHAR. The latter four may
  be NULL.
- ``item_ids``: ``item`` INTEGER, ``item_id`` VARCHAR.

Repeated rows are kept: people repeat what they do. Rows never become Python objects here.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import duckdb
import numpy as np

from homespun.errors import ClosedError
from homespun.protocol.events import MAX_CONTEXT_LENGTH
from homespun_server.statistics.columns import InteractionColumns
from homespun_server.statistics.database import Database, ReadLimits, limits_told
from homespun_server.statistics.items import Items
from homespun_server.statistics.problems import SHOWN_ROWS, Fault, ReadReport, Reason
from homespun_server.statistics.reading import Reading
from homespun_server.statistics.sources import open_source
from homespun_server.statistics.sql import bad_id, bad_time, number_of, seconds_of, text_of


class Interactions:
    """Interactions in a database. A context manager: closing removes the database and what it spilt.

    Attributes:
        items: The catalogue that ``item`` points into.
        context: The SQL column of every context column, by its name in the file.
        count: How many interactions there are.
        report: What the reading did.
    """

    def __init__(self, database: Database, items: Items, context: Mapping[str, str], report: ReadReport) -> None:
        self._database: Database | None = database
        self.items = items
        self.context = context
        self.count = report.kept
        self.report = report

    @classmethod
    def read(
        cls,
        path: Path | str,
        columns: InteractionColumns = InteractionColumns(),  # noqa: B008 - frozen
        *,
        items: Items | None,
        skip_bad_rows: bool = False,
        limits: ReadLimits = ReadLimits(),  # noqa: B008 - frozen
    ) -> Self:
        """Read a table of interactions: CSV, TSV, JSON Lines (each plain or gzip) or Parquet.

        Args:
            path: The file.
            columns: Which column is what.
            items: The catalogue. None: as ``Items.from_interactions`` collects it, without privacy.
            skip_bad_rows: Leave bad rows out and count them, rather than refuse the file. A text file is
                then read record by record, which takes several times as long: see ``reading``.
            limits: What the reading, and the database afterwards, may use.

        Raises:
            DataError: If the file or one of its rows cannot be used; names file, column and rows.
            MisuseError: If the limits mean nothing or do not suffice, or there are too many contexts.
        """
        file = Path(path)
        roles = columns.roles()
        source = open_source(file)
        if items is None:
            items = Items.from_interactions(file, columns, skip_bad_rows=skip_bad_rows, limits=limits)
        database = Database(file, limits)
        try:
            with limits_told(file):
                _create_item_ids(database.connection, items)
                reading = Reading(file, source, database, roles, skip_bad_rows=skip_bad_rows)
                report = _load(database.connection, reading)
        except BaseException:
            database.close()
            raise
        context = {name: f"context_{index}" for index, name in enumerate(columns.context)}
        return cls(database, items, context, report)

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The database's connection.

        Raises:
            ClosedError: If the interactions were closed.
        """
        if self._database is None:
            raise ClosedError("the interactions were closed, and their database is gone; read them again.")
        return self._database.connection

    def close(self) -> None:
        """Remove the database. Closing twice is fine."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Check(NamedTuple):
    """A fault that a row can have: its condition, and what to show of the first row that has it.

    What people did is shown; who they are is not.
    """

    reason: Reason
    role: str | None
    condition: str
    shown: str = "NULL"


def _create_item_ids(connection: duckdb.DuckDBPyConnection, items: Items) -> None:
    arrays = {"item": np.arange(len(items), dtype=np.int32), "item_id": np.array(items.ids, dtype=object)}
    connection.register("given", arrays)
    connection.execute("CREATE TABLE item_ids AS SELECT item, item_id::VARCHAR AS item_id FROM given")
    connection.unregister("given")


def _load(connection: duckdb.DuckDBPyConnection, reading: Reading) -> ReadReport:
    checks = list(_checks(reading.types))
    reading.create(lambda raw: _create_checked(raw, reading.types, checks))
    faults = [
        Fault(checks[fault].reason, _column(checks[fault], reading), tuple(rows), count, value)
        for fault, rows, count, value in connection.execute(_FAULTS, {"rows": SHOWN_ROWS}).fetchall()
    ]
    report = reading.settle(faults, _number(connection, "SELECT count(*) FROM checked"))
    contexts = "".join(f", {role}" for role in _contexts(reading.types))
    connection.execute(
        f"CREATE VIEW interactions AS SELECT row, user, item, time, kind, weight{contexts} "  # noqa: S608 - own names
        "FROM checked WHERE fault IS NULL"
    )
    return report


def _column(check: _Check, reading: Reading) -> str | None:
    return None if check.role is None else reading.columns[check.role]


def _contexts(types: Mapping[str, str]) -> list[str]:
    return [role for role in types if role.startswith("context_")]


def _checks(types: Mapping[str, str]) -> Iterator[_Check]:
    """Yield what is checked, in this order; a row is told by the first check that it fails."""
    yield _Check(Reason.MALFORMED, None, "malformed")
    for reason, condition in bad_id("user"):
        yield _Check(reason, "user", condition)
    # An item of the catalogue has a good id, so only the others need a look.
    for reason, condition in bad_id("item_id"):
        yield _Check(reason, "item", f"item IS NULL AND ({condition})", "item_id")
    yield _Check(Reason.UNKNOWN_ITEM, "item", "item IS NULL", "item_id")
    if "time" in types:
        yield _Check(Reason.TIME, "time", bad_time("raw_time", "time"), "raw_time")
    if "kind" in types:
        word = "regexp_full_match(kind, '[a-z][a-z0-9_.-]{0,63}')"
        yield _Check(Reason.KIND, "kind", f"NOT {word}", "kind")
    if "weight" in types:
        yield _Check(Reason.WEIGHT, "weight", "weight IS NULL AND raw_weight IS NOT NULL", "raw_weight")
        yield _Check(Reason.WEIGHT_NOT_FINITE, "weight", "NOT isfinite(weight)", "raw_weight")
        yield _Check(Reason.WEIGHT_NEGATIVE, "weight", "weight < 0", "raw_weight")
    for role in _contexts(types):
        yield _Check(Reason.LONG_CONTEXT, role, f"length({role}) > {MAX_CONTEXT_LENGTH}")


def _create_checked(raw: str, types: Mapping[str, str], checks: Sequence[_Check]) -> str:
    contexts = _contexts(types)
    conditions = " ".join(f"WHEN {check.condition} THEN {index}" for index, check in enumerate(checks))
    shown = " ".join(f"WHEN {index} THEN left({check.shown}::VARCHAR, 80)" for index, check in enumerate(checks))
    normal = ", ".join(
        [
            f"{text_of('raw_user', types['user'])} AS user",
            f"{text_of('raw_item', types['item'])} AS item_id",
            f"{seconds_of('raw_time', types['time']) if 'time' in types else 'NULL::DOUBLE'} AS time",
            f"{_kind(types)} AS kind",
            f"{number_of('raw_weight', types['weight']) if 'weight' in types else 'NULL::DOUBLE'} AS weight",
            *(f"{text_of(f'raw_{role}', types[role])} AS {role}" for role in contexts),
        ]
    )
    kept = ", ".join(["row", "user", "item", "time", "kind", "weight", *contexts])
    return (
        f"CREATE TABLE checked AS WITH normal AS (SELECT *, {normal} FROM ({raw})), "  # noqa: S608 - own names
        f"found AS (SELECT *, (CASE {conditions} END)::UTINYINT AS fault "
        "FROM normal LEFT JOIN item_ids USING (item_id)) "
        f"SELECT {kept}, fault, CASE fault {shown} END AS shown FROM found"
    )


def _kind(types: Mapping[str, str]) -> str:
    return f"lower({text_of('raw_kind', types['kind'])})" if "kind" in types else "NULL::VARCHAR"


_FAULTS = """
SELECT fault, min(row, $rows), count(*), arg_min(shown, row)
FROM checked WHERE fault IS NOT NULL GROUP BY fault ORDER BY fault
"""


def _number(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0
