"""Media that cannot be written: the profile is refused as a whole, with words that say so, and stays as it is."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from homespun.errors import ProfileBusyError, ProfileStorageError
from homespun.profile.failures import translated
from tests.sdk.profile.test_full_disk import has_small_disks, small_disk


@pytest.mark.skipif(os.name != "posix", reason="folders are not made read-only in this way")
@pytest.mark.parametrize("end", ["closed", "killed"])
def test_a_read_only_medium_is_changed_or_refused_without_saying_so(tmp_path: Path, repository: Path, end: str) -> None:
    how = "mount" if has_small_disks() else "modes"
    if how == "modes" and os.geteuid() == 0:
        pytest.skip("root may write whatever the modes say, and may not mount here")
    command = [sys.executable, "-m", "tests.sdk.profile.read_only", str(tmp_path), how, end]
    if how == "mount":
        command = small_disk(tmp_path, command)
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "error",
    [
        apsw.ReadOnlyError("attempt to write a readonly database"),
        OSError(errno.EROFS, "Read-only file system"),
        PermissionError(errno.EACCES, "Permission denied"),
    ],
)
def test_a_refusal_to_write_is_not_named(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(ProfileStorageError, match="read-only here") as caught, translated(tmp_path):
        raise error
    assert caught.value.__cause__ is error


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (apsw.FullError("database or disk is full"), ProfileStorageError, "Make room"),
        (OSError(errno.ENOSPC, "No space left on device"), ProfileStorageError, "Make room"),
        (apsw.IOError("disk I/O error"), ProfileStorageError, "failing"),
        (apsw.BusyError("database is locked"), ProfileBusyError, "busy_timeout_ms"),
    ],
)
def test_another_failure_is_taken_for_a_refusal_to_write(
    tmp_path: Path, error: Exception, kind: type[Exception], words: str
) -> None:
    for folder in (tmp_path, tmp_path / "missing", None):
        with pytest.raises(kind, match=words), translated(folder):
            raise error
