"""The key with which a device signs what it says about a profile, such as the receipt of an erasure.

Ed25519 (RFC 8032). It is kept in the profile's main database and ends with it; the public half stays with what was
signed. It tells that two receipts come from the same device and that neither was changed, not whose device it is.
What is signed has to say what it is, so that no signature can be used for something else.
"""

from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from homespun.errors import MisuseError
from homespun.profile.files import Entropy
from homespun.profile.secret import Secret, Unpicklable

KEY_SIZE = 32
"""Bytes in the private key."""


class DeviceKey(Unpicklable):
    """A private key that shows nothing when printed."""

    __slots__ = ("_secret",)

    def __init__(self, secret: Secret) -> None:
        """Use 32 bytes that ``secret`` gave once.

        Raises:
            MisuseError: There are not exactly 32.
        """
        if len(secret.reveal()) != KEY_SIZE:
            raise MisuseError(f"A device key has exactly {KEY_SIZE} bytes; make one with DeviceKey.generate.")
        self._secret = secret

    @classmethod
    def generate(cls, entropy: Entropy) -> Self:
        """Return a new key of 32 bytes of ``entropy``."""
        return cls(Secret(entropy(KEY_SIZE)))

    @property
    def secret(self) -> Secret:
        """The private key, 32 bytes, for whoever keeps it."""
        return self._secret

    @property
    def public_key(self) -> str:
        """The public key, 64 hexadecimal digits."""
        return self._private().public_key().public_bytes_raw().hex()

    def sign(self, data: bytes) -> bytes:
        """Return the signature of ``data``, 64 bytes."""
        return self._private().sign(data)

    def _private(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self._secret.reveal())

    def __repr__(self) -> str:
        return "DeviceKey(...)"
