"""What the profile costs beside plain sqlite3 with the same validation, in the same run.

The peer is Python's own sqlite3 with one table of the profile's columns, the same ids kept unique, write-ahead log
and the same synchronous setting; it checks every event as the profile does, and reads events back as the profile
does. It does not encrypt, ask for consent, keep several processes apart, or enforce a retention.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import homespun as hs
from benchmarks.measure import ratio, scaled, time_in_rounds
from benchmarks.result import Cell, Section
from benchmarks.workspace import Workspace
from homespun.model.sample import open_sample
from homespun.profile.records import EventRow, event_from_row, event_to_row

BULK = 100_000
HISTORY = 10_000
LATEST = 500
ROUNDS = 15
BULK_ROUNDS = 5
LEAST_SECONDS = 0.05
NOW = 1_700_000_000.0
KEY = bytes(range(32))
NOTICE = hs.Notice("A measurement.")

Durability = Literal["process", "power"]

_TABLE = """
CREATE TABLE event (id INTEGER PRIMARY KEY, uid TEXT, recorded REAL NOT NULL, item TEXT NOT NULL, kind TEXT NOT NULL,
                    time REAL, weight REAL, context TEXT) STRICT;
CREATE UNIQUE INDEX event_uid ON event (uid) WHERE uid IS NOT NULL;
"""
_INSERT = "INSERT INTO event (recorded, uid, item, kind, time, weight, context) VALUES (?, ?, ?, ?, ?, ?, ?)"
_LATEST = "SELECT uid, item, kind, time, weight, context FROM event ORDER BY id DESC LIMIT ?"

Timings = dict[str, list[float]]


class Plain:
    """The peer."""

    def __init__(self, path: Path, durability: Durability) -> None:
        """Open it, and make its table if the file is new."""
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = wal")
        self._connection.execute(f"PRAGMA synchronous = {'full' if durability == 'power' else 'normal'}")
        if not self._connection.execute("SELECT 1 FROM sqlite_schema").fetchall():
            self._connection.executescript(_TABLE)

    def record(self, event: hs.Event) -> None:
        """Write one event, in a transaction of its own."""
        self._connection.execute(_INSERT, (NOW, *event_to_row(event)))

    def record_many(self, events: list[hs.Event]) -> None:
        """Write events in one transaction."""
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.executemany(_INSERT, [(NOW, *event_to_row(event)) for event in events])
        self._connection.execute("COMMIT")

    def latest(self, number: int) -> list[hs.Event]:
        """Read the latest events."""
        rows: list[EventRow] = self._connection.execute(_LATEST, (number,)).fetchall()
        return [event_from_row(row) for row in reversed(rows)]

    def close(self) -> None:
        """Close it."""
        self._connection.close()


def run(workspace: Workspace) -> list[Section]:
    """Time of recording, importing and reading beside plain sqlite3; time of opening; size on disk."""
    with closing(open_sample()) as bundle, TemporaryDirectory(dir=workspace.cache) as name:
        folder = Path(name)
        steps: list[tuple[str, Callable[[], Timings]]] = [
            ("record, process", lambda: _single(folder / "a", bundle, "process", workspace)),
            ("record, power", lambda: _single(folder / "b", bundle, "power", workspace)),
            (f"import {BULK:,} events", lambda: _bulk(folder / "c", bundle, workspace)),
            (f"read the last {LATEST}", lambda: _reading(folder / "d", bundle, workspace)),
            ("open to the first read", lambda: _opening(folder / "e", bundle, workspace)),
        ]
        timings = {}
        for place, (what, measure) in enumerate(steps, start=1):
            timings[what] = measure()
            workspace.observer("measure the profile", place, len(steps))
        return [_table(timings), _sizes(folder / "f", bundle)]


@contextmanager
def opened(folder: Path, bundle: hs.Bundle, durability: Durability = "process") -> Iterator[hs.Personalizer]:
    """Open the profile in ``folder``, and make it if there is none."""
    settings = hs.Settings(durability=durability)
    with hs.Personalizer.open(
        folder / "profile", key=hs.Key.bytes(KEY), bundle=bundle, settings=settings, clock=lambda: NOW
    ) as me:
        if not me.consent.granted(hs.Purpose.PERSONALIZATION):
            me.consent.grant(hs.Purpose.DEVICE_STORAGE, hs.Purpose.PERSONALIZATION, notice=NOTICE)
        yield me


def event(number: int) -> hs.Event:
    """Return one of the events that are written."""
    return hs.Event(f"tt{number % 10_000:07d}", "rate", NOW + number, 4.5)


def _single(folder: Path, bundle: hs.Bundle, durability: Durability, workspace: Workspace) -> Timings:
    folder.mkdir()
    with opened(folder, bundle, durability) as me, closing(Plain(folder / "plain.db", durability)) as plain:
        numbers = count()

        def ours() -> None:
            number = next(numbers)
            me.record(f"tt{number % 10_000:07d}", "rate", weight=4.5, time=NOW + number)

        def theirs() -> None:
            plain.record(event(next(numbers)))

        subjects: dict[str, Callable[[], object]] = {"profile": ours, "plain": theirs}
        return time_in_rounds(subjects, workspace.clock, rounds=ROUNDS, least_seconds=LEAST_SECONDS)


def _bulk(folder: Path, bundle: hs.Bundle, workspace: Workspace) -> Timings:
    folder.mkdir()
    events = [event(number) for number in range(BULK)]
    numbers = count()

    def ours() -> None:
        with opened(folder / f"profile-{next(numbers)}", bundle) as me:
            me.record_many(events)

    def plain() -> None:
        with closing(Plain(folder / f"plain-{next(numbers)}.db", "process")) as peer:
            peer.record_many(events)

    subjects: dict[str, Callable[[], object]] = {"profile": ours, "plain": plain}
    return time_in_rounds(subjects, workspace.clock, rounds=BULK_ROUNDS, least_seconds=0)


def _reading(folder: Path, bundle: hs.Bundle, workspace: Workspace) -> Timings:
    _fill(folder, bundle)
    with opened(folder, bundle) as me, closing(Plain(folder / "plain.db", "process")) as plain:
        subjects = {"profile": lambda: me.events(LATEST), "plain": lambda: plain.latest(LATEST)}
        return time_in_rounds(subjects, workspace.clock, rounds=ROUNDS, least_seconds=LEAST_SECONDS)


def _opening(folder: Path, bundle: hs.Bundle, workspace: Workspace) -> Timings:
    _fill(folder, bundle)

    def ours() -> None:
        with opened(folder, bundle) as me:
            me.events(1)

    def plain() -> None:
        with closing(Plain(folder / "plain.db", "process")) as peer:
            peer.latest(1)

    subjects: dict[str, Callable[[], object]] = {"profile": ours, "plain": plain}
    return time_in_rounds(subjects, workspace.clock, rounds=ROUNDS, least_seconds=LEAST_SECONDS)


def _fill(folder: Path, bundle: hs.Bundle) -> None:
    folder.mkdir()
    events = [event(number) for number in range(HISTORY)]
    with opened(folder, bundle) as me, closing(Plain(folder / "plain.db", "process")) as plain:
        me.record_many(events)
        plain.record_many(events)


def _table(timings: dict[str, Timings]) -> Section:
    rows: list[tuple[Cell, ...]] = [
        (what, scaled(timing["profile"], 1e3), scaled(timing["plain"], 1e3), ratio(timing["profile"], timing["plain"]))
        for what, timing in timings.items()
    ]
    note = f"Median (range) of {ROUNDS} rounds ({BULK_ROUNDS} of the import), Key.bytes, so no passphrase is derived. "
    note += f"The profile through Personalizer. Reading and opening with {HISTORY:,} events; opening has no passphrase."
    columns = ("what", "profile, ms", "plain sqlite3, ms", "profile / plain")
    return Section("The profile beside plain sqlite3", columns, tuple(rows), note)


def _sizes(folder: Path, bundle: hs.Bundle) -> Section:
    folder.mkdir()
    with opened(folder, bundle) as me, closing(Plain(folder / "plain.db", "process")) as plain:
        for start in range(0, HISTORY, 100):
            part = [event(number) for number in range(start, start + 100)]
            me.record_many(part)
            plain.record_many(part)
    ours = sum(path.stat().st_size for path in (folder / "profile").iterdir())
    peer = (folder / "plain.db").stat().st_size
    row: tuple[Cell, ...] = (f"{HISTORY:,}", ours / 1024, peer / 1024, ours / peer)
    columns = ("events", "profile, KiB", "plain sqlite3, KiB", "profile / plain")
    return Section("Size on disk", columns, (row,), "All files of the folder, closed.")
