"""Every write, sync, rename and removal of a process, numbered in one row, and dying at one of them.

SQLite's system calls are replaced beneath its file layer, and so beneath the encryption; its syncs, which cannot be
replaced there, are counted by a layer above. What Python itself does to files is counted where it calls ``os``.
Non-goal: writes to mapped memory, which is how SQLite shares the index of a log; it is rebuilt after every crash.
"""

import ctypes
import io
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar

import apsw

How = Literal["before", "torn", "after"]
"""When to die: before the call, within it (half of what was to be written is there), or right after it."""

HOWS: tuple[How, ...] = ("before", "torn", "after")

_BASE = "multipleciphers-unix"
_SYSTEM = "unix"

_Answer = TypeVar("_Answer")
_open = os.open


def is_possible() -> bool:
    """Return whether processes can kill themselves here and SQLite's system calls can be replaced."""
    return hasattr(signal, "SIGKILL") and {_BASE, _SYSTEM} <= set(apsw.vfs_names())


class Faults:
    """Numbers calls from 1, and kills the process at one of them."""

    def __init__(self, fatal: int | None, how: How = "before") -> None:
        """Only count if ``fatal`` is None."""
        self.kinds: list[str] = []
        self._fatal = fatal
        self._how = how
        self._kept: list[object] = []

    def install(self) -> None:
        """Count from now on; cannot be taken back."""
        system = apsw.VFS("system calls to count", _SYSTEM)
        self._kept += [system, _Counted(self)]
        self._replace(system, "write", (ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t), kind="write", size=2)
        for name in ("pwrite", "pwrite64"):
            arguments = (ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int64)
            self._replace(system, name, arguments, kind="write", size=2)
        self._replace(system, "ftruncate", (ctypes.c_int, ctypes.c_int64), kind="truncate")
        self._replace(system, "unlink", (ctypes.c_char_p,), kind="remove")
        for name, kind in (
            ("replace", "rename"),
            ("rename", "rename"),
            ("unlink", "remove"),
            ("remove", "remove"),
            ("rmdir", "remove"),
            ("mkdir", "create"),
            ("fsync", "sync"),
        ):
            setattr(os, name, self._counted(getattr(os, name), kind))
        os.open = self._open
        # A function, unlike a bound method, is given the path that it is called on.
        open_path = lambda path, *arguments, **named: self._open_path(path, *arguments, **named)  # noqa: E731
        Path.open = open_path  # type: ignore[method-assign]

    def at(self, kind: str, act: Callable[[], _Answer], torn: Callable[[], object] | None = None) -> _Answer:
        """Make a call, or die at it."""
        self.kinds.append(kind)
        if len(self.kinds) != self._fatal:
            return act()
        if self._how == "torn" and torn is not None:
            torn()
        elif self._how == "after":
            act()
        os.kill(os.getpid(), signal.SIGKILL)
        raise SystemExit

    def _counted(self, function: Callable[..., Any], kind: str) -> Callable[..., Any]:
        return lambda *arguments, **named: self.at(kind, lambda: function(*arguments, **named))

    def _open(self, path: Any, flags: int, *arguments: Any, **named: Any) -> int:
        if flags & os.O_CREAT:
            return self.at("create", lambda: _open(path, flags, *arguments, **named))
        return _open(path, flags, *arguments, **named)

    def _open_path(self, path: Path, mode: str = "r", *arguments: Any, **named: Any) -> Any:
        if set(mode) & set("wax+"):
            assert not arguments and not named and "b" in mode
            return _CountedFile(self, path, mode)
        return io.open(path, mode, *arguments, **named)  # noqa: UP020 - pathlib's own function is replaced

    def _replace(
        self, system: apsw.VFS, name: str, arguments: tuple[type, ...], *, kind: str, size: int | None = None
    ) -> None:
        try:
            pointer = system.xGetSystemCall(name)
        except apsw.NotFoundError:
            return
        if pointer is None:
            return
        prototype = ctypes.CFUNCTYPE(ctypes.c_ssize_t if kind == "write" else ctypes.c_int, *arguments, use_errno=True)
        original = prototype(pointer)

        def counted(*values: Any) -> Any:
            half = None if size is None else tuple(v // 2 if i == size else v for i, v in enumerate(values))
            return self.at(kind, lambda: original(*values), None if half is None else lambda: original(*half))

        replacement = prototype(counted)
        self._kept.append(replacement)
        system.xSetSystemCall(name, ctypes.cast(replacement, ctypes.c_void_p).value or 0)


class _Counted(apsw.VFS):
    """SQLite's usual file layer, which counts syncs too."""

    def __init__(self, faults: Faults) -> None:
        super().__init__("counted", _BASE, makedefault=True)
        self._faults = faults

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - apsw's name
        return _Synced(self._faults, name, flags)


class _Synced(apsw.VFSFile):
    def __init__(self, faults: Faults, name: Any, flags: list[int]) -> None:
        super().__init__(_BASE, name, flags)
        self._faults = faults

    def xSync(self, flags: int) -> None:  # noqa: N802 - apsw's name
        sync = super().xSync
        self._faults.at("sync", lambda: sync(flags))


class _CountedFile(io.FileIO):
    def __init__(self, faults: Faults, path: Path, mode: str) -> None:
        super().__init__(path, mode)
        self._faults = faults

    def write(self, data: Any, /) -> int:
        whole = super().write
        return self._faults.at("write", lambda: whole(data), lambda: whole(data[: len(data) // 2])) or 0
