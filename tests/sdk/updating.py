"""Devices that update from a malicious repository, in memory or over loopback HTTP, and what must stay as it was.

Time is made by the test, in both worlds: nothing waits.
"""

import dataclasses
import hashlib
import random
import re
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec
from tuf.api.metadata import Metadata

from homespun.errors import HomespunError
from homespun.model.bundle import Bundle
from homespun.protocol.bundle import GOLDEN
from homespun.protocol.golden import SCHEMA_VERSION, Golden, GoldenCase, GoldenEvent, encode_golden
from homespun.sync import Deferred, Outcome, Rejected, Unreachable, Updated, Updater, Updates, UpToDate
from homespun.testing import FakeClock, Loopback, MemoryHttp, MemoryRepository
from homespun.testing.answers import Fault, Request
from homespun.testing.repository import CHANNEL
from tests.sdk import bundles

NOW = 1_750_000_000.0
DAY = 86_400.0
SEED = bytes(range(32))
ITEMS = 30
Refusal = type[Rejected] | type[Unreachable] | type[Deferred]


def with_golden(folder: Path) -> Path:
    """Give a bundle's folder golden scores that are right."""
    bundle = Bundle.open(folder)
    try:
        cases = tuple(_case(bundle, events) for events in _histories(bundle.items))
    finally:
        bundle.close()
    (folder / GOLDEN).write_bytes(encode_golden(Golden(SCHEMA_VERSION, cases)))
    bundles.reseal(folder)
    return folder


def _histories(items: tuple[str, ...]) -> Iterator[tuple[GoldenEvent, ...]]:
    yield ()
    yield (GoldenEvent(items[0], "view", 1_600_000_000.0),)
    yield tuple(GoldenEvent(item, "view", 1_600_000_000.0 + DAY * n, 5.0) for n, item in enumerate(items[3:9]))


def _case(bundle: Bundle, events: tuple[GoldenEvent, ...]) -> GoldenCase:
    ranked = bundle.rank([event.event() for event in events], 5)
    items, scores = tuple(each.item for each in ranked), tuple(f"{each.score:.9f}" for each in ranked)
    return GoldenCase(events, {}, items, scores)


def plain_bundle(folder: Path, *, seed: int = 0, change: Callable[[bundles.Arrays], object] | None = None) -> Path:
    """Write a small bundle without golden scores; its model and its catalogue are the seed's own."""
    items = bundles.catalogue_of(ITEMS)
    own = dataclasses.replace(items, titles=[f"{title} of {seed}" for title in items.titles])
    return bundles.write(folder, bundles.random_model(ITEMS, seed=seed), catalogue=own, change=change)


def good_bundle(folder: Path, *, seed: int = 0) -> Path:
    """Write a small bundle that devices accept."""
    return with_golden(plain_bundle(folder, seed=seed))


class Requested:
    """A ledger of requests in memory."""

    def __init__(self) -> None:
        self.begun: list[tuple[str, str, dict[str, str]]] = []
        self.ended: dict[int, str] = {}
        self.broken: HomespunError | None = None

    def begin(self, what: str, url: str, headers: Mapping[str, str]) -> int:
        if self.broken is not None:
            raise self.broken
        self.begun.append((what, url, dict(headers)))
        return len(self.begun)

    def end(self, number: int, state: Literal["sent", "failed", "unsent"], note: str = "") -> None:
        assert number not in self.ended
        self.ended[number] = state


@dataclass
class World:
    """A repository, somebody between it and its devices, and the time.

    Attributes:
        kind: Whether devices reach it in memory or over loopback HTTP.
        room: A folder for everything; devices have theirs inside it, and must write nowhere else.
        served: What devices are given; the repository's own files unless an attack puts others in their place.
    """

    kind: Literal["memory", "loopback"]
    room: Path
    clock: FakeClock = field(default_factory=lambda: FakeClock(NOW))
    faults: dict[str, Fault] = field(default_factory=dict)
    url: str = ""
    http: MemoryHttp | None = None
    loopback: Loopback | None = None
    devices: int = 0
    looks: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def __post_init__(self) -> None:
        self.repository = MemoryRepository(now=self.clock, entropy=random.Random("repository").randbytes)
        self.files: dict[str, bytes] = self.repository.files

    def bundle(self, name: str, *, seed: int = 0) -> Path:
        """Write a good bundle beside the devices."""
        return good_bundle(self.room / name, seed=seed)

    def serve(self, files: dict[str, bytes]) -> None:
        """Give devices other files from now on."""
        self.files = files

    def monotonic(self) -> float:
        """Return the time as a device measures a download by it; see ``lockstep``."""
        self.looks.release()
        return self.clock()

    def lockstep(self) -> None:
        """Let a second go by once a device has looked at the time again: so a server cannot run ahead of it."""
        assert self.looks.acquire(timeout=30)
        self.clock.advance(1.0)

    @property
    def requests(self) -> list[Request]:
        server = self.http or self.loopback
        assert server is not None
        return server.requests

    def device(self, **settings: Any) -> "Device":
        self.devices += 1
        return Device(self, self.room / f"device-{self.devices}", settings)


class _Served:
    """What the world serves at the moment, as a mapping that never grows old."""

    def __init__(self, world: Callable[[], World]) -> None:
        self._world = world

    @property
    def files(self) -> dict[str, bytes]:
        return self._world().files

    def get(self, path: str, default: bytes | None = None) -> bytes | None:
        return self.files.get(path, default)


@contextmanager
def world_of(kind: Literal["memory", "loopback"], room: Path) -> Iterator[World]:
    """Yield a world; the server ends with it."""
    room.mkdir(parents=True, exist_ok=True)
    world = World(kind, room)
    served = _Served(lambda: world)
    if kind == "memory":
        world.http = MemoryHttp(served, faults=world.faults)
        world.url = world.http.url
        yield world
    else:
        with Loopback(served, faults=world.faults) as world.loopback:  # type: ignore[arg-type]
            world.url = world.loopback.url
            yield world


@dataclass(frozen=True)
class Facts:
    """What a device must not lose, and what must not appear beside it."""

    installed: tuple[int, str] | None
    versions: dict[str, int]
    outside: dict[str, str]

    def __le__(self, later: "Facts") -> bool:
        return all(later.versions.get(name, 0) >= version for name, version in self.versions.items())


class Device:
    """An installation: what it keeps is on the disk, and every sync is that of a program that was just started."""

    def __init__(self, world: World, folder: Path, settings: dict[str, Any]) -> None:
        self.world = world
        self.folder = folder
        self.settings = settings
        self.requests = Requested()
        self._written = 0
        self.clock = world.clock
        self.seed: bytes | None = SEED
        self.client = "9.9.9"
        self.adopted: list[str] = []

    def updates(self) -> Updates:
        fields = {"url": self.world.url, "channel": CHANNEL, "root": self.world.repository.root, "folder": self.folder}
        return Updates(**{**fields, **self.settings})

    @contextmanager
    def updater(self) -> Iterator[Updater]:
        made = Updater(
            self.updates(),
            requests=self.requests,
            clock=self.clock,
            entropy=random.Random(f"{self.folder.name} {len(self.adopted)}").randbytes,
            seed=lambda: self.seed,
            client_version=self.client,
            http=self.world.http,
            monotonic=self.world.monotonic,
            sleep=self.world.clock.advance,
        )
        try:
            yield made
        finally:
            made.close()

    def sync(self, *, force: bool = True) -> Outcome:
        """Look for something newer now; whatever it raises fails the test."""
        arrived = len(self.world.requests)
        with self.updater() as updater:
            outcome = updater.sync(self._adopt, force=force)
        self._check_ledger([request.path for request in self.world.requests[arrived:]])
        return outcome

    def forget_requests(self) -> None:
        """Begin another ledger, after requests that the world's own server did not get."""
        self.requests = Requested()
        self._written = 0

    def _check_ledger(self, arrived: list[str]) -> None:
        """Check that every request was written down before it was made, and what became of it once."""
        written = [url.removeprefix(self.world.url) for _, url, _ in self.requests.begun[self._written :]]
        assert written == arrived
        self._written = len(self.requests.begun)
        assert sorted(self.requests.ended) == list(range(1, self._written + 1))

    def _adopt(self, bundle: Bundle) -> None:
        self.adopted.append(bundle.id)
        assert bundle.rank([], 3)
        bundle.close()

    def takes(self) -> int:
        """Sync, and return the number of the release that it then has."""
        outcome = self.sync()
        assert isinstance(outcome, Updated), outcome
        return outcome.release

    def facts(self) -> Facts:
        """Return what it has; the bundle in use is opened, so that it must be whole."""
        with self.updater() as updater:
            installed = updater.installed()
        if installed is not None:
            bundle = Bundle.open(installed.folder)
            assert bundle.id == installed.bundle
            assert bundle.rank([], 3)
            bundle.close()
        return Facts(
            None if installed is None else (installed.release, installed.bundle),
            self.versions(),
            tree(self.world.room, self.folder),
        )

    def versions(self) -> dict[str, int]:
        """Return the versions of the signed metadata that it keeps."""
        found: dict[str, int] = {}
        for path in sorted(self.folder.rglob("*.json")) if self.folder.exists() else []:
            try:
                signed = Metadata.from_bytes(path.read_bytes()).signed
            except Exception:  # noqa: BLE001, S112 - a file of a bundle, or of the device's own
                continue
            name = re.sub(r"^[0-9]+\.", "", path.name)
            found[name] = max(found.get(name, 0), signed.version)
        return found

    def refuses(self, reason: str, *kinds: Refusal, force: bool = True) -> str:
        """Sync against an attack: a value tells why, and nothing that matters changed. Return the reason.

        Args:
            reason: A pattern of it, in any case of letters.
            kinds: Which outcomes are right; Rejected if none is given.
            force: Whether to look although it is not due.
        """
        before, adopted = self.facts(), list(self.adopted)
        outcome = self.sync(force=force)
        assert isinstance(outcome, kinds or (Rejected,)), outcome
        assert not isinstance(outcome, UpToDate | Updated)
        assert re.search(reason, outcome.reason, re.IGNORECASE), outcome.reason
        after = self.facts()
        assert after.installed == before.installed
        assert after.outside == before.outside
        assert before <= after, (before.versions, after.versions)
        assert self.adopted == adopted
        return outcome.reason


def tree(room: Path, without: Path) -> dict[str, str]:
    """Return the hashes of all files in a folder and beside another, by their paths."""
    found = {}
    for path in sorted(room.rglob("*")):
        if without not in (path, *path.parents):
            content = path.read_bytes() if path.is_file() else b"folder"
            found[path.relative_to(room).as_posix()] = hashlib.sha256(content).hexdigest()
    return found


def forget_metadata(device: Device) -> None:
    """Lose everything that a device keeps of the repository's signed metadata, as a cleaner of caches would."""
    kept = [path for path in device.folder.rglob("*timestamp.json") if path.is_file()]
    assert kept
    for path in kept:
        shutil.rmtree(path.parent)


def copy_of(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return a repository's files as they are now, as somebody on the way may have kept them."""
    return dict(files)


def builtins_of(value: object) -> Any:
    """Return a struct as plain JSON values."""
    return msgspec.to_builtins(value)
