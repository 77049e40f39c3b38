"""What the publishing example could get wrong: the pipeline's way to devices and back, and the fleet's."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest


def run(script: Path, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONUTF8": "1", "COLUMNS": "200"}
    done = subprocess.run(
        [sys.executable, "-W", "error", str(script), *arguments],
        env=environment, capture_output=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.mark.timeout(400)
def test_the_example_does_not_get_from_a_csv_to_a_rollout_and_back(repository: Path, tmp_path: Path) -> None:
    text = run(repository / "examples/publishing/publish.py", str(tmp_path))
    devices = re.findall(r"^On a device: (.*)$", text, re.MULTILINE)
    assert len(devices) == 3
    # Half of the devices have it first, and which half this one is in was drawn.
    assert devices[0].startswith(("Updated to release 2", "Updated to release 1"))
    assert devices[1].startswith(("Updated to release 2", "Up to date: release 2"))
    assert devices[2].startswith("Updated to release 3")
    assert "publish     release 2 is for 50.00% of devices" in text
    assert "release 2 goes on to 100.00% of devices" in text
    assert text.count("made in") == 7
    assert text.count(" kept\n") == 7
    assert (tmp_path / "work/work/report.html").is_file()
    # What was drawn by the second run was paid for by the first.
    assert "Left before it: ε = 8." in text


@pytest.mark.timeout(400)
def test_a_bad_canary_stays(repository: Path, tmp_path: Path) -> None:
    text = run(repository / "examples/publishing/fleet.py", str(tmp_path / "fleet"), "12")
    assert "not met; it is overridden" in text
    assert "rolled back: release 3 has the bundle of release 1" in text
    last = text.rstrip().splitlines()[-1]
    assert "12: 3" in last
    assert "twelve hours later" in last
