"""Every write, sync, rename and removal of a process, numbered in one row, and dying at one of them.

What SQLite does is counted in a file layer of ours beneath its encryption, so that what is torn is what would be
torn on a disk; what Python itself does to files is counted where it calls ``os``. Non-goal: writes to mapped memory,
which is how SQLite shares the index of a log: it is rebuilt after a crash.
"""

import io
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar

import apsw

from homespun.profile import connections

How = Literal["before", "torn", "after"]
"""When to die: before the call, within it (half of what was to be written is there), or right after it."""

HOWS: tuple[How, ...] = ("before", "torn", "after")

_SYSTEM = "unix"
_COUNTED = "counted"

_CALLS = {
    "replace": "rename",
    "rename": "rename",
    "unlink": "remove",
    "remove": "remove",
    "rmdir": "remove",
    "mkdir": "create",
    "fsync": "sync",
}

_Answer = TypeVar("_Answer")


def is_possible() -> bool:
    """Return whether processes can kill themselves here, and SQLite writes files as Unix does."""
    return hasattr(signal, "SIGKILL") and _SYSTEM in apsw.vfs_names()


class Faults:
    """Numbers calls from 1, and kills the process at one of them."""

    def __init__(self, fatal: int | None, how: How = "before") -> None:
        """Only count if ``fatal`` is None."""
        self.kinds: list[str] = []
        self._fatal = fatal
        self._how = how
        self._layer: apsw.VFS | None = None

    def install(self) -> None:
        """Count from now on; it is not taken back."""
        self._layer = _Layer(self)
        name = f"multipleciphers-{_COUNTED}"
        # SQLite puts the encryption on top of a layer when it is asked for by this name.
        apsw.Connection(":memory:", vfs=name).close()
        setattr(connections, "VFS", name)  # noqa: B010 - it is final
        for call, kind in _CALLS.items():
            setattr(os, call, self._counted(getattr(os, call), kind))
        for module, call in ((os, "open"), (Path, "open")):
            setattr(module, call, getattr(self, f"_{module.__name__.lower()}_open")(getattr(module, call)))

    def at(self, kind: str, act: Callable[[], _Answer], torn: Callable[[], object] | None = None) -> _Answer:
        """Make a call, or die at it."""
        self.kinds.append(kind)
        if len(self.kinds) != self._fatal:
            return act()
        try:
            if self._how == "torn" and torn is not None:
                torn()
            elif self._how == "after":
                act()
        finally:
            # Calls fail, too: what is not there cannot be removed.
            os.kill(os.getpid(), signal.SIGKILL)
        raise SystemExit

    def _counted(self, function: Callable[..., Any], kind: str) -> Callable[..., Any]:
        return lambda *arguments, **named: self.at(kind, lambda: function(*arguments, **named))

    def _os_open(self, original: Callable[..., int]) -> Callable[..., int]:
        def opened(path: Any, flags: int, *arguments: Any, **named: Any) -> int:
            if flags & os.O_CREAT:
                return self.at("create", lambda: original(path, flags, *arguments, **named))
            return original(path, flags, *arguments, **named)

        return opened

    def _path_open(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def opened(path: Path, mode: str = "r", *arguments: Any, **named: Any) -> Any:
            if set(mode) & set("wax+"):
                assert not arguments
                assert not named
                assert "b" in mode
                return _CountedFile(self, path, mode)
            return original(path, mode, *arguments, **named)

        return opened


class _Layer(apsw.VFS):
    def __init__(self, faults: Faults) -> None:
        super().__init__(_COUNTED, _SYSTEM)
        self._faults = faults

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - apsw's name
        return _LayerFile(self._faults, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802, FBT001 - apsw's
        delete = super().xDelete
        self._faults.at("remove", lambda: delete(filename, syncdir))


class _LayerFile(apsw.VFSFile):
    def __init__(self, faults: Faults, name: Any, flags: list[int]) -> None:
        super().__init__(_SYSTEM, name, flags)
        self._faults = faults

    def xWrite(self, data: Any, offset: int) -> None:  # noqa: N802 - apsw's name
        write = super().xWrite
        self._faults.at("write", lambda: write(data, offset), lambda: write(bytes(data)[: len(data) // 2], offset))

    def xTruncate(self, newsize: int) -> None:  # noqa: N802 - apsw's name
        truncate = super().xTruncate
        self._faults.at("truncate", lambda: truncate(newsize))

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
