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
    MOST_ITERATIONS,
    MOST_MEMORY_KIB,
    SALT_SIZE,
    Argon2id,
    Hkdf,
    KeyFile,
    KeyringEntry,
    KeySource,
)
from homespun.profile.secret import Secret
from homespun.profile.system_keyring import KeyringBackend, read_entry, write_entry

_INFO = b"homespun key file 1 wrapping key"


class Source(Protocol):
    """Makes wrapping keys."""

    @property
    def kind(self) -> KeySource:
        """The source's name in key files."""

    def prepare(self, profile: str, settings: Settings, entropy: Entropy) -> KeyFile:
        """Return a key file without a data key, for a new profile."""

    def wrapping_key(self, file: KeyFile) -> Secret:
        """Return the 32 bytes that wrap the data key of ``file``."""


@dataclass(frozen=True, slots=True)
class PassphraseSource:
    """Argon2id of something that the person remembers."""

    secret: Secret

    @property
    def kind(self) -> KeySource:
        """The source's name in key files."""
        return "passphrase"

    def prepare(self, profile: str, settings: Settings, entropy: Entropy) -> KeyFile:
        """Return a key file without a data key, for a new profile.

        Raises:
            MisuseError: The settings cost more than a key file may ask for.
        """
        if settings.argon2_memory_kib > MOST_MEMORY_KIB or settings.argon2_iterations > MOST_ITERATIONS:
            raise MisuseError(
                f"A profile's passphrase may cost at most {MOST_MEMORY_KIB} KiB and {MOST_ITERATIONS} passes, so "
                "that opening stays a matter of seconds; lower argon2_memory_kib or argon2_iterations."
            )
        kdf = Argon2id(
            salt=entropy(SALT_SIZE),
            memory_kib=settings.argon2_memory_kib,
            iterations=settings.argon2_iterations,
            lanes=settings.argon2_lanes,
        )
        return _unsealed(profile, self.kind, kdf)

    def wrapping_key(self, file: KeyFile) -> Secret:
        """Return the 32 bytes that wrap the data key of ``file``."""
        kdf = file.kdf
        if not isinstance(kdf, Argon2id):
            raise _wrong_derivation(file)
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
    """HKDF of 32 bytes that the application keeps."""

    secret: Secret

    @property
    def kind(self) -> KeySource:
        """The source's name in key files."""
        return "bytes"

    def prepare(self, profile: str, settings: Settings, entropy: Entropy) -> KeyFile:  # noqa: ARG002
        """Return a key file without a data key, for a new profile."""
        return _unsealed(profile, self.kind, Hkdf(salt=entropy(SALT_SIZE)))

    def wrapping_key(self, file: KeyFile) -> Secret:
        """Return the 32 bytes that wrap the data key of ``file``."""
        return _expand(file, self.secret)


@dataclass(frozen=True, slots=True)
class KeyringSource:
    """HKDF of 32 bytes that the keyring keeps, in an entry of the profile's own."""

    service: str
    username: str
    backend: KeyringBackend

    @property
    def kind(self) -> KeySource:
        """The source's name in key files."""
        return "keyring"

    def prepare(self, profile: str, settings: Settings, entropy: Entropy) -> KeyFile:  # noqa: ARG002
        """Return a key file without a data key, for a new profile."""
        entry = self._entry(profile)
        write_entry(self.backend, entry, Secret(entropy(KEY_SIZE)))
        return _unsealed(profile, self.kind, Hkdf(salt=entropy(SALT_SIZE)), entry)

    def wrapping_key(self, file: KeyFile) -> Secret:
        """Return the 32 bytes that wrap the data key of ``file``."""
        entry = self._entry(file.profile)
        if file.keyring != entry:
            raise WrongKeyError(
                f"The profile's key is kept under another name than '{entry.username}' of '{entry.service}'. "
                "Nothing was changed; use the service and user name that it was made with."
            )
        return _expand(file, self._secret(entry))

    def _secret(self, entry: KeyringEntry) -> Secret:
        secret = _decoded(read_entry(self.backend, entry) or "")
        if secret is None:
            raise WrongKeyError(
                f"The keyring has no usable entry '{entry.username}' of '{entry.service}'. Without it this "
                "profile cannot be opened; restore the keyring, or erase the profile and start again."
            )
        return secret

    def _entry(self, profile: str) -> KeyringEntry:
        return KeyringEntry(service=self.service, username=f"{self.username}/{profile}")


def _unsealed(profile: str, source: KeySource, kdf: Argon2id | Hkdf, entry: KeyringEntry | None = None) -> KeyFile:
    return KeyFile(profile=profile, source=source, kdf=kdf, keyring=entry, nonce=b"", wrapped=b"")


def _decoded(text: str) -> Secret | None:
    try:
        secret = bytes.fromhex(text)
    except ValueError:
        return None
    return Secret(secret) if len(secret) == KEY_SIZE else None


def _expand(file: KeyFile, secret: Secret) -> Secret:
    if not isinstance(file.kdf, Hkdf):
        raise _wrong_derivation(file)
    derivation = hkdf.HKDF(algorithm=SHA256(), length=KEY_SIZE, salt=file.kdf.salt, info=_INFO)
    return Secret(derivation.derive(secret.reveal()))


def _wrong_derivation(file: KeyFile) -> WrongKeyError:
    return WrongKeyError(
        f"The profile's key.json names a derivation that Key.{file.source} does not use, so it was changed. "
        "Nothing was changed now; restore key.json from a backup."
    )
