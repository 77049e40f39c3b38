"""Devices, requests and lists for the tests of asking: all of it the same every time."""

import hashlib
from collections.abc import Callable, Iterable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from homespun.protocol import receipts
from homespun.protocol.asking.listing import Asked, encode_list
from homespun.protocol.asking.receipt import DeviceReceipt, operators_copy, sign
from homespun.protocol.asking.registration import make_registration, voucher_of
from homespun.protocol.asking.request import AskedRequest

NOW = 1_790_000_000
DAY = 86_400
ASKING = X25519PrivateKey.from_private_bytes(bytes(range(32)))
ASKING_KEY = ASKING.public_key().public_bytes_raw().hex()
VOUCHING = b"v" * 32
RECEIPT = Ed25519PrivateKey.from_private_bytes(b"r" * 32)
RECEIPT_KEY = RECEIPT.public_key().public_bytes_raw().hex()
DEVICE = bytes(range(16))
SECRET = b"s" * 32
ACCOUNT = "ada@example.org"


def drawn(seed: str) -> Callable[[int], bytes]:
    """Return what gives the same bytes every time: SHA-256 of a seed and a counter."""
    state = {"at": 0}

    def take(size: int) -> bytes:
        raw = b""
        while len(raw) < size:
            state["at"] += 1
            raw += hashlib.sha256(f"{seed}:{state['at']}".encode()).digest()
        return raw[:size]

    return take


def request(name: str = "r-1", kind: str = "erasure", text: str = "Erase what this device holds.") -> AskedRequest:
    """Return a request."""
    return AskedRequest(
        request=name,
        kind=kind,  # type: ignore[arg-type]
        regulation="gdpr",
        deadline="2026-12-24",
        verified="logged in, and by e-mail",
        text=text,
    )


def listed(asked: Iterable[Asked] = (), *, seed: str = "list", made: int = NOW, least: int = 64) -> bytes:
    """Return a list that holds for two days."""
    return encode_list(asked, made=made, expires=made + 2 * DAY, entropy=drawn(seed), least=least)


def registration(*, account: str = ACCOUNT, sequence: int = 1, voucher: str | None = None) -> bytes:
    """Return a registration of the device."""
    return make_registration(
        account,
        voucher or voucher_of(VOUCHING, account, NOW + DAY),
        device=DEVICE.hex(),
        sequence=sequence,
        secret=SECRET,
        asking_key=ASKING_KEY,
        key=RECEIPT_KEY,
        sign=RECEIPT.sign,
    )


def erased() -> receipts.Receipt:
    """Return the receipt of an erasure, as the device makes it."""
    bare = receipts.Receipt(
        profile="ab" * 16,
        time=receipts.decimal_time(NOW),
        stores=(receipts.StoreErasure("profile key", "key_destroyed", "It is gone."),),
        out_of_scope=receipts.limits([("report/films/1 to https://leader.example", "0.5")]),
    )
    key = Ed25519PrivateKey.from_private_bytes(b"p" * 32)
    return receipts.sign(bare, key.sign, key.public_key().public_bytes_raw().hex())


def answer(name: str = "r-1", *, sequence: int = 1, key: Ed25519PrivateKey = RECEIPT) -> DeviceReceipt:
    """Return the device's receipt of an erasure."""
    public = key.public_key().public_bytes_raw().hex()
    bare = DeviceReceipt(
        request=name,
        kind="erasure",
        device=DEVICE.hex(),
        sequence=sequence,
        time=receipts.decimal_time(NOW),
        outcome="done",
        by="person",
        erasure=operators_copy(erased(), key.sign, public),
    )
    return sign(bare, key.sign)
