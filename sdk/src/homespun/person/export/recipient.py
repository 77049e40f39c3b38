"""For whom an export is sealed: a public key to hand out, and the private one that opens.

The public key says nothing about its owner, and a sealed export does not say whose it is for. Both keys have
a text form with a checksum, so that a mistyped or cut one is noticed before anything is sealed to nobody.
"""

import base64
import binascii
import hashlib
import os
from typing import Final, Never

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from homespun.errors import MisuseError
from homespun.profile.files import Entropy
from homespun.profile.secret import Secret

KEY_SIZE: Final = 32
"""Bytes in an X25519 key, public or private."""

PUBLIC_PREFIX: Final = "homespun-recipient:"
PRIVATE_PREFIX: Final = "homespun-recipient-key:"

_CHECKSUM_SIZE = 4
_ANY_PRIVATE_KEY = b"\1" * KEY_SIZE


class Recipient:
    """Somebody who can open a sealed export: an X25519 public key. Equal keys are equal."""

    __slots__ = ("_raw",)

    def __init__(self, public_key: bytes) -> None:
        """Take the 32 bytes of an X25519 public key.

        Raises:
            MisuseError: These are not 32 bytes, or a key that everybody could open.
        """
        raw = _checked_size(public_key, "public")
        try:
            # A point of low order gives the same secret with every key; the exchange refuses it.
            X25519PrivateKey.from_private_bytes(_ANY_PRIVATE_KEY).exchange(X25519PublicKey.from_public_bytes(raw))
        except ValueError as error:
            raise MisuseError("This public key is one that anybody can open; ask the recipient for another.") from error
        self._raw = raw

    @classmethod
    def parse(cls, text: str) -> "Recipient":
        """Return the recipient of a text such as ``homespun-recipient:…``.

        Raises:
            MisuseError: It is not one, was mistyped or cut short, or is the private key.
        """
        if isinstance(text, str) and text.strip().startswith(PRIVATE_PREFIX):
            raise MisuseError(
                "This is the recipient's private key, which opens exports; keep it secret. Use the text that "
                f"starts with '{PUBLIC_PREFIX}'."
            )
        return cls(_parsed(text, PUBLIC_PREFIX))

    @staticmethod
    def generate(entropy: Entropy = os.urandom) -> "tuple[Recipient, RecipientKey]":
        """Make a key pair: the recipient to hand out, and the key that opens, to keep secret.

        Args:
            entropy: Gives unpredictable bytes; 32 are taken.
        """
        key = RecipientKey(entropy(KEY_SIZE))
        return key.recipient, key

    @property
    def raw(self) -> bytes:
        """The 32 bytes of the public key."""
        return self._raw

    def public_key(self) -> X25519PublicKey:
        """Return the key as an object of ``cryptography``."""
        return X25519PublicKey.from_public_bytes(self._raw)

    def __str__(self) -> str:
        """Return the text form, with a checksum."""
        return _text(PUBLIC_PREFIX, self._raw)

    def __repr__(self) -> str:
        return f"Recipient.parse({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Recipient) and other._raw == self._raw

    def __hash__(self) -> int:
        return hash(self._raw)


class RecipientKey:
    """What opens exports sealed for its recipient: an X25519 private key; shows nothing of it when printed."""

    __slots__ = ("_secret",)

    def __init__(self, private_key: bytes) -> None:
        """Take the 32 bytes of an X25519 private key.

        Raises:
            MisuseError: These are not 32 bytes.
        """
        self._secret = Secret(_checked_size(private_key, "private"))

    @classmethod
    def parse(cls, text: str) -> "RecipientKey":
        """Return the key of a text such as ``homespun-recipient-key:…``.

        Raises:
            MisuseError: It is not one, or was mistyped or cut short.
        """
        return cls(_parsed(text, PRIVATE_PREFIX))

    @property
    def recipient(self) -> Recipient:
        """The public half."""
        return Recipient(self.private_key().public_key().public_bytes_raw())

    def private_key(self) -> X25519PrivateKey:
        """Return the key as an object of ``cryptography``."""
        return X25519PrivateKey.from_private_bytes(self._secret.reveal())

    def reveal(self) -> str:
        """Return the text form of the private key, with a checksum: who has it opens the exports."""
        return _text(PRIVATE_PREFIX, self._secret.reveal())

    def __repr__(self) -> str:
        return "RecipientKey(...)"

    def __reduce__(self) -> Never:
        raise TypeError("a recipient's key is not pickled or copied, so that it is written nowhere by accident.")


def _checked_size(raw: bytes, which: str) -> bytes:
    if not isinstance(raw, bytes | bytearray) or len(raw) != KEY_SIZE:
        raise MisuseError(f"A recipient's {which} key has exactly {KEY_SIZE} bytes; this is something else.")
    return bytes(raw)


def _text(prefix: str, raw: bytes) -> str:
    return prefix + base64.urlsafe_b64encode(raw + _checksum(prefix, raw)).decode()


def _parsed(text: str, prefix: str) -> bytes:
    if not isinstance(text, str) or not text.strip().startswith(prefix):
        raise MisuseError(f"This is not a recipient's key; its text starts with '{prefix}'.")
    try:
        data = base64.b64decode(text.strip().removeprefix(prefix), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        data = b""
    raw, checksum = data[:KEY_SIZE], data[KEY_SIZE:]
    if len(raw) != KEY_SIZE or checksum != _checksum(prefix, raw):
        # Without the failure's context: it may hold the private key.
        raise MisuseError("The recipient's key was mistyped or cut short; copy it again, all of it.") from None
    return raw


def _checksum(prefix: str, raw: bytes) -> bytes:
    return hashlib.sha256(prefix.encode() + raw).digest()[:_CHECKSUM_SIZE]
