"""What must hold of a device whatever moment its process died at, and what it must still be able to do."""

import hashlib
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuf.api.metadata import Metadata

from homespun.contribute import Ledger
from homespun.protocol.bundle import MANIFEST
from homespun.sync import Rejected, Unreachable, Updated, UpToDate
from homespun.sync.opening import opened
from homespun.sync.state import State, parse_state
from homespun.sync.store import STATE, STATE_COPY
from tests.sdk.sync.faults.driver import OLDER, STAGES, TIMESTAMP, Served, Stage, device_of, home_of, sync

UPDATES = {"state.json", "state.copy.json", "channel.json", "lock", "metadata", "incoming", "staging", "bundles"}
BESIDE = {"updates", "profile", "profile.lock", "seen", "begun", "moments"}


@dataclass(frozen=True)
class Held:
    """What a device has: the release to use, the highest that it took, and the version of its timestamp."""

    release: int
    highest: int
    version: int


@dataclass(frozen=True)
class Installation:
    """A device between two starts of its application.

    Attributes:
        repository: Where its updates come from; see ``written``.
        folder: Everything of the device.
        releases: The folder of each release's bundle as it was released.
    """

    repository: Path
    folder: Path
    releases: dict[int, Path]

    @property
    def updates(self) -> Path:
        return self.folder / "updates"

    @property
    def has_profile(self) -> bool:
        return (self.folder / "profile").exists()

    def copied(self, to: Path) -> "Installation":
        return Installation(self.repository, Path(shutil.copytree(self.folder, to)), self.releases)

    def identity(self, release: int) -> str:
        """Return a release's bundle."""
        return hashlib.sha256((self.releases[release] / MANIFEST).read_bytes()).hexdigest()

    def held(self) -> Held:
        """Check that the device has a verified bundle, which works, and a memory that can be read."""
        with device_of(self.repository, self.folder, OLDER, _ignore) as updater:
            found = updater.installed()
            updater.standing()
        assert found is not None, "no bundle"
        assert not found.is_fallback, "the bundle is damaged"
        assert found.bundle == self.identity(found.release), "a release with another bundle than its own"
        bundle = opened(found.folder, found.bundle, 1)
        try:
            assert len(bundle.rank([], 3)) == 3
        finally:
            bundle.close()
        return Held(found.release, self._highest(), version_of((self.updates / TIMESTAMP).read_bytes()))

    def _highest(self) -> int:
        return max(state.highest["films/production"] for state in self.memories())

    def memories(self) -> list[State]:
        """Return what each copy of the device's memory says."""
        return [parse_state((self.updates / name).read_bytes()) for name in (STATE, STATE_COPY)]

    def check_old_metadata_is_refused(self, state: int) -> None:
        """Check that somebody who serves an older state of the repository gets nowhere."""
        before = self.held()
        stage = Stage("an attack", state, before=before.release, after=before.release)
        outcome = sync(self.repository, self.folder, stage, _ignore)
        assert isinstance(outcome, Rejected), outcome
        assert self.held() == before

    def check_ledger(self) -> None:
        """Check that the ledger is whole, and has every request that left, and at most one more."""
        if not self.has_profile:
            return
        home = home_of(self.folder)
        try:
            Ledger(home.log).verify()
            entries = home.log.egress_entries()
        finally:
            home.close()
        sending = Counter(entry.payload_sha256 for entry in entries if entry.state == "sending")
        seen = Counter((self.folder / "seen").read_text().split())
        assert not seen - sending, "a request left that is not in the ledger"
        assert (sending - seen).total() <= 1, "the ledger has requests that nobody made"

    def check_nothing_is_left(self, releases: set[int]) -> None:
        """Check that nothing but the bundles of some releases is kept, and that nothing is anywhere else."""
        assert {path.name for path in self.updates.iterdir()} == UPDATES
        assert [*(self.updates / "incoming").iterdir(), *(self.updates / "staging").iterdir()] == []
        kept = {path.name for path in (self.updates / "bundles").iterdir()}
        assert kept == {self.identity(release) for release in releases}
        assert not list(self.folder.rglob("*.partial"))
        self.check_nothing_is_outside()

    def check_nothing_is_outside(self) -> None:
        """Check that nothing is beside the folders that the device has."""
        assert {path.name for path in self.folder.iterdir()} <= BESIDE

    def missing(self, release: int) -> int:
        """Return how many bytes are to be downloaded for a release, at most: those that are nowhere on the device.

        A download that broke off counts as far as it goes; if power took what it held, that is known at its end only.
        """
        if (self.updates / "bundles" / self.identity(release)).exists():
            return 0
        here = {hashlib.sha256(path.read_bytes()).hexdigest() for path in self.updates.rglob("*") if path.is_file()}
        contents = [path.read_bytes() for path in self.releases[release].iterdir()]
        by_digest = {hashlib.sha256(content).hexdigest(): content for content in contents}
        return sum(self._to_come(digest, content) for digest, content in by_digest.items() if digest not in here)

    def _to_come(self, digest: str, content: bytes) -> int:
        path = self.updates / "incoming" / f"{digest}.part"
        part = path.read_bytes() if path.exists() else b""
        rest = max(0, len(content) - len(part))
        return rest if content.startswith(part) else rest + len(content)

    def completes(self, stage: Stage) -> None:
        """Make the update of a stage again, or for the first time, without an end in between."""
        missing = self.missing(stage.after)
        outcome = sync(self.repository, self.folder, stage, _ignore, breaks_off=stage.breaks_off)
        if stage.breaks_off:
            assert isinstance(outcome, Unreachable | Updated), outcome
            return
        assert isinstance(outcome, Updated | UpToDate), outcome
        assert outcome.release == stage.after
        if isinstance(outcome, Updated):
            assert outcome.downloaded <= missing, "what was there was downloaded again"
        assert self.held().release == stage.after


def version_of(raw: bytes) -> int:
    """Return the version of signed metadata."""
    signed: Any = Metadata.from_bytes(raw).signed
    return int(signed.version)


def check(dead: Installation, number: int) -> None:
    """Check everything of a device whose process died in a stage with a number from 1, and go on from there."""
    stage = STAGES[number - 1]
    known = 1 if number == 1 else STAGES[number - 2].state
    found = dead.held()
    assert found.release in (stage.before, stage.after)
    assert found.highest >= stage.before
    assert found.version >= version_of(Served(dead.repository, known).files[TIMESTAMP])
    dead.check_ledger()
    dead.check_nothing_is_outside()
    dead.check_old_metadata_is_refused(OLDER)
    for older in range(1, stage.state):
        if version_of(Served(dead.repository, older).files[TIMESTAMP]) < found.version:
            dead.check_old_metadata_is_refused(older)
    for later in STAGES[number - 1 :]:
        dead.completes(later)
    dead.check_ledger()
    dead.check_nothing_is_left({3, 4})


def _ignore(_: str) -> None:
    """Go on."""
