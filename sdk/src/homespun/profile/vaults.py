"""The databases of one open profile, and the order in which they are locked.

Whoever writes an event locks the open epoch and then looks at the main database, which takes no lock. Whoever
writes anything that decides about recording (consent, controls, which epoch is open) locks the main database
first and the open epoch last. So what is decided is settled before the next event, and nobody waits in a circle.

A vault is replaced by one of another name, and destroyed once the index says so; what an interrupted
replacement left is destroyed by the next one who has the main database to itself.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import apsw

from homespun.config import Durability
from homespun.errors import KeyringUnavailableError, KeyStoreError, ProfileError
from homespun.profile.failures import busy
from homespun.profile.files import Entropy
from homespun.profile.index import (
    State,
    VaultRow,
    add_vault,
    get_setting,
    read_index,
    remove_vault,
    set_setting,
    set_state,
)
from homespun.profile.rewriting import Revise, copy_rows
from homespun.profile.schema import SCHEMAS, VaultKind
from homespun.profile.shelf import Shelf
from homespun.profile.vault import keep_log, merge_log, new_name, set_durability, truncate_log

RECOVERY = "recovery"
"""Setting that holds the recovery key while there is one; vault keys are then kept inside too."""

_ATTEMPTS = 100


class Vaults:
    """The open databases. Not thread-safe."""

    def __init__(self, main: apsw.Connection, main_name: str, shelf: Shelf, entropy: Entropy) -> None:
        """Take over an open main database."""
        self.main = main
        self.main_name = main_name
        self.shelf = shelf
        self._entropy = entropy
        self._connections: dict[str, apsw.Connection] = {}
        self._durability: dict[str, Durability] = {}
        self.garbage: tuple[VaultRow, ...] = ()
        """Vaults that are to be destroyed."""
        self.epochs: tuple[VaultRow, ...] = ()
        """All epochs, oldest first."""
        self.epoch: VaultRow | None = None
        """The epoch that is open for events; None before the first event."""
        # What ``permitted()`` asks within a statement, and what it found.
        self._ask: Callable[[], bool] = lambda: False
        self._stale = self._open = False
        self._states: tuple[VaultRow, ...] = ()
        self._seen: int | None = None
        self._made: list[str] = []
        self.generation = 0
        """Grows whenever something but events may have changed."""

    @property
    def changed(self) -> bool:
        """Whether another connection has written to the main database since we looked."""
        return self._version() != self._seen

    def _version(self) -> int:
        version: Any = self.main.execute("PRAGMA data_version").get
        return int(version)

    def look(self) -> None:
        """Read the index anew if it may have changed."""
        if self.changed:
            self.reload()

    def reload(self) -> None:
        """Read the index anew and close what is not in it any more."""
        self._seen = self._version()
        self.generation += 1
        rows = read_index(self.main)
        self.garbage = tuple(row for row in rows if row.state == "garbage")
        wanted = [row for row in rows if row.state != "garbage"]
        self.epochs = tuple(row for row in wanted if row.kind is VaultKind.EPOCH)
        self.epoch = next((row for row in reversed(self.epochs) if row.state == "open"), None)
        self._states = tuple(row for row in wanted if row.kind is VaultKind.STATE)
        for name in self._connections.keys() - {row.name for row in wanted}:
            self._connections.pop(name).close()

    @property
    def state(self) -> VaultRow:
        """The state's vault."""
        return self._states[0]

    @property
    def names(self) -> frozenset[str]:
        """The names of all vaults that are not garbage."""
        return frozenset(row.name for row in (*self._states, *self.epochs)) | {self.main_name}

    def connection(self, row: VaultRow) -> apsw.Connection:
        """Return the connection to a vault, opened at its first use."""
        if row.name not in self._connections:
            self._know(row.name, self.shelf.open(row.name, SCHEMAS[row.kind], row.key))
        return self._connections[row.name]

    def _know(self, name: str, connection: apsw.Connection) -> None:
        connection.create_scalar_function("permitted", self._permits, 0)
        self._connections[name] = connection
        self._durability.pop(name, None)

    def _permits(self, *_: object) -> bool:
        """Answer ``permitted()`` within a statement, when what it writes to is locked."""
        self._stale = self.changed
        self._open = not self._stale and self._ask()
        return self._open

    @contextmanager
    def writing_epoch(self, durability: Durability) -> Iterator[tuple[VaultRow, apsw.Connection]]:
        """Lock the open epoch, which stays the open one until the block ends and its rows are committed.

        Args:
            durability: What the rows must survive.
        """
        row, connection = self._locked_epoch(durability)
        try:
            yield row, connection
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def insert_if(
        self, insert: str, values: tuple[Any, ...], permitted: Callable[[], bool], durability: Durability
    ) -> int | None:
        """Insert a row into the open epoch, in one statement that asks whether it may once the epoch is locked.

        Faster by half than a transaction of three statements.

        Args:
            insert: A statement that inserts where ``permitted()``.
            values: What it inserts.
            permitted: Decides by the main database as it is then.
            durability: What the row must survive.

        Returns:
            How many rows were inserted; None if it was not permitted.
        """
        for _ in range(_ATTEMPTS):
            self._ask, self._stale, self._open = permitted, False, False
            row = self._known_epoch()
            try:
                connection = self._ready(row, durability)
                connection.execute(insert, values)
                if not self._stale:
                    return int(connection.changes()) if self._open else None
            except apsw.BusyError:
                # Trying again would make the wait longer than it may be.
                raise
            except (apsw.Error, OSError, ProfileError):
                # Somebody may have replaced and destroyed it meanwhile.
                if not self.changed:
                    raise
            self.reload()
        raise busy(None)

    def _locked_epoch(self, durability: Durability) -> tuple[VaultRow, apsw.Connection]:
        for _ in range(_ATTEMPTS):
            row = self._known_epoch()
            try:
                connection = self._ready(row, durability)
                connection.execute("BEGIN IMMEDIATE")
                if not self.changed:
                    return row, connection
                connection.execute("ROLLBACK")
            except apsw.BusyError:
                raise
            except (apsw.Error, OSError, ProfileError):
                if not self.changed:
                    raise
            self.reload()
        raise busy(None)

    def _known_epoch(self) -> VaultRow:
        if self.epoch is None:
            raise LookupError("no epoch is open")
        return self.epoch

    def _ready(self, row: VaultRow, durability: Durability) -> apsw.Connection:
        connection = self.connection(row)
        if self._durability.get(row.name) != durability:
            set_durability(connection, durability)
            self._durability[row.name] = durability
        return connection

    @contextmanager
    def writing_main(self) -> Iterator[apsw.Connection]:
        """Lock the main database and then the open epoch; commit the one and then the other at the end."""
        self._seen = None
        self._made = []
        # The epoch is let go after the main database was committed.
        with ExitStack() as locked, transaction(self.main):
            self.reload()
            locked.enter_context(self._epoch_locked())
            try:
                yield self.main
            except BaseException:
                self._abandon()
                raise
            # What was entered is not known to others yet, and not to us if the commit fails.
            self._seen = None
        if self._made:
            # A main database that lost its log must not take for garbage what only the log knew of.
            with suppress(apsw.Error):
                merge_log(self.main)
        self.reload()

    def _abandon(self) -> None:
        """Destroy the vaults that were made in a transaction that fails, as far as that is possible now."""
        for name in self._made:
            with suppress(apsw.Error, OSError):
                self._destroyed(name)
        self._made = []

    @contextmanager
    def writing_state(self, durability: Durability = "power") -> Iterator[apsw.Connection]:
        """Lock the state as the main database is locked, and commit it at the end.

        Args:
            durability: What it must survive. With ``process`` nothing waits for the disk, and nobody who looks at the
                main database alone is told: only for what decides about nothing.
        """
        with self.writing_main() as main:
            connection = self._ready(self.state, durability)
            with transaction(connection):
                yield connection
            if durability == "power":
                # Whoever looks at the main database alone sees that something changed.
                set_setting(main, "state", (get_setting(main, "state") or 0) + 1)

    @contextmanager
    def _epoch_locked(self) -> Iterator[None]:
        row = self.epoch
        if row is None:
            yield
            return
        with transaction(self.connection(row)):
            yield

    def make(
        self,
        kind: VaultKind,
        number: int,
        *,
        started: float,
        state: State,
        fill: Callable[[apsw.Connection], None],
        outside: bool = True,
    ) -> VaultRow:
        """Make a vault and enter it in the transaction of the main database.

        Args:
            kind: What it holds.
            number: Which epoch.
            started: When it was begun.
            state: How it is entered.
            fill: Puts the first rows into it.
            outside: Whether no key of what it is filled with was ever kept inside the folder.
        """
        name = new_name(kind, self._entropy)
        self._made.append(name)
        connection, key = self.shelf.create(name, SCHEMAS[kind])
        self._know(name, connection)
        with transaction(connection):
            fill(connection)
        truncate_log(connection)
        self.shelf.settle(name, key)
        alone = self.shelf.outside and get_setting(self.main, RECOVERY) is None
        row = VaultRow(name, kind, number, state, started, alone and outside, None if alone else key)
        add_vault(self.main, row)
        return row

    def replace(self, row: VaultRow, revise: Revise) -> VaultRow:
        """Copy a vault into a new one under a new key and mark the old one as garbage.

        To be called within ``writing_main``; ``discard_garbage`` then destroys the old one.

        Args:
            row: What is replaced.
            revise: Changes rows, or leaves them out.
        """
        old = self.connection(row)

        def fill(new: apsw.Connection) -> None:
            copy_rows(old, new, SCHEMAS[row.kind], revise)

        # Copies of the old one that opened with a key from the folder show the rows that stay for ever.
        made = self.make(row.kind, row.number, started=row.started, state=row.state, fill=fill, outside=row.outside)
        set_state(self.main, row.name, "garbage")
        return made

    def discard_garbage(self) -> tuple[str, ...]:
        """Destroy what is garbage and what nobody knows; return the names of what could not be destroyed.

        Raises:
            apsw.BusyError: Somebody else is writing to the main database.
        """
        left: list[str] = []
        with transaction(self.main):
            self.reload()
            names = sorted(self.shelf.listed() - self.names | {row.name for row in self.garbage})
            for name in names:
                if self._destroyed(name):
                    remove_vault(self.main, name)
                else:
                    left.append(name)
        # The keys that were in it are in its log too, for as long as somebody reads what it was before.
        if not truncate_log(self.main) and names and not self.shelf.outside:
            left.append(f"{self.main_name}-wal")
        self.reload()
        return tuple(left)

    def needs_discarding(self) -> bool:
        """Return whether there is garbage, or a file that nobody knows."""
        return bool(self.garbage) or not self.shelf.listed() <= self.names

    def _destroyed(self, name: str) -> bool:
        if name in self._connections:
            connection = self._connections.pop(name)
            # The log is overwritten like the rest, rather than merged and removed.
            keep_log(connection, keep=True)
            connection.close()
        with suppress(KeyringUnavailableError, KeyStoreError):
            return self.shelf.destroy(name)
        return False

    def keep_keys_inside(self) -> None:
        """Keep every vault's key in the main database too, in its transaction."""
        for row in read_index(self.main):
            if row.key is None and row.state != "garbage":
                key = self.shelf.key(row.name).reveal()
                self.main.execute("UPDATE vault SET key = ?, outside = 0 WHERE name = ?", (key, row.name)).fetchall()

    def all_connections(self) -> dict[str, apsw.Connection]:
        """Return every database that is open, by name."""
        return {self.main_name: self.main, **self._connections}

    def close(self) -> None:
        """Close every database."""
        for connection in (*self._connections.values(), self.main):
            connection.close()
        self._connections.clear()


@contextmanager
def transaction(connection: apsw.Connection) -> Iterator[apsw.Connection]:
    """Write alone from the beginning to the end, and all or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        if connection.in_transaction:
            connection.execute("COMMIT")
    except BaseException:
        # SQLite itself rolls back where a disk is full.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def within(connection: apsw.Connection) -> Iterator[apsw.Connection]:
    """Write in the transaction that is open already, or else in one of its own."""
    if connection.in_transaction:
        yield connection
        return
    with transaction(connection):
        yield connection
