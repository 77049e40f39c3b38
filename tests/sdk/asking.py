"""A channel that asks its devices for sums, both aggregators in one test, and a device that may contribute."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from numpy.typing import NDArray

import homespun as hs
from homespun.contribute.uploads import parse_upload
from homespun.contributing import Contributing
from homespun.errors import TransportError
from homespun.protocol.collection.report import Report, binding_of, parse_report, seal_info
from homespun.protocol.collection.shares import ShareForm, ShareVerifier, centre
from homespun.protocol.collection.task import Aggregator, Task, encode_task
from homespun.protocol.statistics.declaration import Statistic, universe_of
from homespun.protocol.statistics.standard import item_counts
from homespun.sync import Updater, Updates
from homespun.testing import FakeClock, MemoryHttp, MemoryRepository
from homespun.testing.repository import CHANNEL
from homespun.updating import updater_of
from tests.sdk.people import NOTICE
from tests.sdk.profile.support import QUICK, raw_key
from tests.sdk.protocol.collection.support import narrow, task

NOW = 1_750_000_000.0
DAY = 86_400
ITEMS = tuple(f"item {number}" for number in range(6))
CHECKING_KEY = bytes(range(32))


def key_of(name: str) -> X25519PrivateKey:
    return X25519PrivateKey.from_private_bytes(random.Random(name).randbytes(32))


def public_of(name: str) -> str:
    return key_of(name).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


def party(name: str) -> Aggregator:
    return Aggregator(name=name, url=f"https://{name}.example.org", key=public_of(name))


def asked(statistic: Statistic | None = None, **fields: Any) -> Task:
    """Return a task of these aggregators that is open now."""
    statistic = narrow(item_counts(universe_of(ITEMS))) if statistic is None else statistic
    whole = {
        "opens": int(NOW) - DAY,
        "closes": int(NOW) + 7 * DAY,
        "expires": int(NOW) + 9 * DAY,
        "delay_seconds": 0,
        "leader": party("leader"),
        "helper": party("helper"),
        "collector": public_of("collector"),
    }
    return task(statistic, **{**whole, **fields})


@dataclass
class Leader:
    """Takes uploads, as the leader would; opens both halves, which nobody can in the world."""

    arrived: list[tuple[str, bytes]] = field(default_factory=list)
    refuses: TransportError | None = None
    before: Callable[[], None] = lambda: None
    after: Callable[[], None] = lambda: None

    def send(self, destination: str, payload: bytes) -> None:
        self.before()
        if self.refuses is not None:
            raise self.refuses
        self.arrived.append((destination, payload))
        self.after()

    def reports(self, of: Task) -> list[Report]:
        found = []
        for destination, payload in self.arrived:
            path, body = parse_upload(payload)
            if path == f"/tasks/{of.id.hex()}/reports":
                assert destination == of.leader.url
                found.append(parse_report(body, ShareForm.of(of.statistic)))
        return found

    def total(self, of: Task) -> NDArray[np.int64]:
        """Return the sum of the reports that the proof accepts, each counted once by its id."""
        once = {report.report_id: report for report in reversed(self.reports(of))}
        form = ShareForm.of(of.statistic)
        totals = {role: np.zeros(form.size, np.uint64) for role in ("leader", "helper")}
        verifiers = {role: ShareVerifier(form, role, CHECKING_KEY) for role in totals}  # type: ignore[arg-type]
        for report in once.values():
            binding = binding_of(of.id, report.report_id, report.time)
            prepared = {
                role: verifiers[role].prepare([opened(of, report, role)], [report.public], [binding]) for role in totals
            }
            first = prepared["leader"].accepted(prepared["helper"].messages)
            second = prepared["helper"].accepted(prepared["leader"].messages)
            assert first.all()
            assert second.all()
            prepared["leader"].add_accepted(first, totals["leader"])
            prepared["helper"].add_accepted(second, totals["helper"])
        return centre((totals["leader"] + totals["helper"]) % np.uint64(of.modulus))


def opened(of: Task, report: Report, role: Any) -> bytes:
    suite = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_128_GCM)
    info = seal_info(role, of.id, report.report_id, report.time, report.public)
    return suite.decrypt(getattr(report, role), key_of(role), info)


class Fleet:
    """A channel and its devices."""

    def __init__(self, root: Path, bundle: hs.Bundle, bundle_folder: Path) -> None:
        self.root = root
        self.bundle = bundle
        self.clock = FakeClock(NOW)
        self.repository = MemoryRepository(now=self.clock, entropy=random.Random("repository").randbytes)
        self.repository.release(bundle_folder)
        self.http = MemoryHttp(self.repository)
        self.leader = Leader()

    def ask(self, *tasks: Task, items: tuple[str, ...] = ITEMS, experiments: tuple[bytes, ...] = ()) -> None:
        self.repository.ask(*map(encode_task, tasks), universes=[items], experiments=experiments)

    def device(self, name: str = "device", **options: Any) -> "Device":
        return Device(self, self.root / name, **options)


class Device:
    """A device of the fleet; its program is started anew by ``open``."""

    def __init__(
        self, fleet: Fleet, folder: Path, *, settings: hs.Settings = QUICK, own: hs.Contributions | None = None
    ) -> None:
        self.fleet = fleet
        self.folder = folder
        self.settings = settings
        self.own = own or hs.Contributions()
        self.step: Callable[[str], object] = lambda _: None

    def _moment(self, name: str) -> None:
        self.step(name)

    def updates(self) -> Updates:
        fleet = self.fleet
        return Updates(url=fleet.http.url, channel=CHANNEL, root=fleet.repository.root, folder=self.folder / "bundles")

    def open(self) -> hs.Personalizer:
        fleet = self.fleet
        me = hs.Personalizer.open(
            self.folder / "profile",
            key=raw_key(),
            bundle=fleet.bundle,
            settings=self.settings,
            clock=fleet.clock,
            transport=fleet.leader,
            updates=self.updates(),
            contributions=self.own,
        )
        home = me._home
        updater = updater_of(self.updates(), home, self.settings)
        updater._http = fleet.http
        me.contributions = Contributing(home, updater, self.own, step=self._moment)
        return me

    def allowed(self, *purposes: hs.Purpose) -> hs.Personalizer:
        me = self.open()
        me.consent.grant(*(purposes or tuple(hs.Purpose)), notice=NOTICE)
        return me


__all__ = ["DAY", "ITEMS", "NOW", "Device", "Fleet", "Leader", "Updater", "asked", "opened", "party", "public_of"]
