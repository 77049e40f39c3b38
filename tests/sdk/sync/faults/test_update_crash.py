"""An application is killed at any moment of an update: no bundle, half a bundle, an older one, or a silent request.

The same updates are killed at 100 distinct moments, in a device with a profile and in one without. After each kill
the device has a verified bundle that works, what it remembers can be read and never went back, older metadata is
refused, the ledger has every request that left, and the updates can be made, without downloading again what is there.
"""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Runs
from tests.sdk.sync.faults.driver import STAGES
from tests.sdk.sync.faults.looking import Installation, check

POINTS = 100
PARTS = 5
"""Tests over which the points are spread, so that none takes long."""

ROOT = Path(__file__).resolve().parents[4]


def played(device: Installation, at: int) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "tests.sdk.sync.faults.driver"]
    return subprocess.run(
        [*command, str(device.repository), str(device.folder), str(at)],
        cwd=ROOT,
        check=False,
        capture_output=True,
        timeout=120,
    )


@pytest.fixture(scope="module")
def moments(without_profile: Installation, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The moments of all updates, by name; nobody is killed."""
    device = without_profile.copied(tmp_path_factory.mktemp("counted") / "device")
    done = played(device, 0)
    assert done.returncode == 0, done.stderr.decode()
    assert device.held().release == STAGES[-1].after
    return (device.folder / "moments").read_text().splitlines()


def points(moments: list[str]) -> list[int]:
    return [1 + number * len(moments) // POINTS for number in range(POINTS)]


def test_the_moments_are_few_or_the_same(moments: list[str]) -> None:
    assert len(moments) >= 2 * POINTS
    assert len(set(moments)) >= 50
    assert len(set(points(moments))) == POINTS


@pytest.mark.parametrize("part", range(PARTS))
def test_a_kill_leaves_half_an_update(
    with_profile: Installation,
    without_profile: Installation,
    moments: list[str],
    tmp_path: Path,
    runs: Runs,
    part: int,
) -> None:
    for run in runs("update crash", POINTS // PARTS):
        at = points(moments)[run * PARTS + part]
        device = (with_profile if run % 2 else without_profile).copied(tmp_path / str(run))
        done = played(device, at)
        where = f"moment {at}: {moments[at - 1]}\n{done.stderr.decode()}"
        assert done.returncode == (-signal.SIGKILL if sys.platform != "win32" else signal.SIGTERM), where
        number = int((device.folder / "begun").read_text())
        try:
            check(device, number)
        except BaseException as error:
            error.add_note(where)
            raise
        shutil.rmtree(device.folder)
