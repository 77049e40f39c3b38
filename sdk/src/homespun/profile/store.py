"""The profile: one person's events and consent records, encrypted on their own machine.

Tables: ``event`` (what was done with which item, in the order of recording) and ``consent`` (the choices,
as records). Both are written only by appending, and each writing is one transaction that is alone from its
beginning: what a caller decides by the consent that it is shown there still holds when it is written.

Rules: thread-safe, by one lock around one connection; several processes may have the same profile open.
What a method acknowledged by returning survives the death of the process (and a power cut with
``Settings.synchronous="full"``). What consent records mean is not known here: callers decide. Non-goals: a
profile must not be used on both sides of ``fork``; and see ``database`` for what encryption cannot tell.
"""

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import apsw

from homespun.config import DEFAULTS, Settings
from homespun.errors import ClosedError, MisuseError, ProfileStorageError
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
from homespun.profile.files import DATABASE_FILES, ERASING, KEY, Entropy, make_folder, named, present
from homespun.profile.keyfile import KeyFile, read_key_file
from homespun.profile.keys import Key
from homespun.profile.lock import FolderLock
from homespun.profile.records import event_to_row
from homespun.profile.secret import Secret
from homespun.profile.system_keyring import KeyringBackend
from homespun.profile.tables import ConsentTable, UnreadableRowError, count_rows, insert_event, select_events
from homespun.protocol.consent import ConsentRecord
from homespun.protocol.events import Event

ConsentRecords = tuple[ConsentRecord, ...]
"""Consent records in the order in which they were recorded."""


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
        self._consent = ConsentTable()

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
            _finish_erasure(folder, key, settings, entropy)
            make_folder(folder)
            lock = FolderLock.exclusive_while(folder, settings.busy_timeout_ms, lambda place: not profile_exists(place))
            if lock is None:
                raise busy(folder)
            with lock:
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
                lock = FolderLock.exclusive_while(folder, settings.busy_timeout_ms, needs_completion)
                if lock is not None:
                    with lock:
                        complete_creation(folder)
            check_complete(folder)
            file = read_key_file(folder)
        return cls._open(folder, key, file, key.unseal(file), settings)

    @classmethod
    def _open(cls, folder: Path, key: Key, file: KeyFile, data_key: Secret, settings: Settings) -> Self:
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
        with self._writing() as connection:
            return [insert_event(connection, row) for row in rows]

    def add_event_if(self, allowed: Callable[[ConsentRecords], bool], event: Event) -> bool:
        """Record an event if the consent records of this very moment allow it.

        Args:
            allowed: Decides, given all consent records; nobody can add one until the event is recorded.
            event: The event.

        Returns:
            Whether it was recorded.

        Raises:
            InvalidEventError: Its context cannot be written as JSON.
            ClosedError, DamagedProfileError, ProfileBusyError, ProfileStorageError: See the classes.
        """
        row = event_to_row(event)
        with self._writing() as connection:
            permitted = allowed(self._consent.read(connection))
            if permitted:
                insert_event(connection, row)
        return permitted

    def events(self) -> list[Event]:
        """Return all events in the order in which they were recorded.

        Raises:
            ClosedError, DamagedProfileError, ProfileBusyError, ProfileStorageError: See the classes.
        """
        with self._database() as connection:
            return select_events(connection)

    def add_consent(self, *records: ConsentRecord) -> None:
        """Record choices, all or none.

        Raises:
            ClosedError, DamagedProfileError, ProfileBusyError, ProfileStorageError: See the classes.
        """
        self.extend_consent(lambda _: records)

    def extend_consent(self, choose: Callable[[ConsentRecords], ConsentRecords]) -> None:
        """Record choices that depend on those made before, all or none.

        Args:
            choose: Gives the new records, given all that there are; nobody can add one in between.

        Raises:
            ClosedError, DamagedProfileError, ProfileBusyError, ProfileStorageError: See the classes.
        """
        with self._writing() as connection:
            self._consent.add(connection, choose(self._consent.read(connection)))

    def consent_records(self) -> ConsentRecords:
        """Return all consent records in the order of recording; the very same object until one is added.

        Raises:
            ClosedError, DamagedProfileError, ProfileBusyError, ProfileStorageError: See the classes.
        """
        with self._database() as connection:
            return self._consent.read(connection)

    def sizes(self) -> Sizes:
        """Return how much the profile holds.

        Raises:
            ClosedError, DamagedProfileError, ProfileBusyError, ProfileStorageError: See the classes.
        """
        with self._database() as connection:
            return Sizes(*count_rows(connection), _disk_bytes(self.folder))

    @property
    def is_open(self) -> bool:
        """Whether it was not closed yet."""
        return self._connection is not None

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
            try:
                yield self._connection
            except UnreadableRowError as error:
                raise damaged(self.folder, str(error)) from error

    @contextmanager
    def _writing(self) -> Iterator[apsw.Connection]:
        with self._database() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                # SQLite itself rolls back where a disk is full.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _required(folder: Path | None) -> Path:
    if folder is None:
        raise MisuseError("This key is for a profile on disk; give its folder, or use Key.ephemeral().")
    return named(folder)


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
