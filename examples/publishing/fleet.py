"""A fleet of devices, a staged rollout, a canary that is worse, and the way back: simulated hours, real updates.

Usage: python examples/publishing/fleet.py [FOLDER] [DEVICES]     (./fleet and 50, if not given)

Each device is a person whom training never saw, with their real ratings; some of what they liked is hidden from it, and
a list is better the more of that it finds. The bad bundle is learned from a table in which somebody mixed up the films.
"""

import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
from publish import program, serving  # type: ignore[import-not-found]  # beside this file
from pyarrow import parquet
from rich import box
from rich.console import Console
from rich.table import Table

import homespun as hs
from homespun.protocol.channel import SHARES
from homespun.sync import Updated, UpToDate
from homespun.testing import FakeClock
from homespun_server import FitOptions, Interactions, Items, fit_content
from homespun_server.data import movietweetings
from homespun_server.evaluation.comparison import compare
from homespun_server.inputs import silent
from homespun_server.learning import FitData, make_bundle
from homespun_server.privacy.ledger import one_off_budget
from homespun_server.privacy.zcdp import DEFAULT_DELTA
from homespun_server.publishing.repository import KeyStore, SignedRepository
from homespun_server.statistics.likes import HeldOutUser, Likes

CHANNEL = "films/production"
PASSPHRASE = "correct horse battery staple"  # noqa: S105 - an example's
OPTIONS = FitOptions(name="Films", min_weight=7.0, test_share=0.1, dimensions=32, max_items=2000)
EPSILON = 16.0
HOUR = 3600.0
LISTED = 20
NOTICE = hs.Notice("Films you rate are kept encrypted on this computer, to recommend others. They never leave it.")
TYPICAL_LIKES = range(15, 60)

console = Console()


@dataclass
class Device:
    """One device: who uses it, and what it has."""

    me: hs.Personalizer
    hidden: frozenset[str]
    release: int = 0

    def look(self) -> None:
        """Look for a newer bundle, if it is time to."""
        outcome = self.me.sync()
        if isinstance(outcome, Updated | UpToDate):
            self.release = outcome.release or 0

    def found(self) -> float:
        """Return the share of what the person is known to like that a list finds; at most LISTED can be found."""
        listed = {entry.item for entry in self.me.recommend(LISTED)}
        return len(listed & self.hidden) / min(LISTED, len(self.hidden))


class Fleet:
    """Devices that look for newer bundles by their own schedules, and the table of what happened."""

    def __init__(self, devices: list[Device], clock: FakeClock) -> None:
        self.devices = devices
        self.timeline = Table(title=f"{len(devices)} devices", box=box.SIMPLE_HEAD)
        self._clock = clock
        self._start = clock()
        for heading, side in (("hour", "right"), ("what", "left"), ("devices: release", "left"), ("found", "left")):
            self.timeline.add_column(heading, justify="right" if side == "right" else "left")

    def wait(self, repository: SignedRepository, hours: float) -> None:
        """Let time pass; every device looks when its schedule says so."""
        for _ in range(round(hours / 2)):
            self._clock.advance(2 * HOUR)
            repository.refresh()
            for device in self.devices:
                device.look()

    def tell(self, what: str) -> dict[int, float]:
        """Add a line to the timeline; return how good the lists of each release are."""
        counts = Counter(device.release for device in self.devices)
        means = {
            release: float(np.mean([device.found() for device in self.devices if device.release == release]))
            for release in sorted(counts)
        }
        by_release = ", ".join(f"{count}: {number or 'shipped'}" for number, count in sorted(counts.items()))
        found = ", ".join(f"{number or 'shipped'}: {mean:.1%}" for number, mean in means.items())
        self.timeline.add_row(f"{(self._clock() - self._start) / HOUR:.0f}", what, by_release, found)
        return means


def main(folder: Path, count: int) -> Table:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    clock = FakeClock(datetime.now(UTC).timestamp())
    tables = movietweetings()
    with Interactions.read(tables.interactions, items=Items.read(tables.items)) as interactions:
        shipped, good, bad = make_bundles(interactions, folder)
        likes = Likes(interactions, min_weight=OPTIONS.min_weight, test_share=OPTIONS.test_share)
        people = [user for user in likes.test_users() if len(user.fold_in) in TYPICAL_LIKES][:count]
        histories = [events_of(interactions, person) for person in people]
        verdict = gate(likes, bad)
    environment = {**os.environ, "HOMESPUN_KEY_PASSPHRASE": PASSPHRASE}
    subprocess.run([*program(), "init", str(folder / "work")], env=environment, check=True, stdout=subprocess.DEVNULL)
    repository = SignedRepository.open(
        folder / "work/repository",
        KeyStore(folder / "work/keys", lambda _: PASSPHRASE.encode()),
        clock=lambda: datetime.fromtimestamp(clock(), UTC),
    )
    with ExitStack() as stack:
        url = stack.enter_context(serving(folder / "work", dict(os.environ)))
        devices = [
            stack.enter_context(
                device(folder / f"device-{number}", url, repository.root, shipped, person, history, clock)
            )
            for number, (person, history) in enumerate(zip(people, histories, strict=True))
        ]
        return story(Fleet(devices, clock), repository, good, bad, verdict)


@contextmanager
def device(
    folder: Path,
    url: str,
    root: bytes,
    shipped: Path,
    person: HeldOutUser,
    history: list[hs.Event],
    clock: FakeClock,
) -> Iterator[Device]:
    updates = hs.Updates(url=url, channel=CHANNEL, root=root, folder=folder, interval_hours=6)
    with (
        hs.Bundle.open(shipped) as bundle,
        hs.Personalizer.open(None, key=hs.Key.ephemeral(), bundle=bundle, updates=updates, clock=clock) as me,
    ):
        me.consent.grant(hs.Purpose.DEVICE_STORAGE, hs.Purpose.PERSONALIZATION, notice=NOTICE, surface="fleet")
        me.record_many(history)
        yield Device(me, frozenset(person.held_out))


def story(fleet: Fleet, repository: SignedRepository, good: Path, bad: Path, verdict: str) -> Table:
    fleet.tell("every device has what it was shipped with")
    repository.publish(good, CHANNEL, share=SHARES // 10, note="learned from people")
    fleet.wait(repository, 12)
    fleet.tell("release 1 to 10%")
    for share in (50, 100):
        repository.set_share(CHANNEL, 1, SHARES * share // 100)
        fleet.wait(repository, 12)
        before = fleet.tell(f"release 1 to {share}%")[1]
    fleet.tell(f"the gate: {verdict}; it is overridden")
    repository.publish(bad, CHANNEL, share=SHARES // 5, note="nobody looked", override="to show what then happens")
    fleet.wait(repository, 12)
    means = fleet.tell("release 2 to 20%: a canary")
    if means.get(2, before) < before / 2:
        repository.rollback(CHANNEL, 1, "the canary found less than half")
        fleet.tell("rolled back: release 3 has the bundle of release 1")
    fleet.wait(repository, 12)
    fleet.tell("twelve hours later")
    console.print(fleet.timeline)
    return fleet.timeline


def make_bundles(interactions: Interactions, folder: Path) -> tuple[Path, Path, Path]:
    """Make the bundle that is shipped, one that is better, and one whose makers did not look."""
    shipped = fit_content(interactions.items, out=folder / "shipped", options=OPTIONS)
    good = learned(interactions, folder / "good")
    with Interactions.read(mixed_up(folder / "mixed-up.parquet"), items=interactions.items) as wrong:
        return shipped, good, learned(wrong, folder / "bad")


def learned(interactions: Interactions, folder: Path) -> Path:
    """Learn a bundle from a table; it is not measured here."""
    budget = one_off_budget(EPSILON, DEFAULT_DELTA)
    data = FitData(interactions, OPTIONS, budget)
    make_bundle(data, folder, budget=budget, options=OPTIONS, observer=silent, now=datetime.now(UTC))
    return folder


def mixed_up(path: Path) -> Path:
    """Write the table of ratings with every rating at another film, as a wrong join would."""
    ratings = parquet.read_table(movietweetings().interactions)
    films = ratings["item"].to_numpy(zero_copy_only=False)
    catalogue = np.unique(films)
    parquet.write_table(
        ratings.set_column(1, "item", pa.array(np.random.default_rng(1).choice(catalogue, len(films)))), path
    )
    return path


def gate(likes: Likes, bundle: Path) -> str:
    """Hold a bundle against popularity, as the pipeline's gate does."""
    comparison = compare(likes, silent, ease_regularisation=(500.0,))
    quality = comparison.quality([comparison.measure("canary", bundle)]).for_the_operator()
    (lead,) = (row.lead_over_popularity for row in quality.rows if row.model == "canary")
    if lead is None:
        raise SystemExit("there are too few people to hold a bundle against popularity")
    passed = "met" if lead.low >= 0 else "not met"
    return f"lead over popularity {lead.mean:+.4f} [{lead.low:+.4f}, {lead.high:+.4f}]: {passed}"


def events_of(interactions: Interactions, person: HeldOutUser) -> list[hs.Event]:
    """Return what the device is told of: the person's ratings without those that are hidden from it."""
    query = """
        SELECT item_id, weight, time FROM interactions JOIN item_ids USING (item) WHERE user = $user ORDER BY time, row
    """
    rows = interactions.connection.execute(query, {"user": person.user}).fetchall()
    return [hs.Event(item, "rate", time, weight) for item, weight, time in rows if item not in person.held_out]


if __name__ == "__main__":
    where = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("fleet")
    main(where, int(sys.argv[2]) if len(sys.argv) > 2 else 50)
