"""The files of a profile's folder, and the few things that are done to files.

::

    key.json                 the wrapped data key; a profile exists from when it does
    profile.db  (+wal, shm)  the encrypted database
    profile.db.draft         a database that is being created
    erasing.json             an erasure has begun and must be completed
    profile.lock             empty; who uses the folder, see ``lock``

Everything else in the folder belongs to somebody else and is never touched.
"""

import contextlib
import errno
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

from homespun.errors import MisuseError

if sys.platform == "darwin":
    import fcntl

Entropy = Callable[[int], bytes]
"""Gives so many unpredictable bytes; ``os.urandom`` outside tests."""

KEY = "key.json"
DATABASE = "profile.db"
DATABASE_LOG = "profile.db-wal"
DRAFT = "profile.db.draft"
ERASING = "erasing.json"
LOCK = "profile.lock"

_PARTIAL = ".partial"
_SIDE_FILES = ("", "-wal", "-shm", "-journal")
_CHUNK = 1 << 16
_READING = os.O_RDONLY | sum(getattr(os, name, 0) for name in ("O_BINARY", "O_CLOEXEC", "O_NOFOLLOW", "O_NONBLOCK"))

KEY_FILES = (KEY, KEY + _PARTIAL)
DATABASE_FILES = tuple(DATABASE + suffix for suffix in _SIDE_FILES)
DRAFT_FILES = tuple(DRAFT + suffix for suffix in _SIDE_FILES)
MARKER_FILES = (ERASING, ERASING + _PARTIAL)
SECRET_FILES = KEY_FILES + DATABASE_FILES + DRAFT_FILES
OWN_FILES = SECRET_FILES + MARKER_FILES + (LOCK,)


def present(folder: Path, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of ``names`` that the folder lists, dangling links included."""
    return tuple(name for name in names if os.path.lexists(folder / name))


def named(folder: Path) -> Path:
    """Return the folder as an absolute path: a relative one would be another once the process changes its own.

    Raises:
        MisuseError: It has no name, as ``Path("")`` has none.
    """
    if folder == Path():
        raise MisuseError("The profile's folder has no name; give one, for instance 'profile'.")
    return folder.absolute()


def make_folder(folder: Path) -> None:
    """Make the folder, for its owner only, and those above it; after a power cut they are still there."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in reversed(missing):
        sync_folder(path.parent)


def read_bounded(path: Path, limit: int) -> bytes:
    """Return the file's first ``limit`` + 1 bytes, so that a longer file can be told from a full one.

    Neither a link is followed nor a pipe waited for.

    Raises:
        NotRegularError: It is no ordinary file.
        OSError: It cannot be read.
    """
    _check_regular(path, path.lstat())
    with open(os.open(path, _READING), "rb") as file:  # noqa: PTH123 - a descriptor, opened with flags
        _check_regular(path, os.fstat(file.fileno()))
        return file.read(limit + 1)


class NotRegularError(OSError):
    """A link, a folder, a pipe or a device has the name of one of our files."""


def _check_regular(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise NotRegularError(errno.EINVAL, "it is a link, a folder, a pipe or a device", str(path))


def is_link(path: Path) -> bool:
    """Return whether removing the name leaves the bytes to somebody else: a link, symbolic or hard."""
    status = path.lstat()
    return stat.S_ISLNK(status.st_mode) or (stat.S_ISREG(status.st_mode) and status.st_nlink > 1)


def write_atomically(path: Path, data: bytes) -> None:
    """Replace the file by ``data``: after a crash it holds either the old bytes or the new ones."""
    partial = path.with_name(path.name + _PARTIAL)
    partial.unlink(missing_ok=True)
    create_private(partial)
    with partial.open("r+b") as file:
        file.write(data)
        file.flush()
        _sync(file.fileno())
    partial.replace(path)
    sync_folder(path.parent)


def create_private(path: Path) -> None:
    """Create an empty file that only its owner may read; fail if anything has that name."""
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def sync_file(path: Path) -> None:
    """Wait until the file's contents are on the disk."""
    with path.open("r+b") as file:
        _sync(file.fileno())


def _sync(descriptor: int) -> None:
    if sys.platform == "darwin":
        # There an ordinary sync stops at the disk's own cache. Not every file system knows the stronger one.
        with contextlib.suppress(OSError):
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
            return
    os.fsync(descriptor)


def sync_folder(folder: Path) -> None:
    """Wait until the folder's list of names is on the disk, where the operating system can do that."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        # Some network file systems refuse to sync folders, and order renames by themselves.
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def overwrite(path: Path, entropy: Entropy) -> bool:
    """Overwrite a file's bytes in place with random ones.

    A link is left alone, because its bytes are, or may be, somebody else's file.

    Returns:
        Whether the bytes were overwritten.
    """
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
        return False
    with path.open("r+b") as file:
        for start in range(0, status.st_size, _CHUNK):
            file.write(entropy(min(_CHUNK, status.st_size - start)))
        file.flush()
        _sync(file.fileno())
    return True
