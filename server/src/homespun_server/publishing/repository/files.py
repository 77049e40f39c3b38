"""Writing files so that they survive a crash, and saying so step by step.

A file is written under another name, synced, and renamed into place; the folder is synced after it. So a name never
shows half a file. Whoever tests what a crash leaves behind injects ``Step`` and stops the process there.
"""

import contextlib
import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from homespun.errors import BundleIntegrityError
from homespun.protocol.bundle import FileEntry

if sys.platform == "darwin":
    import fcntl

Step = Callable[[str], None]
"""Is told each durable step by name, after it was made."""

PARTIAL = ".partial"
"""End of the name of a file that is being written."""

PUBLIC = 0o644
"""Mode of what a web server serves."""

PRIVATE = 0o600
"""Mode of what is its owner's only."""

_CHUNK = 1 << 20


def no_step(_: str) -> None:
    """Do nothing: the step of a publisher who is not tested."""


def write(path: Path, data: bytes, step: Step, what: str, *, mode: int = PUBLIC) -> None:
    """Replace a file: after a crash it holds the old bytes or the new ones.

    Raises:
        OSError: If it cannot be written.
    """
    _write(path, iter((data,)), step, what, mode)


def copy(source: Path, path: Path, entry: FileEntry, step: Step, what: str) -> None:
    """Copy a file in pieces, and put it in place only if it is what ``entry`` says.

    Raises:
        BundleIntegrityError: It is another file than was checked.
        OSError: If it cannot be read or written.
    """
    with source.open("rb") as file:
        _write(path, _checked(file, entry, source.name), step, what, PUBLIC)


def entry_of(path: Path) -> FileEntry:
    """Return a file's size and hash, read in pieces.

    Raises:
        OSError: If it cannot be read.
    """
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return FileEntry(size=file.tell(), sha256=digest)


def is_there(path: Path, entry: FileEntry) -> bool:
    """Return whether a file is in place and has not gone bad."""
    try:
        return path.stat().st_size == entry.size and entry_of(path) == entry
    except FileNotFoundError:
        return False


def make_folder(folder: Path) -> None:
    """Make a folder and those above it; after a power cut they are still there.

    Raises:
        OSError: If it cannot be made.
    """
    missing = [path for path in (folder, *folder.absolute().parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in reversed(missing):
        sync_folder(path.parent)


def remove_partial(folder: Path) -> None:
    """Remove what a crash left half written, in the folder and below it."""
    for path in folder.rglob(f"*{PARTIAL}"):
        path.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Wait until a folder's list of names is on the disk, where the system can do that."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        # Some network file systems refuse it, and order renames by themselves.
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _checked(file: BinaryIO, entry: FileEntry, name: str) -> Iterator[bytes]:
    digest, size = hashlib.sha256(), 0
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
        size += len(chunk)
        yield chunk
    if (size, digest.hexdigest()) != (entry.size, entry.sha256):
        raise BundleIntegrityError(f"{name} changed while it was published; nothing was published. Publish again.")


def _write(path: Path, chunks: Iterator[bytes], step: Step, what: str, mode: int) -> None:
    make_folder(path.parent)
    partial = path.with_name(path.name + PARTIAL)
    partial.unlink(missing_ok=True)
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0)
    try:
        with os.fdopen(os.open(partial, flags, mode), "wb") as file:
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            step(f"{what}: written")
            _sync(file.fileno())
        step(f"{what}: synced")
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
    step(f"{what}: in place")


def _sync(descriptor: int) -> None:
    if sys.platform == "darwin":
        # There an ordinary sync stops at the disk's own cache, and not every file system knows the stronger one.
        with contextlib.suppress(OSError):
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
            return
    os.fsync(descriptor)
