"""The power fails at any moment of an update: what was relied on was not on the disk.

The same updates as in ``test_update_crash`` end at many moments, on a disk that loses what was not synced: everything,
or what chance decides; or the process ends first, and the power fails while another one goes on.
"""

import os
import random
import shutil
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.conftest import Runs
from tests.sdk.sync.faults.disk import Disk
from tests.sdk.sync.faults.driver import STAGES, sync
from tests.sdk.sync.faults.looking import Installation, check

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="files are synced in another way there")

CUTS = 300
PARTS = 5
"""Tests over which they are spread, so that none takes long."""


class EndedError(BaseException):
    """The end of a process, as far as one can be had inside another."""


class Fuse:
    """Counts moments, and ends the process at one of them."""

    def __init__(self, at: int) -> None:
        self.names: list[str] = []
        self._at = at

    def __call__(self, name: str) -> None:
        self.names.append(name)
        if len(self.names) == self._at:
            self.blow()
            raise EndedError(name)

    def blow(self) -> None:
        """Do what happens right before."""


class PowerCut(Fuse):
    """Keeps what a disk keeps."""

    def __init__(self, at: int, disk: Disk, to: Path, chance: random.Random | None) -> None:
        super().__init__(at)
        self._disk = disk
        self._to = to
        self._chance = chance

    def blow(self) -> None:
        """Write what is left."""
        self._disk.without_power(self._to, self._chance)


def played(device: Installation, fuse: Fuse, first: int = 1) -> int:
    """Make the updates from one with a number on until the fuse blows; return the number at which it did, or 0."""
    for number, stage in enumerate(STAGES[first - 1 :], first):
        try:
            sync(device.repository, device.folder, stage, fuse, breaks_off=stage.breaks_off)
        except EndedError:
            return number
    return 0


@pytest.fixture(scope="module")
def moments(without_profile: Installation, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The moments of all updates, by name."""
    device = without_profile.copied(tmp_path_factory.mktemp("counted") / "device")
    fuse = Fuse(0)
    assert played(device, fuse) == 0
    assert device.held().release == STAGES[-1].after
    return fuse.names


@contextmanager
def disk_of(device: Installation) -> Iterator[Disk]:
    disk = Disk(device.updates)
    with pytest.MonkeyPatch.context() as patch, closing(disk):
        patch.setattr(os, "fsync", disk.fsync)
        yield disk


def cut(device: Installation, number: int, at: int, to: Path) -> int:
    """Let the power fail, and return the number of the stage that was at work."""
    chance = random.Random(number)
    to.mkdir()
    with disk_of(device) as disk:
        first = 1
        if number % 3 == 2:
            first = played(device, Fuse(at))
            at = chance.randrange(1, 60)
        found = played(device, PowerCut(at, disk, to / "updates", None if number % 3 == 0 else chance), first)
        if not found:
            disk.without_power(to / "updates", chance)
    return found or len(STAGES)


@pytest.mark.parametrize("part", range(PARTS))
def test_a_power_cut_loses_what_was_relied_on(
    without_profile: Installation, moments: list[str], tmp_path: Path, runs: Runs, part: int
) -> None:
    for run in runs("update power cut", CUTS // PARTS):
        number = run * PARTS + part
        at = 1 + number * len(moments) // CUTS
        room = tmp_path / str(run)
        device = without_profile.copied(room / "device")
        dead = Installation(device.repository, room / "dead", device.releases)
        stage = cut(device, number, at, dead.folder)
        try:
            check(dead, stage)
        except BaseException as error:
            error.add_note(f"cut {number}, moment {at}: {moments[at - 1]}")
            raise
        shutil.rmtree(room)


def test_a_bundle_that_a_killed_process_had_just_renamed_is_relied_on(
    without_profile: Installation, moments: list[str], tmp_path: Path
) -> None:
    device = without_profile.copied(tmp_path / "device")
    dead = Installation(device.repository, tmp_path / "dead", device.releases)
    dead.folder.mkdir()
    with disk_of(device) as disk:
        stage = STAGES[played(device, Fuse(moments.index("bundles: renamed") + 1)) - 1]
        sync(device.repository, device.folder, stage, lambda _: None)
        disk.without_power(dead.updates, None)
    assert dead.held().release == stage.after == 2
