"""Where the keys of a profile's databases are kept apart from its folder.

Destroying such a key forgets what it opens even in an old backup of the folder, which is why only these keys let an
erasure claim ``key_destroyed``. The operating system's keyring is such a place; an application may hand in another,
which must be neither in the profile's folder nor in what is backed up together with it.

Names are '<profile id>/<database file>'.
"""

import hmac
import re
from collections.abc import Callable
from typing import Final, Protocol, TypeVar

from homespun.errors import KeyStoreError, MisuseError, ProfileError
from homespun.profile.keyfile import KEY_SIZE, KeyringEntry
from homespun.profile.secret import Secret
from homespun.profile.system_keyring import KeyringBackend, delete_entry, read_entry, write_entry

_NAME: Final = re.compile(r"[0-9a-f]{32}/[a-z]+-[0-9a-f]{16}\.db")

_Answer = TypeVar("_Answer")


class KeyStore(Protocol):
    """Keeps keys of 32 bytes by name."""

    def get(self, name: str, /) -> bytes | None:
        """Return the key, or None if there is none of that name."""

    def put(self, name: str, secret: bytes, /) -> None:
        """Keep a key, instead of one that has the name; it is durable when this returns."""

    def delete(self, name: str, /) -> None:
        """Destroy the key, durably when this returns; there may be none of that name."""


class KeyringKeyStore:
    """Keeps keys in the keyring, in entries called '<username>/<profile id>/<database file>'."""

    def __init__(self, backend: KeyringBackend, service: str, username: str, profile: str = "") -> None:
        """Keep keys under ``service``; with ``profile`` only those of that profile."""
        self._backend = backend
        self._service = service
        self._username = username
        self._profile = profile

    def get(self, name: str, /) -> bytes | None:
        """Return the key, or None if there is none of that name; no bytes at all if the entry holds no key.

        Raises:
            KeyringUnavailableError: The keyring refused.
        """
        text = read_entry(self._backend, self._entry(name))
        if text is None:
            return None
        return bytes.fromhex(text) if re.fullmatch("[0-9a-f]{64}", text) else b""

    def put(self, name: str, secret: bytes, /) -> None:
        """Keep a key.

        Raises:
            KeyringUnavailableError: The keyring refused, or did not keep it.
        """
        boxed = Secret(secret)
        # What is in this frame would be shown by whoever reports a failure.
        del secret
        write_entry(self._backend, self._entry(name), boxed)

    def delete(self, name: str, /) -> None:
        """Destroy a key.

        Raises:
            KeyringUnavailableError: The keyring refused, or still returns it.
        """
        delete_entry(self._backend, self._entry(name))

    def _entry(self, name: str) -> KeyringEntry:
        if self._profile not in ("", _valid(name).partition("/")[0]):
            raise MisuseError(f"'{name}' is no key of the profile {self._profile}; its keys begin with that id.")
        return KeyringEntry(service=self._service, username=f"{self._username}/{name}")


def checked(store: KeyStore) -> KeyStore:
    """Return ``store`` behind checks, so that an application's mistake cannot lose a key or claim an erasure.

    What it returns is checked to be 32 bytes, what it keeps and deletes is read back, and whatever it raises becomes
    a ``KeyStoreError`` without a cause, because the frames of the cause hold the key.
    """
    return _CheckedKeyStore(store)


class _CheckedKeyStore:
    """A key store that is not trusted to do what it says."""

    def __init__(self, store: KeyStore) -> None:
        self._store = store

    def get(self, name: str, /) -> bytes | None:
        """Return the key, or None; see ``KeyStore``."""
        key = self._read(name)
        return None if key is None else key.reveal()

    def put(self, name: str, secret: bytes, /) -> None:
        """Keep a key and read it back; see ``KeyStore``."""
        boxed = Secret(secret)
        # What is in this frame would be shown by whoever reports a failure.
        del secret
        if not isinstance(boxed.reveal(), bytes) or len(boxed.reveal()) != KEY_SIZE:
            raise MisuseError(f"A key has {KEY_SIZE} bytes, and this is none; nothing was kept.")
        _ask("keep", _valid(name), lambda: self._store.put(name, boxed.reveal()), boxed)
        kept = self._read(name)
        if kept is None or not hmac.compare_digest(kept.reveal(), boxed.reveal()):
            raise KeyStoreError(
                f"The key store did not keep the key '{name}' that it was given. Nothing was written with that key; "
                "give a key store that keeps what it gets."
            )

    def delete(self, name: str, /) -> None:
        """Destroy a key and look whether it is gone; see ``KeyStore``."""
        if not self._has(name):
            return
        _ask("delete", name, lambda: self._store.delete(name))
        if self._has(name):
            raise KeyStoreError(
                f"The key store still returns the key '{name}' after deleting it, so what that key opens is not "
                "erased. Delete it there by hand, and try again."
            )

    def _read(self, name: str) -> Secret | None:
        return _ask("return", _valid(name), lambda: _boxed(self._store.get(name)))

    def _has(self, name: str) -> bool:
        # Something that is no key is there, too, and has to go.
        return _ask("return", _valid(name), lambda: self._store.get(name) is not None)


def _ask(what: str, name: str, call: Callable[[], _Answer], secret: Secret | None = None) -> _Answer:
    try:
        return call()
    except ProfileError:
        raise
    except Exception as error:  # noqa: BLE001 - an application raises what it likes
        reason = (secret or Secret(b"")).redact(f"{type(error).__name__}: {error}")
    # Raised here, because the frames of that failure hold the key and would travel as the cause of this one.
    raise KeyStoreError(
        f"The application's key store did not {what} the key '{name}' ({reason}). Nothing that needs it was done; "
        "repair the store and try again."
    )


def _boxed(key: object) -> Secret | None:
    if key is None:
        return None
    if not isinstance(key, bytes) or len(key) != KEY_SIZE:
        size = f" of length {len(key)}" if isinstance(key, bytes) else ""
        raise TypeError(f"it returned {type(key).__name__}{size} instead of {KEY_SIZE} bytes or None")
    return Secret(key)


def _valid(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise MisuseError(f"{name!r} is no key's name; use '<profile id>/<database file>'.")
    return name
