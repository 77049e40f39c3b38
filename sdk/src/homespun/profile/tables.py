"""Reading and writing the two tables on an open connection; who may do it is not decided here."""

from collections.abc import Iterable
from typing import Any

import apsw
import msgspec

from homespun.errors import InvalidEventError
from homespun.profile.records import EventRow, consent_from_row, consent_to_row, event_from_row
from homespun.protocol.consent import ConsentRecord
from homespun.protocol.events import Event

_INSERT_EVENT = "INSERT INTO event (item, kind, time, weight, context) VALUES (?, ?, ?, ?, ?) RETURNING id"
_SELECT_EVENTS = "SELECT item, kind, time, weight, context FROM event ORDER BY id"
_INSERT_CONSENT = "INSERT INTO consent (record) VALUES (?)"
_SELECT_CONSENT = "SELECT record, id FROM consent WHERE id > ? ORDER BY id"
_COUNTS = "SELECT (SELECT count(*) FROM event), (SELECT count(*) FROM consent)"


class UnreadableRowError(Exception):
    """A row is not what homespun writes; the text says what it is."""


class ConsentTable:
    """The consent records, of which every row is read once: rows are only ever added."""

    def __init__(self) -> None:
        """Start with nothing read."""
        self._records: tuple[ConsentRecord, ...] = ()
        self._last = 0

    def read(self, connection: apsw.Connection) -> tuple[ConsentRecord, ...]:
        """Return all records in the order of recording; the very same object until one is added.

        Not to be called between an ``add`` and its commit, which may still fail.

        Raises:
            UnreadableRowError: A row is no consent record.
        """
        rows: list[tuple[Any, ...]] = connection.execute(_SELECT_CONSENT, (self._last,)).fetchall()
        if rows:
            try:
                self._records += tuple(consent_from_row(row[:1]) for row in rows)
            except msgspec.MsgspecError as error:
                raise UnreadableRowError(f"it holds a consent record that cannot be read ({error})") from error
            self._last = rows[-1][1]
        return self._records

    def add(self, connection: apsw.Connection, records: Iterable[ConsentRecord]) -> None:
        """Add records to the transaction of ``connection``."""
        connection.executemany(_INSERT_CONSENT, [consent_to_row(record) for record in records]).fetchall()


def insert_event(connection: apsw.Connection, row: EventRow) -> int:
    """Add an event to the transaction of ``connection`` and return its id."""
    rows: list[tuple[Any, ...]] = connection.execute(_INSERT_EVENT, row).fetchall()
    return int(rows[0][0])


def select_events(connection: apsw.Connection) -> list[Event]:
    """Return all events in the order of recording.

    Raises:
        UnreadableRowError: A row is no event.
    """
    rows = connection.execute(_SELECT_EVENTS).fetchall()
    try:
        return [event_from_row(row) for row in rows]
    except (InvalidEventError, msgspec.MsgspecError) as error:
        raise UnreadableRowError(f"it holds an event that no homespun recorded ({error})") from error


def count_rows(connection: apsw.Connection) -> tuple[int, int]:
    """Return the numbers of events and of consent records."""
    rows: list[tuple[Any, ...]] = connection.execute(_COUNTS).fetchall()
    events, records = rows[0]
    return int(events), int(records)
