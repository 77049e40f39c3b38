"""The one place where failures of the database and the disk become homespun's errors."""

import errno
import os
from pathlib import Path
from types import TracebackType

import apsw

from homespun.errors import DamagedProfileError, ProfileBusyError, ProfileError, ProfileStorageError

_BUSY = (apsw.BusyError, apsw.LockedError)
_FORBIDDEN = (errno.EROFS, errno.EACCES, errno.EPERM)
_DAMAGED = (
    apsw.NotADBError,
    apsw.CorruptError,
    apsw.FormatError,
    apsw.SchemaChangeError,
    apsw.SQLError,
    apsw.MismatchError,
    apsw.ConstraintError,
    apsw.RangeError,
    apsw.TooBigError,
)


class translated:  # noqa: N801 - used like contextlib's own
    """Turns failures of apsw and of the operating system into the errors of ``homespun.errors``.

    A class, because entering one is faster than a generator, and a profile is entered for every event.

    Raises:
        ProfileBusyError: Another process held the profile for longer than the configured wait.
        DamagedProfileError: Bytes are not what was written.
        ProfileStorageError: The disk is full, read-only, absent or failing.
    """

    __slots__ = ("_folder",)

    def __init__(self, folder: Path | None) -> None:
        """Translate for the profile in ``folder``."""
        self._folder = folder

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Raise the translation of a failure, if there is one."""
        if isinstance(error, (apsw.Error, OSError)):
            raise _translation(error, self._folder) from error


def _translation(error: apsw.Error | OSError, folder: Path | None) -> ProfileError:
    if isinstance(error, _BUSY):
        return busy(folder)
    if isinstance(error, _DAMAGED):
        return damaged(folder, f"the encrypted database failed its checks ({error})")
    if _is_read_only(error, folder):
        return ProfileStorageError(
            f"The profile in {_place(folder)} is read-only here, or this program may not use it: {error}. Reading "
            "needs to write too, because those who use it share locks and a log. Make the folder writable for this "
            "program, or copy it to where it is."
        )
    return ProfileStorageError(
        f"The disk refused the profile in {_place(folder)}: {error}. It may be full, read-only, absent or "
        "failing; what was acknowledged before is not affected. Make room or check permissions, then retry."
    )


def _is_read_only(error: apsw.Error | OSError, folder: Path | None) -> bool:
    if isinstance(error, apsw.ReadOnlyError) or (isinstance(error, OSError) and error.errno in _FORBIDDEN):
        return True
    return folder is not None and folder.is_dir() and not os.access(folder, os.W_OK)


def busy(folder: Path | None) -> ProfileBusyError:
    """Return the error for a profile that somebody else holds."""
    return ProfileBusyError(
        f"The profile in {_place(folder)} is in use elsewhere and stayed busy for longer than "
        "Settings.busy_timeout_ms. Nothing was changed; try again, or close it there first."
    )


def damaged(folder: Path | None, what: str) -> DamagedProfileError:
    """Return the error for a profile that was changed outside homespun."""
    return DamagedProfileError(
        f"The profile in {_place(folder)} cannot be trusted: {what}. It was changed or cut short outside "
        "homespun, and nothing in it was used. Restore the whole folder from a backup, or erase it and start "
        "again."
    )


def _place(folder: Path | None) -> str:
    return "memory" if folder is None else f"'{folder}'"
