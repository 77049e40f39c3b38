"""Leader or helper is killed at any step: an acknowledged report is lost, one counts twice, or noise is drawn twice.

Each of 200 points is another step of the leader or of the helper in a task of 24 devices and some dozen jobs. The
victim is started again, devices repeat what was not acknowledged, and the collector asks until it is answered; then
every report counts exactly once on both sides, the collector gets the same bytes again, and nothing is left that opens.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from homespun.protocol.collection.task import encode_task
from tests.conftest import Runs
from tests.server.collection.test_two_parties import near

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="processes are divided")

LEADER_POINTS = 140
HELPER_POINTS = 60
POINTS = [f"leader:{at + 1}" for at in range(LEADER_POINTS)] + [f"helper:{at + 1}" for at in range(HELPER_POINTS)]
PARTS = 4
"""Tests over which the points are spread, so that none takes long."""


def crashed(repository: Path, folder: Path, points: list[str]) -> list[str]:
    """Play the points, and return what was said of each."""
    (folder / "made").mkdir()
    _, task = near(folder / "made")
    (folder / "made" / "task.json").write_bytes(encode_task(task))
    command = [sys.executable, "-m", "tests.server.collection.crashing", str(folder / "made"), *points]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr[-5000:]
    return done.stdout.splitlines()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("part", range(PARTS))
def test_a_kill_loses_a_report_or_counts_it_twice(repository: Path, tmp_path: Path, runs: Runs, part: int) -> None:
    points = [POINTS[run * PARTS + part] for run in runs("aggregator crash", len(POINTS) // PARTS)]
    said = crashed(repository, tmp_path, points)
    assert [line.rsplit(" ", 2)[0] for line in said] == [f"{point} well" for point in points]


def test_fewer_steps_than_points_are_made(repository: Path, tmp_path: Path) -> None:
    (line,) = crashed(repository, tmp_path, ["nobody:0"])
    _, well, leader, helper = line.split()
    assert (well, len(set(POINTS))) == ("well", LEADER_POINTS + HELPER_POINTS)
    assert int(leader) >= LEADER_POINTS
    assert int(helper) >= HELPER_POINTS
