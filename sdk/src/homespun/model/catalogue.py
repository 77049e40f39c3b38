"""Reads the bundle's catalogue: inert SQLite tables of items, words and attributes, opened read-only and never written.

A catalogue with anything but these tables (a view, a trigger, an index, a virtual table) is refused.
"""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import apsw
import msgspec
import numpy as np
from numpy.typing import NDArray

from homespun.errors import ClosedError, InvalidEventError, ModelContractError
from homespun.model.attributes import Attributes
from homespun.model.tag_codes import TagCodes
from homespun.model.verify import open_file
from homespun.model.words import SELECT_WORDS, encoder_of
from homespun.protocol.bundle import (
    ATTRIBUTES_SCHEMA,
    CATALOGUE_SCHEMA,
    CONTROL_CHARACTERS,
    MAX_WORDS,
    WORDS_SCHEMA,
)
from homespun.protocol.content import ContentEncoder
from homespun.protocol.events import MAX_ITEM_LENGTH, check_item

_MAX_TEXT_BYTES = 1 << 20
_AT_ONCE = 1000
_IDS_AT_ONCE = 4096
_IDS = msgspec.json.Decoder(list[str])
_TAGS = msgspec.json.Decoder(tuple[str, ...])
_SELECT_IDS = (
    "SELECT json_group_array(id) FROM (SELECT id FROM items WHERE position >= ? AND position < ? ORDER BY position)"
)
_SELECT_TITLES = "SELECT position, title FROM items WHERE position IN (SELECT value FROM json_each(?))"
_SELECT_TAGS = "SELECT position, tags FROM items WHERE position IN (SELECT value FROM json_each(?))"
_TABLES = [
    ("table", "items", CATALOGUE_SCHEMA),
    ("table", "words", WORDS_SCHEMA),
    ("table", "attributes", ATTRIBUTES_SCHEMA),
]
_NOWHERE: NDArray[np.int64] = np.zeros(0, np.int64)
_NOWHERE.setflags(write=False)
# Where a tag is not spelled out in plain, a backslash is. So no item that carries it is left out.
_SELECT_TAGGED = "SELECT position, tags FROM items WHERE instr(tags, ?) OR instr(tags, '\\') ORDER BY position"


class Catalogue:
    """Ids, titles, tags and attributes of a bundle's items. Safe to use from several threads at once."""

    def __init__(self, path: Path, items: int, dimensions: int = 0) -> None:
        """Open a catalogue.

        Args:
            path: The file.
            items: How many items it has.
            dimensions: Of its words' vectors; 0: the model has no content component.

        Raises:
            ModelContractError: If it is not exactly the declared tables with positions 0..items-1 and ids
                that an event can name.
        """
        self._lock = threading.Lock()
        self._index_lock = threading.Lock()
        self._carriers: dict[str, NDArray[np.int64]] = {}
        self._dimensions = dimensions
        _check_journal(path)
        with _translated():
            connection = _connect(path)
        try:
            with _translated():
                tables = _check_schema(connection)
                self.positions = _read_positions(connection, items)
        except BaseException:
            connection.close()
            raise
        self._has_words = "words" in tables
        self.attributes = Attributes(self._rows if "attributes" in tables else None, items)
        self.ids = tuple(self.positions)
        self.codes = TagCodes(self.tags_of, items)
        self._connection: apsw.Connection | None = connection

    def title(self, position: int) -> str:
        """Return an item's title; raises what ``titles`` does."""
        return self.titles([position])[0]

    def titles(self, positions: Sequence[int]) -> list[str]:
        """Return the titles of items, in the order that is asked for.

        Raises:
            ModelContractError: If one is not text or holds a control character.
            ClosedError: If the catalogue was closed.
        """
        wanted = list(dict.fromkeys(positions))
        found = self._column(_SELECT_TITLES, wanted)
        titles = {position: _text("title", position, found.get(position)) for position in wanted}
        return [titles[position] for position in positions]

    def tags(self, position: int) -> tuple[str, ...]:
        """Return an item's tags; raises what ``tags_of`` does."""
        return self.tags_of([position])[0]

    def tags_of(self, positions: Sequence[int]) -> list[tuple[str, ...]]:
        """Return the tags of items, in the order that is asked for.

        Raises:
            ModelContractError: If they are not a JSON array of text, or hold a control character.
            ClosedError: If the catalogue was closed.
        """
        wanted = list(dict.fromkeys(positions))
        found = self._column(_SELECT_TAGS, wanted)
        tags = {position: _decoded(position, found.get(position)) for position in wanted}
        return [tags[position] for position in positions]

    def tagged(self, tag: str) -> NDArray[np.int64]:
        """Return the positions of the items that carry a tag, ascending and read-only (int64 [n]).

        The first call for a tag looks for it in the whole catalogue; raises what ``tags_of`` does of those items that
        seem to carry it.
        """
        with self._index_lock:
            if tag not in self._carriers:
                self._carriers[tag] = self._read_carriers(tag)
            return self._carriers[tag]

    def encoder(self) -> ContentEncoder | None:
        """Read the words by which items that are not in the catalogue are scored; None if there are none.

        Raises:
            ModelContractError: If one is not as the contract says.
            ClosedError: If the catalogue was closed.
        """
        return encoder_of(self._rows(SELECT_WORDS, MAX_WORDS + 1) if self._has_words else [], self._dimensions)

    def close(self) -> None:
        """Close the file; titles and tags cannot be read any more. Closing twice does nothing."""
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()

    def _column(self, query: str, positions: Sequence[int]) -> dict[int, Any]:
        """Read one value for each of some distinct positions, in few queries."""
        found: dict[int, Any] = {}
        for start in range(0, len(positions), _AT_ONCE):
            found.update(self._rows(query, json.dumps(list(positions[start : start + _AT_ONCE]))))
        return found

    def _read_carriers(self, tag: str) -> NDArray[np.int64]:
        try:
            spelled = msgspec.json.encode(tag).decode()
        except UnicodeEncodeError:  # half a character, which no catalogue can hold
            return _NOWHERE
        rows = self._rows(_SELECT_TAGGED, spelled)
        # Many items carry the same tags, so each list is decoded once.
        carries: dict[object, bool] = {}
        for position, raw in rows:
            if raw not in carries:
                carries[raw] = tag in _decoded(position, raw)
        found = np.array([position for position, raw in rows if carries[raw]], np.int64)
        found.setflags(write=False)
        return found

    def _rows(self, query: str, *given: str | int) -> list[tuple[Any, ...]]:
        with self._lock, _translated():
            if self._connection is None:
                raise ClosedError("the bundle was closed; open it again to use it.")
            return self._connection.execute(query, given).fetchall()


def _decoded(position: int, raw: object) -> tuple[str, ...]:
    try:
        tags = _TAGS.decode(_text("tags", position, raw))
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ModelContractError(f"the tags of item {position} are not a JSON array of text.") from error
    # Once more, because JSON can spell them out.
    return tuple(_text("tags", position, tag) for tag in tags)


def _text(column: str, position: int, value: object) -> str:
    # Checked although the table's declaration says that it is text: a forged file need not keep to it.
    if not isinstance(value, str):
        raise ModelContractError(f"the catalogue's {column} of item {position} is missing or not text.")
    if CONTROL_CHARACTERS.search(value):
        raise ModelContractError(
            f"the catalogue's {column} of item {position} holds a control character, which could steer a terminal. "
            "Whoever made the bundle must leave it out."
        )
    return value


def _check_journal(path: Path) -> None:
    # Bytes 18 and 19 of the file format's header: 1 with a rollback journal, 2 with a write-ahead log.
    with open_file(path) as file:
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


def _check_schema(connection: apsw.Connection) -> set[str]:
    """Return which tables there are: the items', and maybe one of words and one of attributes; nothing else may be."""
    schema = connection.execute("SELECT type, name, sql FROM sqlite_schema LIMIT 4").fetchall()
    names = {str(name) for _, name, _ in schema}
    if schema != [table for table in _TABLES if table[1] in names] or "items" not in names:
        raise ModelContractError("the catalogue holds something else than its tables; it is refused.")
    return names


def _read_positions(connection: apsw.Connection, items: int) -> dict[str, int]:
    """Return every id's position, by ascending position."""
    ids = _read_many_ids(connection, items)
    if ids is None:
        ids = _read_each_id(connection, items)
    positions = dict(zip(ids, range(items), strict=True))
    if len(positions) != items:
        raise ModelContractError("the catalogue has the same item id twice.")
    return positions


def _read_many_ids(connection: apsw.Connection, items: int) -> list[str] | None:
    """Return all ids, read and checked many at a time, because their number decides how long opening takes.

    None if something is wrong with them, or they are too long for that.
    """
    ids: list[str] = []
    try:
        if connection.execute("SELECT count(*) FROM items").fetchall() != [(items,)]:
            return None
        for first in range(0, items, _IDS_AT_ONCE):
            ((raw,),) = connection.execute(_SELECT_IDS, (first, min(first + _IDS_AT_ONCE, items))).fetchall()
            ids += _IDS.decode(str(raw))
    except (apsw.Error, msgspec.MsgspecError, UnicodeError):
        return None
    fits = len(ids) == items and "" not in ids and max(map(len, ids), default=0) <= MAX_ITEM_LENGTH
    return ids if fits and "".join(ids).isprintable() else None


def _read_each_id(connection: apsw.Connection, items: int) -> list[str]:
    rows = connection.execute("SELECT position, id FROM items ORDER BY position LIMIT ?", (items + 1,))
    ids = [_checked(row, position) for position, row in enumerate(rows)]
    if len(ids) != items:
        raise ModelContractError(f"the catalogue's positions are not 0 to {items - 1}.")
    return ids


def _checked(row: tuple[Any, ...], expected: int) -> str:
    position, identity = row
    if position != expected:
        raise ModelContractError(f"the catalogue has position {position} where {expected} belongs.")
    try:
        return check_item(identity)
    except InvalidEventError as error:
        raise ModelContractError(f"the catalogue's id at position {position} is none: {error}") from error


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (apsw.Error, UnicodeDecodeError) as error:
        raise ModelContractError(f"the catalogue cannot be read: {error}.") from error
