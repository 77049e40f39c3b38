"""A device that kills itself: ``driver.py REPOSITORY DEVICE KILL_AT`` makes every update of ``STAGES`` in order.

REPOSITORY is a folder that ``written`` made, DEVICE one that has release 1. Before each update ``begun`` gets its
number. At moment number KILL_AT, counted over all of them, the process kills itself; with 0 it goes to the end, and
``moments`` gets the moments' names. Moments are those that the updater tells, and those of the transport and of the
application between them. The transport notes every request in ``seen`` when it has left, as a server's log would.

Where the device has a profile, requests are written down in its ledger; otherwise in memory, as without consent.
"""

import hashlib
import json
import os
import random
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from homespun.config import Settings
from homespun.contribute.requests import request_text
from homespun.home import Home
from homespun.model.bundle import Bundle
from homespun.profile import Key, Place
from homespun.sync import Outcome, Unreachable, Updated, Updater, Updates
from homespun.sync.http import Reply
from homespun.testing import FakeClock, MemoryHttp, faults
from homespun.testing.answers import Answer

CHANNEL = "films/production"
NOW = 1_750_000_000.0
TIMESTAMP = "metadata/timestamp.json"
SETTINGS = Settings(busy_timeout_ms=50, argon2_memory_kib=8 * 1024, argon2_iterations=1, argon2_lanes=1)

BREAKS_OFF_AFTER = 700
"""Bytes of the weights that the first attempt gets."""

PIECE = 512
"""Bytes of a file that arrive at once."""

Step = Callable[[str], object]


@dataclass(frozen=True)
class Stage:
    """One look for something newer.

    Attributes:
        name: What happens.
        state: Which state of the repository is served.
        before: The release that the device has.
        after: The one that it has then.
        breaks_off: Whether the download of the weights breaks off.
    """

    name: str
    state: int
    before: int
    after: int
    breaks_off: bool = False


STAGES = (
    Stage("a download breaks off", 2, before=1, after=1, breaks_off=True),
    Stage("the download is taken up again", 2, before=1, after=2),
    Stage("release 1 comes back as release 3", 3, before=2, after=3),
    Stage("release 4 takes the place of release 2", 4, before=3, after=4),
)
OLDER = 0
"""The state of the repository that is older than what the device had before all stages."""


class Served:
    """The files of a repository in one of its states."""

    def __init__(self, repository: Path, state: int) -> None:
        every = json.loads((repository / "files.json").read_bytes())
        self.files = {path: (repository / "files" / name).read_bytes() for path, name in every.items()}
        self.files[TIMESTAMP] = (repository / f"timestamp-{state}.json").read_bytes()


def written(repository: Path, files: Mapping[str, bytes], timestamps: list[bytes]) -> None:
    """Write a repository with a timestamp for each of its states, as ``Served`` reads it."""
    (repository / "files").mkdir(parents=True)
    names = {path: str(number) for number, path in enumerate(sorted(files))}
    for path, name in names.items():
        (repository / "files" / name).write_bytes(files[path])
    (repository / "files.json").write_text(json.dumps(names))
    for state, raw in enumerate(timestamps):
        (repository / f"timestamp-{state}.json").write_bytes(raw)
    (repository / "root.json").write_bytes(files["metadata/1.root.json"])


class Bomb:
    """Counts moments, and kills the process at one of them."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.names: list[str] = []

    def __call__(self, name: str) -> None:
        self.names.append(name)
        if len(self.names) == self.at:
            # Windows has no SIGKILL; what it has there ends a process as abruptly.
            os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))


class Witness:
    """A transport that notes every request once it has left."""

    def __init__(self, served: Served, seen: Path, step: Step, *, breaks_off: bool = False) -> None:
        def arriving(right: Answer) -> Answer:
            sent = faults.short(BREAKS_OFF_AFTER)(right) if breaks_off else right
            return faults.slow(lambda: step("bytes arrive"), PIECE)(sent)

        self._http = MemoryHttp(
            served, faults={"targets/*.weights.bin": arriving, "targets/*.catalogue.sqlite": arriving}
        )
        self._seen = seen
        self._step = step

    @property
    def url(self) -> str:
        """Where the repository is."""
        return self._http.url

    def get(self, url: str, headers: Mapping[str, str]) -> Reply:
        """Answer a request."""
        self._step("the request is written down")
        with self._seen.open("a") as file:
            file.write(hashlib.sha256(request_text(url, headers)).hexdigest() + "\n")
        self._step("the request has left")
        reply = self._http.get(url, headers)
        self._step("the answer begins")
        return reply


@contextmanager
def device_of(repository: Path, device: Path, state: int, step: Step, *, breaks_off: bool = False) -> Iterator[Updater]:
    """Yield the updater of a device, as a program that was just started would have it."""
    clock = FakeClock(NOW)
    witness = Witness(Served(repository, state), device / "seen", step, breaks_off=breaks_off)
    updates = Updates(
        url=witness.url, channel=CHANNEL, root=(repository / "root.json").read_bytes(), folder=device / "updates"
    )
    home = home_of(device)
    made = Updater(
        updates,
        requests=home.requests,
        clock=clock,
        entropy=random.Random(state).randbytes,
        seed=lambda: None,
        client_version="9.9.9",
        http=witness,
        monotonic=clock,
        sleep=clock.advance,
        step=step,
    )
    try:
        yield made
    finally:
        made.close()
        home.close()


def home_of(device: Path) -> Home:
    """Return the device's profile, or a home without one."""
    place = Place(device / "profile", Key.bytes(bytes(range(32))), SETTINGS)
    return Home(place, clock=FakeClock(NOW))


def sync(repository: Path, device: Path, stage: Stage, step: Step, *, breaks_off: bool = False) -> Outcome:
    """Make the update of a stage."""

    def adopt(bundle: Bundle) -> None:
        step("the application begins to use the bundle")
        bundle.close()

    with device_of(repository, device, stage.state, step, breaks_off=breaks_off) as updater:
        return updater.sync(adopt, force=True)


def main(repository: Path, device: Path, at: int) -> None:
    """Make every update."""
    bomb = Bomb(at)
    for number, stage in enumerate(STAGES, 1):
        (device / "begun").write_text(str(number))
        outcome = sync(repository, device, stage, bomb, breaks_off=stage.breaks_off)
        if not isinstance(outcome, Unreachable if stage.breaks_off else Updated):
            raise SystemExit(f"{stage.name}: {outcome}")
    (device / "moments").write_text("\n".join(bomb.names))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
