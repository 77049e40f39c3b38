"""Wrapping the file key of a sealed export, for a recipient or with a passphrase.

HPKE (RFC 9180: X25519, HKDF-SHA256, AES-256-GCM) for a recipient, AES-256-GCM under Argon2id (RFC 9106) of a
passphrase. What a file asks Argon2id for is bounded before it is paid. Whether a passphrase is wrong or the
file was changed with care cannot be told apart.
"""

import unicodedata
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf import argon2

from homespun.config import ARGON2_ITERATIONS, ARGON2_LANES, ARGON2_MEMORY_KIB, Settings
from homespun.errors import ExportKeyError, MisuseError
from homespun.person.export.recipient import Recipient, RecipientKey
from homespun.profile.files import Entropy
from homespun.profile.secret import Secret

KEY_SIZE = 32
SALT_SIZE = 16

MOST_MEMORY_KIB = min(256 * 1024, ARGON2_MEMORY_KIB[1])
"""Most memory that a sealed file may ask for, in KiB."""

MOST_ITERATIONS = min(8, ARGON2_ITERATIONS[1])
"""Most passes that a sealed file may ask for; with the memory above opening takes a few seconds at worst."""

_WRAP_INFO = b"homespun sealed export 1 file key"
# The wrapping key is made with a fresh salt and used once, so that its nonce need not vary.
_NONCE = bytes(12)

Salt = Annotated[bytes, msgspec.Meta(min_length=SALT_SIZE, max_length=SALT_SIZE)]
Memory = Annotated[int, msgspec.Meta(ge=ARGON2_MEMORY_KIB[0], le=MOST_MEMORY_KIB)]
Iterations = Annotated[int, msgspec.Meta(ge=ARGON2_ITERATIONS[0], le=MOST_ITERATIONS)]
Lanes = Annotated[int, msgspec.Meta(ge=ARGON2_LANES[0], le=ARGON2_LANES[1])]


class PassphraseWrap(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="by", tag="passphrase"):
    """The file key under Argon2id: 16 bytes of salt, memory in KiB, passes, lanes; 48 bytes wrapped."""

    salt: Salt
    memory_kib: Memory
    iterations: Iterations
    lanes: Lanes
    wrapped: Annotated[bytes, msgspec.Meta(min_length=KEY_SIZE + 16, max_length=KEY_SIZE + 16)]
    kdf: Literal["argon2id"] = "argon2id"


class RecipientWrap(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="by", tag="recipient"):
    """The file key under HPKE in base mode: 80 bytes, the encapsulated key first."""

    wrapped: Annotated[bytes, msgspec.Meta(min_length=2 * KEY_SIZE + 16, max_length=2 * KEY_SIZE + 16)]
    suite: Literal["x25519-hkdf-sha256-aes-256-gcm"] = "x25519-hkdf-sha256-aes-256-gcm"


Wrap = PassphraseWrap | RecipientWrap


@dataclass(frozen=True, slots=True)
class Opening:
    """What the reader has: a passphrase, a recipient's key, or neither for an export in the clear."""

    passphrase: Secret | None = None
    key: RecipientKey | None = None


def opening(passphrase: str | None, recipient_key: RecipientKey | str | None) -> Opening:
    """Return what opens, from what a caller gives.

    Raises:
        MisuseError: Both are given, or one is not what it should be.
    """
    if passphrase is not None and recipient_key is not None:
        raise MisuseError("Give a passphrase or a recipient's key, not both: an export is sealed with one of them.")
    key = RecipientKey.parse(recipient_key) if isinstance(recipient_key, str) else recipient_key
    return Opening(None if passphrase is None else passphrase_secret(passphrase), key)


def passphrase_secret(text: str) -> Secret:
    """Return the passphrase's bytes; differently composed but equal characters are equal (Unicode NFC).

    Raises:
        MisuseError: It is empty, blank or no well-formed text.
    """
    if not isinstance(text, str) or not text.strip():
        raise MisuseError("The passphrase is empty; anybody could open the export. Ask the person for one.")
    # Looked for rather than tried: the failure of an encoding carries the whole passphrase.
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise MisuseError("The passphrase contains half of a surrogate pair; give other text.")
    return Secret(unicodedata.normalize("NFC", text).encode())


def wrap_key(file_key: Secret, to: Recipient | Secret, *, settings: Settings, entropy: Entropy) -> Wrap:
    """Return the file key, wrapped for a recipient or with a passphrase's bytes.

    Raises:
        MisuseError: The settings cost more than a sealed file may ask for.
    """
    if isinstance(to, Recipient):
        return _wrap_for(to, file_key)
    return _wrap_with(to, file_key, settings, entropy(SALT_SIZE))


def _wrap_for(recipient: Recipient, file_key: Secret) -> RecipientWrap:
    return RecipientWrap(_suite().encrypt(file_key.reveal(), recipient.public_key(), _WRAP_INFO))


def _wrap_with(passphrase: Secret, file_key: Secret, settings: Settings, salt: bytes) -> PassphraseWrap:
    if settings.argon2_memory_kib > MOST_MEMORY_KIB or settings.argon2_iterations > MOST_ITERATIONS:
        raise MisuseError(
            f"An export's passphrase may cost at most {MOST_MEMORY_KIB} KiB and {MOST_ITERATIONS} passes, so that "
            "opening stays a matter of seconds; lower argon2_memory_kib or argon2_iterations."
        )
    costs = settings.argon2_memory_kib, settings.argon2_iterations, settings.argon2_lanes
    bare = PassphraseWrap(salt, *costs, wrapped=b"")
    wrapped = _wrapping_cipher(passphrase, bare).encrypt(_NONCE, file_key.reveal(), _WRAP_INFO)
    return msgspec.structs.replace(bare, wrapped=wrapped)


def unwrap(wrap: Wrap, with_: Opening) -> Secret:
    """Return the file key.

    Raises:
        ExportKeyError: It is wrapped in another way, or with something else.
    """
    try:
        if isinstance(wrap, RecipientWrap):
            return _unwrap_for(wrap, with_.key)
        if with_.passphrase is None:
            raise ExportKeyError("The export is sealed with a passphrase; give the one that it was made with.")
        cipher = _wrapping_cipher(with_.passphrase, wrap)
        return Secret(cipher.decrypt(_NONCE, wrap.wrapped, _WRAP_INFO))
    except InvalidTag as error:
        given = "recipient's key" if isinstance(wrap, RecipientWrap) else "passphrase"
        raise ExportKeyError(
            f"The {given} does not open this export, or the export's header was changed. Check the {given}, or "
            "get the export again."
        ) from error


def _unwrap_for(wrap: RecipientWrap, key: RecipientKey | None) -> Secret:
    if key is None:
        raise ExportKeyError("The export is sealed for a recipient; only the recipient's private key opens it.")
    return Secret(_suite().decrypt(wrap.wrapped, key.private_key(), _WRAP_INFO))


def _wrapping_cipher(passphrase: Secret, wrap: PassphraseWrap) -> AESGCM:
    derivation = argon2.Argon2id(
        salt=wrap.salt,
        length=KEY_SIZE,
        iterations=wrap.iterations,
        lanes=wrap.lanes,
        memory_cost=wrap.memory_kib,
    )
    return AESGCM(derivation.derive(passphrase.reveal()))


def _suite() -> hpke.Suite:
    return hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
