"""Append-only logs of records, each a table of JSON rows."""

from collections.abc import Iterable
from typing import Any, Generic, TypeVar

import apsw
import msgspec

R = TypeVar("R", bound=msgspec.Struct)


class UnreadableRowError(Exception):
    """A row is not what homespun writes; the text says what it is."""


class Log(Generic[R]):
    """The records of one table, of which every row is read once: rows are only ever added.

    Where a vault is rewritten its log is read anew.
    """

    def __init__(self, table: str, record: type[R]) -> None:
        """Start with nothing read.

        Args:
            table: A table with the columns ``id`` and ``record``.
            record: What its rows are.
        """
        self._decoder = msgspec.json.Decoder(record)
        self._select = f"SELECT record, id FROM {table} WHERE id > ? ORDER BY id"  # noqa: S608 - no user's text
        self._insert = f"INSERT INTO {table} (record) VALUES (?)"  # noqa: S608
        self._table = table
        self._connection: apsw.Connection | None = None
        self._records: tuple[R, ...] = ()
        self._last = 0

    def read(self, connection: apsw.Connection) -> tuple[R, ...]:
        """Return all records in the order of recording; the very same object until one is added.

        Not to be called between an ``add`` and its commit, which may still fail.

        Raises:
            UnreadableRowError: A row is no such record.
        """
        if connection is not self._connection:
            self._connection, self._records, self._last = connection, (), 0
        rows: list[tuple[Any, ...]] = connection.execute(self._select, (self._last,)).fetchall()
        if rows:
            self._records += tuple(self._decoded(text) for text, _ in rows)
            self._last = rows[-1][1]
        return self._records

    def add(self, connection: apsw.Connection, records: Iterable[R]) -> None:
        """Add records to the transaction of ``connection``."""
        connection.executemany(self._insert, [(msgspec.json.encode(record).decode(),) for record in records]).fetchall()

    def _decoded(self, text: str) -> R:
        try:
            return self._decoder.decode(text)
        except (msgspec.MsgspecError, UnicodeError) as error:
            raise UnreadableRowError(f"its {self._table} log holds what no homespun wrote ({error})") from error
