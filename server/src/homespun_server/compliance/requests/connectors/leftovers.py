"""What runs may have left on the disk about people: folders of evaluations and readings, and results of steps.

A run keeps sums of people in memory alone; its steps keep counts, releases and models (``running/cache.py``). While it
works, an evaluation's division of the table and DuckDB's spilled pages are in temporary folders that go with it. A run
that was killed leaves them.
"""

import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from homespun_server.compliance.requests.effects import Effect, nothing
from homespun_server.compliance.requests.ports import Connector, Copy, Person
from homespun_server.running.cache import Cache

_FOLDER = re.compile(r"homespun-(run-|simulate-|simulation-|validation-)?[a-z0-9_]{8}")
"""Names of temporary folders that readings, evaluations and validations make."""

IN_USE = timedelta(days=1)
"""A folder that was changed since then may be a run's that is under way."""

SHORTEST = 6
"""Least characters of a name that is searched for: shorter ones are found in anything."""


class Leftovers(Connector):
    """Temporary folders of runs that were killed."""

    name = "temporary files"
    what = "tables divided for an evaluation and pages that DuckDB spilled, while a run works or after it was killed"

    def __init__(self, folder: Path, now: Callable[[], datetime]) -> None:
        """Use a folder.

        Args:
            folder: Where temporary folders are made.
            now: Returns the time.
        """
        self._folder, self._now = folder, now

    def left(self, person: Person) -> int:  # noqa: ARG002 - they say of nobody whose they are
        """Return how many folders there are that no run uses."""
        return sum(1 for _ in self._found(old=True))

    def access(self, person: Person) -> Sequence[Copy]:  # noqa: ARG002 - copies of tables
        """Return nothing: what may be here are parts of the tables, which are copied from there."""
        return ()

    def erase(self, person: Person) -> Effect:  # noqa: ARG002 - everybody's
        """Remove every folder that no run uses."""
        gone = list(self._found(old=True))
        for path in gone:
            shutil.rmtree(path, ignore_errors=True)
        young = sum(1 for _ in self._found(old=False))
        if young:
            told = (
                f"{len(gone)} folders of killed runs were removed. {young} were used within a day, by runs that are "
                "under way or were killed, which cannot be told: those go with their run, or with the next erasure."
            )
            return Effect(outcome="done", level="unverified", records=len(gone), detail=told)
        if not gone:
            return nothing(f"{self._folder} was searched: no run left a folder there.")
        told = f"{len(gone)} folders of runs that were killed were removed."
        return Effect(outcome="done", level=self.level, records=len(gone), detail=told)

    def _found(self, *, old: bool) -> Iterator[Path]:
        for path in self._folder.glob("homespun-*"):
            if not _FOLDER.fullmatch(path.name) or not path.is_dir() or path.is_symlink():
                continue
            with suppress(OSError):
                content = [each for each in path.rglob("*") if each.is_file()]
                newest = max((each.stat().st_mtime for each in (path, *content)), default=0.0)
                if content and (self._now() - datetime.fromtimestamp(newest, UTC) > IN_USE) == old:
                    yield path


class Steps(Connector):
    """What the pipeline's steps keep in ``work/``."""

    name = "pipeline steps"
    what = "counts, released statistics, reports and models; no rows of people"
    level = "unverified"

    def __init__(self, work: Path) -> None:
        """Use the folder of the pipeline's results."""
        self._work = work

    def left(self, person: Person) -> int:  # noqa: ARG002 - see ``erase``
        """Return nothing that is left by design; ``erase`` says what was searched."""
        return 0

    def access(self, person: Person) -> Sequence[Copy]:  # noqa: ARG002 - no rows of people
        """Return nothing: there are no rows of people here."""
        return ()

    def erase(self, person: Person) -> Effect:
        """Remove what killed runs left half made, and search the rest for the person's name."""
        with Cache(self._work).locked():
            files = [path for path in self._work.rglob("*") if path.is_file()]
            name = person.identifier or ""
            if len(name) < SHORTEST:
                return nothing(
                    f"Its {len(files)} files hold counts, releases and models. The person's name is too short to be "
                    "searched for, so this rests on what the steps write."
                )
            found = [path for path in files if _names(path.read_bytes(), name)]
        if found:
            told = ", ".join(path.relative_to(self._work).as_posix() for path in found[:5])
            return Effect(
                outcome="kept",
                level="unverified",
                records=len(found),
                detail=f"The person's name, or an item's of that spelling, is in {told}. Look at them, and decide.",
            )
        return nothing(f"Its {len(files)} files were searched for the person's name, which is in none of them.")


def _names(content: bytes, name: str) -> bool:
    """Return whether a name stands in a file as a word of its own."""
    return re.search(rb"(?<![A-Za-z0-9])" + re.escape(name.encode()) + rb"(?![A-Za-z0-9])", content) is not None
