"""Reads the bundle's catalogue: one inert SQLite table, opened read-only and never written.

A catalogue with anything but that table (a view, a trigger, an index, a virtual table) is refused.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import apsw
import msgspec

from homespun.errors import ClosedError, InvalidEventError, ModelContractError
from homespun.protocol.bundle import CATALOGUE_SCHEMA
from homespun.protocol.events import Event

_MAX_TEXT_BYTES = 1 << 20
_TAGS = msgspec.json.Decoder(tuple[str, ...])
_SELECT = {
    "title": "SELECT title FROM items WHERE position = ?",
    "tags": "SELECT tags FROM items WHERE position = ?",
}


class Catalogue:
    """Ids, titles and tags of a bundle's items. Safe to use from several threads at once."""

    def __init__(self, path: Path, items: int) -> None:
        """Open a catalogue of ``items`` items.

        Raises:
            ModelContractError: If it is not exactly the declared table with positions 0..items-1 and ids
                that an event can name.
        """
        self._lock = threading.Lock()
        _check_journal(path)
        with _translated():
            connection = _connect(path)
        try:
            with _translated():
                self.ids = _read_ids(connection, items)
        except BaseException:
            connection.close()
            raise
        self.positions = {identity: position for position, identity in enumerate(self.ids)}
        self._connection: apsw.Connection | None = connection

    def title(self, position: int) -> str:
        """Return an item's title.

        Raises:
            ModelContractError: If it is not text.
            ClosedError: If the catalogue was closed.
        """
        return self._text("title", position)

    def tags(self, position: int) -> tuple[str, ...]:
        """Return an item's tags.

        Raises:
            ModelContractError: If they are not a JSON array of text.
            ClosedError: If the catalogue was closed.
        """
        try:
            return _TAGS.decode(self._text("tags", position))
        except (msgspec.MsgspecError, RecursionError) as error:
            raise ModelContractError(f"the tags of item {position} are not a JSON array of text.") from error

    def close(self) -> None:
        """Close the file; titles and tags cannot be read any more. Closing twice does nothing."""
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()

    def _text(self, column: Literal["title", "tags"], position: int) -> str:
        with self._lock, _translated():
            if self._connection is None:
                raise ClosedError("the bundle was closed; open it again to use it.")
            rows = self._connection.execute(_SELECT[column], (position,)).fetchall()
        # Text also where the table's declaration says so: a forged file need not keep to it.
        if len(rows) != 1 or not isinstance(rows[0][0], str):
            raise ModelContractError(f"the catalogue's {column} of item {position} is missing or not text.")
        return rows[0][0]


def _check_journal(path: Path) -> None:
    # Bytes 18 and 19 of the file format's header: 1 with a rollback journal, 2 with a write-ahead log.
    with path.open("rb") as file:
        versions = file.read(20)[18:]
    if versions != b"\1\1":
        raise ModelContractError("the catalogue is no database, or one whose last changes are in a log beside it.")


def _connect(path: Path) -> apsw.Connection:
    location = quote(path.resolve().as_posix())
    # Immutable: nobody may change a verified file, and no lock or journal is ever made beside it. A path
    # that begins with a drive or a share needs an empty host before it.
    uri = f"file://{'' if location.startswith('/') else '/'}{location}?mode=ro&immutable=1"
    connection = apsw.Connection(uri, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
    connection.limit(apsw.SQLITE_LIMIT_LENGTH, _MAX_TEXT_BYTES)
    connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
    connection.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
    return connection


def _read_ids(connection: apsw.Connection, items: int) -> tuple[str, ...]:
    schema = connection.execute("SELECT type, name, sql FROM sqlite_schema LIMIT 2").fetchall()
    if schema != [("table", "items", CATALOGUE_SCHEMA)]:
        raise ModelContractError("the catalogue holds something else than its one table; it is refused.")
    rows = connection.execute("SELECT position, id FROM items ORDER BY position LIMIT ?", (items + 1,))
    ids = tuple(_checked(row, position) for position, row in enumerate(rows))
    if len(ids) != items:
        raise ModelContractError(f"the catalogue's positions are not 0 to {items - 1}.")
    if len(set(ids)) != items:
        raise ModelContractError("the catalogue has the same item id twice.")
    return ids


def _checked(row: tuple[Any, ...], expected: int) -> str:
    position, identity = row
    if position != expected:
        raise ModelContractError(f"the catalogue has position {position} where {expected} belongs.")
    try:
        return Event(identity).item
    except InvalidEventError as error:
        raise ModelContractError(f"the catalogue's id at position {position} is none: {error}") from error


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (apsw.Error, UnicodeDecodeError) as error:
        raise ModelContractError(f"the catalogue cannot be read: {error}.") from error
