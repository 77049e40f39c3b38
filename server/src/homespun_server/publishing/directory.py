"""What a working directory's settings open: the signed repository with its keys, and the registry."""

from collections.abc import Callable

from homespun_server.errors import SigningKeyError
from homespun_server.publishing.registry import Registry
from homespun_server.publishing.repository import KeyStore, SignedRepository
from homespun_server.settings import PASSPHRASE_VARIABLE, ServerSettings
from homespun_server.store import Store
from homespun_server.store.moments import Now, utc_now

Passphrase = Callable[[str], bytes]
"""Is told which key is wanted, in words for a person, and gives its passphrase."""


def open_repository(
    settings: ServerSettings, *, passphrase: Passphrase | None = None, now: Now = utc_now
) -> SignedRepository:
    """Open a working directory's signed repository; no key is opened before it is needed.

    Args:
        settings: The working directory's settings.
        passphrase: Asked for the keys; None: the one that the settings have.
        now: Returns the time.

    Raises:
        RepositoryError: If there is none, or it is not as its publisher left it.
    """
    return SignedRepository.open(settings.repository, key_store(settings, passphrase, now), clock=now)


def key_store(settings: ServerSettings, passphrase: Passphrase | None = None, now: Now = utc_now) -> KeyStore:
    """Return a working directory's keys, sealed."""
    return KeyStore(settings.keys, passphrase or _given(settings), clock=now)


def open_registry(settings: ServerSettings, store: Store, now: Now = utc_now) -> Registry:
    """Return a working directory's registry, in a store that the caller opened."""
    return Registry(store, settings.bundles, now)


def _given(settings: ServerSettings) -> Passphrase:
    def ask(key: str) -> bytes:
        if settings.passphrase is None:
            raise SigningKeyError(f"the {key} needs its passphrase; set {PASSPHRASE_VARIABLE}. Nothing was signed.")
        return settings.passphrase.encode()

    return ask
