"""What an installation has given of its lifetime's ε, outside the profile's folder, so that erasing does not reset it.

A report that left cannot be called back, and whoever could begin anew by erasing the profile could be made to give
without an end. So each report's ε is written down beside the folder before the report is queued: the profile's random
id, the task, the ε, and until when the task lives. Nothing of the person is in it, and nothing of what was sent.

It also makes a restored backup count what was given since, and keeps a new profile on the same machine from taking part
in a task once more that the erased one was part of. Non-goals: whoever can write to the file can take lines away.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal, Self

import apsw
import msgspec

from homespun.errors import ProfileBusyError, ProfileStorageError
from homespun.profile.alone import alone
from homespun.profile.files import make_folder, read_bounded, write_atomically
from homespun.profile.keyfile import ProfileId

MAX_SIZE = 4 * 1024 * 1024
"""Bytes in such a file, about 16 000 reports."""

_MAX_STEPS = 10**18


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """One report; a line of the file.

    Attributes:
        schema: Version of the line.
        profile: Id of the profile that it came from.
        what: Its name in that profile's ledger.
        task: The task's id, hexadecimal.
        epsilon: ε in steps of 10⁻¹².
        expires: When the task expires, seconds since 1970.
        check: Tells whether the installation still has the secret that it reported with.
        left: Whether it may have left: set before its first byte goes, so that a ledger from a backup, in which it
            waits, cannot give its ε back.
    """

    schema: Literal[1] = 1
    profile: ProfileId
    what: Annotated[str, msgspec.Meta(max_length=80)]
    task: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
    epsilon: Annotated[int, msgspec.Meta(ge=0, le=_MAX_STEPS)]
    expires: Annotated[int, msgspec.Meta(ge=0)]
    check: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{8}\Z")]
    left: bool = False


class FileGiven:
    """What was given, in a file of JSON lines beside the folder."""

    def __init__(self, path: Path, *, wait_ms: int = 2000) -> None:
        """Keep it in ``path``, and a lock beside it.

        Args:
            path: The file; it appears with the first report, for its owner only.
            wait_ms: How long to wait for others who add to it, in milliseconds.
        """
        self._path = path.absolute()
        self._wait_ms = wait_ms

    @classmethod
    def beside(cls, folder: Path, wait_ms: int = 2000) -> Self:
        """Keep what a folder's profiles gave in a file beside it, called '<folder>.given'."""
        return cls(folder.with_name(f"{folder.name}.given"), wait_ms=wait_ms)

    @property
    def place(self) -> str:
        """Where, in words."""
        return f"the file '{self._path}'"

    @property
    def exists(self) -> bool:
        """Whether anything was ever given."""
        return self._path.exists()

    def read(self) -> tuple[Given, ...]:
        """Return every report that was written down.

        Raises:
            ProfileStorageError: It cannot be read, or a line of it is damaged.
        """
        with self._translated():
            return self._lines()

    def add(self, given: Given) -> None:
        """Write a report down, durably when this returns; one that is there already is not written twice.

        Raises:
            ProfileBusyError: Others kept adding for longer than ``wait_ms``.
            ProfileStorageError: The disk refused, or the file is damaged or full.
        """
        with self._translated():
            make_folder(self._path.parent)
            with alone(self._path, self._wait_ms):
                lines = self._lines()
                if any((each.profile, each.task) == (given.profile, given.task) for each in lines):
                    return
                self._write((*lines, given))

    def mark(self, profile: str, what: str, *, left: bool) -> bool:
        """Write down whether a report may have left, durably when this returns; return what was written there before.

        Args:
            profile: Id of the profile that it is of.
            what: Its name in that profile's ledger; one that is not written down stays so.
            left: Whether it may have left.

        Raises:
            ProfileBusyError: Others kept adding for longer than ``wait_ms``.
            ProfileStorageError: The disk refused, or the file is damaged or full.
        """
        with self._translated():
            if not self.exists:
                return False
            with alone(self._path, self._wait_ms):
                lines = self._lines()
                meant = [each for each in lines if (each.profile, each.what) == (profile, what)]
                if any(each.left != left for each in meant):
                    self._write(msgspec.structs.replace(each, left=left) if each in meant else each for each in lines)
                return any(each.left for each in meant)

    def _write(self, lines: Iterable[Given]) -> None:
        data = b"".join(msgspec.json.encode(each) + b"\n" for each in lines)
        if len(data) > MAX_SIZE:
            raise OSError(f"it would be longer than {MAX_SIZE} bytes")
        write_atomically(self._path, data)

    def _lines(self) -> tuple[Given, ...]:
        try:
            data = read_bounded(self._path, MAX_SIZE)
        except FileNotFoundError:
            return ()
        if len(data) > MAX_SIZE:
            raise OSError(f"it is longer than {MAX_SIZE} bytes")
        try:
            # All or nothing: a line that cannot be read may be the one that matters.
            return tuple(msgspec.json.decode(line, type=Given) for line in data.split(b"\n") if line.strip())
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise OSError(f"a line of it is damaged: {error}") from error

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (apsw.BusyError, apsw.LockedError) as error:
            raise ProfileBusyError(
                f"Others kept writing to '{self._path}' for longer than {self._wait_ms} ms. Nothing was contributed; "
                "it is tried again."
            ) from error
        except (apsw.Error, OSError) as error:
            raise ProfileStorageError(
                f"What this installation has given, in '{self._path}', cannot be used: {error}. Without it nothing is "
                "contributed, because nobody knows what is left. Make it accessible or restore it."
            ) from error
