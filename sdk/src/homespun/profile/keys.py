"""What opens a profile: a passphrase, 32 bytes, the operating system's keyring, or nothing kept at all.

A key never holds the data key; it wraps and unwraps it, see ``keyfile``. Non-goals: Python cannot wipe
secrets from memory, and somebody who can read this process's memory can read the profile.
"""

import builtins
import unicodedata
from typing import Self

from homespun.config import Settings
from homespun.errors import MisuseError, WrongKeyError
from homespun.profile.files import Entropy
from homespun.profile.key_sources import KeyringSource, PassphraseSource, RawSource, Source
from homespun.profile.keyfile import KEY_SIZE, NONCE_SIZE, KeyFile
from homespun.profile.secret import Secret
from homespun.profile.system_keyring import KeyringBackend, system_keyring


class Key:
    """What opens a profile. Made by one of its constructors; shows no secret when printed."""

    __slots__ = ("_source",)

    def __init__(self, source: Source | None) -> None:
        """Use ``Key.passphrase``, ``Key.bytes``, ``Key.keyring`` or ``Key.ephemeral`` instead."""
        self._source = source

    @classmethod
    def passphrase(cls, text: str) -> Self:
        """Return a key made from something that the person remembers, by Argon2id.

        Opening costs the derivation, about a sixth of a second and 64 MiB with the default settings.
        Differently composed but equal characters count as equal (Unicode NFC).

        Raises:
            MisuseError: If ``text`` is empty or blank.
        """
        if not isinstance(text, str) or not text.strip():
            raise MisuseError("The passphrase is empty; anybody could open the profile. Ask the person for one.")
        # Looked for rather than tried: the failure of an encoding carries the whole passphrase.
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise MisuseError("The passphrase contains half of a surrogate pair; give other text.")
        return cls(PassphraseSource(Secret(unicodedata.normalize("NFC", text).encode())))

    @classmethod
    def keyring(cls, service: str, username: str = "homespun", *, backend: KeyringBackend | None = None) -> Self:
        """Return a key that the operating system's keyring keeps (extra ``homespun[keyring]``).

        Every profile gets an entry of its own, '<username>/<profile id>', so that erasing one profile
        destroys its key and no other.

        Args:
            service: The application's name in the keyring.
            username: Start of the entry's user name.
            backend: Another keyring that the application trusts, instead of the operating system's.

        Raises:
            MisuseError: If a name is empty.
            KeyringUnavailableError: There is no real keyring; never a silent fallback.
        """
        for name, value in (("service", service), ("username", username)):
            if not isinstance(value, str) or not value.isprintable() or not value.strip():
                raise MisuseError(f"The keyring's {name} is {value!r}; give your application's name.")
        return cls(KeyringSource(service, username, system_keyring() if backend is None else backend))

    @classmethod
    def ephemeral(cls) -> Self:
        """Return the key of a profile that lives in memory only and ends with the process."""
        return cls(None)

    @classmethod
    def bytes(cls, raw: builtins.bytes) -> Self:
        """Return a key from 32 unpredictable bytes that the application keeps somewhere safe.

        Raises:
            MisuseError: If ``raw`` is not exactly 32 bytes.
        """
        if not isinstance(raw, builtins.bytes | bytearray) or len(raw) != KEY_SIZE:
            raise MisuseError(f"Key.bytes needs exactly {KEY_SIZE} bytes; make them once with os.urandom(32).")
        return cls(RawSource(Secret(builtins.bytes(raw))))

    @property
    def is_ephemeral(self) -> bool:
        """Whether the profile lives in memory only."""
        return self._source is None

    @property
    def keyring_backend(self) -> KeyringBackend | None:
        """The keyring that keeps the key, if one does."""
        return self._source.backend if isinstance(self._source, KeyringSource) else None

    def seal(self, profile: str, data_key: Secret, *, settings: Settings, entropy: Entropy) -> KeyFile:
        """Return the key file of a new profile.

        Args:
            profile: The profile's id, 32 hexadecimal digits.
            data_key: 32 bytes.
            settings: Costs of the passphrase derivation.
            entropy: Source of salts, nonces and keyring secrets.

        Raises:
            KeyringUnavailableError: The keyring did not keep the key.
        """
        source = self._kept()
        file = source.prepare(profile, settings, entropy)
        return file.wrap(source.wrapping_key(file), data_key, entropy(NONCE_SIZE))

    def unseal(self, file: KeyFile) -> Secret:
        """Return the data key of an existing profile, 32 bytes.

        Raises:
            WrongKeyError: The profile was made with another key or another kind of key.
            KeyringUnavailableError: The keyring refused.
        """
        source = self._kept()
        if file.source != source.kind:
            raise WrongKeyError(
                f"The profile was made with Key.{file.source}, and this is Key.{source.kind}. Nothing was "
                f"changed; open it with Key.{file.source}."
            )
        return file.unwrap(source.wrapping_key(file))

    def _kept(self) -> Source:
        if self._source is None:
            raise MisuseError("An ephemeral key wraps nothing; its profile has no key file.")
        return self._source

    def __repr__(self) -> str:
        return f"Key.{'ephemeral' if self._source is None else self._source.kind}(...)"
