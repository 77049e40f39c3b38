"""The files of a profile's folder, and the few things that are done to files.

::

    key.json                 who can open it; a profile exists from when it does
    profile-<16 hex>.db      the main database: index of the others, consent, what left, receipts
    state-<16 hex>.db        what the person set and declared
    epoch-<16 hex>.db        events of one stretch of time
    preparing.json           keys of a profile that is being created, rotated or migrated
    erasing.json             an erasure has begun and must be completed
    profile.lock             empty; who uses the folder, see ``lock``

Each database is a *vault*: encrypted under a key of its own, with SQLite's side files beside it. Version 1 had one
database, ``profile.db``, and ``profile.db.draft`` while it was created. Everything else in the folder belongs to
somebody else and is never touched.
"""

import contextlib
import errno
import os
import re
import stat
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO, Final

from homespun.errors import MisuseError

if sys.platform == "darwin":
    import fcntl

Entropy = Callable[[int], bytes]
"""Gives so many unpredictable bytes; ``os.urandom`` outside tests."""

KEY = "key.json"
DATABASE = "profile.db"
DRAFT = "profile.db.draft"
ERASING = "erasing.json"
PREPARING = "preparing.json"
LOCK = "profile.lock"

VAULT: Final = re.compile(r"(?P<kind>profile|state|epoch)-[0-9a-f]{16}\.db")
"""The whole name of a vault's file."""

PARTIAL = ".partial"
"""End of the name under which a file is written before it replaces the one that has the name."""

_SIDE_FILES = ("", "-wal", "-shm", "-journal")
_CHUNK = 1 << 16
_READING = os.O_RDONLY | sum(getattr(os, name, 0) for name in ("O_BINARY", "O_CLOEXEC", "O_NOFOLLOW", "O_NONBLOCK"))

KEY_FILES = (KEY, KEY + PARTIAL)
DATABASE_FILES = tuple(DATABASE + suffix for suffix in _SIDE_FILES)
DRAFT_FILES = tuple(DRAFT + suffix for suffix in _SIDE_FILES)
MARKER_FILES = (ERASING, ERASING + PARTIAL, PREPARING, PREPARING + PARTIAL)


def side_files(name: str) -> tuple[str, ...]:
    """Return the names of a database's file and of the files that SQLite keeps beside it."""
    return tuple(name + suffix for suffix in _SIDE_FILES)


def database_of(name: str) -> str | None:
    """Return the database, of this version or the first, whose file or side file has that name."""
    stem = next((name.removesuffix(suffix) for suffix in _SIDE_FILES if suffix and name.endswith(suffix)), name)
    return stem if stem in (DATABASE, DRAFT) or VAULT.fullmatch(stem) else None


def is_secret(name: str) -> bool:
    """Return whether a file of that name holds what an erasure destroys."""
    return name in KEY_FILES or database_of(name) is not None


def secret_files(folder: Path) -> tuple[str, ...]:
    """Return the names in the folder of which ``is_secret`` holds, dangling links included; the keys' first."""
    return keys_first(name for name in listed(folder) if is_secret(name))


def keys_first(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names once each, in the order in which their files are destroyed."""
    return tuple(sorted(set(names), key=lambda name: (name not in KEY_FILES, name)))


def vault_files(folder: Path) -> tuple[str, ...]:
    """Return the vaults' names in the folder, also of those of which only a side file is left."""
    stems = {database_of(name) for name in listed(folder)}
    return tuple(sorted(stem for stem in stems if stem is not None and VAULT.fullmatch(stem)))


def listed(folder: Path) -> tuple[str, ...]:
    """Return every name in the folder; none if there is no such folder."""
    try:
        return tuple(sorted(path.name for path in folder.iterdir()))
    except (FileNotFoundError, NotADirectoryError):
        return ()


def present(folder: Path, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of ``names`` that the folder lists, dangling links included."""
    return tuple(name for name in names if os.path.lexists(folder / name))


def file_size(path: Path) -> int:
    """Return a file's bytes; 0 if there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


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
    with open_regular(path) as file:
        return file.read(limit + 1)


def open_regular(path: Path) -> BinaryIO:
    """Open an ordinary file for reading; neither a link is followed nor a pipe waited for.

    Raises:
        NotRegularError: It is no ordinary file.
        OSError: It cannot be read.
    """
    _check_regular(path, path.lstat())
    file = open(os.open(path, _READING), "rb")  # noqa: PTH123, SIM115 - a descriptor, opened with flags; the caller's
    try:
        _check_regular(path, os.fstat(file.fileno()))
    except BaseException:
        file.close()
        raise
    return file


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
    partial = path.with_name(path.name + PARTIAL)
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
