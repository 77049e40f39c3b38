"""What steps made, in ``work/<step>/<key>/``: a folder that is there is whole, and says in ``step.json`` what it is.

Leftovers of runs that were ended are beside them, under names that begin with a full stop, and are removed by the next
run. One run at a time works in a folder.
"""

import hashlib
import os
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from homespun_server.errors import OutputError

SCHEMA_VERSION = 1
STEP_FILE = "step.json"
_LOCK = "lock.sqlite"


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """A step that was done.

    Attributes:
        schema: SCHEMA_VERSION of the writer.
        step: Its name.
        key: Its key.
        revision: Of the step's code.
        code: Versions that were installed.
        parameters: What it was asked.
        inputs: Keys and hashes of what it was made from, by name.
        started: ISO 8601, UTC.
        seconds: How long it took.
        outputs: SHA-256 of every file, by its path in the folder.
    """

    schema: int
    step: str
    key: str
    revision: int
    code: dict[str, str]
    parameters: dict[str, object]
    inputs: dict[str, str]
    started: str
    seconds: float
    outputs: dict[str, str]


@dataclass(frozen=True)
class Cache:
    """The folder of what steps made."""

    root: Path

    def folder(self, step: str, key: str) -> Path:
        """Return where a step's results are, if they are there."""
        return self.root / step / key

    def partial(self, step: str, key: str) -> Path:
        """Return where a step keeps what must survive if it is ended before it is done."""
        return self.root / step / f"{key}.partial"

    def has(self, step: str, key: str) -> bool:
        """Return whether a step was done."""
        return (self.folder(step, key) / STEP_FILE).is_file()

    def find(self, step: str, key: str) -> Done | None:
        """Return a step that was done, after its files were checked; None if it was not.

        Raises:
            OutputError: If a file was changed or lost since.
        """
        folder = self.folder(step, key)
        if not self.has(step, key):
            return None
        try:
            done = msgspec.json.decode((folder / STEP_FILE).read_bytes(), type=Done)
            changed = done.schema != SCHEMA_VERSION or done.key != key or digests(folder) != done.outputs
        except (OSError, msgspec.MsgspecError) as error:
            raise OutputError(_damaged(folder, step, str(error))) from error
        if changed:
            raise OutputError(_damaged(folder, step, "its files are not those that were made"))
        return done

    @contextmanager
    def making(self, step: str, key: str) -> Iterator[Path]:
        """Give a folder to fill while the context lasts; ``commit`` it at the end, or it is removed.

        Raises:
            OutputError: If it cannot be made.
        """
        try:
            parent = self.folder(step, key).parent
            parent.mkdir(parents=True, exist_ok=True)
            made = Path(tempfile.mkdtemp(dir=parent, prefix=".making-"))
        except OSError as error:
            raise OutputError(f"{self.root} cannot be written: {error}. Make room, or name another folder.") from error
        try:
            yield made
        finally:
            shutil.rmtree(made, ignore_errors=True)

    def commit(self, made: Path, done: Done) -> None:
        """Put a step's folder in place: everything is on the disk before its name is.

        Raises:
            OutputError: If it cannot be written.
        """
        target = self.folder(done.step, done.key)
        try:
            (made / STEP_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(done), indent=2) + b"\n")
            flush(made)
            made.rename(target)
            shutil.rmtree(self.partial(done.step, done.key), ignore_errors=True)
        except OSError as error:
            raise OutputError(f"{target} cannot be written: {error}. Make room, and run again.") from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep every other run out of the folder while the context lasts, and remove what ended runs left.

        Raises:
            OutputError: If another run is in it, or it cannot be made.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.root / _LOCK, timeout=0, isolation_level=None)) as connection:
                # The system gives the lock back when the process ends, however it does.
                connection.execute("BEGIN EXCLUSIVE")
                for left in self.root.glob("*/.making-*"):
                    shutil.rmtree(left, ignore_errors=True)
                yield
        except sqlite3.OperationalError as error:
            raise OutputError(
                f"another run works in {self.root} ({error}). Wait until it has ended, or name another folder."
            ) from error
        except OSError as error:
            raise OutputError(f"{self.root} cannot be written: {error}. Name another folder.") from error


def digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file of a step but ``step.json``, by its path in the folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / STEP_FILE)
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def flush(folder: Path) -> None:
    """Have the system write every file below a folder to the disk, and the folders' entries where it can."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb+") as file:
                os.fsync(file.fileno())
    if sys.platform != "win32":
        entry = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(entry)
        finally:
            os.close(entry)


def write_json(path: Path, content: msgspec.Struct | Mapping[str, object]) -> None:
    """Write a structure as JSON for people."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n")


def _damaged(folder: Path, step: str, why: str) -> str:
    cost = " What it released is charged, and would be charged again." if step == "release" else ""
    return f"{folder} was changed since the step {step} was done ({why}). Put it back, or remove it.{cost}"
