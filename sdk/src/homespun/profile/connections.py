"""Opening SQLite connections that are nobody else's business.

``apsw.connection_hooks`` run while a connection is made: before a key can be set, and on every connection of the
process. A host's hook would read an encrypted file as if it were plain, change the journal of the lock's file,
so that it locks nothing any more, or trace statements with what a person did. Connections to a profile
are made without them; other threads, which may be opening the host's own databases, keep them.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import apsw

_Hook = Callable[[apsw.Connection], None]

# apsw has one list of hooks a process, so exchanging it takes one lock a process.
_EXCHANGE: Final = threading.Lock()


def connect(path: Path | str, flags: int = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE) -> apsw.Connection:
    """Return a connection that no hook of the host has seen.

    Args:
        path: The database's file, or ``:memory:``.
        flags: SQLite's flags of opening.

    Raises:
        apsw.Error: It cannot be opened.
    """
    with _without_hooks():
        return apsw.Connection(os.fspath(path), flags=flags)


@contextmanager
def _without_hooks() -> Iterator[None]:
    with _EXCHANGE:
        hooks = apsw.connection_hooks
        elsewhere = [_for_other_threads(hook, threading.get_ident()) for hook in hooks]
        guarded = list(elsewhere)
        apsw.connection_hooks = guarded
        try:
            yield
        finally:
            # What the host added in the meantime is kept.
            hooks.extend(hook for hook in guarded if hook not in elsewhere)
            apsw.connection_hooks = hooks


def _for_other_threads(hook: _Hook, thread: int) -> _Hook:
    def guarded(connection: apsw.Connection) -> None:
        if threading.get_ident() != thread:
            hook(connection)

    return guarded
