"""The key file: the profile's data key, wrapped once for each key that opens the profile.

``key.json`` names the main database and holds its 256-bit data key in *slots*, one for each kind of key. A slot
says how a wrapping key is made from what the person or the application has, and holds the data key under
AES-256-GCM. Everything in the file but the other slots and ``pending`` is associated data of a slot, so that
no field can be changed without the unwrapping failing. It cannot be told whether a key is wrong or the file was
changed with care; both are a WrongKeyError. Costs that the file asks for are bounded before they are paid.

Non-goals: somebody who can write to the folder can put an older key file back, or take a slot away; the first
opens nothing that is still there, and the second is damage like any other.
"""

import re
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from homespun.config import ARGON2_ITERATIONS, ARGON2_LANES, ARGON2_MEMORY_KIB
from homespun.errors import DamagedProfileError, MisuseError, NewerProfileError, WrongKeyError
from homespun.profile.failures import damaged
from homespun.profile.files import KEY, NotRegularError, read_bounded
from homespun.profile.secret import Secret

SCHEMA_VERSION = 2
"""Version of the key file that this package writes; it reads version 1 too."""

KEY_SIZE = 32
"""Bytes in the data key and in the key that wraps it."""

NONCE_SIZE = 12
"""Bytes in AES-GCM's nonce."""

SALT_SIZE = 16
"""Bytes in the derivation's salt."""

TOKEN_SIZE = 32
"""Bytes in the key of the tombstone's MAC."""

MAX_FILE_SIZE = 16 * 1024
"""Bytes in a key file; what we write has about 700, and 300 more with every further slot."""

MAX_PENDING = 8
"""Most keyring entries that wait to be deleted."""

KeySource = Literal["passphrase", "bytes", "keyring", "recovery"]
KeyStorePlace = Literal["inside", "outside", "mixed"]

Salt = Annotated[bytes, msgspec.Meta(min_length=SALT_SIZE, max_length=SALT_SIZE)]
Nonce = Annotated[bytes, msgspec.Meta(min_length=NONCE_SIZE, max_length=NONCE_SIZE)]
Wrapped = Annotated[bytes, msgspec.Meta(min_length=KEY_SIZE + 16, max_length=KEY_SIZE + 16)]
Token = Annotated[bytes, msgspec.Meta(min_length=TOKEN_SIZE, max_length=TOKEN_SIZE)]
# The lengths are said because the pattern's end matches before a line feed too.
ProfileId = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$", max_length=32)]
MainDatabase = Annotated[str, msgspec.Meta(pattern=r"^profile-[0-9a-f]{16}\.db$", max_length=27)]
Memory = Annotated[int, msgspec.Meta(ge=ARGON2_MEMORY_KIB[0], le=ARGON2_MEMORY_KIB[1])]
Iterations = Annotated[int, msgspec.Meta(ge=ARGON2_ITERATIONS[0], le=ARGON2_ITERATIONS[1])]
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

    def username_for(self, profile: str) -> str | None:
        """Return the part of the user name before the profile's id; None if the entry is another profile's.

        Such an entry is called '<username>/<profile id>' or '<username>/<profile id>/<8 hexadecimal digits>'.
        """
        match = re.fullmatch(f"(.+)/{re.escape(profile)}(?:/[0-9a-f]{{8}})?", self.username)
        return None if match is None else match[1]


class Slot(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The data key, wrapped for one key; bytes are base64 in the file.

    Attributes:
        source: What the wrapping key is made from.
        kdf: How it is made.
        keyring: The entry of the operating system's keyring, if the source is that.
        cipher: How the data key is wrapped.
        nonce: 12 bytes.
        wrapped: 48 bytes: the data key and its tag.
    """

    source: KeySource
    kdf: Argon2id | Hkdf
    keyring: KeyringEntry | None = None
    cipher: Literal["aes-256-gcm"] = "aes-256-gcm"
    nonce: Nonce = b""
    wrapped: Wrapped = b""


class KeyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The contents of ``key.json``; bytes are base64 there.

    Attributes:
        schema: SCHEMA_VERSION of the writer.
        profile: The profile's random id, 32 hexadecimal digits.
        database: The name of the main database's file.
        token: 32 bytes, the key of the MAC of the profile's tombstone; see ``tombstones``.
        key_store: Where the other databases' keys are: in the main database (``inside``) or outside the folder;
            ``mixed`` if outside, and what some of them hold was under a key that was kept inside before.
        slots: The wrapped data key, at most once for each kind of key.
        pending: Entries of the keyring that are not used yet or not any more; see ``keys``. Not authenticated,
            and believed only where it names entries of this very profile.
    """

    schema: Literal[2] = 2
    profile: ProfileId
    database: MainDatabase
    token: Token
    key_store: KeyStorePlace
    slots: Annotated[tuple[Slot, ...], msgspec.Meta(min_length=1, max_length=4)] = ()
    pending: Annotated[tuple[KeyringEntry, ...], msgspec.Meta(max_length=MAX_PENDING)] = ()

    def __post_init__(self) -> None:
        """Refuse two slots of a kind, which nobody writes."""
        if len(set(self.sources)) != len(self.slots):
            raise ValueError("two of its slots are for the same kind of key")

    @property
    def sources(self) -> tuple[KeySource, ...]:
        """The kinds of key that open the profile."""
        return tuple(slot.source for slot in self.slots)

    @property
    def entries(self) -> tuple[KeyringEntry, ...]:
        """This profile's entries of the keyring: those that open it, then those that are pending."""
        entries = dict.fromkeys((*(slot.keyring for slot in self.slots), *self.pending))
        return tuple(entry for entry in entries if entry is not None and entry.username_for(self.profile))

    def slot(self, source: KeySource) -> Slot | None:
        """Return the slot for that kind of key, if there is one."""
        return next((slot for slot in self.slots if slot.source == source), None)

    def purpose(self, source: KeySource) -> bytes:
        """Return what that kind's wrapping key is derived for (the ``info`` of HKDF)."""
        return f"homespun key file 2 wrapping key, {source}".encode()

    def with_slot(self, slot: Slot, wrapping_key: Secret, data_key: Secret, nonce: bytes) -> "KeyFile":
        """Return the file with the data key in that slot, which replaces one of its kind.

        Args:
            slot: The slot; its nonce and its wrapped key do not count.
            wrapping_key: 32 bytes, see ``Slot.kdf``.
            data_key: 32 bytes, the same as in the other slots.
            nonce: 12 bytes.
        """
        wrapped = AESGCM(wrapping_key.reveal()).encrypt(nonce, data_key.reveal(), self._associated_data(slot))
        filled = msgspec.structs.replace(slot, nonce=nonce, wrapped=wrapped)
        others = tuple(other for other in self.slots if other.source != slot.source)
        return msgspec.structs.replace(self, slots=(*others, filled))

    def without_slot(self, source: KeySource) -> "KeyFile":
        """Return the file that this kind of key does not open.

        An older copy of the file still opens the same database with it; only another data key ends that.

        Raises:
            MisuseError: It is the last one, without which nobody could open the profile.
        """
        others = tuple(slot for slot in self.slots if slot.source != source)
        if not others:
            raise MisuseError(f"Key.{source} is the only key of the profile; give it another one before.")
        return msgspec.structs.replace(self, slots=others)

    def unwrap(self, slot: Slot, wrapping_key: Secret) -> Secret:
        """Return the data key, 32 bytes.

        Raises:
            WrongKeyError: The wrapping key is another one, or a field was changed.
        """
        return _unwrapped(wrapping_key, slot.nonce, slot.wrapped, self._associated_data(slot))

    def _associated_data(self, slot: Slot) -> bytes:
        around = {name: value for name, value in msgspec.structs.asdict(self).items() if name not in _NOT_BOUND}
        bare = msgspec.structs.replace(slot, nonce=b"", wrapped=b"")
        return msgspec.json.encode({**around, "slot": bare}, order="sorted")

    def encode(self) -> bytes:
        """Return the bytes of ``key.json``."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"


_NOT_BOUND = ("slots", "pending")


class KeyFile1(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The key file of schema 1, which had one slot and one database, ``profile.db``. It is only read."""

    schema: Literal[1] = 1
    profile: ProfileId
    source: Literal["passphrase", "bytes", "keyring"]
    kdf: Argon2id | Hkdf
    keyring: KeyringEntry | None = None
    cipher: Literal["aes-256-gcm"] = "aes-256-gcm"
    nonce: Nonce
    wrapped: Wrapped

    @property
    def sources(self) -> tuple[KeySource, ...]:
        """The kind of key that opens the profile."""
        return (self.source,)

    @property
    def entries(self) -> tuple[KeyringEntry, ...]:
        """This profile's entry of the keyring, if it has one."""
        return () if self.keyring is None or not self.keyring.username_for(self.profile) else (self.keyring,)

    @property
    def token(self) -> bytes:
        """The key of the tombstone's MAC, 32 bytes.

        Schema 1 had none. It is made from what the file says, so that the migrated profile's tombstone holds
        for a backup from before the migration as well.
        """
        return sha256(b"homespun token of key file 1\n" + msgspec.json.encode(self, order="sorted")).digest()

    def slot(self, source: KeySource) -> Slot | None:
        """Return its one slot, if it is for that kind of key."""
        if source != self.source:
            return None
        return Slot(source=source, kdf=self.kdf, keyring=self.keyring, nonce=self.nonce, wrapped=self.wrapped)

    def purpose(self, source: KeySource) -> bytes:  # noqa: ARG002
        """Return what the wrapping key is derived for (the ``info`` of HKDF)."""
        return b"homespun key file 1 wrapping key"

    def unwrap(self, slot: Slot, wrapping_key: Secret) -> Secret:
        """Return the data key, 32 bytes.

        Raises:
            WrongKeyError: The wrapping key is another one, or a field was changed.
        """
        bare = msgspec.structs.replace(self, nonce=b"", wrapped=b"")
        return _unwrapped(wrapping_key, slot.nonce, slot.wrapped, msgspec.json.encode(bare, order="sorted"))


def _unwrapped(wrapping_key: Secret, nonce: bytes, wrapped: bytes, associated: bytes) -> Secret:
    try:
        return Secret(AESGCM(wrapping_key.reveal()).decrypt(nonce, wrapped, associated))
    except InvalidTag as error:
        raise WrongKeyError(
            "The key does not open this profile, or its key.json was changed. Nothing was changed now; "
            "check the passphrase or the key, or restore key.json from a backup."
        ) from error


class _Versioned(msgspec.Struct):
    schema: int


class _Recognizable(_Versioned):
    """What a key file of any version has."""

    profile: ProfileId
    wrapped: str | None = None
    slots: tuple[dict[str, msgspec.Raw], ...] = ()


def read_key_file(folder: Path) -> KeyFile | KeyFile1:
    """Return the folder's key file, of whichever schema it is.

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
        if version == 1:
            return msgspec.json.decode(data, type=KeyFile1)
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
        seen = msgspec.json.decode(read_bounded(path, MAX_FILE_SIZE)[:MAX_FILE_SIZE], type=_Recognizable)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return seen.wrapped is not None or bool(seen.slots)
