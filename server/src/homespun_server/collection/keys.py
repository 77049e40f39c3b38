"""An aggregator's own secrets: the key that shares are sealed to, and what leader and helper have in common.

The private key lies sealed under a passphrase (``homespun_server.passphrase``). The pairing secret is made by the
leader and handed to the helper's operator on a way that the collector and the devices do not see. From it come the
token that the leader shows to this helper and no other, and for each task the key of the checks: whoever knows that
key before a report was made could make one that passes.

Everything derived is HKDF-SHA-256 (RFC 5869) with a label of its own.
"""

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Annotated, Literal

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from msgspec import Meta

from homespun.errors import MisuseError
from homespun.protocol.collection.task import Aggregator
from homespun_server.errors import SettingsError, SigningKeyError
from homespun_server.passphrase import (
    KEY_BYTES,
    MIN_PASSPHRASE_BYTES,
    NONCE_BYTES,
    Kdf,
    KeyCosts,
    cipher_of,
)

MAX_FILE_BYTES = 1 << 14
"""Largest key or pairing file, in bytes."""


class AggregatorKeyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A sealed X25519 private key (RFC 7748); bytes are base64 in the file.

    Attributes:
        schema: Version of the file.
        role: ``leader``, ``helper`` or ``collector``.
        public: The public key, 64 hexadecimal digits.
        created: When it was made, ISO 8601, UTC.
        kdf: How the passphrase becomes a key.
        nonce: 12 bytes.
        sealed: 48 bytes: the private key and its tag.
    """

    schema: Literal[1] = 1
    role: Literal["leader", "helper", "collector"]
    public: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
    created: Annotated[str, Meta(max_length=40)]
    kdf: Kdf
    nonce: Annotated[bytes, Meta(min_length=NONCE_BYTES, max_length=NONCE_BYTES)]
    sealed: Annotated[bytes, Meta(min_length=KEY_BYTES + 16, max_length=KEY_BYTES + 16)]


class PairingFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the leader's operator hands to the helper's; whoever reads it can pass for the leader.

    Attributes:
        schema: Version of the file.
        secret: 32 bytes.
        development: Whether one party runs both.
        leader: The leader, as everybody may know it.
        helper: The helper; None: the leader was not told yet which it is.
    """

    schema: Literal[1] = 1
    secret: Annotated[bytes, Meta(min_length=KEY_BYTES, max_length=KEY_BYTES)]
    development: bool
    leader: Aggregator
    helper: Aggregator | None = None


@dataclass(frozen=True)
class Secrets:
    """What an aggregator knows; nothing of it shows in its representation.

    Attributes:
        private: Opens the shares that are sealed to it.
        pairing: 32 bytes that leader and helper have in common.
        helper: The helper that the leader is paired with, or this is; None: it talks to nobody.
    """

    private: X25519PrivateKey = field(repr=False)
    pairing: bytes = field(repr=False)
    helper: Aggregator | None = None

    @property
    def public(self) -> str:
        """The public key, in hexadecimal."""
        return self.private.public_key().public_bytes_raw().hex()

    @property
    def bearer(self) -> str:
        """The token that the leader shows to the helper, of whom it is part.

        Raises:
            SettingsError: The leader was not told yet which helper it is paired with.
        """
        if self.helper is None:
            raise SettingsError(
                "this leader is paired with no helper yet, so it has nobody to work with. Tell it which: "
                "homespun-server leader pair HELPER.json, with what helper init printed."
            )
        whose = f"{self.helper.url}\n{self.helper.key}".encode()
        return _derived(self.pairing, b"homespun aggregator token 2\n" + whose).hex()

    def verification_key(self, task: bytes) -> bytes:
        """Return the 32 bytes from which the checks of a task's reports are drawn."""
        return verification_key(self.pairing, task)

    def resting_key(self, task: bytes) -> bytes:
        """Return the 32 bytes under which a task's sum lies in the store."""
        return _derived(self.private.private_bytes_raw(), b"homespun sum at rest 1\n" + task)


def verification_key(pairing: bytes, task: bytes) -> bytes:
    """Return the 32 bytes from which the checks of a task's reports are drawn.

    Args:
        pairing: 32 bytes that leader and helper have in common.
        task: The task's id, 32 bytes.
    """
    return _derived(pairing, b"homespun verification key 1\n" + task)


def key_digest(pairing: bytes, task: bytes) -> bytes:
    """Return the SHA-256 of a task's verification key, by which another one is noticed.

    Args:
        pairing: 32 bytes that leader and helper have in common.
        task: The task's id, 32 bytes.
    """
    return sha256(verification_key(pairing, task)).digest()


def seal_key(
    private: X25519PrivateKey,
    *,
    role: Literal["leader", "helper", "collector"],
    created: str,
    passphrase: bytes,
    costs: KeyCosts,
    salt: bytes,
    nonce: bytes,
) -> AggregatorKeyFile:
    """Seal a private key under a passphrase.

    Args:
        private: The key.
        role: Whose it is.
        created: When it was made, ISO 8601, UTC.
        passphrase: At least ``MIN_PASSPHRASE_BYTES`` bytes.
        costs: What trying a passphrase is to cost.
        salt: 16 random bytes.
        nonce: 12 random bytes.

    Raises:
        MisuseError: The passphrase is too short.
    """
    if len(passphrase) < MIN_PASSPHRASE_BYTES:
        raise MisuseError(
            f"the passphrase has {len(passphrase)} bytes; a key that opens people's shares needs at least "
            f"{MIN_PASSPHRASE_BYTES}. Nothing was written."
        )
    bare = AggregatorKeyFile(
        role=role,
        public=private.public_key().public_bytes_raw().hex(),
        created=created,
        kdf=Kdf(salt, costs.memory_kib, costs.iterations, costs.lanes),
        nonce=nonce,
        sealed=bytes(KEY_BYTES + 16),
    )
    sealed = cipher_of(passphrase, bare.kdf).encrypt(nonce, private.private_bytes_raw(), _bound(bare))
    return msgspec.structs.replace(bare, sealed=sealed)


def open_key(file: AggregatorKeyFile, passphrase: bytes) -> X25519PrivateKey:
    """Return the private key.

    Raises:
        SigningKeyError: The passphrase is wrong, or the file was changed.
    """
    try:
        raw = cipher_of(passphrase, file.kdf).decrypt(file.nonce, file.sealed, _bound(file))
    except InvalidTag as error:
        raise SigningKeyError(
            f"the passphrase does not open the {file.role}'s key, or its file was changed. Nothing was opened; check "
            "the passphrase, or restore the file from a backup."
        ) from error
    private = X25519PrivateKey.from_private_bytes(raw)
    if private.public_key().public_bytes_raw().hex() != file.public:
        raise SigningKeyError(f"the file of the {file.role}'s key holds another key; restore it from a backup.")
    return private


def _bound(file: AggregatorKeyFile) -> bytes:
    bare = {name: value for name, value in msgspec.structs.asdict(file).items() if name not in ("nonce", "sealed")}
    return b"homespun aggregator key\n" + msgspec.json.encode(bare, order="sorted")


def _derived(secret: bytes, label: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=label).derive(secret)
