"""Who a device is to the operator: a random id, a key that signs receipts, a secret that finds what is for it.

All of it lies in the profile, encrypted, is part of no export, and is destroyed when the person withdraws
``Purpose.REQUESTS``. Whoever allows it again is another device.
"""

from collections.abc import Callable

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from homespun.consent.parts import ASKING
from homespun.errors import NotPermittedError
from homespun.home import Home
from homespun.protocol.asking.listing import SECRET_BYTES
from homespun.protocol.asking.registration import DEVICE_BYTES

_NAME = "device"
_KEY_BYTES = 32


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Who a device is.

    Attributes:
        device: Its id, 32 hexadecimal digits.
        secret: Its asking secret.
        private: The private half of its receipt key.
        account: For which account it registered.
        registrations: How many times it has registered.
        registered: When it registered last, seconds since 1970.
        answers: How many answers it has begun.
        seen: When the newest list was made that it saw, seconds since 1970.
        until: Until when that list is believed.
    """

    device: str
    secret: bytes
    private: bytes
    account: str
    registrations: int = 0
    registered: float = 0.0
    answers: int = 0
    seen: int = 0
    until: int = 0

    @property
    def signing(self) -> Ed25519PrivateKey:
        """The receipt key."""
        return Ed25519PrivateKey.from_private_bytes(self.private)

    @property
    def key(self) -> str:
        """The public half of the receipt key, 64 hexadecimal digits."""
        return self.signing.public_key().public_bytes_raw().hex()


def identity_of(home: Home) -> Identity | None:
    """Return who this device is; None: it never registered, or may not."""
    raw = home.kept(ASKING).get(_NAME)
    return None if raw is None else msgspec.json.decode(raw, type=Identity)


def drawn(home: Home, account: str) -> Identity:
    """Return a new identity, which is kept nowhere yet."""
    take: Callable[[int], bytes] = home.entropy
    return Identity(
        device=take(DEVICE_BYTES).hex(), secret=take(SECRET_BYTES), private=take(_KEY_BYTES), account=account
    )


def keep(home: Home, identity: Identity) -> None:
    """Keep who this device is.

    Raises:
        NotPermittedError: The person does not allow it now.
        ProfileError: It could not be written down.
    """
    if not home.keep(ASKING, _NAME, msgspec.json.encode(identity)):
        raise NotPermittedError("the person does not allow 'requests' now, so this device is not asked anything.")
