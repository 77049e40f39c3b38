"""The one place where failures of the database and the disk become homespun's errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from homespun.errors import DamagedProfileError, ProfileBusyError, ProfileStorageError

_BUSY = (apsw.BusyError, apsw.LockedError)
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


@contextmanager
def translated(folder: Path | None) -> Iterator[None]:
    """Turn failures of apsw and of the operating system into the errors of ``homespun.errors``.

    Raises:
        ProfileBusyError: Another process held the profile for longer than the configured wait.
        DamagedProfileError: Bytes are not what was written.
        ProfileStorageError: The disk is full, read-only, absent or failing.
    """
    try:
        yield
    except _BUSY as error:
        raise busy(folder) from error
    except _DAMAGED as error:
        raise damaged(folder, f"the encrypted database failed its checks ({error})") from error
    except (apsw.Error, OSError) as error:
        raise ProfileStorageError(
            f"The disk refused the profile in {_place(folder)}: {error}. It may be full, read-only, absent or "
            "failing; what was acknowledged before is not affected. Make room or check permissions, then retry."
        ) from error


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
