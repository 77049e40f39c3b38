"""A publisher is killed at any durable step: devices are left with half a change, or nobody can publish any more.

The same sequence of operations is killed at 100 distinct steps. After each kill, what devices see of every channel is
exactly what it was before the operation that was killed, or what it is after it; ``check`` passes; a device that was
there before follows; and the operation and all those after it can be done.
"""

import contextlib
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from homespun.errors import MisuseError
from homespun.protocol.channel import Channel
from tests.conftest import Runs
from tests.server.publishing.repository.devices import Phone
from tests.server.publishing.repository.driver import OPERATIONS, Bomb, main, opened_with
from tests.server.publishing.repository.support import CANARY, PRODUCTION, Hands, bundle_of, create

POINTS = 100
PARTS = 5
"""Tests over which the points are spread, so that none takes long."""

ROOT = Path(__file__).resolve().parents[4]
CHANNELS = (CANARY, PRODUCTION)
OVER = ("share", "share another", "pause")
Seen = tuple[Channel, ...]


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository without releases, and two bundles."""
    folder = tmp_path_factory.mktemp("begun")
    create(folder, Hands())
    for seed in (1, 2):
        bundle_of(folder / f"b{seed}", seed)
    return folder


@pytest.fixture(scope="module")
def expected(begun: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Seen]:
    """What devices see before the first operation and after each, where nobody is killed."""
    folder = copied(begun, tmp_path_factory.mktemp("whole"))
    clock = Hands()
    signed = opened_with(folder, clock, Bomb(0))
    seen = [look(folder, clock, "phone")]
    for _, operation in OPERATIONS:
        operation(signed, folder, clock)
        seen.append(look(folder, clock, "phone"))
    return seen


@pytest.fixture(scope="module")
def steps(begun: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The durable steps of the whole sequence, by name."""
    folder = copied(begun, tmp_path_factory.mktemp("counted"))
    main(folder, 0)
    return (folder / "steps").read_text().splitlines()


def copied(begun: Path, folder: Path) -> Path:
    return Path(shutil.copytree(begun, folder / "run"))


def look(folder: Path, clock: Hands, phone: str) -> Seen:
    """Return what a device sees of every channel, without what differs from run to run."""
    device = Phone(opened_with(folder, clock, Bomb(0)), folder / phone, clock)
    return tuple(plain(device.sees(channel)) for channel in CHANNELS)


def plain(channel: Channel) -> Channel:
    releases = tuple(msgspec.structs.replace(each, salt="0" * 32, created="") for each in channel.releases)
    return msgspec.structs.replace(channel, releases=releases)


def killed(folder: Path, at: int) -> None:
    command = [sys.executable, "-m", "tests.server.publishing.repository.driver", str(folder), str(at)]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, timeout=120)
    assert done.returncode == (-signal.SIGKILL if sys.platform != "win32" else signal.SIGTERM), done.stderr.decode()


def test_the_steps_are_few(steps: list[str]) -> None:
    assert len(steps) >= 3 * POINTS
    assert len(set(steps)) >= 50


@pytest.mark.parametrize("part", range(PARTS))
def test_a_kill_leaves_half_a_change(
    begun: Path, expected: list[Seen], steps: list[str], tmp_path: Path, runs: Runs, part: int
) -> None:
    for run in runs("publish crash", POINTS // PARTS):
        at = 1 + (run * PARTS + part) * len(steps) // POINTS
        folder = copied(begun, tmp_path / str(run))
        killed(folder, at)
        number = int((folder / "begun").read_text())
        late = number > [name for name, _ in OPERATIONS].index("refresh late")
        clock = Hands()
        clock.pass_(hours=20 if late else 0)
        where = f"{OPERATIONS[number - 1][0]}, step {at}: {steps[at - 1]}"
        check_consistent(folder, clock, expected[number - 1 : number + 1], where)
        go_on(folder, clock, number, where)
        shutil.rmtree(folder)


def check_consistent(folder: Path, clock: Hands, either: list[Seen], where: str) -> None:
    signed = opened_with(folder, clock, Bomb(0))
    signed.check()
    for phone in ("phone", "new phone"):
        assert look(folder, clock, phone) in either, where


def go_on(folder: Path, clock: Hands, number: int, where: str) -> None:
    """Do the operation that was killed again, and all those after it."""
    signed = opened_with(folder, clock, Bomb(0))
    last = {channel: numbers(folder, clock, channel) for channel in CHANNELS}
    for name, operation in OPERATIONS[number - 1 :]:
        if name in OVER:
            # Done again, it may be about a release that a later one has taken over from.
            with contextlib.suppress(MisuseError):
                operation(signed, folder, clock)
        else:
            operation(signed, folder, clock)
        for channel, before in last.items():
            assert numbers(folder, clock, channel) >= before, where
    signed.check()
    assert not list(folder.rglob("*.partial"))
    assert all(use.where for use in signed.keys.show()), where


def numbers(folder: Path, clock: Hands, channel: str) -> int:
    device = Phone(opened_with(folder, clock, Bomb(0)), folder / "phone", clock)
    return max((release.number for release in device.sees(channel).releases), default=0)
