"""The secrets of compliance: what pseudonyms, tombstones, the log's checkpoints and receipts are made with.

They lie in one file, ``keys/compliance.json``, sealed under the passphrase of the working directory's keys. Each has
one use:

- ``lookup`` finds a person's key by what the operator calls them (HMAC-SHA-256), so that no table holds that name.
- ``tombstones`` marks what was erased, so that it is erased again after a restore. It outlives erasures, and is apart
  from ``lookup``, so that a tombstone leads to nobody's pseudonym.
- ``log`` signs checkpoints of the transparency log, ``receipts`` signs receipts (Ed25519, RFC 8032).
- ``asking`` opens what devices seal when they register to be asked (X25519, RFC 7748; HPKE, RFC 9180). Of it follows
  what vouchers for accounts are made with, for registrations and for reports of consent.
"""

import hmac
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from msgspec import Meta

from homespun.errors import MisuseError
from homespun.protocol.canonical import canonical
from homespun_server.errors import OutputError, SettingsError, SigningKeyError
from homespun_server.passphrase import (
    KEY_BYTES,
    MIN_PASSPHRASE_BYTES,
    NONCE_BYTES,
    SALT_BYTES,
    Kdf,
    KeyCosts,
    cipher_of,
)
from homespun_server.settings import PASSPHRASE_VARIABLE, ServerSettings
from homespun_server.store.moments import Now, text_of, utc_now

FILE = "compliance.json"
"""The file's name among the working directory's keys."""

_SECRETS = 5
_TAG_BYTES = 16
_SEALED_BYTES = _SECRETS * KEY_BYTES + _TAG_BYTES

PublicKey = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
Bytes = Callable[[int], bytes]


class ComplianceKeyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The sealed secrets; bytes are base64 in the file.

    Attributes:
        schema: Version of the file.
        log: The public key that verifies checkpoints, 64 hexadecimal digits.
        receipts: The public key that verifies receipts, 64 hexadecimal digits.
        asking: The public key that devices seal to when they register, 64 hexadecimal digits.
        created: When it was made, ISO 8601, UTC.
        kdf: How the passphrase becomes a key.
        nonce: 12 bytes.
        sealed: The five secrets of 32 bytes each, in the order of the module's text, and a tag.
    """

    schema: Literal[1] = 1
    log: PublicKey
    receipts: PublicKey
    asking: PublicKey
    created: Annotated[str, Meta(max_length=40)]
    kdf: Kdf
    nonce: Annotated[bytes, Meta(min_length=NONCE_BYTES, max_length=NONCE_BYTES)]
    sealed: Annotated[bytes, Meta(min_length=_SEALED_BYTES, max_length=_SEALED_BYTES)]


@dataclass(frozen=True)
class ComplianceKeys:
    """The secrets, open; nothing of them shows in the representation.

    Attributes:
        lookup: 32 bytes.
        tombstones: 32 bytes.
        log: Signs checkpoints.
        receipts: Signs receipts.
        asking: Opens what devices seal when they register.
    """

    lookup: bytes = field(repr=False)
    tombstones: bytes = field(repr=False)
    log: Ed25519PrivateKey = field(repr=False)
    receipts: Ed25519PrivateKey = field(repr=False)
    asking: X25519PrivateKey = field(repr=False)

    @classmethod
    def drawn(cls, entropy: Bytes = secrets.token_bytes) -> "ComplianceKeys":
        """Return new ones.

        Args:
            entropy: Returns so many unpredictable bytes.
        """
        return cls.of([entropy(KEY_BYTES) for _ in range(_SECRETS)])

    @classmethod
    def of(cls, raw: list[bytes]) -> "ComplianceKeys":
        """Return those of five secrets of 32 bytes, in the order of the module's text."""
        lookup, tombstones, log, receipts, asking = raw
        return cls(
            lookup,
            tombstones,
            Ed25519PrivateKey.from_private_bytes(log),
            Ed25519PrivateKey.from_private_bytes(receipts),
            X25519PrivateKey.from_private_bytes(asking),
        )

    @property
    def log_key(self) -> str:
        """The public key that verifies checkpoints, in hexadecimal."""
        return self.log.public_key().public_bytes_raw().hex()

    @property
    def receipts_key(self) -> str:
        """The public key that verifies receipts, in hexadecimal."""
        return self.receipts.public_key().public_bytes_raw().hex()

    @property
    def asking_key(self) -> str:
        """The public key that devices seal to when they register, in hexadecimal."""
        return self.asking.public_key().public_bytes_raw().hex()

    @property
    def vouching(self) -> bytes:
        """What vouchers are made with, for the backend that lets people log in; 32 bytes, secret."""
        return hmac.digest(self.asking.private_bytes_raw(), b"homespun vouching 1\n", sha256)

    def looked_up(self, identifier: str) -> str:
        """Return by what a person's key is found: HMAC-SHA-256 (RFC 2104) of what the operator calls them, in hex."""
        return hmac.digest(self.lookup, b"homespun subject 1\n" + identifier.encode(), sha256).hex()

    def tombstone(self, store: str, record: str) -> str:
        """Return the mark of a record that was erased, in hexadecimal."""
        return hmac.digest(self.tombstones, canonical(["homespun tombstone 1", store, record]), sha256).hex()

    @property
    def _raw(self) -> bytes:
        signing = self.log.private_bytes_raw() + self.receipts.private_bytes_raw()
        return self.lookup + self.tombstones + signing + self.asking.private_bytes_raw()


def create_compliance_keys(
    settings: ServerSettings,
    passphrase: bytes,
    *,
    costs: KeyCosts | None = None,
    entropy: Bytes = secrets.token_bytes,
    now: Now = utc_now,
) -> ComplianceKeys:
    """Draw the secrets of a working directory and keep them, sealed.

    Args:
        settings: The working directory's settings.
        passphrase: At least ``MIN_PASSPHRASE_BYTES`` bytes.
        costs: What trying a passphrase is to cost.
        entropy: Returns so many unpredictable bytes.
        now: Returns the time.

    Raises:
        MisuseError: The passphrase is too short, or there are such keys already.
        OutputError: The file cannot be written.
    """
    if len(passphrase) < MIN_PASSPHRASE_BYTES:
        raise MisuseError(f"the passphrase needs at least {MIN_PASSPHRASE_BYTES} bytes. Nothing was written.")
    keys, costs = ComplianceKeys.drawn(entropy), costs or KeyCosts()
    bare = ComplianceKeyFile(
        log=keys.log_key,
        receipts=keys.receipts_key,
        asking=keys.asking_key,
        created=text_of(now()),
        kdf=Kdf(entropy(SALT_BYTES), costs.memory_kib, costs.iterations, costs.lanes),
        nonce=entropy(NONCE_BYTES),
        sealed=bytes(_SEALED_BYTES),
    )
    sealed = cipher_of(passphrase, bare.kdf).encrypt(bare.nonce, keys._raw, _bound(bare))  # noqa: SLF001 - its own
    _write(settings.keys / FILE, canonical(msgspec.to_builtins(msgspec.structs.replace(bare, sealed=sealed))))
    return keys


def open_compliance_keys(settings: ServerSettings) -> ComplianceKeys:
    """Open the secrets of a working directory with the passphrase that its settings have.

    Raises:
        SettingsError: There are none.
        SigningKeyError: No passphrase was given, it is wrong, or the file was changed.
    """
    file = public_compliance_keys(settings)
    if settings.passphrase is None:
        raise SigningKeyError(f"the compliance keys need their passphrase; set {PASSPHRASE_VARIABLE}.")
    try:
        raw = cipher_of(settings.passphrase.encode(), file.kdf).decrypt(file.nonce, file.sealed, _bound(file))
    except InvalidTag as error:
        raise SigningKeyError(
            f"the passphrase does not open {settings.keys / FILE}, or it was changed. Nothing was opened; check the "
            "passphrase, or restore the file from a backup."
        ) from error
    return ComplianceKeys.of([raw[at : at + KEY_BYTES] for at in range(0, len(raw), KEY_BYTES)])


def public_compliance_keys(settings: ServerSettings) -> ComplianceKeyFile:
    """Return what everybody may know of a working directory's compliance keys; nothing is opened.

    Raises:
        SettingsError: There are none, or the file is none of them.
    """
    path = settings.keys / FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=ComplianceKeyFile)
    except FileNotFoundError:
        raise SettingsError(
            f"there is no {path}, so this working directory keeps no consent ledger, log or requests yet. Make the "
            "keys with homespun-server compliance init."
        ) from None
    except (OSError, msgspec.MsgspecError) as error:
        raise SettingsError(f"{path} cannot be read: {error}. Restore it from a backup.") from error


def _bound(file: ComplianceKeyFile) -> bytes:
    """Return what the sealed secrets are bound to: everything that the file says in the clear."""
    said = msgspec.to_builtins(file)
    del said["sealed"]
    return b"homespun compliance keys 1\n" + canonical(said)


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        raise MisuseError(
            f"{path} is there already. New keys would cut everybody off from their records, so it was left alone."
        ) from None
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error}. Nothing was made.") from error
