"""Reads one file into one table of one database, and settles what was wrong with its rows.

DuckDB reads. Where it refuses a text file, the file is walked record by record: rows that are at fault
are told, or left out of a normalised copy, which DuckDB then reads in its place. So a file that DuckDB
accepts is read at full speed, and one that it does not is explained exactly.
"""

from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import TypeVar

import duckdb

from homespun_server.errors import DataError
from homespun_server.statistics.columns import Role, resolve
from homespun_server.statistics.database import Database
from homespun_server.statistics.problems import SHOWN_ROWS, Fault, ReadReport, Reason, refuse
from homespun_server.statistics.records import Record
from homespun_server.statistics.sources import Source
from homespun_server.statistics.sql import is_single

T = TypeVar("T")


class Reading:
    """One file being read.

    Attributes:
        columns: The file's column for every filled role.
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
        self._current = path
        self._source = source
        self._database = database
        self._skip = skip_bad_rows
        self._bad: dict[Reason, array[int]] = {}
        self._names = self._attempt(lambda current: source.names(database.connection, current))
        if not self._names:
            raise self._nothing(0, self._malformed())
        self.columns = resolve(roles, self._names, path)
        self.types = self._raw_types()

    def create(self, build: Callable[[str], str]) -> None:
        """Run the statement that ``build`` makes from the raw query.

        Raises:
            DataError: If the file cannot be read, or has malformed rows that are not to be skipped.
            duckdb.OutOfMemoryException: If neither the memory limit nor the disk suffices.
        """
        self._attempt(lambda current: self._database.connection.execute(build(self._query(current))))

    def settle(self, faults: Sequence[Fault], rows: int) -> ReadReport:
        """Return the report, or raise the one error.

        Args:
            faults: What was found in the rows that DuckDB read, numbered as it read them.
            rows: How many it read.

        Raises:
            DataError: If rows are at fault and not to be skipped, or if none is left.
        """
        read = rows + sum(map(len, self._bad.values()))
        told = _merge([*self._malformed(), *(self._renumber(fault) for fault in faults)])
        if told and not self._skip:
            raise refuse(told, self._path, read, self._lines)
        kept = read - sum(fault.count for fault in told)
        if not kept:
            raise self._nothing(read, told)
        return ReadReport(str(self._path), self.columns, read, kept, tuple(told))

    def _query(self, current: Path) -> str:
        return self._source.query(current, self._names, self.columns)

    def _raw_types(self) -> dict[str, str]:
        rows = self._attempt(
            lambda current: self._database.connection.execute(f"DESCRIBE {self._query(current)}").fetchall()
        )
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

    def _attempt(self, action: Callable[[Path], T]) -> T:
        try:
            return action(self._current)
        except duckdb.OutOfMemoryException:
            raise
        except duckdb.Error as error:
            if self._source.is_text and self._current == self._path:
                self._sift()
                return self._attempt(action)
            raise DataError(
                f"{self._path} is not a table of the kind that its extension says, or is damaged: "
                f"{type(error).__name__}. Check that it opens elsewhere, or write it again.",
                path=self._path,
            ) from error

    def _sift(self) -> None:
        """Walk a text file, copy its good records, and read the copy from now on."""
        with (
            closing(self._source.records(self._path, self._database.connection)) as records,
            self._database.copy.open("w", encoding="utf-8", newline="") as copy,
        ):
            self._source.write(self._good(records), copy)
        malformed = self._malformed()
        if malformed and not self._skip:
            raise refuse(malformed, self._path, 0, self._lines)
        self._current = self._database.copy

    def _good(self, records: Iterator[Record]) -> Iterator[Record]:
        for record in records:
            if record.reason is None:
                yield record
            else:
                self._bad.setdefault(record.reason, array("q")).append(record.row)

    def _malformed(self) -> list[Fault]:
        return [Fault(reason, None, tuple(rows[:SHOWN_ROWS]), len(rows)) for reason, rows in self._bad.items()]

    def _renumber(self, fault: Fault) -> Fault:
        bad = sorted(row for rows in self._bad.values() for row in rows)
        return Fault(fault.reason, fault.column, _shift(fault.rows, bad), fault.count, fault.value)

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


def _shift(rows: tuple[int, ...], bad: list[int]) -> tuple[int, ...]:
    """Turn numbers among the good rows into numbers among all rows; ``bad`` are the others, ascending."""
    shifted = []
    for row in rows:
        number = row
        for other in bad:
            if other > number:
                break
            number += 1
        shifted.append(number)
    return tuple(shifted)


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
