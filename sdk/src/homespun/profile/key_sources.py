"""Where the key that wraps a profile's data key comes from, for each kind of key."""

from dataclasses import dataclass
from typing import Protocol

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf import argon2, hkdf

from homespun.config import Settings
from homespun.errors import MisuseError, WrongKeyError
from homespun.profile.files import Entropy
from homespun.profile.keyfile import (
    KEY_SIZE,
    SALT_SIZE,
    Argon2id,
    Hkdf,
    KeyFile,
    KeyFile1,
    KeyringEntry,
    KeySource,
    Slot,
)
from homespun.profile.secret import Secret
from homespun.profile.system_keyring import KeyringBackend, read_entry, write_entry

_SUFFIX_SIZE = 4

AnyKeyFile = KeyFile | KeyFile1


class Source(Protocol):
    """Makes wrapping keys."""

    @property
    def kind(self) -> KeySource:
        """The source's name in key files."""

    def new_slot(self, settings: Settings, entropy: Entropy, entry: KeyringEntry | None) -> Slot:
        """Return an empty slot; ``entry`` is what ``KeyringSource.choose`` gave, and is written."""

    def wrapping_key(self, file: AnyKeyFile, slot: Slot) -> Secret:
        """Return the 32 bytes that wrap the data key in ``slot``, which is ``file``'s."""


@dataclass(frozen=True, slots=True)
class PassphraseSource:
    """Argon2id of something that the person remembers."""

    secret: Secret

    @property
    def kind(self) -> KeySource:
        """The source's name in key files."""
        return "passphrase"

    def new_slot(self, settings: Settings, entropy: Entropy, entry: KeyringEntry | None) -> Slot:  # noqa: ARG002
        """Return an empty slot."""
        kdf = Argon2id(
            salt=entropy(SALT_SIZE),
            memory_kib=settings.argon2_memory_kib,
            iterations=settings.argon2_iterations,
            lanes=settings.argon2_lanes,
        )
        return Slot(source=self.kind, kdf=kdf)

    def wrapping_key(self, file: AnyKeyFile, slot: Slot) -> Secret:  # noqa: ARG002
        """Return the 32 bytes that wrap the data key in ``slot``."""
        kdf = slot.kdf
        if not isinstance(kdf, Argon2id):
            raise _wrong_derivation(slot)
        derivation = argon2.Argon2id(
            salt=kdf.salt,
            length=KEY_SIZE,
            iterations=kdf.iterations,
            lanes=kdf.lanes,
            memory_cost=kdf.memory_kib,
        )
        return Secret(derivation.derive(self.secret.reveal()))


@dataclass(frozen=True, slots=True)
class RawSource:
    """HKDF of 32 bytes that the application keeps, or that the person wrote down as a recovery key."""

    secret: Secret
    kind: KeySource = "bytes"

    def new_slot(self, settings: Settings, entropy: Entropy, entry: KeyringEntry | None) -> Slot:  # noqa: ARG002
        """Return an empty slot."""
        return self.empty_slot(entropy)

    def empty_slot(self, entropy: Entropy) -> Slot:
        """Return an empty slot, which costs nothing that settings could say."""
        return Slot(source=self.kind, kdf=Hkdf(salt=entropy(SALT_SIZE)))

    def wrapping_key(self, file: AnyKeyFile, slot: Slot) -> Secret:
        """Return the 32 bytes that wrap the data key in ``slot``."""
        return _expand(file, slot, self.secret)


@dataclass(frozen=True, slots=True)
class KeyringSource:
    """HKDF of 32 bytes that the keyring keeps, in an entry of this slot's own."""

    service: str
    username: str
    backend: KeyringBackend

    @property
    def kind(self) -> KeySource:
        """The source's name in key files."""
        return "keyring"

    def choose(self, profile: str, entropy: Entropy) -> KeyringEntry:
        """Return the name of a new entry; nothing is written."""
        return KeyringEntry(service=self.service, username=f"{self.username}/{profile}/{entropy(_SUFFIX_SIZE).hex()}")

    def owns(self, entry: KeyringEntry, profile: str) -> bool:
        """Return whether an entry is the profile's and has this source's names."""
        return entry.service == self.service and entry.username_for(profile) == self.username

    def new_slot(self, settings: Settings, entropy: Entropy, entry: KeyringEntry | None) -> Slot:  # noqa: ARG002
        """Write the entry and return an empty slot."""
        if entry is None:
            raise MisuseError("The keyring's entry was not announced in key.json; call Key.prepare before.")
        write_entry(self.backend, entry, Secret(entropy(KEY_SIZE)))
        return self.slot_of(entry, entropy)

    def slot_of(self, entry: KeyringEntry, entropy: Entropy) -> Slot:
        """Return an empty slot for an entry that exists."""
        return Slot(source=self.kind, kdf=Hkdf(salt=entropy(SALT_SIZE)), keyring=entry)

    def wrapping_key(self, file: AnyKeyFile, slot: Slot) -> Secret:
        """Return the 32 bytes that wrap the data key in ``slot``."""
        entry = slot.keyring
        if entry is None or not self.owns(entry, file.profile):
            raise WrongKeyError(
                f"The profile's key is kept under another name than '{self.username}/{file.profile}' of "
                f"'{self.service}'. Nothing was changed; use the service and user name that it was made with."
            )
        return _expand(file, slot, self._secret(entry))

    def _secret(self, entry: KeyringEntry) -> Secret:
        secret = _decoded(read_entry(self.backend, entry))
        if secret is None:
            raise WrongKeyError(
                f"The keyring has no usable entry '{entry.username}' of '{entry.service}', so this does not open "
                "the profile. Restore the keyring, open the profile with Key.recovery if a recovery key was "
                "exported, or erase it and start again."
            )
        return secret


def _decoded(text: str | None) -> Secret | None:
    try:
        secret = Secret(bytes.fromhex(text or ""))
    except ValueError:
        return None
    return secret if len(secret.reveal()) == KEY_SIZE else None


def _expand(file: AnyKeyFile, slot: Slot, secret: Secret) -> Secret:
    if not isinstance(slot.kdf, Hkdf):
        raise _wrong_derivation(slot)
    derivation = hkdf.HKDF(algorithm=SHA256(), length=KEY_SIZE, salt=slot.kdf.salt, info=file.purpose(slot.source))
    return Secret(derivation.derive(secret.reveal()))


def _wrong_derivation(slot: Slot) -> WrongKeyError:
    return WrongKeyError(
        f"The profile's key.json names a derivation that Key.{slot.source} does not use, so it was changed. "
        "Nothing was changed now; restore key.json from a backup."
    )
