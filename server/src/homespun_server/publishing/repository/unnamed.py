"""Which files of a repository nothing in force names, and which of them are removed.

A device that began before a change goes on downloading what the state before it named. So a file is removed only some
time after it was named last, and the files of the latest releases of each channel stay, for rollbacks.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from homespun.protocol.channel import document_path
from homespun_server.publishing.repository.files import PARTIAL
from homespun_server.publishing.repository.layout import Layout
from homespun_server.publishing.repository.records import Unnamed
from homespun_server.publishing.repository.roles import ROOT, SHA256, TIMESTAMP
from homespun_server.publishing.repository.state import State


def noted(layout: Layout, state: State, known: Unnamed, now: datetime) -> Unnamed:
    """Return the files that nothing in force names, each with the time when that was noticed first."""
    named = set(_named(layout, state))
    second = int(now.timestamp())
    unnamed = [name(layout, path) for path in _files(layout) if path not in named]
    return Unnamed(since={path: known.since.get(path, second) for path in unnamed})


def removable(unnamed: Unnamed, kept: Iterable[str], grace: timedelta, now: datetime) -> list[str]:
    """Return the files that may go, by name.

    Args:
        unnamed: What nothing in force names.
        kept: Files that stay all the same.
        grace: How long a file stays after it was named last.
        now: The time.
    """
    latest, staying = (now - grace).timestamp(), set(kept)
    return [path for path, since in unnamed.since.items() if since <= latest and path not in staying]


def name(layout: Layout, path: Path) -> str:
    """Return a file's name below the repository's folder, with slashes."""
    return path.relative_to(layout.folder).as_posix()


def _named(layout: Layout, state: State) -> Iterator[Path]:
    yield layout.timestamp
    # A device that was switched off for a year follows the roots one by one.
    yield from (path for role, _, path in layout.versions() if role == ROOT)
    for signed in (each for each in state.names if each != TIMESTAMP):
        yield layout.role(signed, state.role(signed).signed.version)
    for channel, role in state.channels.items():
        document = role.signed.targets[document_path(channel)]
        yield layout.target(document.path, document.hashes[SHA256])
        yield from (layout.target(path, entry.sha256) for path, entry in state.files(channel).items())


def _files(layout: Layout) -> Iterator[Path]:
    for folder in (layout.metadata, layout.targets):
        yield from (path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix != PARTIAL)
