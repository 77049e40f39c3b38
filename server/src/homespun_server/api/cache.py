"""Small files of the repository in memory, known by path, time of change and size; the oldest used go first.

The disk is read in threads of its own, a few at a time: a slow disk holds up those who wait for it and nobody else.
Whether a file changed is looked up at most every ``FRESH_SECONDS``.
"""

import hashlib
import os
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import anyio
from anyio import CapacityLimiter, to_thread

from homespun_server.api.layout import RepositoryFile

FRESH_SECONDS = 0.1
"""So long a file is taken to be what it was."""

SMALL = 1 << 20
"""Largest file that is kept in memory, bytes."""

THREADS = 8

Stamp = tuple[int, int, int]
"""Time of change, size, and which file it is: one that replaced another may have the others' time and size."""


@dataclass(frozen=True)
class Content:
    """A file as it was at a moment.

    Attributes:
        etag: A strong entity tag, in quotes: its SHA-256.
        size: Its size, bytes.
        data: Its bytes; None: it is too large to keep.
    """

    etag: str
    size: int
    data: bytes | None


@dataclass
class _Kept:
    stamp: Stamp
    content: Content
    looked: float


class FileCache:
    """The repository's files, from memory where they are small. For one event loop."""

    def __init__(self, folder: Path, limit: int, clock: Callable[[], float] = anyio.current_time) -> None:
        """Serve a folder.

        Args:
            folder: The repository.
            limit: Bytes that may be kept.
            clock: Seconds since any fixed moment.
        """
        self._folder = folder
        self._limit = limit
        self._clock = clock
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._size = 0
        self._limiter: CapacityLimiter | None = None

    async def get(self, file: RepositoryFile) -> Content | None:
        """Return a file's content; None: it is not there.

        Raises:
            OSError: If it cannot be read.
        """
        kept, now = self._kept.get(file.path), self._clock()
        if kept is not None and now - kept.looked < FRESH_SECONDS:
            self._kept.move_to_end(file.path)
            return kept.content
        found = await to_thread.run_sync(self._look, file, kept, limiter=self._threads())
        if found is None:
            self._forget(file.path)
            return None
        stamp, content = found
        self._keep(file.path, _Kept(stamp, content, now))
        return content

    async def read(self, file: RepositoryFile, start: int, length: int) -> bytes:
        """Return a piece of a large file.

        Raises:
            OSError: If it cannot be read.
        """
        return await to_thread.run_sync(_read, self._folder / file.path, start, length, limiter=self._threads())

    def _threads(self) -> CapacityLimiter:
        # It belongs to the loop that it is made in.
        if self._limiter is None:
            self._limiter = CapacityLimiter(THREADS)
        return self._limiter

    def _look(self, file: RepositoryFile, kept: _Kept | None) -> tuple[Stamp, Content] | None:
        try:
            with (self._folder / file.path).open("rb") as opened:
                status = os.fstat(opened.fileno())
                stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
                if kept is not None and kept.stamp == stamp:
                    return stamp, kept.content
                small = status.st_size <= SMALL
                data = opened.read() if small or file.sha256 is None else None
        except (FileNotFoundError, NotADirectoryError):
            return None
        size = status.st_size if data is None else len(data)
        sha256 = file.sha256 if data is None else hashlib.sha256(data).hexdigest()
        return stamp, Content(f'"{sha256}"', size, data if small else None)

    def _keep(self, path: str, kept: _Kept) -> None:
        self._forget(path)
        # Large ones are kept without their bytes, and count for what knowing them takes.
        self._kept[path] = kept
        self._size += _weight(kept)
        while self._size > self._limit and self._kept:
            self._forget(next(iter(self._kept)))

    def _forget(self, path: str) -> None:
        kept = self._kept.pop(path, None)
        if kept is not None:
            self._size -= _weight(kept)


def _weight(kept: _Kept) -> int:
    return 1_000 + (0 if kept.content.data is None else len(kept.content.data))


def _read(path: Path, start: int, length: int) -> bytes:
    with path.open("rb") as file:
        file.seek(start)
        return file.read(length)
