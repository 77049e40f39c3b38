"""A SQLite file, before it is used: whose it is, that only its owner reads it, and that it writes ahead.

The file holds secrets, so on POSIX it is made with mode 600, and SQLite gives its side files the same. WAL needs
a local disk; programs on several machines share a PostgreSQL instead.
"""

import os
import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path

from homespun_server.errors import StoreError

APPLICATION_ID = 0x68737072
"""What the files bear in their header: ``hspr``."""

BUSY_SECONDS = 60.0
"""How long a program waits for another one's write."""

_PAUSE_SECONDS = 0.02


def prepare(path: Path, *, create: bool, page_bytes: int | None = None) -> None:
    """Make the file if it is not there, refuse one of another program, and switch it to WAL.

    Args:
        path: The file.
        create: Whether to make it.
        page_bytes: How large the pages of a file are that is made; None: as SQLite does. It stays as it was made.

    Raises:
        StoreError: If it cannot be used.
    """
    try:
        if create:
            # Made here rather than by SQLite, which would let others read it.
            with suppress(FileExistsError):
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        elif not path.is_file():
            raise StoreError(f"there is no store at {path}. Correct the path, or make one.")
        with closing(sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
            _check_owner(connection, path)
            if page_bytes is not None:
                # Of an empty file; for any other it changes nothing.
                connection.execute(f"PRAGMA page_size={page_bytes}")
            _write_ahead(connection, path)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(
            f"the store {path} cannot be opened: {error}. Check that its folder exists, that this program may write "
            "there, and that it is a store of homespun's."
        ) from error


def _check_owner(connection: sqlite3.Connection, path: Path) -> None:
    # Both of one moment: another program may be making the store's tables, and its mark, between two looks.
    connection.execute("BEGIN")
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    connection.execute("ROLLBACK")
    if owner != APPLICATION_ID and (owner or tables):
        raise StoreError(f"{path} is another program's SQLite file. It was left alone; name another file.")


def _write_ahead(connection: sqlite3.Connection, path: Path) -> None:
    """Switch to WAL; SQLite does not wait for other programs here, so this does."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE_SECONDS)
            continue
        if mode != "wal":
            raise StoreError(
                f"the store {path} cannot write ahead (its journal is {mode!r}); put it on a local disk, or use "
                "PostgreSQL."
            )
        return
