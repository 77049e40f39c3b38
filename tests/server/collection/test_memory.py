"""What leader and helper hold in memory grows with the number of reports."""

import subprocess
import sys
from pathlib import Path

from tests.server.collection.conftest import Settings
from tests.server.collection.remembering import ITEMS, WARM

REPORTS = 90

SLACK = 7_000_000
"""What an allocator and SQLite may take more; the reports have more than twice as much."""


def test_memory_grows_with_the_number_of_reports(on_sqlite: Settings, repository: Path) -> None:
    folder = on_sqlite["leader"].folder.parent
    command = [sys.executable, "-m", "tests.server.collection.remembering", str(folder), str(REPORTS)]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    count, before, after = map(int, done.stdout.split())
    assert count == WARM + REPORTS
    assert REPORTS * ITEMS * 4 > 2.5 * SLACK
    assert after - before < SLACK
