"""Reads one file into one table of one database, and settles what was wrong with its rows.

The rule that privacy rests on: what a row is read as never depends on other rows. Sums are bounded per
user, and one person who changed how everybody's rows are read would change them without any bound.

A text file can be read in two ways: by DuckDB at full speed, which takes it as it is or refuses it as a
whole, and by the walk, record by record and slower by far, whose good records DuckDB takes over as they
are. Where both take a row, they take it for the same; only blanks beside quotes (``"a" ,b``), which DuckDB
drops, are malformed to the walk. Hence

- with ``skip_bad_rows=True`` the walk alone reads, whatever the file holds;
- by default DuckDB reads, and where it refuses, the walk does: if it finds no malformed row (but blank
  lines, line ends of several kinds, or a byte order mark before JSON), its records are taken, and otherwise
  the file is refused as a whole. So one odd row may cost the file, but never changes another row.

The choice is thus the operator's, and it matters for blanks beside quotes alone.

What is a record is settled by the quotes (RFC 4180) or the line ends (JSON Lines) that the file's writer
set. A person's rows are records; a file whose writer quotes nothing lets values pose as records, which no
reader can see.

What refuses a whole file says so to the operator, by an error, and nothing is released. Messages of DuckDB
quote rows, and thus people; so they are never part of an error, nor of its context.
"""

from array import array
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import TypeVar

import duckdb
import pyarrow as pa

from homespun_server.errors import DataError
from homespun_server.statistics.columns import Role, resolve, resolve_keys
from homespun_server.statistics.database import Database
from homespun_server.statistics.problems import SHOWN_ROWS, Fault, ReadReport, Reason, refuse
from homespun_server.statistics.records import Record
from homespun_server.statistics.sources import Source
from homespun_server.statistics.sql import is_single

T = TypeVar("T")

_WALKED = pa.schema([("row", pa.int64()), ("fields", pa.list_(pa.string()))])
_RECORDS_PER_BATCH = 1 << 12


class Reading:
    """One file being read.

    Attributes:
        columns: The file's column for every filled role; of JSON Lines all the keys that AUTO found.
        types: DuckDB's type of every filled role's raw values.
    """

    def __init__(
        self, path: Path, source: Source, database: Database, roles: Sequence[Role], *, skip_bad_rows: bool
    ) -> None:
        """Find the columns.

        Raises:
            DataError: If the file has a structural fault, or malformed rows that are not to be skipped.
        """
        self._path = path
        self._source = source
        self._connection = database.connection
        self._skip = skip_bad_rows
        self._walked = False
        self._bad: dict[Reason, array[int]] = {}
        if skip_bad_rows and source.is_text:
            self._walk()
        self._names = self._attempt(lambda: source.names(self._connection, path, walked=self._walked))
        if not self._names:
            raise self._nothing(0, self._malformed())
        self._columns = self._resolve(roles)
        self.columns = {role: ", ".join(columns) for role, columns in self._columns.items()}
        self.types = self._raw_types()

    def create(self, build: Callable[[str], str]) -> None:
        """Run the statement that ``build`` makes from the raw query.

        Raises:
            DataError: If the file cannot be read, or has malformed rows that are not to be skipped.
            duckdb.OutOfMemoryException: If neither the memory limit nor the disk suffices.
        """
        self._attempt(lambda: self._connection.execute(build(self._query())))

    def settle(self, faults: Sequence[Fault], rows: int) -> ReadReport:
        """Return the report, or raise the one error.

        Args:
            faults: What was found in the rows that were read.
            rows: How many these are.

        Raises:
            DataError: If rows are at fault and not to be skipped, or if none is left.
        """
        read = rows + sum(map(len, self._bad.values()))
        told = _merge([*self._malformed(), *faults])
        if told and not self._skip:
            raise refuse(told, self._path, read, self._lines)
        kept = read - sum(fault.count for fault in told)
        if not kept:
            raise self._nothing(read, told)
        return ReadReport(str(self._path), self.columns, read, kept, tuple(told), self._absent())

    def _resolve(self, roles: Sequence[Role]) -> dict[str, tuple[str, ...]]:
        if self._source.has_keys:
            return resolve_keys(roles, self._names, self._path, skip_bad_rows=self._skip)
        return resolve(roles, self._names, self._path)

    def _absent(self) -> tuple[str, ...]:
        asked = dict.fromkeys(column for columns in self._columns.values() for column in columns)
        return tuple(column for column in asked if column not in self._names)

    def _query(self) -> str:
        return self._source.query(self._path, self._names, self._columns, walked=self._walked)

    def _raw_types(self) -> dict[str, str]:
        rows = self._attempt(lambda: self._connection.execute(f"DESCRIBE {self._query()}").fetchall())
        types = {row[0].removeprefix("raw_"): row[1] for row in rows}
        for role, column in self.columns.items():
            if not is_single(types[role]) and not (role == "tags" and types[role].endswith("]")):
                raise DataError(
                    f"{self._path}: column {column!r} is of type {types[role]}, but {role} must be a single text, "
                    "number or timestamp. Convert the column, or name another one.",
                    path=self._path,
                    column=column,
                )
        return types

    def _attempt(self, action: Callable[[], T]) -> T:
        try:
            return action()
        except duckdb.OutOfMemoryException:
            raise
        except duckdb.Error as error:
            kind = type(error).__name__
        # Not inside the handler: DuckDB's message would be the context of what is raised.
        if self._source.is_text and not self._walked:
            self._walk()
            return self._attempt(action)
        raise DataError(
            f"{self._path} is not a table of the kind that its extension says, or is damaged: {kind}. Check that it "
            "opens elsewhere, or write it again.",
            path=self._path,
        )

    def _walk(self) -> None:
        """Put the good records of a text file into the table ``walked``, and read them from now on.

        Raises:
            DataError: If the file is damaged, or has malformed rows that are not to be skipped.
        """
        self._connection.execute("CREATE TABLE walked (row BIGINT, fields VARCHAR[])")
        with closing(self._good_records()) as records:
            while batch := list(islice(records, _RECORDS_PER_BATCH)):
                columns = [[record.row for record in batch], [record.fields for record in batch]]
                self._connection.register("given", pa.table(columns, schema=_WALKED))
                self._connection.execute("INSERT INTO walked FROM given")
                self._connection.unregister("given")
        malformed = self._malformed()
        if malformed and not self._skip:
            raise refuse(malformed, self._path, 0, self._lines)
        self._walked = True

    def _good_records(self) -> Generator[Record]:
        with closing(self._source.records(self._path, self._connection)) as records:
            for record in records:
                if record.reason is not None:
                    self._bad.setdefault(record.reason, array("q")).append(record.row)
                elif record.row:
                    yield record

    def _malformed(self) -> list[Fault]:
        return [Fault(reason, None, tuple(rows[:SHOWN_ROWS]), len(rows)) for reason, rows in self._bad.items()]

    def _lines(self, rows: tuple[int, ...]) -> tuple[int, ...]:
        try:
            with closing(self._source.records(self._path, None)) as records:
                found = (record.line for record in records if record.row in rows)
                return tuple(islice(found, len(rows)))
        except DataError:
            # DuckDB forgives a little more than the walk does; the rows are told without their lines then.
            return ()

    def _nothing(self, read: int, faults: Sequence[Fault]) -> DataError:
        read = read or sum(fault.count for fault in faults)
        if not read:
            return DataError(
                f"{self._path} has no data row: it holds no more than a header or blank lines. "
                "Give a table with at least one row.",
                path=self._path,
            )
        counts = ", ".join(f"{fault.count:,} {fault.reason}" for fault in faults)
        return DataError(
            f"{self._path}: every one of its rows is at fault and was skipped ({counts}), so nothing is left to "
            "use. Read it without skip_bad_rows=True to see where the first ones are.",
            path=self._path,
            count=read,
        )


def _merge(faults: Sequence[Fault]) -> list[Fault]:
    """Put faults of one reason and column together, in the order of the reasons."""
    merged: dict[tuple[Reason, str | None], Fault] = {}
    for fault in faults:
        key = (fault.reason, fault.column)
        before = merged.get(key, Fault(fault.reason, fault.column, (), 0, fault.value))
        rows = tuple(sorted((*before.rows, *fault.rows))[:SHOWN_ROWS])
        merged[key] = Fault(fault.reason, fault.column, rows, before.count + fault.count, before.value)
    order = list(Reason)
    return sorted(merged.values(), key=lambda fault: order.index(fault.reason))
