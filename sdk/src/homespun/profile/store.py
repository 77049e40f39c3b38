"""The profile: one person's events and consent records, encrypted on their own machine.

Tables: ``event`` (what was done with which item, in the order of recording) and ``consent`` (the choices,
as records). Both are written only by appending.

Rules: thread-safe, by one lock around one connection; several processes may have the same profile open.
What a method acknowledged by returning survives the death of the process (and a power cut with
``Settings.synchronous="full"``). Whoever may be stored here was asked before: this module knows nothing of
consent. Non-goals: a profile must not be used on both sides of ``fork``; and see ``database`` for what
encryption cannot tell.
"""

import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import apsw
import msgspec

from homespun.config import DEFAULTS, Settings
from homespun.errors import ClosedError, InvalidEventError, MisuseError, ProfileStorageError
from homespun.profile.creation import (
    check_complete,
    complete_creation,
    create_files,
    needs_completion,
    profile_exists,
)
from homespun.profile.database import keep_log as set_keep_log
from homespun.profile.database import memory_database, open_database
from homespun.profile.erasure import finish_interrupted_erasure
from homespun.profile.failures import busy, damaged, translated
from homespun.profile.files import DATABASE_FILES, ERASING, KEY, Entropy, present
from homespun.profile.keyfile import KeyFile, read_key_file
from homespun.profile.keys import Key
from homespun.profile.lock import FolderLock
from homespun.profile.records import consent_from_row, consent_to_row, event_from_row, event_to_row
from homespun.profile.system_keyring import KeyringBackend
from homespun.protocol.consent import ConsentRecord
from homespun.protocol.events import Event

_INSERT_EVENT = "INSERT INTO event (item, kind, time, weight, context) VALUES (?, ?, ?, ?, ?) RETURNING id"
_SELECT_EVENTS = "SELECT item, kind, time, weight, context FROM event ORDER BY id"


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much a profile holds.

    Attributes:
        events: Number of events.
        consent_records: Number of consent records.
        disk_bytes: Bytes of the profile's files; 0 in memory.
    """

    events: int
    consent_records: int
    disk_bytes: int


class ProfileStore:
    """An open profile. Close it, or use it as a context manager."""

    def __init__(
        self,
        connection: apsw.Connection,
        *,
        profile_id: str,
        keyring_backend: KeyringBackend | None = None,
        folder: Path | None = None,
        folder_lock: FolderLock | None = None,
    ) -> None:
        """Take over an open database; use ``create`` or ``open`` instead."""
        self.profile_id = profile_id
        self.folder = folder
        self.keyring_backend = keyring_backend
        self._connection: apsw.Connection | None = connection
        self._folder_lock = folder_lock
        self._lock = threading.RLock()

    @staticmethod
    def exists(folder: Path | None) -> bool:
        """Return whether ``folder`` holds a profile, damaged or not. Writes nothing."""
        return folder is not None and profile_exists(folder)

    @classmethod
    def create(
        cls, folder: Path | None, key: Key, *, settings: Settings = DEFAULTS, entropy: Entropy = os.urandom
    ) -> Self:
        """Create a profile and open it.

        Args:
            folder: Where; made if it is missing. Ignored with an ephemeral key, which writes nothing.
            key: What will open it.
            settings: Waits and costs.
            entropy: Source of keys, salts and nonces.

        Raises:
            MisuseError: There is a profile already, or there is no folder.
            KeyringUnavailableError: The keyring did not keep the key.
            ProfileBusyError: Somebody else is creating or erasing it.
            ProfileStorageError: The disk refused.
        """
        if key.is_ephemeral:
            return cls._in_memory(settings, entropy)
        folder = _required(folder)
        with translated(folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _finish_erasure(folder, key, settings, entropy)
            folder.mkdir(mode=0o700, exist_ok=True)
            with FolderLock.exclusive(folder, settings.busy_timeout_ms):
                file, data_key = create_files(folder, key, settings, entropy)
        return cls._open(folder, key, file, data_key, settings)

    @classmethod
    def open(
        cls, folder: Path | None, key: Key, *, settings: Settings = DEFAULTS, entropy: Entropy = os.urandom
    ) -> Self:
        """Open an existing profile; with an ephemeral key, a new one in memory.

        Args:
            folder: Where it is. Ignored with an ephemeral key.
            key: What it was created with.
            settings: Waits.
            entropy: Used if an interrupted erasure has to be completed.

        Raises:
            MisuseError: There is no profile.
            WrongKeyError: The key does not open it.
            DamagedProfileError: It was changed or cut short outside homespun.
            NewerProfileError: A newer homespun wrote it.
            KeyringUnavailableError: The keyring refused.
            ProfileBusyError: Somebody else holds it.
            ProfileStorageError: The disk refused.
        """
        if key.is_ephemeral:
            return cls._in_memory(settings, entropy)
        folder = _required(folder)
        with translated(folder):
            _finish_erasure(folder, key, settings, entropy)
            if needs_completion(folder):
                with FolderLock.exclusive(folder, settings.busy_timeout_ms):
                    complete_creation(folder)
            check_complete(folder)
            file = read_key_file(folder)
        return cls._open(folder, key, file, key.unseal(file), settings)

    @classmethod
    def _open(cls, folder: Path, key: Key, file: KeyFile, data_key: bytes, settings: Settings) -> Self:
        with translated(folder):
            lock = FolderLock.shared(folder, settings.busy_timeout_ms)
            try:
                _check_same(folder, file)
                connection = open_database(folder, data_key, settings)
            except BaseException:
                lock.release()
                raise
        return cls(
            connection,
            profile_id=file.profile,
            keyring_backend=key.keyring_backend,
            folder=folder,
            folder_lock=lock,
        )

    @classmethod
    def _in_memory(cls, settings: Settings, entropy: Entropy) -> Self:
        return cls(memory_database(settings), profile_id=entropy(16).hex())

    def add_event(self, event: Event) -> int:
        """Record an event and return its id, which no other event of this profile ever gets.

        Raises:
            InvalidEventError: Its context cannot be written as JSON.
            ClosedError, DamagedProfileError, ProfileBusyError, ProfileStorageError: See the classes.
        """
        (identifier,) = self.add_events([event])
        return identifier

    def add_events(self, events: Iterable[Event]) -> list[int]:
        """Record events, all or none, and return their ids in the same order.

        Raises:
            InvalidEventError: A context cannot be written as JSON.
            ClosedError, DamagedProfileError, ProfileBusyError, ProfileStorageError: See the classes.
        """
        rows = [event_to_row(event) for event in events]
        ids: list[int] = []
        with self._database() as connection, connection:
            ids.extend(int(row[0]) for row in connection.executemany(_INSERT_EVENT, rows))
        return ids

    def events(self) -> list[Event]:
        """Return all events in the order in which they were recorded.

        Raises:
            ClosedError, DamagedProfileError, ProfileBusyError, ProfileStorageError: See the classes.
        """
        with self._database() as connection:
            rows = connection.execute(_SELECT_EVENTS).fetchall()
        try:
            return [event_from_row(row) for row in rows]
        except (InvalidEventError, msgspec.MsgspecError) as error:
            raise damaged(self.folder, f"it holds an event that no homespun recorded ({error})") from error

    def add_consent(self, *records: ConsentRecord) -> None:
        """Record choices, all or none.

        Raises:
            ClosedError, DamagedProfileError, ProfileBusyError, ProfileStorageError: See the classes.
        """
        rows = [consent_to_row(record) for record in records]
        with self._database() as connection, connection:
            connection.executemany("INSERT INTO consent (record) VALUES (?)", rows).fetchall()

    def consent_records(self) -> list[ConsentRecord]:
        """Return all consent records in the order in which they were recorded.

        Raises:
            ClosedError, DamagedProfileError, ProfileBusyError, ProfileStorageError: See the classes.
        """
        with self._database() as connection:
            rows = connection.execute("SELECT record FROM consent ORDER BY id").fetchall()
        try:
            return [consent_from_row(row) for row in rows]
        except msgspec.MsgspecError as error:
            raise damaged(self.folder, f"it holds a consent record that cannot be read ({error})") from error

    def sizes(self) -> Sizes:
        """Return how much the profile holds.

        Raises:
            ClosedError, DamagedProfileError, ProfileBusyError, ProfileStorageError: See the classes.
        """
        counts = "SELECT (SELECT count(*) FROM event), (SELECT count(*) FROM consent)"
        with self._database() as connection:
            row: tuple[Any, ...] = connection.execute(counts).fetchall()[0]
            disk_bytes = _disk_bytes(self.folder)
        return Sizes(row[0], row[1], disk_bytes)

    def close(self, *, keep_log: bool = False) -> None:
        """Close the profile; closing twice does nothing.

        Args:
            keep_log: Leave the write-ahead log's file for an erasure to overwrite.
        """
        with self._lock, translated(self.folder):
            connection, self._connection = self._connection, None
            if connection is not None:
                if keep_log:
                    set_keep_log(connection, keep=True)
                connection.close()
            folder_lock, self._folder_lock = self._folder_lock, None
            if folder_lock is not None:
                folder_lock.release()

    @contextmanager
    def _database(self) -> Iterator[apsw.Connection]:
        with self._lock, translated(self.folder):
            if self._connection is None:
                raise ClosedError("The profile was closed; open it again to use it.")
            yield self._connection

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _required(folder: Path | None) -> Path:
    if folder is None:
        raise MisuseError("This key is for a profile on disk; give its folder, or use Key.ephemeral().")
    # A relative path would mean another folder once the process changes its own.
    return folder.absolute()


def _check_same(folder: Path, file: KeyFile) -> None:
    # Before the lock was held somebody else can have erased the profile and created another.
    if read_key_file(folder) != file:
        raise busy(folder)


def _finish_erasure(folder: Path, key: Key, settings: Settings, entropy: Entropy) -> None:
    finish_interrupted_erasure(folder, settings=settings, entropy=entropy, keyring=key.keyring_backend)
    if present(folder, (ERASING,)):
        raise ProfileStorageError(
            f"The profile in '{folder}' is being erased, and some of its files cannot be removed. Close other "
            "programs that use them, or remove the folder by hand."
        )


def _disk_bytes(folder: Path | None) -> int:
    if folder is None:
        return 0
    return sum((folder / name).stat().st_size for name in present(folder, (KEY, *DATABASE_FILES)))
