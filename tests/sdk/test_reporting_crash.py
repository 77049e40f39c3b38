"""A device dies at any moment of reporting: its report counts once, and costs what it costs once."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path

import pytest

import homespun as hs
from homespun.consent.parts import TASKS
from homespun.contribute.reporting import report_id
from homespun.profile.given import FileGiven
from tests.sdk.asking import Fleet
from tests.sdk.reporting_driver import LIKED, Filed, task_of

DRIVER = Path(__file__).with_name("reporting_driver.py")
MOMENTS = 100
"""More moments than one report has; checked below."""

PARTS = 5
"""Tests that the moments are divided among, because each run starts three processes."""

LATER = 4000
"""Seconds after which an attempt that was cut off is over."""


def reporting(room: Path, bundle: Path, *, after: int, dies_at: int) -> int | None:
    """Let the device report in a process of its own; return how many moments it had, or None if it died."""
    command = [sys.executable, str(DRIVER), str(room), str(bundle), str(after), str(dies_at)]
    path = os.pathsep.join((str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")))
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path}, check=False)
    assert done.returncode in (0, -9), done.stderr
    return int(done.stdout) if done.returncode == 0 else None


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, bundle: hs.Bundle, bundle_folder: Path) -> Path:
    """A device that may contribute, whose person likes three of the items."""
    room = tmp_path_factory.mktemp("made")
    with Fleet(room, bundle, bundle_folder).device().allowed() as me:
        for item in task_of(bundle)[1][:LIKED]:
            me.record(item, weight=5.0)
    return room


def check_counted_once(room: Path, bundle: hs.Bundle, bundle_folder: Path) -> None:
    fleet = Fleet(room, bundle, bundle_folder)
    fleet.leader = leader = Filed(room / "arrived").load()
    task, items = task_of(bundle)
    reports = leader.reports(task)
    assert len({report.report_id for report in reports}) == 1
    assert leader.total(task).tolist() == [4729] * LIKED + [0] * (len(items) - LIKED)
    (line,) = FileGiven.beside(room / "device" / "profile").read()
    assert line.task == task.id.hex()
    with fleet.device().open() as me:
        me.ledger.verify()
        mine = [entry for entry in me.ledger.entries() if entry.purpose == "contribution"]
        assert [entry.state for entry in mine if entry.of is None] == ["queued"]
        assert mine[-1].state == "sent"
        assert Decimal(mine[-1].epsilon_left) == 7
        assert me.ledger.pending() == ()
        assert report_id(me._home.kept(TASKS)["secret"], task.id) == reports[0].report_id


@pytest.mark.parametrize("part", range(PARTS))
def test_killed_at_a_moment_of_reporting(
    runs: Callable[[str, int], Sequence[int]],
    tmp_path: Path,
    made: Path,
    bundle: hs.Bundle,
    bundle_folder: Path,
    part: int,
) -> None:
    for number in runs(f"report crash, part {part + 1}", MOMENTS // PARTS):
        moment = PARTS * number + part
        room = tmp_path / str(moment)
        shutil.copytree(made, room)
        reporting(room, bundle_folder, after=0, dies_at=moment)
        # Once more it may die, somewhere else, before it comes through.
        reporting(room, bundle_folder, after=LATER, dies_at=(moment * 7) % MOMENTS)
        assert reporting(room, bundle_folder, after=3 * LATER, dies_at=-1) is not None
        check_counted_once(room, bundle, bundle_folder)
        shutil.rmtree(room)


def test_a_report_has_moments_that_are_not_tried(tmp_path: Path, made: Path, bundle_folder: Path) -> None:
    room = tmp_path / "room"
    shutil.copytree(made, room)
    count = reporting(room, bundle_folder, after=0, dies_at=-1)
    assert count is not None
    assert 40 < count <= MOMENTS
