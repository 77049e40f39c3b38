"""Devices that really seal and sign, requests that are open, and a store that costs little."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection

from homespun.protocol.asking.listing import found_in, parse_list
from homespun.protocol.asking.receipt import DeviceReceipt, encode_receipt, sign
from homespun.protocol.asking.registration import make_registration
from homespun.protocol.asking.request import AskedRequest, Kind
from homespun_server.compliance.keys import ComplianceKeys
from homespun_server.compliance.log import TransparencyLog
from homespun_server.compliance.requests.asking import Asking, Devices, OpenRequest
from homespun_server.store import Store, open_store
from tests.sdk.protocol.asking.support import NOW, drawn

START = datetime.fromtimestamp(NOW, UTC)


@dataclass
class Clock:
    """A clock that is set by hand."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **spans: float) -> None:
        self.now += timedelta(**spans)


@dataclass
class Names:
    """Pseudonyms that need no keys."""

    forgotten: set[str] = field(default_factory=set)

    def pseudonym_within(self, connection: Connection, identifier: str, *, create: bool) -> str | None:
        return pseudonym(identifier)


def pseudonym(account: str) -> str:
    return sha256(f"subject {account}".encode()).hexdigest()


@dataclass
class Requested:
    """The requests that are open, and what was answered to them."""

    open: list[OpenRequest] = field(default_factory=list)
    answered: list[DeviceReceipt] = field(default_factory=list)

    def for_devices(self) -> list[OpenRequest]:
        return self.open

    def device_answered_within(self, connection: Connection, receipt: DeviceReceipt, raw: bytes) -> None:
        self.answered.append(receipt)

    def add(
        self, request: str = "r-1", account: str = "ada", kind: Kind = "objection", day: str = "2026-12-24"
    ) -> None:
        self.open.append(
            OpenRequest(
                request=request,
                subject=pseudonym(account),
                kind=kind,
                regulation="gdpr",
                deadline=day,
                verified="logged in",
            )
        )


class Phone:
    """A device."""

    def __init__(self, name: str, account: str = "ada") -> None:
        draw = drawn(name)
        self.account = account
        self.device = draw(16)
        self.secret = draw(32)
        self.private = Ed25519PrivateKey.from_private_bytes(draw(32))
        self.answers = 0

    @property
    def key(self) -> str:
        return self.private.public_key().public_bytes_raw().hex()

    def registration(self, keys: ComplianceKeys, voucher: str, sequence: int = 1) -> bytes:
        return make_registration(
            self.account,
            voucher,
            device=self.device.hex(),
            sequence=sequence,
            secret=self.secret,
            asking_key=keys.asking_key,
            key=self.key,
            sign=self.private.sign,
        )

    def finds(self, raw: bytes, now: float) -> tuple[AskedRequest, ...]:
        return found_in(parse_list(raw), self.device, self.secret, now)

    def answer(self, request: str = "r-1", **members: object) -> bytes:
        self.answers += 1
        whole = {
            "request": request,
            "kind": "objection",
            "device": self.device.hex(),
            "sequence": self.answers,
            "time": f"{NOW}.000000",
            "outcome": "done",
            "by": "person",
            "settings": ("objection",),
            **members,
        }
        return encode_receipt(sign(DeviceReceipt(**whole), self.private.sign))  # type: ignore[arg-type]


@dataclass
class Place:
    """A server that asks."""

    store: Store
    keys: ComplianceKeys
    clock: Clock
    requests: Requested
    devices: Devices
    asking: Asking

    def register(self, phone: Phone, sequence: int = 1) -> None:
        self.devices.register(phone.registration(self.keys, self.devices.voucher(phone.account), sequence))

    def asked(self, phone: Phone) -> list[str]:
        return [each.request for each in phone.finds(self.asking.listed(), self.clock().timestamp())]

    def states(self, request: str = "r-1") -> dict[str, str]:
        return {each.device: each.state for each in self.asking.states(request)}


@contextmanager
def place(folder: Path) -> Iterator[Place]:
    """Open a server that asks."""
    clock, requests, keys = Clock(), Requested(), ComplianceKeys.drawn(drawn("keys"))
    with open_store(str(folder / "store.sqlite")) as store:
        devices = Devices(store, keys, Names(), TransparencyLog(store, keys, clock), clock, drawn("devices"))
        asking = Asking(store, devices, requests, clock, drawn("asking"))
        yield Place(store, keys, clock, requests, devices, asking)


def changed(raw: bytes, **members: object) -> bytes:
    """Return JSON with other members, signed by nobody."""
    return msgspec.json.encode({**msgspec.json.decode(raw), **members}, order="sorted")
