"""Changing a file beside a profile's folder with nobody else changing it meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from homespun.profile.connections import connect
from homespun.profile.files import create_private


@contextmanager
def alone(path: Path, wait_ms: int) -> Iterator[None]:
    """Hold the lock ``<path>.lock``, which is made where there is none; its folder has to be there.

    Args:
        path: The file that is changed.
        wait_ms: How long to wait for others, in milliseconds.

    Raises:
        apsw.BusyError: Others kept it for longer.
        apsw.Error: The lock cannot be used.
        OSError: It cannot be made.
    """
    lock = path.with_name(path.name + ".lock")
    with suppress(FileExistsError):
        create_private(lock)
    connection = connect(lock)
    try:
        connection.set_busy_timeout(wait_ms)
        # Otherwise the lock would leave a journal beside it.
        connection.pragma("journal_mode", "memory")
        connection.execute("BEGIN EXCLUSIVE").fetchall()
        yield
    finally:
        connection.close()
