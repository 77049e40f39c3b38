"""One private key in one file: an Ed25519 key (RFC 8032), sealed under a passphrase.

The passphrase goes through Argon2id (RFC 9106), the key is encrypted with AES-256-GCM, and everything else that the
file says, the role, the key's identity and when it was made included, is associated data: none of it can be changed
without the opening failing. It cannot be told whether a passphrase is wrong or the file was changed with care. Costs
that a file asks for are bounded before they are paid.

Pure: no files, no clock, no randomness.
"""

from typing import Annotated, Literal

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Meta
from securesystemslib.signer import CryptoSigner, SSlibKey

from homespun.errors import MisuseError
from homespun_server.errors import SigningKeyError
from homespun_server.passphrase import (
    KEY_BYTES,
    MIN_PASSPHRASE_BYTES,
    NONCE_BYTES,
    Kdf,
    KeyCosts,
    cipher_of,
)

SCHEMA_VERSION = 1
"""Version of the key file that this program writes and reads."""

MAX_FILE_BYTES = 1 << 14
"""Largest key file, in bytes."""


class KeyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A sealed private key; bytes are base64 in the file.

    Attributes:
        schema: SCHEMA_VERSION of the writer.
        role: What it signs: ``root``, ``targets``, ``snapshot``, ``timestamp``, or a channel's role.
        keyid: The key's identity in the metadata.
        public: The public key, 64 hexadecimal digits.
        created: When it was made, ISO 8601, UTC.
        kdf: How the passphrase becomes a key.
        cipher: How the private key is sealed.
        nonce: 12 bytes.
        sealed: 48 bytes: the private key and its tag.
    """

    schema: Literal[1] = 1
    role: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9.-]{0,80}\Z")]
    keyid: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
    public: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
    created: Annotated[str, Meta(max_length=40)]
    kdf: Kdf
    cipher: Literal["aes-256-gcm"] = "aes-256-gcm"
    nonce: Annotated[bytes, Meta(min_length=NONCE_BYTES, max_length=NONCE_BYTES)]
    sealed: Annotated[bytes, Meta(min_length=KEY_BYTES + 16, max_length=KEY_BYTES + 16)]

    @property
    def label(self) -> str:
        """What a person is told of it: its role and the start of its identity."""
        return f"{self.role} key {self.keyid[:12]}"

    def encode(self) -> bytes:
        """Return the file's content."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"


def seal(
    private: Ed25519PrivateKey,
    *,
    role: str,
    created: str,
    passphrase: bytes,
    costs: KeyCosts,
    salt: bytes,
    nonce: bytes,
) -> KeyFile:
    """Seal a private key under a passphrase.

    Args:
        private: The key.
        role: What it signs.
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
            f"the passphrase has {len(passphrase)} bytes; a key that publishes to every device needs at least "
            f"{MIN_PASSPHRASE_BYTES}. Nothing was written."
        )
    public = SSlibKey.from_crypto(private.public_key())
    bare = KeyFile(
        role=role,
        keyid=public.keyid,
        public=private.public_key().public_bytes_raw().hex(),
        created=created,
        kdf=Kdf(salt, costs.memory_kib, costs.iterations, costs.lanes),
        nonce=nonce,
        sealed=bytes(KEY_BYTES + 16),
    )
    cipher = cipher_of(passphrase, bare.kdf)
    return msgspec.structs.replace(bare, sealed=cipher.encrypt(nonce, private.private_bytes_raw(), _bound(bare)))


def unseal(file: KeyFile, passphrase: bytes) -> CryptoSigner:
    """Return what signs with the key.

    Raises:
        SigningKeyError: The passphrase is wrong, or the file was changed.
    """
    try:
        raw = cipher_of(passphrase, file.kdf).decrypt(file.nonce, file.sealed, _bound(file))
    except InvalidTag as error:
        raise SigningKeyError(
            f"the passphrase does not open the {file.label}, or its file was changed. Nothing was signed; check the "
            "passphrase, or restore the file from a backup."
        ) from error
    signer = CryptoSigner(Ed25519PrivateKey.from_private_bytes(raw))
    if signer.public_key.keyid != file.keyid:
        raise SigningKeyError(f"the file of the {file.label} holds another key; restore it from a backup.")
    return signer


def parse_key_file(raw: bytes, name: str) -> KeyFile:
    """Return what a key file says; nothing of it is verified before it is opened.

    Raises:
        SigningKeyError: It is no key file, was damaged, or a newer program wrote it.
    """
    try:
        version = msgspec.json.decode(raw, type=_Versioned).schema
        if version != SCHEMA_VERSION:
            raise SigningKeyError(
                f"the key file {name} has version {version}, and this program reads {SCHEMA_VERSION}. Use the program "
                "that wrote it."
            )
        return msgspec.json.decode(raw, type=KeyFile)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise SigningKeyError(f"the key file {name} is damaged ({error}); restore it from a backup.") from error


class _Versioned(msgspec.Struct):
    schema: int


def _bound(file: KeyFile) -> bytes:
    bare = {name: value for name, value in msgspec.structs.asdict(file).items() if name not in ("nonce", "sealed")}
    return b"homespun signing key\n" + msgspec.json.encode(bare, order="sorted")
