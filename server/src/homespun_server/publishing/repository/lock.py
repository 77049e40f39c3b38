"""One publisher at a time.

The lock is SQLite's own file lock on an empty file, which works alike on every system and ends with the process that
holds it. The file is never read or written.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from homespun_server.errors import RepositoryBusyError
from homespun_server.publishing.repository.files import make_folder

LOCK = "lock"
"""The file's name in the publisher's folder."""


@contextmanager
def alone(folder: Path, wait_seconds: float) -> Iterator[None]:
    """Hold the lock while the context lasts.

    Raises:
        RepositoryBusyError: Somebody else held it for longer than the wait.
    """
    make_folder(folder)
    connection = sqlite3.connect(folder / LOCK, timeout=wait_seconds, isolation_level=None)
    with closing(connection):
        try:
            # Otherwise the lock would leave a journal beside it.
            connection.execute("PRAGMA journal_mode=MEMORY")
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            raise RepositoryBusyError(
                f"somebody else is publishing to the repository of {folder} ({error}); nothing was done. Try again "
                "when they are done."
            ) from error
        yield
