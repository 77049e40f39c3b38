"""The key file: the profile's data key, wrapped by a key that is not in it.

``key.json`` says how the wrapping key is made from what the person or the application has, and holds the
256-bit data key under AES-256-GCM. Everything else in the file is associated data, so that no field can be
changed without the unwrapping failing. It cannot be told whether a key is wrong or the file was changed
with care; both are a WrongKeyError. Costs that the file asks for are bounded before they are paid.
"""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from homespun.config import ARGON2_ITERATIONS, ARGON2_LANES, ARGON2_MEMORY_KIB
from homespun.errors import DamagedProfileError, NewerProfileError, WrongKeyError
from homespun.profile.failures import damaged
from homespun.profile.files import KEY, NotRegularError, read_bounded
from homespun.profile.secret import Secret

SCHEMA_VERSION = 1
"""Version of the key file that this package writes and reads."""

KEY_SIZE = 32
"""Bytes in the data key and in the key that wraps it."""

NONCE_SIZE = 12
"""Bytes in AES-GCM's nonce."""

SALT_SIZE = 16
"""Bytes in the derivation's salt."""

MAX_FILE_SIZE = 16 * 1024
"""Bytes in a key file; what we write has about 500."""

MOST_MEMORY_KIB = min(256 * 1024, ARGON2_MEMORY_KIB[1])
"""Most memory that a key file may ask for, in KiB."""

MOST_ITERATIONS = min(8, ARGON2_ITERATIONS[1])
"""Most passes that a key file may ask for; with the memory above opening takes a few seconds at worst."""

KeySource = Literal["passphrase", "bytes", "keyring"]

Salt = Annotated[bytes, msgspec.Meta(min_length=SALT_SIZE, max_length=SALT_SIZE)]
Nonce = Annotated[bytes, msgspec.Meta(min_length=NONCE_SIZE, max_length=NONCE_SIZE)]
Wrapped = Annotated[bytes, msgspec.Meta(min_length=KEY_SIZE + 16, max_length=KEY_SIZE + 16)]
ProfileId = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$", max_length=32)]
Memory = Annotated[int, msgspec.Meta(ge=ARGON2_MEMORY_KIB[0], le=MOST_MEMORY_KIB)]
Iterations = Annotated[int, msgspec.Meta(ge=ARGON2_ITERATIONS[0], le=MOST_ITERATIONS)]
Lanes = Annotated[int, msgspec.Meta(ge=ARGON2_LANES[0], le=ARGON2_LANES[1])]


class Argon2id(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="name", tag="argon2id"):
    """Parameters of Argon2id (RFC 9106): 16 bytes of salt, memory in KiB, passes, lanes."""

    salt: Salt
    memory_kib: Memory
    iterations: Iterations
    lanes: Lanes


class Hkdf(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="name", tag="hkdf-sha256"):
    """Parameters of HKDF with SHA-256 (RFC 5869): 16 bytes of salt."""

    salt: Salt


class KeyringEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the operating system's keyring holds the secret; not secret itself."""

    service: str
    username: str


class KeyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The contents of ``key.json``; bytes are base64 there.

    Attributes:
        schema: SCHEMA_VERSION of the writer.
        profile: The profile's random id, 32 hexadecimal digits.
        source: What the wrapping key is made from.
        kdf: How it is made.
        keyring: The entry of the operating system's keyring, if the source is that.
        cipher: How the data key is wrapped.
        nonce: 12 bytes.
        wrapped: 48 bytes: the data key and its tag.
    """

    schema: int = SCHEMA_VERSION
    profile: ProfileId
    source: KeySource
    kdf: Argon2id | Hkdf
    keyring: KeyringEntry | None = None
    cipher: Literal["aes-256-gcm"] = "aes-256-gcm"
    nonce: Nonce
    wrapped: Wrapped

    def wrap(self, wrapping_key: Secret, data_key: Secret, nonce: bytes) -> "KeyFile":
        """Return the file with the data key in it."""
        wrapped = AESGCM(wrapping_key.reveal()).encrypt(nonce, data_key.reveal(), self._associated_data())
        return msgspec.structs.replace(self, nonce=nonce, wrapped=wrapped)

    def unwrap(self, wrapping_key: Secret) -> Secret:
        """Return the data key, 32 bytes.

        Raises:
            WrongKeyError: The wrapping key is another one, or a field was changed.
        """
        try:
            return Secret(AESGCM(wrapping_key.reveal()).decrypt(self.nonce, self.wrapped, self._associated_data()))
        except InvalidTag as error:
            raise WrongKeyError(
                "The key does not open this profile, or its key.json was changed. Nothing was changed now; "
                "check the passphrase or the key, or restore key.json from a backup."
            ) from error

    def _associated_data(self) -> bytes:
        bare = msgspec.structs.replace(self, nonce=b"", wrapped=b"")
        return msgspec.json.encode(bare, order="sorted")

    def encode(self) -> bytes:
        """Return the bytes of ``key.json``."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"


class _Versioned(msgspec.Struct):
    schema: int


class _Recognizable(_Versioned):
    """What a key file of any version has."""

    profile: ProfileId
    nonce: str
    wrapped: str


def read_key_file(folder: Path) -> KeyFile:
    """Return the folder's key file.

    Raises:
        NewerProfileError: A newer homespun wrote it.
        DamagedProfileError: It is not a key file, or asks for a cost that nobody would choose.
        OSError: It cannot be read.
    """
    try:
        data = read_bounded(folder / KEY, MAX_FILE_SIZE)
    except NotRegularError as error:
        raise damaged(folder, f"{KEY} is no ordinary file ({error.strerror})") from error
    if len(data) > MAX_FILE_SIZE:
        raise damaged(folder, f"{KEY} is longer than {MAX_FILE_SIZE} bytes")
    try:
        version = msgspec.json.decode(data, type=_Versioned).schema
        check_version(version, SCHEMA_VERSION, folder)
        return msgspec.json.decode(data, type=KeyFile)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise damaged(folder, f"{KEY} is not a key file ({error})") from error


def check_version(version: int, known: int, folder: Path) -> None:
    """Check that this package, which reads schema ``known``, can read what has schema ``version``.

    Raises:
        NewerProfileError: A newer homespun wrote it.
        DamagedProfileError: No homespun ever wrote that version.
    """
    if version > known:
        raise NewerProfileError(
            f"The profile in '{folder}' has schema {version}; this homespun reads {known}. A newer "
            "homespun wrote it, and it was left untouched. Update homespun to open it."
        )
    if version != known:
        raise damaged(folder, f"it has schema {version}, which no homespun wrote")


def profile_id(folder: Path) -> str | None:
    """Return the id of the profile in the folder, without its key; None if it cannot be read."""
    try:
        return read_key_file(folder).profile
    except (OSError, DamagedProfileError, NewerProfileError):
        return None


def is_key_file(path: Path) -> bool:
    """Return whether the file is readable and has the look of a key file, of whatever version."""
    try:
        msgspec.json.decode(read_bounded(path, MAX_FILE_SIZE)[:MAX_FILE_SIZE], type=_Recognizable)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return True
