"""How long events are kept: which rows have to go, and taking them out.

Age counts from the recording, because that is how long the profile keeps something. Rows that have to go are
taken out of their epoch at once; an old copy of its file still shows them to whoever has its key, until the
epoch ends: once nothing in a sealed epoch is kept any more, its key is destroyed and its file removed.

Clocks can be wrong. One that stands earlier deletes nothing more, and makes nothing look older than the epoch that it
is recorded in. One that jumps ahead by more than ``DOUBTED_DAYS`` is believed only after it has gone on for
``CONFIRMED_AFTER_DAYS``: nothing is deleted for its sake until then, and what was recorded in a future that did not
come counts as recorded when the clock came back. One that was behind ``EARLIEST`` was wrong, and what was recorded by
it counts as recorded when it was set right. A smaller jump ahead is believed: what is recorded meanwhile may be kept
for as much longer, and what is due by then goes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Final

import apsw
import msgspec

from homespun.config import Retention, Settings
from homespun.errors import ProfileError
from homespun.profile.epochs import Epochs, count_events, mark_deletion
from homespun.profile.index import VaultRow, get_setting, set_setting, set_started, set_state
from homespun.profile.outliving import give_up_inputs
from homespun.profile.vault import truncate_log
from homespun.profile.vaults import Vaults, within

DAY: Final = 86_400.0
DOUBTED_DAYS: Final = 90.0
CONFIRMED_AFTER_DAYS: Final = 1.0
EARLIEST: Final = 1_672_531_200.0
"""The beginning of 2023, before the first homespun: where clocks without a battery begin is long before."""

EVERY_SECONDS: Final = 3600.0
"""Age is looked at no more often than this, beside every opening."""

_AGAIN_SECONDS = 60.0
_AGAIN_EVENTS = 100
"""When what failed is tried again."""

LOG_DAYS: Final = 365.0
"""How long explanation records and exposures are kept, in days, unless events are kept for less."""

_Limits = tuple[float | None, int | None]

_SLACK = 32
"""Where there are too many events, a 32nd more than necessary goes, so that it is not done for each event."""


@dataclass(frozen=True, slots=True)
class Clock:
    """What is known about time.

    Attributes:
        seen: The latest time that was believed, seconds since 1970.
        doubted: When a jump ahead was first seen, by the doubted clock; None if nothing is doubted.
    """

    seen: float
    doubted: float | None = None

    def told(self, now: float) -> "Clock":
        """Return what is known after the clock said ``now``."""
        if self.seen < EARLIEST <= now:
            return Clock(now)
        if now <= self.seen + DOUBTED_DAYS * DAY:
            return Clock(max(now, self.seen))
        if self.doubted is not None and now >= self.doubted + CONFIRMED_AFTER_DAYS * DAY:
            return Clock(now)
        # A doubt that stands later than now was about yet another clock.
        return Clock(self.seen, now if self.doubted is None else min(self.doubted, now))


class Retainer:
    """Enforces the retention of one open profile. Not thread-safe."""

    def __init__(self, vaults: Vaults, epochs: Epochs, settings: Settings) -> None:
        """Look at nothing yet."""
        self._vaults = vaults
        self._epochs = epochs
        self._all = settings.retention
        self._of: Mapping[str, Retention] = settings.retention_of
        # How many events may certainly be added before some are too many.
        self._room: float = -1
        self._looked = -inf
        # Of each kind that has a rule of its own, and of all others under no name.
        shortest = {kind: _shorter(limit.days, self._all.days) for kind, limit in self._of.items()}
        self._days: dict[str, float | None] = {**shortest, "": self._all.days}
        self._log_days = min(LOG_DAYS, LOG_DAYS if self._all.days is None else self._all.days)
        limits = {**{kind: limit.events for kind, limit in self._of.items()}, "": self._all.events}
        self._most = {kind: most for kind, most in limits.items() if most is not None}
        self._decisions = settings.decisions
        self._policy = _policy(settings)

    def after_writing(self, now: float) -> None:
        """Enforce what has become due when events were just written, by whomever.

        What was written stays written: what cannot be done now is done at a later writing, or at the next opening,
        which tells why if it still cannot.
        """
        try:
            self._room -= self._epochs.grown() if self._most else 0
            if not 0 <= now - self._looked < EVERY_SECONDS:
                self.enforce(now)
            if self._room < 0:
                self._take_out(lambda _: self._drop_surplus())
        except (apsw.Error, OSError, ProfileError):
            self._looked = now + _AGAIN_SECONDS - EVERY_SECONDS
            self._room = _AGAIN_EVENTS

    def after_deciding(self) -> None:
        """Take out the oldest records of decisions where there are too many; raises nothing, as ``after_writing``."""
        try:
            there = sum(_decisions(connection) for _, connection in self._epochs.all())
            if there > self._decisions:
                surplus = there - (self._decisions - self._decisions // _SLACK)
                self._take_out(lambda _: self._drop_decisions(surplus))
        except (apsw.Error, OSError, ProfileError):
            # What is too much now is too much at the next list.
            return

    def forget_counts(self) -> None:
        """Count again before the next decision about what is too much."""
        self._room = -1

    def enforce(self, now: float) -> None:
        """Take out what is too old and what is too much, unless that was done a moment ago."""
        main = self._vaults.main
        seen = get_setting(main, "clock_seen")
        known = Clock(now if seen is None else seen, get_setting(main, "clock_doubted"))
        done = get_setting(main, "retention") == self._policy and seen is not None
        if not done or known.doubted is not None or not 0 <= now - known.seen < EVERY_SECONDS:
            clock = known.told(now)
            self._take_out(lambda main: self._due(main, known, clock, now))
            # Not with it: the open epoch is committed after the main database, and may fail then.
            with self._vaults.writing_main() as main:
                set_setting(main, "clock_seen", clock.seen)
                set_setting(main, "clock_doubted", clock.doubted)
                set_setting(main, "retention", self._policy)
        else:
            self._room = -1
        self._looked = now

    def _due(self, main: apsw.Connection, known: Clock, clock: Clock, now: float) -> list[VaultRow]:
        if clock.doubted is None and clock.seen >= EARLIEST:
            self._correct(main, known, clock.seen)
        return [*(self._drop_old(now) if clock.doubted is None else ()), *self._drop_surplus()]

    def _take_out(self, choose: Callable[[apsw.Connection], list[VaultRow]]) -> None:
        """Take out rows while nobody else can rewrite an epoch, and destroy the epochs of which nothing is left."""
        with self._vaults.writing_main() as main:
            touched = choose(main)
            if touched:
                touched += give_up_inputs(self._epochs)
            for row, connection in self._epochs.all():
                if row.state == "sealed" and _is_empty(connection):
                    set_state(main, row.name, "garbage")
        if touched:
            self._epochs.shrunk()
        shorter = {row.name for row in touched}
        for row, connection in self._epochs.all():
            if row.name in shorter:
                # With a reader in it the log is cut by the next one who can.
                truncate_log(connection)
        if self._vaults.garbage:
            self._vaults.discard_garbage()

    def _drop_old(self, now: float) -> list[VaultRow]:
        touched = []
        shortest = min((days for days in (*self._days.values(), self._log_days) if days is not None), default=inf)
        for row, connection in self._epochs.all():
            # Nothing in an epoch is older than its beginning.
            if row.started + shortest * DAY < now and self._drop_old_of(connection, now):
                touched.append(row)
        return touched

    def _drop_old_of(self, connection: apsw.Connection, now: float) -> bool:
        with within(connection):
            before = connection.total_changes()
            for kind, days in self._days.items():
                if days is not None:
                    condition, values = ("kind = ?", (kind,)) if kind else _others(self._days)
                    connection.execute(
                        f"DELETE FROM event WHERE {condition} AND recorded < ?",  # noqa: S608 - marks only
                        (*values, now - days * DAY),
                    ).fetchall()
            for table in ("decision", "exposure"):
                oldest = now - self._log_days * DAY
                connection.execute(f"DELETE FROM {table} WHERE time < ?", (oldest,)).fetchall()  # noqa: S608
            return _marked(connection, before)

    def _drop_surplus(self) -> list[VaultRow]:
        touched: list[VaultRow] = []
        self._room = inf
        if self._most:
            counts = count_events(connection for _, connection in self._epochs.all())
            for kind, most in self._most.items():
                there = _number(counts, kind)
                if there > most:
                    touched += self._drop_oldest(kind, there - (most - most // _SLACK))
                    # Of one kind fewer are fewer of all.
                    counts = count_events(connection for _, connection in self._epochs.all())
            self._room = min(most - _number(counts, kind) for kind, most in self._most.items())
        return touched

    def _drop_oldest(self, kind: str, surplus: int) -> list[VaultRow]:
        touched = []
        condition, values = ("kind = ?", (kind,)) if kind else ("TRUE", ())
        for row, connection in self._epochs.all():
            if surplus <= 0:
                break
            with within(connection):
                before = connection.total_changes()
                connection.execute(
                    f"DELETE FROM event WHERE id IN "  # noqa: S608 - marks only
                    f"(SELECT id FROM event WHERE {condition} ORDER BY id LIMIT ?)",
                    (*values, surplus),
                ).fetchall()
                surplus -= int(connection.total_changes() - before)
                if _marked(connection, before):
                    touched.append(row)
        return touched

    def _drop_decisions(self, surplus: int) -> list[VaultRow]:
        touched = []
        for row, connection in self._epochs.all():
            if surplus <= 0:
                break
            with within(connection):
                before = connection.total_changes()
                connection.execute(
                    "DELETE FROM decision WHERE id IN (SELECT id FROM decision ORDER BY id LIMIT ?)", (surplus,)
                ).fetchall()
                surplus -= int(connection.total_changes() - before)
                if _marked(connection, before):
                    touched.append(row)
        return touched

    def _correct(self, main: apsw.Connection, known: Clock, now: float) -> None:
        """Let count as of now what happened by a clock that was wrong."""

        def is_wrong(time: float) -> bool:
            return not EARLIEST <= time <= now + DAY

        wrong = [row for row in self._vaults.epochs if is_wrong(row.started)]
        if known.doubted is None and not is_wrong(known.seen) and not wrong:
            return
        for row in wrong:
            set_started(main, row.name, now)
        for _, connection in self._epochs.all():
            with within(connection):
                for table, column in (("event", "recorded"), ("decision", "time"), ("exposure", "time")):
                    connection.execute(
                        f"UPDATE {table} SET {column} = ? WHERE NOT {column} BETWEEN ? AND ?",  # noqa: S608 - our own
                        (now, EARLIEST, now + DAY),
                    ).fetchall()


def _decisions(connection: apsw.Connection) -> int:
    ((number,),) = connection.execute("SELECT count(*) FROM decision").fetchall()
    return int(number)  # type: ignore[arg-type] # a count


def enforced(main: apsw.Connection) -> dict[str, Retention]:
    """Return the retention that was enforced last, by kind of event, and that of all events under no name."""
    text = get_setting(main, "retention")
    kept: dict[str, _Limits] = {} if text is None else msgspec.json.decode(text, type=dict[str, _Limits])
    return {kind: Retention(days=days, events=events) for kind, (days, events) in kept.items()}


def _policy(settings: Settings) -> str:
    limits = {"": settings.retention, **settings.retention_of}
    return msgspec.json.encode({kind: (limits[kind].days, limits[kind].events) for kind in sorted(limits)}).decode()


def _number(counts: Mapping[str, int], kind: str) -> int:
    return counts.get(kind, 0) if kind else sum(counts.values())


def _shorter(one: float | None, other: float | None) -> float | None:
    return min((days for days in (one, other) if days is not None), default=None)


def _others(kinds: Mapping[str, float | None]) -> tuple[str, tuple[str, ...]]:
    named = tuple(kind for kind in kinds if kind)
    return f"kind NOT IN ({', '.join('?' * len(named))})", named


def _marked(connection: apsw.Connection, before: int) -> bool:
    if connection.total_changes() == before:
        return False
    mark_deletion(connection)
    return True


def _is_empty(connection: apsw.Connection) -> bool:
    return not any(
        connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchall()  # noqa: S608 - our own names
        for table in ("event", "decision", "exposure")
    )
