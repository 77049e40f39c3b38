"""A disk that refuses: every call by which a folder is changed has a number, and fails at one, or from one on."""

import errno
import io
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

_WRITING = set("wax+")


@dataclass(frozen=True)
class Refusal:
    """How a disk refuses.

    Attributes:
        code: The error's number.
        lasting: Whether all later calls fail, too.
        removals: Whether files cannot be removed either; on a full disk they can.
    """

    code: int
    lasting: bool
    removals: bool

    def __str__(self) -> str:
        return f"{errno.errorcode[self.code]} {'lasting' if self.lasting else 'once'}"


class Refusing:
    """Counts calls from 1, and lets them fail."""

    def __init__(self, folder: Path, refusal: Refusal, first: int) -> None:
        """Refuse nothing if ``first`` is 0."""
        self.calls = 0
        self._folder = str(folder)
        self._refusal = refusal
        self._first = first

    def call(self, path: object) -> None:
        """Count a call, and let it fail if it is its turn."""
        self.calls += 1
        late = self.calls > self._first if self._refusal.lasting else False
        if self._first and (self.calls == self._first or late):
            raise OSError(self._refusal.code, os.strerror(self._refusal.code), str(path))

    def is_inside(self, path: object) -> bool:
        """Return whether a path is the folder or in it."""
        return str(path).startswith(self._folder)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Count and refuse."""
        with pytest.MonkeyPatch.context() as patch:
            for module, name in ((os, "mkdir"), (os, "replace"), (os, "link"), (shutil, "copyfile")):
                patch.setattr(module, name, self._refused(getattr(module, name)))
            if self._refusal.removals:
                patch.setattr(os, "unlink", self._refused(os.unlink))
                patch.setattr(os, "rmdir", self._refused(os.rmdir))
            patch.setattr(os, "fsync", self._refused(os.fsync, always=True))
            patch.setattr(os, "open", self._refused_creating(os.open))
            patch.setattr(Path, "open", self._refused_writing(Path.open))
            yield

    def _refused(self, original: Callable[..., Any], *, always: bool = False) -> Callable[..., Any]:
        def changed(path: Any, *arguments: Any, **named: Any) -> Any:
            if always or self.is_inside(path) or named.get("dir_fd") is not None:
                self.call(path)
            return original(path, *arguments, **named)

        return changed

    def _refused_creating(self, original: Callable[..., int]) -> Callable[..., int]:
        def opened(path: Any, flags: int, *arguments: Any, **named: Any) -> int:
            if flags & os.O_CREAT and self.is_inside(path):
                self.call(path)
            return original(path, flags, *arguments, **named)

        return opened

    def _refused_writing(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def opened(path: Path, mode: str = "r", *arguments: Any, **named: Any) -> Any:
            if not _WRITING & set(mode) or not self.is_inside(path):
                return original(path, mode, *arguments, **named)
            return _File(self, path, mode)

        return opened


class _File(io.FileIO):
    """A file to which not everything can be written: half of it is, and then the disk refuses."""

    def __init__(self, refusing: Refusing, path: Path, mode: str) -> None:
        super().__init__(path, mode.replace("b", ""))
        self._refusing = refusing
        self._path = path

    def write(self, data: Any, /) -> int:
        try:
            self._refusing.call(self._path)
        except OSError:
            super().write(memoryview(data)[: len(data) // 2])
            raise
        return super().write(data)
