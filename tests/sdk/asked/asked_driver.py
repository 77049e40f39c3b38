"""A device that is asked in a process of its own, and dies at one of the moments on the way.

    asked_driver.py ROOM BUNDLE KIND MOMENT

MOMENT counts from 0; at that one the process kills itself. It prints how many there were if it comes to the end. What
the operator takes is in ROOM/arrived, a file an upload, and in its store, before it answers.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import homespun as hs
from tests.sdk.asked.operator_of import Device, Operator, World, world_of

LATER = 7200.0
"""Seconds between two runs: after so many an attempt that was cut off is over."""


class Moments:
    """Counts, and ends the process at one of them."""

    def __init__(self, last: int) -> None:
        self.count = 0
        self._last = last

    def pass_(self, *_: object) -> None:
        if self.count == self._last:
            os.kill(os.getpid(), signal.SIGKILL)
        self.count += 1

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def called(*arguments: Any, **options: Any) -> Any:
            self.pass_()
            found = call(*arguments, **options)
            self.pass_()
            return found

        return called


class Filed(Operator):
    """An operator that keeps what came in files."""

    folder: Path

    def send(self, destination: str, payload: bytes) -> bytes:
        path = self.folder / f"{len(list(self.folder.iterdir()))}"
        path.write_bytes(payload)
        return super().send(destination, payload)


def filed(world: World, later: float) -> World:
    """Sign the list that the room holds, as every process does, and let time pass."""
    world.operator = made = Filed(world.server)
    made.folder = world.root / "arrived"
    made.folder.mkdir(exist_ok=True)
    kept = world.root / "list.bin"
    if kept.exists():
        world.repository.list_requests(kept.read_bytes())
    world.wait(later)
    return world


def watched(device: Device, moments: Moments) -> hs.Personalizer:
    """Open the device with a moment before and after everything that is to last."""
    device.step = moments.pass_
    me = device.open()
    home: Any = me._home
    operator: Any = device.world.operator
    home.log.extend_egress = moments.around(home.log.extend_egress)
    home.keep = moments.around(home.keep)
    home.erase = moments.around(home.erase)
    operator.send = moments.around(operator.send)
    home.egress._transport = operator
    afterwards: Any = me.requests._means.afterwards
    afterwards.extend_egress = moments.around(afterwards.extend_egress)
    afterwards.begin = moments.around(afterwards.begin)
    afterwards.forget = moments.around(afterwards.forget)
    return me


def main(room: Path, bundle: Path, kind: str, last: int) -> None:
    moments = Moments(last)
    with hs.Bundle.open(bundle) as opened, world_of(room, opened, bundle) as world:
        device = filed(world, 0).device(execute=(kind,))
        with watched(device, moments) as me:
            outcome = me.requests.sync(force=True)
            assert outcome.problem is None, outcome
    sys.stdout.write(f"{moments.count}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
