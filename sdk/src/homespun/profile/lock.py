"""Who uses a profile's folder: many share it, or one creates or erases it.

The lock is SQLite's own file lock on an empty file, which works alike on every system, waits no longer
than told, and ends with the process that holds it. The file is never read or written.
"""

import contextlib
import ctypes
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import apsw

from homespun.errors import ProfileBusyError
from homespun.profile.connections import connect
from homespun.profile.failures import translated
from homespun.profile.files import LOCK

_ATTEMPTS = 100
_SLICE_MS = 50


class FolderLock:
    """A held lock; release it once, or use it as a context manager."""

    def __init__(self, folder: Path, connection: apsw.Connection) -> None:
        """Take over a connection that holds the lock; use ``shared`` or ``exclusive`` instead."""
        self._folder = folder
        self._connection = connection

    @classmethod
    def shared(cls, folder: Path, wait_ms: int) -> Self:
        """Use the folder together with others.

        Raises:
            ProfileBusyError: Somebody is creating or erasing the profile.
            ProfileStorageError: The lock file cannot be opened.
        """
        return cls._acquire(folder, wait_ms, "BEGIN; SELECT count(*) FROM sqlite_schema")

    @classmethod
    def exclusive(cls, folder: Path, wait_ms: int) -> Self:
        """Use the folder alone, to create or erase the profile.

        Raises:
            ProfileBusyError: Somebody has the profile open.
            ProfileStorageError: The lock file cannot be opened.
        """
        return cls._acquire(folder, wait_ms, "BEGIN EXCLUSIVE")

    @classmethod
    def exclusive_while(cls, folder: Path, wait_ms: int, needed: Callable[[Path], bool]) -> Self | None:
        """Use the folder alone, but wait only as long as it is needed.

        Somebody else may do just what the lock is wanted for, and then keep the profile open.

        Returns:
            The lock, or None if it could not be had and is not needed any more.

        Raises:
            ProfileBusyError: Somebody has the profile open, and it is still needed.
            ProfileStorageError: The lock file cannot be opened.
        """
        waited = 0
        while True:
            wait = min(_SLICE_MS, wait_ms - waited)
            try:
                return cls.exclusive(folder, wait)
            except ProfileBusyError:
                waited += wait
                if not needed(folder):
                    return None
                if waited >= wait_ms:
                    raise

    @classmethod
    def _acquire(cls, folder: Path, wait_ms: int, statement: str) -> Self:
        with translated(folder):
            for _ in range(_ATTEMPTS):
                connection = _locked(folder / LOCK, wait_ms, statement)
                if not _was_removed(connection):
                    return cls(folder, connection)
                # An erasure removed the file between our opening and our locking it.
                connection.close()
            raise apsw.BusyError("the lock file keeps being replaced")

    def release(self, *, remove: bool = False) -> None:
        """Let others in; with ``remove`` the lock file goes too. Releasing twice does nothing."""
        removed = False
        if remove:
            # Windows does not remove open files; elsewhere this is the only moment without a race.
            with contextlib.suppress(PermissionError):
                (self._folder / LOCK).unlink(missing_ok=True)
                removed = True
        self._connection.close()
        if remove and not removed:
            with contextlib.suppress(PermissionError):
                (self._folder / LOCK).unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def _locked(path: Path, wait_ms: int, statement: str) -> apsw.Connection:
    connection = connect(path)
    try:
        connection.set_busy_timeout(wait_ms)
        # Otherwise the lock would leave a journal beside it.
        connection.pragma("journal_mode", "memory")
        connection.execute(statement).fetchall()
    except BaseException:
        connection.close()
        raise
    return connection


def _was_removed(connection: apsw.Connection) -> bool:
    moved = ctypes.c_int(0)
    connection.file_control("main", apsw.SQLITE_FCNTL_HAS_MOVED, ctypes.addressof(moved))
    return bool(moved.value)
