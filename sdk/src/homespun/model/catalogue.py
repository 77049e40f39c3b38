"""Reads the bundle's catalogue: one inert SQLite table, opened read-only and never written.

A catalogue with anything but that table (a view, a trigger, an index, a virtual table) is refused.
"""

import threading
from pathlib import Path
from urllib.parse import quote

import apsw
import msgspec

from homespun.errors import ModelContractError
from homespun.protocol.bundle import CATALOGUE_SCHEMA

_MAX_TEXT_BYTES = 1 << 20
_TAGS = msgspec.json.Decoder(tuple[str, ...])


class Catalogue:
    """Ids, titles and tags of a bundle's items. Safe to use from several threads at once."""

    def __init__(self, path: Path, items: int) -> None:
        """Open a catalogue of ``items`` items.

        Raises:
            ModelContractError: If it is not exactly the declared table with positions 0..items-1.
        """
        self._lock = threading.Lock()
        # Immutable: nobody may change a verified file, and no lock or journal is ever made beside it.
        uri = f"file:{quote(str(path.resolve().as_posix()))}?mode=ro&immutable=1"
        try:
            self._connection = apsw.Connection(uri, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
            self._connection.limit(apsw.SQLITE_LIMIT_LENGTH, _MAX_TEXT_BYTES)
            self._connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
            self._connection.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
            self.ids = self._read_ids(items)
        except apsw.Error as error:
            raise ModelContractError(f"the catalogue cannot be read: {error}.") from error
        self.positions = {identity: position for position, identity in enumerate(self.ids)}
        if len(self.positions) != items:
            raise ModelContractError("the catalogue has the same item id twice.")

    def title(self, position: int) -> str:
        """Return an item's title."""
        return str(self._row(position)[0])

    def tags(self, position: int) -> tuple[str, ...]:
        """Return an item's tags.

        Raises:
            ModelContractError: If they are not a JSON array of text.
        """
        try:
            return _TAGS.decode(str(self._row(position)[1]))
        except msgspec.MsgspecError as error:
            raise ModelContractError(f"the tags of item {position} are not a JSON array of text.") from error

    def close(self) -> None:
        """Close the file; titles and tags cannot be read any more."""
        with self._lock:
            self._connection.close()

    def _read_ids(self, items: int) -> tuple[str, ...]:
        schema = list(self._connection.execute("SELECT type, name, sql FROM sqlite_schema LIMIT 2"))
        if schema != [("table", "items", CATALOGUE_SCHEMA)]:
            raise ModelContractError("the catalogue holds something else than its one table; it is refused.")
        rows = list(self._connection.execute("SELECT position, id FROM items ORDER BY position LIMIT ?", (items + 1,)))
        if [position for position, _ in rows] != list(range(items)):
            raise ModelContractError(f"the catalogue's positions are not 0 to {items - 1}.")
        return tuple(str(identity) for _, identity in rows)

    def _row(self, position: int) -> tuple[object, ...]:
        with self._lock:
            rows = list(self._connection.execute("SELECT title, tags FROM items WHERE position = ?", (position,)))
        if not rows:
            raise ModelContractError(f"the catalogue has no item at position {position}.")
        return tuple(rows[0])
