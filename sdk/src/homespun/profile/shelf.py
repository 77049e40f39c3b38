"""Where vaults are: in the profile's folder, or in memory only.

The key of a vault is made with it and destroyed before it. It is kept outside the folder, in a ``KeyStore``, or
else by whoever made the vault, who gets it back from ``create``.
"""

import contextlib
from collections.abc import Collection
from pathlib import Path
from typing import Protocol

import apsw

from homespun.config import Settings
from homespun.errors import LostKeyError
from homespun.profile.connections import sync_database
from homespun.profile.failures import damaged
from homespun.profile.files import Entropy, overwrite, present, side_files, sync_folder, vault_files
from homespun.profile.key_store import KeyStore
from homespun.profile.keyfile import KEY_SIZE
from homespun.profile.schema import Schema
from homespun.profile.secret import Secret
from homespun.profile.vault import create_vault, memory_vault, open_vault


class Shelf(Protocol):
    """Makes, opens and destroys vaults by name."""

    @property
    def outside(self) -> bool:
        """Whether keys are kept outside the folder."""

    def create(self, name: str, schema: Schema) -> tuple[apsw.Connection, Secret]:
        """Make an empty vault under a new key; return it and the key."""

    def settle(self, name: str, key: Secret) -> None:
        """Make sure that a vault which was filled, and its key, are there after a power cut."""

    def open(self, name: str, schema: Schema, key: Secret | None) -> apsw.Connection:
        """Open a vault; ``key`` is None where it is kept outside."""

    def key(self, name: str) -> Secret:
        """Return the key of a vault that is kept outside."""

    def destroy(self, name: str) -> bool:
        """Destroy a vault's key, then its files; return whether nothing of it is left."""

    def listed(self) -> frozenset[str]:
        """Return the names of all vaults that there are, wanted or not."""


class DiskShelf:
    """Vaults in a folder."""

    def __init__(
        self, folder: Path, profile: str, store: KeyStore | None, *, settings: Settings, entropy: Entropy
    ) -> None:
        """Keep vaults in ``folder`` and their keys in ``store``, if there is one."""
        self.folder = folder
        self._profile = profile
        self._store = store
        self._settings = settings
        self._entropy = entropy

    @property
    def outside(self) -> bool:
        """Whether keys are kept outside the folder."""
        return self._store is not None

    def create(self, name: str, schema: Schema) -> tuple[apsw.Connection, Secret]:
        """Make an empty vault under a new key; return it and the key."""
        key = Secret(self._entropy(KEY_SIZE))
        return create_vault(self.folder / name, key, schema, self._settings), key

    def settle(self, name: str, key: Secret) -> None:
        """Make sure that a vault which was filled, and its key, are there after a power cut."""
        sync_database(self.folder / name)
        sync_folder(self.folder)
        if self._store is not None:
            self._store.put(self._key_name(name), key.reveal())

    def open(self, name: str, schema: Schema, key: Secret | None) -> apsw.Connection:
        """Open a vault.

        Raises:
            DamagedProfileError: Its file is not there, or is not what homespun wrote.
            LostKeyError: Its key is not where it was kept.
        """
        if not present(self.folder, (name,)):
            raise damaged(self.folder, f"{name} is missing")
        return open_vault(self.folder / name, key or self.key(name), schema, self._settings)

    def destroy(self, name: str) -> bool:
        """Destroy a vault's key, then its files; return whether nothing of it is left.

        Raises:
            KeyringUnavailableError, KeyStoreError: The key cannot be destroyed; the files were not touched.
        """
        if self._store is not None:
            self._store.delete(self._key_name(name))
        files = present(self.folder, side_files(name))
        for file in files:
            # Windows lets nobody remove a file that somebody has open; the next opening tries again. And somebody else
            # who closes the database meanwhile removes its log.
            with contextlib.suppress(PermissionError, FileNotFoundError):
                overwrite(self.folder / file, self._entropy)
                (self.folder / file).unlink(missing_ok=True)
        if files:
            sync_folder(self.folder)
        return not present(self.folder, side_files(name))

    def listed(self) -> frozenset[str]:
        """Return the names of all vaults that there are, wanted or not."""
        return frozenset(vault_files(self.folder))

    def destroy_others(self, wanted: Collection[str]) -> None:
        """Destroy every vault but those; raises as ``destroy``."""
        for name in sorted(self.listed().difference(wanted)):
            self.destroy(name)

    def key(self, name: str) -> Secret:
        """Return the key of a vault that is kept outside.

        Raises:
            LostKeyError: It is not where it was kept.
        """
        kept = None if self._store is None else self._store.get(self._key_name(name))
        if kept is None:
            raise LostKeyError(
                f"The key of '{name}' is not where the profile in '{self.folder}' keeps its keys, so what is in it "
                "cannot be read. Restore the keyring or the key store, or open the profile with its recovery key."
            )
        return Secret(kept)

    def _key_name(self, name: str) -> str:
        return f"{self._profile}/{name}"


class MemoryShelf:
    """Vaults in memory, gone with the process."""

    outside = False

    def __init__(self, settings: Settings) -> None:
        """Start with no vault."""
        self._settings = settings
        self._vaults: dict[str, apsw.Connection] = {}

    def create(self, name: str, schema: Schema) -> tuple[apsw.Connection, Secret]:
        """Make an empty vault, which needs no key."""
        self._vaults[name] = memory_vault(schema, self._settings)
        return self._vaults[name], Secret(b"")

    def settle(self, name: str, key: Secret) -> None:
        """Do nothing: memory does not last."""

    def open(self, name: str, schema: Schema, key: Secret | None) -> apsw.Connection:  # noqa: ARG002
        """Return a vault that was made before."""
        return self._vaults[name]

    def key(self, name: str) -> Secret:
        """Refuse: nothing in memory has a key."""
        raise LookupError(name)

    def destroy(self, name: str) -> bool:
        """Give its memory back."""
        vault = self._vaults.pop(name, None)
        if vault is not None:
            vault.close()
        return True

    def listed(self) -> frozenset[str]:
        """Return the names of all vaults that there are."""
        return frozenset(self._vaults)
