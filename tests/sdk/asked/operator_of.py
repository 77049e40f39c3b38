"""An operator with its server's own code, a channel that brings the list, and devices that may be asked."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import msgspec

import homespun as hs
from homespun.asked.afterwards import Beside
from homespun.asked.asked import Asked
from homespun.contribute.uploads import RECEIPTS, REGISTRATIONS, parse_upload
from homespun.errors import TransportError, UntrustedInputError
from homespun.sync import Updates
from homespun.testing import FakeClock, MemoryHttp, MemoryRepository
from homespun.testing.repository import CHANNEL
from tests.sdk.people import NOTICE
from tests.sdk.profile.support import QUICK, raw_key
from tests.server.compliance.requests.asking.phones import Place, place

NOW = 1_790_000_000.0
URL = "https://operator.example.org"
REQUESTS = hs.Purpose.REQUESTS
ALLOWED = (hs.Purpose.DEVICE_STORAGE, hs.Purpose.PERSONALIZATION, REQUESTS)


@dataclass
class Operator:
    """What takes uploads, as the service would: the answer is what the server's code says."""

    server: Place
    away: bool = False
    arrived: list[tuple[str, bytes]] = field(default_factory=list)
    after: Callable[[], None] = lambda: None

    def send(self, destination: str, payload: bytes) -> bytes:
        assert destination == URL
        if self.away:
            raise TransportError("no connection", may_have_left=False)
        path, body = parse_upload(payload)
        self.arrived.append((path, body))
        try:
            if path == REGISTRATIONS:
                self.server.devices.register(body)
            else:
                assert path == RECEIPTS
                self.server.asking.receive(body)
        except UntrustedInputError as error:
            raise TransportError(f"{URL} refused it: HTTP 400 {error}", is_final=True) from error
        self.after()
        return b"{}"

    def paths(self) -> list[str]:
        return [path.rpartition("/")[2] for path, _ in self.arrived]


class World:
    """An operator, its channel, and what time it is."""

    def __init__(self, root: Path, bundle: hs.Bundle, bundle_folder: Path, server: Place) -> None:
        self.root = root
        self.bundle = bundle
        self.clock = FakeClock(NOW)
        self.server = server
        self.operator = Operator(server)
        self.repository = MemoryRepository(now=self.clock, entropy=random.Random("repository").randbytes)
        self.repository.release(bundle_folder)
        self.http = MemoryHttp(self.repository)

    def pass_(self, seconds: float) -> None:
        """Let time pass, for devices and for the server; what the channel signs is signed anew."""
        self.wait(seconds)
        self.repository.renew()

    def wait(self, seconds: float) -> None:
        """Let time pass, and nothing be signed."""
        self.clock.advance(seconds)
        self.server.clock.now = datetime.fromtimestamp(self.clock(), UTC)

    def publish(self) -> bytes:
        raw = self.server.asking.listed()
        self.repository.list_requests(raw)
        return raw

    def voucher(self) -> str:
        return self.server.devices.voucher("ada")

    def device(self, name: str = "device", *, execute: tuple[str, ...] = (), account: str = "ada") -> "Device":
        return Device(self, self.root / name, execute, account)


class Device:
    """A device; its program is started anew by ``open``."""

    def __init__(self, world: World, folder: Path, execute: tuple[str, ...], account: str) -> None:
        self.world = world
        self.folder = folder
        self.execute = execute
        self.account = account
        self.step: Callable[[str], object] = lambda _: None

    @property
    def promised(self) -> Path:
        """What outlives the profile."""
        return self.folder / "profile.asked"

    @property
    def beside(self) -> Beside:
        """What is in it."""
        return msgspec.json.decode(self.promised.read_bytes(), type=Beside) if self.promised.exists() else Beside()

    def open(self, *, ephemeral: bool = False) -> hs.Personalizer:
        world = self.world
        repository = world.repository
        updates = Updates(url=world.http.url, channel=CHANNEL, root=repository.root, folder=self.folder / "bundles")
        me = hs.Personalizer.open(
            self.folder / "profile",
            key=hs.Key.ephemeral() if ephemeral else raw_key(),
            bundle=world.bundle,
            settings=QUICK,
            clock=world.clock,
            transport=world.operator,
            updates=updates,
            requests=hs.Requests(
                url=URL,
                key=world.server.keys.asking_key,
                account=self.account,
                voucher=lambda: world.server.devices.voucher(self.account),
                execute=self.execute,
            ),
        )
        me.requests._updater._http = world.http  # type: ignore[union-attr]
        me.requests._step = self.step
        return me

    def allowed(self, *purposes: hs.Purpose) -> hs.Personalizer:
        me = self.open()
        me.consent.grant(*(purposes or ALLOWED), notice=NOTICE)
        return me


@contextmanager
def world_of(root: Path, bundle: hs.Bundle, bundle_folder: Path) -> Iterator[World]:
    """Open a world."""
    with place(root) as server:
        yield World(root, bundle, bundle_folder, server)


__all__ = ["ALLOWED", "NOW", "REQUESTS", "URL", "Asked", "Device", "Operator", "World", "world_of"]
