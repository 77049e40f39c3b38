"""Disables a feature in a copy of the code, and runs the test that has to notice."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from tools.compliance_page import Row

_ALONE = ("-q", "-n", "0", "-p", "no:cacheprovider", "--no-header")

FAILED = 1
"""The exit status of pytest where tests ran and failed; what cannot even be collected has another."""


def broken_copy(repository: Path, row: Row, folder: Path) -> None:
    """Copy both distributions' code, and disable the feature there."""
    for source in ("sdk/src", "server/src"):
        shutil.copytree(repository / source, folder / source, ignore=shutil.ignore_patterns("__pycache__"))
    path = folder / row.mutation.file
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(row.mutation.find, row.mutation.replace), encoding="utf-8", newline="\n")


def run_with(repository: Path, folder: Path, test: str) -> subprocess.CompletedProcess[str]:
    """Run one test with the copy's code in place of the repository's."""
    path = os.pathsep.join(str(folder / source) for source in ("sdk/src", "server/src"))
    options = ("-q", "-x", "-p", "no:cacheprovider", "-p", "no:randomly", "--no-header")
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, test],
        cwd=repository,
        env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=300,
    )


def collected(repository: Path, files: Iterable[str]) -> frozenset[str]:
    """Return the tests of files, as pytest names them."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", *_ALONE, *sorted(files)],
        cwd=repository,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return frozenset(line for line in done.stdout.splitlines() if "::" in line)
