"""A device that reports once in a process of its own, and dies at one of the moments on the way.

    reporting_driver.py ROOM BUNDLE SECONDS MOMENT

MOMENT counts from 0; at that one the process kills itself. It prints how many there were if it comes to the end. What
the leader takes is in ROOM/arrived, a file a report, on the disk before the leader answers.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import homespun as hs
from homespun.protocol.collection.task import Task
from homespun.protocol.statistics.declaration import universe_of
from homespun.protocol.statistics.standard import item_counts
from tests.sdk.asking import Device, Fleet, Leader, asked
from tests.sdk.protocol.collection.support import narrow

LIKED = 3


def task_of(bundle: hs.Bundle) -> tuple[Task, tuple[str, ...]]:
    items = tuple(bundle.items[:6])
    return asked(narrow(item_counts(universe_of(items)))), items


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


class Filed(Leader):
    """A leader whose reports are on the disk."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        folder.mkdir(exist_ok=True)
        self.folder = folder

    def send(self, destination: str, payload: bytes) -> None:
        self.before()
        path = self.folder / f"{len(list(self.folder.iterdir()))}"
        path.write_bytes(destination.encode() + b"\n" + payload)
        self.after()

    def load(self) -> "Filed":
        for path in sorted(self.folder.iterdir()):
            destination, _, payload = path.read_bytes().partition(b"\n")
            self.arrived.append((destination.decode(), payload))
        return self


def watched(device: Device, moments: Moments) -> hs.Personalizer:
    """Open the device with a moment before and after everything that is to last."""
    device.step = moments.pass_
    me = device.open()
    home: Any = me._home
    home.log.extend_egress = moments.around(home.log.extend_egress)
    home.keep = moments.around(home.keep)
    home.give = moments.around(home.give)
    updater: Any = me.contributions._updater
    updater._store.step = moments.pass_
    return me


def main() -> None:
    room, bundle_folder, seconds, last = sys.argv[1:]
    bundle = hs.Bundle.open(bundle_folder)
    fleet = Fleet(Path(room), bundle, Path(bundle_folder))
    fleet.leader = Filed(Path(room) / "arrived")
    made, items = task_of(bundle)
    fleet.ask(made, items=items)
    # Only now, so that every process signs the same repository.
    fleet.clock.advance(float(seconds))
    moments = Moments(int(last))
    fleet.leader.before = fleet.leader.after = moments.pass_
    with watched(fleet.device(), moments) as me:
        outcome = me.contributions.sync()
        assert outcome.problem is None, outcome
    sys.stdout.write(f"{moments.count}\n")


if __name__ == "__main__":
    main()
