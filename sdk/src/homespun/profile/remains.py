"""Looking for what is left: copies of an erased profile under other names.

Before anything is destroyed, samples of every file are taken: 32 bytes each of encrypted pages, which occur nowhere
by chance, and a part of each wrapped key. Afterwards the profile's folder, the files beside it, and what has the
name of one of our files in the folders beside it are searched for them, at any offset. A copy is reported and left
alone: who made it is not known.

Rules: links are not followed, no more than ``Bounds`` is read, and what was not looked into is said. On POSIX, closing
a file drops every lock that this process holds on it, so a file that this process has open, as a host has its own
databases, is not looked into. Non-goals: compressed or re-encrypted copies, and copies elsewhere.
"""

import contextlib
import os
import re
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

import apsw
import numpy as np

from homespun.profile.connections import open_file
from homespun.profile.files import (
    KEY_FILES,
    LOCK,
    MARKER_FILES,
    NotRegularError,
    is_secret,
    listed,
    open_regular,
    read_bounded,
)
from homespun.profile.keyfile import MAX_FILE_SIZE

SAMPLE_SIZE: Final = 32
"""Bytes in a sample."""

Samples = Mapping[str, tuple[bytes, ...]]
"""Samples by the name of the file that they were taken from."""

_MOST_A_FILE = 16
_MOST_TOGETHER = 2048
_FEWEST_VALUES = 20
_CLEAR_HEADER = 128
_BLOCK = 1 << 20
_SHORT = 2

_WRAPPED = re.compile(rb'"[A-Za-z0-9+/]{32}([A-Za-z0-9+/]{32})"')
_TOKEN = re.compile(rb'"([A-Za-z0-9+/]{32})[A-Za-z0-9+/]{11}="')

_ELSEWHERE_WINDOWS = 0x1000 | 0x400000
_ELSEWHERE_MACOS = 0x40000000
"""Marks of files that a cloud keeps, which reading would fetch: OFFLINE and RECALL_ON_DATA_ACCESS; SF_DATALESS."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is searched: bytes that are read, files that are opened, folders beside the profile's."""

    size: int = 64 << 20
    files: int = 5000
    folders: int = 200


@dataclass(frozen=True, slots=True)
class Remains:
    """What a search found.

    Attributes:
        copies: By name, relative to the folder above the profile's: the profile's files that it holds parts of.
        size: Bytes that were searched.
        unread: Files that could not be looked into, or that this process has open.
        bounded: Whether there was more than ``Bounds`` allows.
    """

    copies: Mapping[str, tuple[str, ...]]
    size: int
    unread: int
    bounded: bool


def take_samples(folder: Path, names: Iterable[str]) -> dict[str, tuple[bytes, ...]]:
    """Return samples of the files; none of what cannot be read or has nothing that is unmistakable.

    Args:
        folder: The profile's folder.
        names: Names of files in it.
    """
    wanted = [name for name in names if not name.endswith("-shm")]
    each = max(1, min(_MOST_A_FILE, _MOST_TOGETHER // max(1, len(wanted))))
    taken = {}
    for name in wanted:
        with contextlib.suppress(OSError, apsw.Error):
            path = folder / name
            taken[name] = _of_keys(path) if name in KEY_FILES else _of_pages(path, each)
    return {name: samples for name, samples in taken.items() if samples}


def _of_keys(path: Path) -> tuple[bytes, ...]:
    # Never all of a wrapped key: samples are written down, and nobody overwrites them.
    text = read_bounded(path, MAX_FILE_SIZE)
    return tuple(dict.fromkeys((*_WRAPPED.findall(text), *_TOKEN.findall(text))))[:_MOST_A_FILE]


def _of_pages(path: Path, count: int) -> tuple[bytes, ...]:
    if not stat.S_ISREG(path.lstat().st_mode):
        raise NotRegularError
    file = open_file(path)
    try:
        room = file.xFileSize() - _CLEAR_HEADER - SAMPLE_SIZE
        places = {_CLEAR_HEADER + room * number // count for number in range(count)} if room >= 0 else set()
        found = (file.xRead(SAMPLE_SIZE, place) for place in sorted(places))
        # What is not encrypted, or not written yet, may be in any file.
        return tuple(dict.fromkeys(sample for sample in found if len(set(sample)) >= _FEWEST_VALUES))
    finally:
        file.xClose()


def find_remains(folder: Path, samples: Samples, destroyed: Iterable[str], bounds: Bounds | None = None) -> Remains:
    """Search for copies.

    Args:
        folder: The profile's folder, whose own files are gone or about to go.
        samples: What to look for.
        destroyed: Names of the profile's own files, which are no copies.
        bounds: How much to search; by default ``Bounds()``.
    """
    return _Search(folder, samples, bounds or Bounds()).run({*destroyed, *MARKER_FILES, LOCK})


class _Search:
    def __init__(self, folder: Path, samples: Samples, bounds: Bounds) -> None:
        self._folder = folder
        self._needles = Needles(samples)
        self._bounds = bounds
        self._copies: dict[str, tuple[str, ...]] = {}
        self._size = self._files = self._unread = 0
        self._bounded = False

    def run(self, own: set[str]) -> Remains:
        """Look through every file but those in ``own``."""
        held = _held_files(self._folder)
        for path, status in self._candidates(own):
            self._files += 1
            if self._files > self._bounds.files or self._size + status.st_size > self._bounds.size:
                self._bounded = True
            elif held is None or (status.st_dev, status.st_ino) in held or _is_elsewhere(status):
                self._unread += 1
            else:
                self._look_into(path)
        return Remains(self._copies, self._size, self._unread, self._bounded)

    def _candidates(self, own: set[str]) -> Iterator[tuple[Path, os.stat_result]]:
        beside = self._folder.parent
        inside = (path for path in self._below(self._folder) if path.parent != self._folder or path.name not in own)
        yield from _regular(islice(inside, self._bounds.files + 1))
        yield from _regular(beside / name for name in self._listed(beside))
        yield from _regular(self._namesakes(beside))

    def _below(self, folder: Path) -> Iterator[Path]:
        for place, folders, names in os.walk(folder, onerror=self._refused):
            folders.sort()
            yield from (Path(place, name) for name in names)

    def _namesakes(self, beside: Path) -> Iterator[Path]:
        """Yield what has the name of one of our files in the folders beside the profile's."""
        others = [path for path in map(beside.joinpath, self._listed(beside)) if _is_folder(path)]
        others = [path for path in others if path != self._folder]
        self._bounded = self._bounded or len(others) > self._bounds.folders
        for other in others[: self._bounds.folders]:
            yield from (other / name for name in self._listed(other) if is_secret(name))

    def _refused(self, _: OSError) -> None:
        self._unread += 1

    def _listed(self, folder: Path) -> tuple[str, ...]:
        try:
            return listed(folder)
        except OSError as error:
            self._refused(error)
            return ()

    def _look_into(self, path: Path) -> None:
        found: set[str] = set()
        try:
            for block in _blocks(path):
                self._size += len(block)
                found |= self._needles.found_in(block)
        except OSError as error:
            self._refused(error)
        if found:
            self._copies[path.relative_to(self._folder.parent).as_posix()] = tuple(sorted(found))


class Needles:
    """Samples, and a quick way to find them in bytes."""

    def __init__(self, samples: Samples) -> None:
        """Prepare the search."""
        self._owners = {sample: name for name, each in samples.items() for sample in each}
        self._starts = np.zeros(1 << 16, dtype=np.bool_)
        for sample in self._owners:
            self._starts[int.from_bytes(sample[:_SHORT], sys.byteorder)] = True

    def found_in(self, block: bytes) -> set[str]:
        """Return the names of the files of which a sample is in the block."""
        found = set()
        for shift in range(min(_SHORT, len(block))):
            words = np.frombuffer(block, dtype=np.uint16, offset=shift, count=(len(block) - shift) // _SHORT)
            for place in np.flatnonzero(self._starts[words]).tolist():
                start = shift + _SHORT * place
                owner = self._owners.get(block[start : start + SAMPLE_SIZE])
                if owner is not None:
                    found.add(owner)
        return found


def _regular(paths: Iterable[Path]) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield ordinary files, the smallest first: a profile is small."""
    found = []
    for path in paths:
        with contextlib.suppress(OSError):
            status = path.lstat()
            if stat.S_ISREG(status.st_mode):
                found.append((status.st_size, path, status))
    yield from ((path, status) for _, path, status in sorted(found, key=lambda entry: entry[:2]))


def _blocks(path: Path) -> Iterator[bytes]:
    """Yield the file's bytes in blocks that overlap, so that no sample is cut in two."""
    with open_regular(path) as file:
        tail = b""
        while data := file.read(_BLOCK):
            yield tail + data
            tail = data[-SAMPLE_SIZE + 1 :]


def _is_folder(path: Path) -> bool:
    with contextlib.suppress(OSError):
        return stat.S_ISDIR(path.lstat().st_mode)
    return False


def _held_files(folder: Path) -> set[tuple[int, int]] | None:
    """Return device and number of every file that this process has open; None where nobody can tell."""
    if sys.platform == "win32":
        return set()
    probe = os.open(folder, os.O_RDONLY)
    try:
        held = {(status.st_dev, status.st_ino) for status in _descriptors()}
        known = os.fstat(probe)
        # A system that lists only some of them would not list this one.
        return held if (known.st_dev, known.st_ino) in held else None
    finally:
        os.close(probe)


def _descriptors() -> Iterator[os.stat_result]:
    for name in listed(Path("/dev/fd")):
        with contextlib.suppress(OSError, ValueError):
            yield os.fstat(int(name))


def _is_elsewhere(status: os.stat_result) -> bool:
    windows, macos = getattr(status, "st_file_attributes", 0), getattr(status, "st_flags", 0)
    return bool(windows & _ELSEWHERE_WINDOWS or macos & _ELSEWHERE_MACOS)
