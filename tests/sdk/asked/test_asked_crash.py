"""A device dies at any moment of being asked: it is done once in effect, and its receipt comes in the end, once."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

import homespun as hs
from homespun.contribute.uploads import RECEIPTS, parse_upload
from homespun.protocol.asking.receipt import parse_receipt
from tests.sdk.asked.asked_driver import LATER, filed
from tests.sdk.asked.operator_of import world_of
from tests.sdk.people import STORAGE

DRIVER = Path(__file__).with_name("asked_driver.py")
MOMENTS = 60
"""More moments than one request has; checked below."""

KINDS = ("objection", "erasure")


def asked(room: Path, bundle: Path, kind: str, dies_at: int) -> int | None:
    """Let the device be asked in a process of its own; return how many moments it had, or None if it died."""
    command = [sys.executable, str(DRIVER), str(room), str(bundle), kind, str(dies_at)]
    path = os.pathsep.join((str(Path(__file__).parents[3]), os.environ.get("PYTHONPATH", "")))
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path}, check=False)
    assert done.returncode in (0, -9), done.stderr
    return int(done.stdout) if done.returncode == 0 else None


def made(room: Path, kind: str, bundle: hs.Bundle, bundle_folder: Path) -> Path:
    """A device that registered, and a list in which it is asked."""
    room.mkdir()
    with world_of(room, bundle, bundle_folder) as world:
        with filed(world, 0).device().allowed() as me:
            me.record(bundle.items[0])
            me.requests.register()
        world.server.requests.add(kind=kind)  # type: ignore[arg-type]
        (room / "list.bin").write_bytes(world.server.asking.listed())
    return room


def check_done_once(room: Path, kind: str, bundle: hs.Bundle, bundle_folder: Path) -> None:
    """Start the device again, until nothing is left to do."""
    with world_of(room, bundle, bundle_folder) as world:
        device = filed(world, LATER).device(execute=(kind,))
        for _ in range(3):
            with device.open() as me:
                me.requests.sync(force=True)
                if kind == "objection":
                    assert me.controls.current().objected
                    me.ledger.verify()
                else:
                    assert not me.consent.granted(STORAGE)
            world.wait(LATER)
        assert list(world.server.states().values()) == ["done"]
        assert (device.beside.promise, device.beside.payloads) == (None, {})
    uploads = [parse_upload(path.read_bytes()) for path in sorted((room / "arrived").iterdir())]
    receipts = {body for path, body in uploads if path == RECEIPTS}
    assert len(receipts) == 1
    # A number that was drawn for an answer which was never begun is drawn no more.
    assert parse_receipt(receipts.pop()).sequence in (1, 2)


@pytest.mark.parametrize("kind", KINDS)
def test_killed_at_a_moment_of_being_asked(
    runs: Callable[[str, int], Sequence[int]], tmp_path: Path, bundle: hs.Bundle, bundle_folder: Path, kind: str
) -> None:
    origin = made(tmp_path / "made", kind, bundle, bundle_folder)
    moments = asked(shutil.copytree(origin, tmp_path / "whole"), bundle_folder, kind, -1)
    assert moments is not None
    assert moments < MOMENTS
    check_done_once(tmp_path / "whole", kind, bundle, bundle_folder)
    for number in runs(f"killed while asked, {kind}", MOMENTS):
        room = shutil.copytree(origin, tmp_path / str(number))
        asked(room, bundle_folder, kind, number % moments)
        check_done_once(room, kind, bundle, bundle_folder)
        shutil.rmtree(room)
