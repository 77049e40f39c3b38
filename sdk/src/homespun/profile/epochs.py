"""The events of all epochs: writing them into the open one, reading them from all.

Events are in the order of recording: epochs by number, and in an epoch by row. Rows that were read are kept in
memory, and only new ones are read again, unless rows were taken out or another file took the epoch's place.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any

import apsw
import msgspec

from homespun.config import Durability
from homespun.errors import InvalidEventError
from homespun.profile.index import VaultRow, set_state
from homespun.profile.logs import UnreadableRowError
from homespun.profile.records import EventRow, event_from_row
from homespun.profile.schema import VaultKind
from homespun.profile.vaults import Vaults
from homespun.protocol.events import Event
from homespun.protocol.records import ExplanationRecord, parse_record

_SECONDS_PER_DAY = 86_400.0
_AT_ONCE = 1000


_INSERT = """INSERT INTO event (uid, recorded, item, kind, time, weight, context) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (uid) WHERE uid IS NOT NULL DO NOTHING"""
_INSERT_IF = """INSERT INTO event (uid, recorded, item, kind, time, weight, context)
SELECT ?, ?, ?, ?, ?, ?, ? WHERE permitted()"""
_SELECT = "SELECT id, uid, item, kind, time, weight, context FROM event WHERE id > ? ORDER BY id"
_LATEST = "SELECT id, uid, item, kind, time, weight, context FROM event ORDER BY id DESC LIMIT ?"
_HIGHEST = "SELECT (SELECT max(id) FROM event), deletions FROM mark"
_KNOWN = "SELECT uid FROM event WHERE uid IN (SELECT value FROM json_each(?))"


@dataclass
class _Read:
    """What was read of one epoch."""

    version: int | None = None
    deletions: int = 0
    last: int = 0
    events: list[Event] = field(default_factory=list)


class Epochs:
    """The events of one open profile. Not thread-safe."""

    def __init__(self, vaults: Vaults, epoch_days: float) -> None:
        """Use the profile's vaults.

        Args:
            vaults: Where the epochs are.
            epoch_days: Length of an epoch.
        """
        self._vaults = vaults
        self._seconds = epoch_days * _SECONDS_PER_DAY
        self._read: dict[str, _Read] = {}
        self._written = 0
        self._asked: tuple[str, int, int] = ("", 0, 0)
        self._inserted: int | None = None

    def prepare(self, now: float, permitted: Callable[[], bool]) -> bool:
        """Make sure that an epoch is open for what is kept now, if anything may be; return whether it may be.

        Raises:
            apsw.BusyError: Somebody else is writing to the main database.
        """
        if not self._is_due(now):
            return True
        self._vaults.look()
        # No file is begun, and nobody waited for, for what may not be kept.
        if not permitted():
            return False
        with self._vaults.writing_main() as main:
            # Another process may have begun it meanwhile.
            if not self._is_due(now):
                return True
            number = max((row.number for row in self._vaults.epochs), default=0) + 1
            ended = self._vaults.epoch
            if ended is not None:
                set_state(main, ended.name, "sealed")
            self._vaults.make(VaultKind.EPOCH, number, started=now, state="open", fill=lambda _: None)
        return True

    def _is_due(self, now: float) -> bool:
        row = self._vaults.epoch
        return row is None or now >= row.started + self._seconds

    def add(
        self, rows: Sequence[EventRow], recorded: float, permitted: Callable[[], bool], durability: Durability
    ) -> int | None:
        """Record events if that is permitted once the open epoch is locked.

        Args:
            rows: The events, which are recorded all or not at all.
            recorded: When, seconds since 1970.
            permitted: Decides.
            durability: What they must survive.

        Returns:
            How many were not there yet; None if it was not permitted.
        """
        if not self.prepare(recorded, permitted):
            return None
        self._written += 1
        epoch = self._vaults.epoch
        if epoch is not None and recorded < epoch.started:
            # The clock was set back; nothing is older than the epoch that it is recorded in.
            recorded = epoch.started
        if len(rows) == 1 and rows[0][0] is None:
            uid, *rest = rows[0]
            added = self._vaults.insert_if(_INSERT_IF, (uid, recorded, *rest), permitted, durability)
            self._inserted = self._last_row() if added else None
            return added
        with self._vaults.writing_epoch(durability) as (row, connection):
            if not permitted():
                return None
            known = self._known(rows, row)
            before = connection.total_changes()
            new = [(uid, recorded, *rest) for uid, *rest in rows if uid is None or uid not in known]
            connection.executemany(_INSERT, new).fetchall()
            return int(connection.total_changes() - before)

    def _known(self, rows: Sequence[EventRow], current: VaultRow) -> frozenset[str]:
        """Return those ids of rows that an epoch other than the current one holds."""
        ids = [row[0] for row in rows if row[0] is not None]
        found: set[str] = set()
        for epoch in self._vaults.epochs if ids else ():
            if epoch.name != current.name:
                connection = self._vaults.connection(epoch)
                for start in range(0, len(ids), _AT_ONCE):
                    part = msgspec.json.encode(ids[start : start + _AT_ONCE]).decode()
                    found.update(uid for (uid,) in connection.execute(_KNOWN, (part,)))
        return frozenset(found)

    def events(self) -> list[Event]:
        """Return all events in the order of recording."""
        rows = self._vaults.epochs
        names = {row.name for row in rows}
        self._read = {name: read for name, read in self._read.items() if name in names}
        return [event for row in rows for event in self._of(row)]

    def latest(self, count: int) -> list[Event]:
        """Return the latest events in the order of recording, at most ``count``."""
        found: list[Event] = []
        for row in reversed(self._vaults.epochs):
            if len(found) >= count:
                break
            rows = self._vaults.connection(row).execute(_LATEST, (count - len(found),)).fetchall()
            found[:0] = [_event(entry) for entry in reversed(rows)]
        return found

    def _of(self, row: VaultRow) -> list[Event]:
        connection = self._vaults.connection(row)
        read = self._read.setdefault(row.name, _Read())
        version = self._version(connection)
        if read.version != version:
            deletions = _deletions(connection)
            if read.deletions != deletions:
                read = self._read[row.name] = _Read(deletions=deletions)
            rows: list[tuple[Any, ...]] = connection.execute(_SELECT, (read.last,)).fetchall()
            read.events += [_event(entry) for entry in rows]
            read.last = rows[-1][0] if rows else read.last
            read.version = version
        return read.events

    def _version(self, connection: apsw.Connection) -> int:
        # Others' commits change the one, our own the other.
        return hash((connection.pragma("data_version"), self._written))

    def _last_row(self) -> int | None:
        row = self._vaults.epoch
        return None if row is None else int(self._vaults.connection(row).last_insert_rowid())

    def grown(self) -> float:
        """Return how many events the open epoch got since this was asked before; infinity if more happened."""
        row = self._vaults.epoch
        if row is None:
            return 0
        highest: Any
        deletions: Any
        highest, deletions = self._inserted, self._asked[1]
        if highest is None:
            highest, deletions = self._vaults.connection(row).execute(_HIGHEST).get
        # What others took out meanwhile only makes it seem more.
        self._inserted = None
        before, self._asked = self._asked, (row.name, deletions, highest or 0)
        return self._asked[2] - before[2] if self._asked[:2] == before[:2] else inf

    def touched(self) -> None:
        """Know that rows were changed by this process."""
        self._written += 1

    def shrunk(self) -> None:
        """Know that rows were taken out by this process, and that their numbers may be used again."""
        self.touched()
        self._asked, self._inserted = ("", 0, 0), None

    def forget_read(self) -> None:
        """Drop what is in memory; it is read again when it is needed."""
        self._read.clear()

    def all(self) -> Iterator[tuple[VaultRow, apsw.Connection]]:
        """Return every epoch with its connection, oldest first."""
        for row in self._vaults.epochs:
            yield row, self._vaults.connection(row)


def mark_deletion(connection: apsw.Connection) -> None:
    """Say in the transaction of an epoch that rows were taken out of it, so that others read it anew."""
    connection.execute("UPDATE mark SET deletions = deletions + 1").fetchall()


def count_events(connections: Iterable[apsw.Connection]) -> dict[str, int]:
    """Return the number of events of each kind."""
    counts: dict[str, int] = {}
    for connection in connections:
        for kind, number in connection.execute("SELECT kind, count(*) FROM event GROUP BY kind"):
            counts[kind] = counts.get(kind, 0) + number
    return counts


def read_decisions(epochs: Epochs) -> Iterator[ExplanationRecord]:
    """Return all explanation records in the order of keeping.

    Raises:
        UnreadableRowError: A row is no explanation record.
    """
    for _, connection in epochs.all():
        for (text,) in connection.execute("SELECT record FROM decision ORDER BY id"):
            try:
                yield parse_record(text)
            except msgspec.MsgspecError as error:
                raise UnreadableRowError(f"it holds an explanation that no homespun wrote ({error})") from error


def count_exposures(epochs: Epochs, since: float) -> dict[str, int]:
    """Return how often each item was shown since a time, seconds since 1970."""
    counts: Counter[str] = Counter()
    for _, connection in epochs.all():
        for item, number in connection.execute(
            "SELECT item, count(*) FROM exposure WHERE time >= ? GROUP BY item", (since,)
        ):
            counts[item] += number
    return dict(counts)


def _deletions(connection: apsw.Connection) -> int:
    rows: list[tuple[Any, ...]] = connection.execute("SELECT deletions FROM mark").fetchall()
    return int(rows[0][0]) if rows else -1


def _event(row: tuple[Any, ...]) -> Event:
    try:
        return event_from_row(row[1:])
    except (InvalidEventError, msgspec.MsgspecError) as error:
        raise UnreadableRowError(f"it holds an event that no homespun recorded ({error})") from error
