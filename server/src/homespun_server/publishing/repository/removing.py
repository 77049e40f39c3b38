"""Removes what nothing in force names any more, after a while."""

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from homespun_server.publishing.repository.publisher import Publisher
from homespun_server.publishing.repository.state import State
from homespun_server.publishing.repository.unnamed import name, removable


@dataclass(frozen=True, kw_only=True)
class Pruned:
    """What was removed.

    Attributes:
        removed: Files, by their names below the repository's folder.
        waiting: How many nothing in force names, but which stay for now.
    """

    removed: tuple[str, ...]
    waiting: int


def prune(publisher: Publisher, state: State, kept: Iterable[Path], grace: timedelta) -> Pruned:
    """Remove files that nothing in force has named for a while.

    Args:
        publisher: Who holds the lock.
        state: What is in force.
        kept: Files that stay all the same.
        grace: How long a file stays after it was named last.

    Raises:
        OSError: If they cannot be removed.
    """
    layout = publisher.layout
    unnamed = publisher.note_unnamed(state)
    removed = removable(unnamed, [name(layout, path) for path in kept], grace, publisher.now())
    for path in removed:
        (layout.folder / path).unlink(missing_ok=True)
        publisher.step("file: removed")
        # A folder that still holds something refuses.
        with contextlib.suppress(OSError):
            (layout.folder / path).parent.rmdir()
    left = publisher.note_unnamed(state)
    return Pruned(removed=tuple(removed), waiting=len(left.since))
