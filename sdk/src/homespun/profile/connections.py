"""Opening SQLite connections that are nobody else's business.

``apsw.connection_hooks`` run while a connection is made: before a key can be set, and on every connection of the
process. A host's hook would read an encrypted file as if it were plain, change the journal of the lock's file,
so that it locks nothing any more, or trace statements with what a person did. Connections to a profile
are made without them; other threads, which may be opening the host's own databases, keep them.

Nor is the file layer (VFS) used that a host may have made the default: with one between SQLite and its encryption the
write-ahead log would be written in the clear.
"""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import apsw

VFS: Final = "multipleciphers-win32" if sys.platform == "win32" else "multipleciphers-unix"
"""The encryption on top of SQLite's own file layer."""

_Hook = Callable[[apsw.Connection], None]

# apsw has one list of hooks a process, so exchanging it takes one lock a process.
_EXCHANGE: Final = threading.Lock()


def connect(path: Path | str, flags: int = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE) -> apsw.Connection:
    """Return a connection that no hook of the host has seen.

    Args:
        path: The database's file, or ``:memory:``.
        flags: SQLite's flags of opening.

    Raises:
        apsw.Error: It cannot be opened.
    """
    with _without_hooks():
        return apsw.Connection(os.fspath(path), flags=flags, vfs=_file_layer() or None)


def open_file(path: Path, flags: int = apsw.SQLITE_OPEN_READONLY) -> apsw.VFSFile:
    """Open a database's file for its bytes, through SQLite's own file layer.

    Closing a file that we opened ourselves would drop the locks that other connections of this process hold on it
    (POSIX).

    Args:
        path: The file.
        flags: SQLite's flags of opening.

    Raises:
        apsw.Error: It cannot be opened.
    """
    return apsw.VFSFile(_file_layer(), os.fspath(path), [flags | apsw.SQLITE_OPEN_MAIN_DB, 0])


def sync_database(path: Path) -> None:
    """Wait until a database's file is on the disk, also where this process has it open.

    Raises:
        apsw.Error: It cannot be opened or synced.
    """
    file = open_file(path, apsw.SQLITE_OPEN_READWRITE)
    try:
        file.xSync(apsw.SQLITE_SYNC_FULL)
    finally:
        file.xClose()


def _file_layer() -> str:
    # Where the installed apsw cannot encrypt, whoever sets the key says so.
    return VFS if VFS in apsw.vfs_names() else ""


@contextmanager
def _without_hooks() -> Iterator[None]:
    with _EXCHANGE:
        hooks = apsw.connection_hooks
        elsewhere = [_for_other_threads(hook, threading.get_ident()) for hook in hooks]
        guarded = list(elsewhere)
        apsw.connection_hooks = guarded
        try:
            yield
        finally:
            # What the host added in the meantime is kept.
            hooks.extend(hook for hook in guarded if hook not in elsewhere)
            apsw.connection_hooks = hooks


def _for_other_threads(hook: _Hook, thread: int) -> _Hook:
    def guarded(connection: apsw.Connection) -> None:
        if threading.get_ident() != thread:
            hook(connection)

    return guarded
