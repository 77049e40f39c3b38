"""The operating system's keyring, and nothing that merely looks like it.

The ``keyring`` package falls back to whatever is installed: a backend that forgets, one that always
fails, one that writes a plain file. Only the keyrings of macOS, Windows, Secret Service, libsecret and
KWallet are taken; an application that trusts another one passes it explicitly.
"""

import contextlib
from typing import Any, Protocol

from homespun.errors import KeyringUnavailableError
from homespun.profile.keyfile import KeyringEntry
from homespun.profile.secret import Secret

_TRUSTED = tuple(f"keyring.backends.{name}" for name in ("macOS", "Windows", "SecretService", "libsecret", "kwallet"))

_ALTERNATIVES = (
    "Nothing was stored. Use Key.passphrase(...), Key.bytes(...) with a key that your application keeps, or "
    "Key.ephemeral() for a profile in memory only."
)


class KeyringBackend(Protocol):
    """What homespun needs of a keyring; the ``keyring`` package's backends have it."""

    def get_password(self, service: str, username: str, /) -> str | None:
        """Return the entry's text, or None if there is no such entry."""

    def set_password(self, service: str, username: str, password: str, /) -> None:
        """Create or replace the entry."""

    def delete_password(self, service: str, username: str, /) -> None:
        """Remove the entry."""


def system_keyring() -> KeyringBackend:
    """Return the operating system's keyring.

    Raises:
        KeyringUnavailableError: The extra is not installed, or there is no real keyring.
    """
    try:
        import keyring  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise KeyringUnavailableError(
            f"The package 'keyring' is missing; install homespun[keyring]. {_ALTERNATIVES}"
        ) from error
    return trusted(keyring.get_keyring())


def trusted(backend: Any) -> KeyringBackend:
    """Return ``backend``, or the first of the backends that it chains, that is a real keyring.

    Raises:
        KeyringUnavailableError: None is.
    """
    chained = getattr(backend, "backends", None)
    for candidate in [backend] if chained is None else list(chained):
        module = type(candidate).__module__
        if module in _TRUSTED or module.startswith(tuple(name + "." for name in _TRUSTED)):
            found: KeyringBackend = candidate
            return found
    raise KeyringUnavailableError(
        f"This process has no keyring of the operating system; what there is, {type(backend).__module__}, would "
        f"not keep a secret. {_ALTERNATIVES}"
    )


def read_entry(backend: KeyringBackend, entry: KeyringEntry) -> str | None:
    """Return the entry's text, or None if there is no such entry.

    Raises:
        KeyringUnavailableError: The keyring refused, for instance because it is locked.
    """
    try:
        return backend.get_password(entry.service, entry.username)
    except Exception as error:  # backends raise what their platform raises
        raise _refused("read", entry, str(error)) from error


def write_entry(backend: KeyringBackend, entry: KeyringEntry, secret: Secret) -> None:
    """Store the secret in hexadecimal and check that the keyring returns it.

    Raises:
        KeyringUnavailableError: The keyring refused or did not keep it.
    """
    reason = None
    try:
        backend.set_password(entry.service, entry.username, secret.reveal().hex())
        kept = backend.get_password(entry.service, entry.username) == secret.reveal().hex()
    except Exception as error:  # noqa: BLE001 - backends raise what their platform raises
        reason = secret.redact(str(error))
    # Raised here, because the frames of that failure hold the secret and would travel as the cause of this one.
    if reason is not None:
        raise _refused("store", entry, reason)
    if not kept:
        raise KeyringUnavailableError(f"The keyring did not keep what was stored. {_ALTERNATIVES}")


def delete_entry(backend: KeyringBackend, entry: KeyringEntry) -> None:
    """Remove the entry and check that the keyring does not return it any more.

    Raises:
        KeyringUnavailableError: The keyring refused, or still returns it.
    """
    # Backends disagree on whether a missing entry is an error; the reading below decides.
    with contextlib.suppress(Exception):
        backend.delete_password(entry.service, entry.username)
    if read_entry(backend, entry) is not None:
        raise KeyringUnavailableError(
            f"The keyring still returns the entry '{entry.username}' of '{entry.service}'; remove it by hand."
        )


def _refused(what: str, entry: KeyringEntry, reason: str) -> KeyringUnavailableError:
    return KeyringUnavailableError(
        f"The keyring refused to {what} the entry '{entry.username}' of '{entry.service}' ({reason}). Unlock it "
        f"and try again. {_ALTERNATIVES}"
    )
