"""What opens a profile: a passphrase, 32 bytes, the operating system's keyring, or nothing kept at all.

A key never holds the data key; it wraps and unwraps it, see ``keyfile``. Non-goals: Python cannot wipe
secrets from memory, and somebody who can read this process's memory can read the profile.

Changing what opens a profile, or its data key, takes the three steps that ``sealing`` describes: ``prepare``,
``reseal``, ``forget``.
"""

import builtins
import unicodedata
from typing import Self

from homespun.config import Settings
from homespun.errors import MisuseError
from homespun.profile import sealing
from homespun.profile.files import Entropy
from homespun.profile.key_sources import KeyringSource, PassphraseSource, RawSource, Source
from homespun.profile.key_store import KeyringKeyStore, KeyStore, checked
from homespun.profile.keyfile import KEY_SIZE, KeyFile, KeyFile1, KeyStorePlace
from homespun.profile.recovery import parse_recovery
from homespun.profile.secret import Secret, Unpicklable
from homespun.profile.system_keyring import KeyringBackend, system_keyring
from homespun.profile.tombstones import KeyringTombstones, Tombstones


class Key(Unpicklable):
    """What opens a profile. Made by one of its constructors; shows no secret when printed."""

    __slots__ = ("_source",)

    def __init__(self, source: Source | None) -> None:
        """Use ``Key.passphrase``, ``Key.bytes``, ``Key.keyring``, ``Key.recovery`` or ``Key.ephemeral``."""
        self._source = source

    @classmethod
    def passphrase(cls, text: str) -> Self:
        """Return a key made from something that the person remembers, by Argon2id.

        Opening costs the derivation, about a sixth of a second and 64 MiB with the default settings.
        Differently composed but equal characters count as equal (Unicode NFC).

        Raises:
            MisuseError: If ``text`` is empty or blank.
        """
        fault = _fault(text)
        if fault is not None:
            # What is in this frame would be shown by whoever reports the mistake.
            del text
            raise MisuseError(fault)
        return cls(PassphraseSource(Secret(unicodedata.normalize("NFC", text).encode())))

    @classmethod
    def keyring(cls, service: str, username: str = "homespun", *, backend: KeyringBackend | None = None) -> Self:
        """Return a key that the operating system's keyring keeps (extra ``homespun[keyring]``).

        Every profile gets entries of its own, '<username>/<profile id>/...', so that erasing one profile
        destroys its keys and no other's.

        Args:
            service: The application's name in the keyring.
            username: Start of the entries' user names.
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
    def recovery(cls, text: str) -> Self:
        """Return a recovery key that was exported, to open a profile whose own key is lost.

        It opens the profile but seals nothing: give the profile another key then.

        Args:
            text: What was written down; capitals, spaces, dashes and O for 0 or I for 1 do not matter.

        Raises:
            MisuseError: It is mistyped.
        """
        typed = Secret(text.encode(errors="replace") if isinstance(text, str) else b"")
        # What is in this frame would be shown by whoever reports the mistake.
        del text
        return cls(RawSource(parse_recovery(typed), "recovery"))

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
            del raw
            raise MisuseError(f"Key.bytes needs exactly {KEY_SIZE} bytes; make them once with os.urandom(32).")
        return cls(RawSource(Secret(builtins.bytes(raw))))

    @property
    def is_ephemeral(self) -> bool:
        """Whether the profile lives in memory only."""
        return self._source is None

    @property
    def kind(self) -> str:
        """Its kind, as its constructor is called."""
        return "ephemeral" if self._source is None else self._source.kind

    @property
    def is_recovery(self) -> bool:
        """Whether it is a recovery key, which opens and does not seal."""
        return self._source is not None and self._source.kind == "recovery"

    @property
    def keyring_backend(self) -> KeyringBackend | None:
        """The keyring that keeps the key, if one does."""
        return self._source.backend if isinstance(self._source, KeyringSource) else None

    def key_store(self, profile: str) -> KeyStore | None:
        """Return where the keys of the profile's other databases are kept: the keyring, if it keeps this key."""
        source = self._source
        if not isinstance(source, KeyringSource):
            return None
        return checked(KeyringKeyStore(source.backend, source.service, source.username, profile))

    def tombstones(self) -> Tombstones | None:
        """Return where erased profiles are remembered: the keyring, if it keeps this key."""
        source = self._source
        if not isinstance(source, KeyringSource):
            return None
        return KeyringTombstones(source.backend, source.service, source.username)

    def seal(
        self,
        profile: str,
        database: str,
        data_key: Secret,
        *,
        token: builtins.bytes,
        key_store: KeyStorePlace,
        settings: Settings,
        entropy: Entropy,
    ) -> KeyFile:
        """Return the key file of a new profile.

        Args:
            profile: The profile's id, 32 hexadecimal digits.
            database: The main database's file, 'profile-<16 hexadecimal digits>.db'.
            data_key: 32 bytes.
            token: 32 bytes, the key of the tombstone's MAC.
            key_store: Where the other databases' keys are.
            settings: Costs of the passphrase derivation.
            entropy: Source of salts, nonces, keyring names and keyring secrets.

        Raises:
            MisuseError: The key is ephemeral or a recovery key.
            KeyringUnavailableError: The keyring did not keep the key.
        """
        file = KeyFile(profile=profile, database=database, token=token, key_store=key_store)
        return sealing.seal(file, self._lasting(), data_key, settings, entropy)

    def migrate(
        self,
        file: KeyFile1,
        database: str,
        data_key: Secret,
        *,
        key_store: KeyStorePlace,
        settings: Settings,
        entropy: Entropy,
    ) -> KeyFile:
        """Return the key file that replaces one of schema 1, which this key opens.

        The profile keeps its id and gets the token that ``KeyFile1.token`` says. In the keyring it keeps its
        entry and gets a new one with the first ``reseal``, so that an interrupted migration leaves nothing there.

        Args:
            file: The key file of schema 1.
            database: As in ``seal``.
            data_key: The new main database's, 32 bytes.
            key_store: As in ``seal``.
            settings: As in ``seal``.
            entropy: As in ``seal``.

        Raises:
            MisuseError, WrongKeyError: The key is of another kind than the one that opens ``file``.
            KeyringUnavailableError: The keyring refused.
        """
        new = KeyFile(profile=file.profile, database=database, token=file.token, key_store=key_store)
        return sealing.migrate(file, new, self._lasting(), data_key, settings, entropy)

    def unseal(self, file: KeyFile | KeyFile1) -> Secret:
        """Return the data key of an existing profile, 32 bytes.

        Raises:
            WrongKeyError: The profile was made with another key or another kind of key.
            KeyringUnavailableError: The keyring refused.
        """
        return sealing.unseal(file, self._kept())

    def prepare(self, file: KeyFile, *, entropy: Entropy) -> KeyFile:
        """Return the key file that names, as pending, the keyring entry which ``reseal`` will make.

        Args:
            file: The key file as it is.
            entropy: Source of the entry's name.

        Returns:
            ``file`` itself if this key is not of the keyring, or such an entry is pending already.

        Raises:
            MisuseError: Too much is pending already; call ``forget`` before.
        """
        return sealing.prepare(file, self._lasting(), entropy)

    def reseal(
        self,
        file: KeyFile,
        data_key: Secret,
        *,
        database: str | None = None,
        key_store: KeyStorePlace | None = None,
        settings: Settings,
        entropy: Entropy,
        recovery: Secret | None = None,
    ) -> KeyFile:
        """Return the key file that this key opens, and no other but a recovery key.

        Without ``database`` and ``key_store`` the data key stays the same, and so does the recovery key.

        Args:
            file: What ``prepare`` returned, after it was written to ``key.json``.
            data_key: 32 bytes, of the database that the result names.
            database: The new main database, if there is one.
            key_store: Where the other databases' keys are from now on, if that changes.
            settings: Costs of the passphrase derivation.
            entropy: Source of salts, nonces and keyring secrets.
            recovery: The 32 bytes of the recovery key, if the profile shall have it.

        Raises:
            MisuseError: The key is ephemeral or a recovery key, or ``prepare`` was left out. Or the profile has a
                recovery key, which would be lost: give it, or remove its slot with ``without_slot`` before.
            KeyringUnavailableError: The keyring did not keep the key. ``file`` still opens the profile.
        """
        source = self._lasting()
        return sealing.reseal(
            file,
            sealing.moved(file, database, key_store, recovery),
            source,
            data_key,
            settings,
            entropy,
            recovery,
        )

    def forget(self, file: KeyFile, *, keyring: KeyringBackend | None = None) -> KeyFile:
        """Delete the keyring entries that are pending, and return the key file without them.

        Only entries of this very profile are deleted, and none that opens it.

        Args:
            file: The key file as it is.
            keyring: The keyring that keeps them; by default this key's, or else the operating system's.

        Raises:
            KeyringUnavailableError: It refused. They are still pending.
        """
        return sealing.forget(file, self.keyring_backend if keyring is None else keyring)

    def _kept(self) -> Source:
        if self._source is None:
            raise MisuseError("An ephemeral key wraps nothing; its profile has no key file.")
        return self._source

    def _lasting(self) -> Source:
        if self.is_recovery:
            raise MisuseError(
                "A recovery key opens a profile and does not seal one. Open the profile with it and give the profile "
                "another key, for instance Key.passphrase(...)."
            )
        return self._kept()

    def __repr__(self) -> str:
        return f"Key.{self.kind}(...)"


def _fault(text: object) -> str | None:
    if not isinstance(text, str) or not text.strip():
        return "The passphrase is empty; anybody could open the profile. Ask the person for one."
    # Looked for rather than tried: the failure of an encoding carries the whole passphrase.
    if any("\ud800" <= character <= "\udfff" for character in text):
        return "The passphrase contains half of a surrogate pair; give other text."
    return None
