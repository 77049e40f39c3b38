"""A full disk, really full: see ``full_disk.py``, which runs in a process of its own on a small disk."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.conftest import Runs
from tests.sdk.profile.full_disk import PHASES, ROOM

pytestmark = pytest.mark.skipif(os.name != "posix", reason="there is neither a small file system nor a limit to files")

SIZE = "1024k"


def small_disk(folder: Path, command: list[str]) -> list[str]:
    """Return the command that runs ``command`` where ``folder`` is a small file system of its own."""
    script = f'mount -t tmpfs -o size={SIZE} tmpfs "$0" && exec "$@"'
    return ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, str(folder), *command]


@cache
def has_small_disks() -> bool:
    """Whether this system lets anybody mount a file system that only they see."""
    if not sys.platform.startswith("linux") or shutil.which("unshare") is None:
        return False
    probe = small_disk(Path("/tmp"), ["sh", "-c", 'test "$(stat -f -c %b /tmp)" -lt 1000'])
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


def on_a_small_disk(folder: Path, command: list[str]) -> list[str]:
    if not has_small_disks():
        pytest.skip("nobody may mount a file system here; the same phase runs with a limit to the length of files")
    return small_disk(folder, command)


def with_a_limit(_: Path, command: list[str]) -> list[str]:
    return command


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize(("disk", "prepare"), [("tmpfs", on_a_small_disk), ("limit", with_a_limit)])
def test_a_full_disk_loses_what_was_acknowledged_or_leaves_a_profile_that_does_not_open(
    tmp_path: Path,
    repository: Path,
    runs: Runs,
    phase: str,
    disk: str,
    prepare: Callable[[Path, list[str]], list[str]],
) -> None:
    # No room at all and a little, in any case.
    rooms = [str(number) for number in sorted({0, 4, *runs(f"full disk ({disk})", len(ROOM))})]
    command = [sys.executable, "-m", "tests.sdk.profile.full_disk", str(tmp_path), disk, phase, *rooms]
    done = subprocess.run(
        prepare(tmp_path, command), cwd=repository, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    failed, succeeded = json.loads(done.stdout)
    assert failed + succeeded >= len(rooms)
    assert failed > 0
