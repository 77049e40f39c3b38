"""One run at a time in one folder, whichever process makes it.

As the profile's lock: SQLite's own file lock on an empty file, which works alike on every system and ends with the
process that holds it. Nobody waits for it, because whoever holds it does what is wanted.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from homespun.profile.connections import connect
from homespun.sync.outcome import Deferred
from homespun.sync.stopping import StoppedError


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock.

    Args:
        path: The lock's file; it is made if there is none.

    Raises:
        StoppedError: Somebody else holds it, or the file cannot be used.
    """
    try:
        connection = connect(path)
    except apsw.Error as error:
        raise StoppedError(Deferred(f"the lock of the updates' folder cannot be opened: {error}")) from error
    try:
        _begin(connection)
        yield
    finally:
        connection.close()


def _begin(connection: apsw.Connection) -> None:
    try:
        connection.set_busy_timeout(0)
        # Otherwise the lock would leave a journal beside it.
        connection.pragma("journal_mode", "memory")
        connection.execute("BEGIN EXCLUSIVE").fetchall()
    except apsw.BusyError as error:
        raise StoppedError(Deferred("another process is looking for something newer at the moment")) from error
    except apsw.Error as error:
        raise StoppedError(Deferred(f"the lock of the updates' folder cannot be taken: {error}")) from error
