"""The profile and the choices about it, as this process knows them; which may lag behind what others did.

State, of which at most the first two are set together:

- *store*: the open profile.
- *unstored*: choices that no profile keeps, because there is none yet or it could not be written to. Beside an
  open profile its withdrawals count all the same, and its grants do not.
- *past*: choices about a profile that is gone or going. They answer questions and are never stored.
- *due*: the id of a profile whose storage was withdrawn and that is not erased yet. It is not opened again.

Not thread-safe: ``Home`` has the lock.
"""

import contextlib
import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

from homespun.config import DEFAULTS, Settings
from homespun.consent import ConsentLedger, Purpose, joining, with_vetoes
from homespun.errors import MisuseError, ProfileBusyError, ProfileError
from homespun.profile import Key, ProfileStore, erase, finish_interrupted_erasure, named, profile_id
from homespun.protocol.consent import ConsentRecord
from homespun.protocol.receipts import StoreErasure

Entropy = Callable[[int], bytes]
"""So many unpredictable bytes."""

Records = tuple[ConsentRecord, ...]

Choose = Callable[[ConsentLedger], Records]
"""Gives the records of a choice, numbered after those of a ledger."""


class StorageWithdrawnError(Exception):
    """Another process withdrew storage since we looked, so nothing may be granted in this profile."""


class Custody:
    """A profile that may not exist yet, and the choices about it."""

    def __init__(
        self, folder: Path | None, key: Key, *, settings: Settings = DEFAULTS, entropy: Entropy = os.urandom
    ) -> None:
        """Complete an erasure that was interrupted; open nothing yet.

        Args:
            folder: Where the profile is or will be; None with an ephemeral key.
            key: What opens it.
            settings: Limits and costs.
            entropy: Where unpredictable bytes come from.

        Raises:
            MisuseError: The folder has no name.
            ProfileBusyError, ProfileStorageError: The erasure cannot be completed.
        """
        self.store: ProfileStore | None = None
        self.unstored: Records = ()
        self.past: Records = ()
        self.due: str | None = None
        self._folder = None if folder is None else named(folder)
        self._key = key
        self._settings = settings
        self._entropy = entropy
        self._read: tuple[Records, ConsentLedger] = ((), ConsentLedger())
        if self._folder is not None:
            finish_interrupted_erasure(self._folder, settings=settings, entropy=entropy, keyring=key.keyring_backend)

    @property
    def profile(self) -> str:
        """The id of the profile that there is; empty if there is none."""
        if self.store is not None:
            return self.store.profile_id
        return self.due or self._id_on_disk() or ""

    @property
    def may_write(self) -> bool:
        """Whether there is a profile that keeps choices: one with consent to its storage."""
        return self.store is not None and self._stored(self.store).may_store

    def look(self) -> None:
        """Notice what other processes did: a profile that appeared, or whose storage was withdrawn."""
        self.find()
        if self.store is not None and storage_withdrawn(self._stored(self.store)):
            self._give_up(self.store)

    def find(self) -> None:
        """Open the profile if one has appeared."""
        if self.due is not None and self.due != self._id_on_disk():
            # Somebody else completed the erasure.
            self.due = None
        if self.store is None and self.due is None and ProfileStore.exists(self._folder):
            self.store = self._open()
            self.past = ()

    def open_or_create(self) -> tuple[ProfileStore, bool]:
        """Return the profile's store, and whether it was created just now."""
        if self.store is not None:
            return self.store, False
        created = True
        try:
            self.store = ProfileStore.create(self._folder, self._key, settings=self._settings, entropy=self._entropy)
        except (MisuseError, ProfileBusyError):
            # Another process may have created it since we looked.
            if not ProfileStore.exists(self._folder):
                raise
            self.store, created = self._open(), False
        return self.store, created

    def ledger(self) -> ConsentLedger:
        """Return what is allowed now."""
        if self.store is None:
            return ConsentLedger((*self.past, *self.unstored))
        return self.with_unstored(self._stored(self.store))

    def ledger_of(self, stored: Records) -> ConsentLedger:
        """Return what ``stored``, which is what the profile keeps at some moment, and ``unstored`` allow."""
        return self.with_unstored(self._ledger_of(stored))

    def with_unstored(self, stored: ConsentLedger) -> ConsentLedger:
        """Return what is allowed by what a profile keeps and by what it does not."""
        if not self.unstored:
            return stored
        if stored.may_store:
            return with_vetoes(stored, self.unstored)
        # It may not be written to, so what is not stored counts as it does without a profile.
        return stored.extended(joining(stored, self.unstored))

    def write(self, store: ProfileStore, choose: Choose, *, grants: bool = False) -> None:
        """Store choices, and before them those that are not stored yet.

        Raises:
            StorageWithdrawnError: ``grants`` is set, and the profile's storage was withdrawn.
            ProfileError: Nothing was stored.
        """

        def chosen(records: Records) -> Records:
            stored = self._ledger_of(records)
            if grants and storage_withdrawn(stored):
                raise StorageWithdrawnError
            joined = joining(stored, self.unstored)
            return (*joined, *choose(stored.extended(joined)))

        store.extend_consent(chosen)
        self.unstored = ()

    def flush(self) -> None:
        """Store the choices that could not be stored when they were made.

        Raises:
            ProfileError: They still cannot be.
        """
        if self.store is not None and self.unstored and self.may_write:
            self.write(self.store, lambda _: ())

    def try_to_flush(self) -> None:
        """Store those choices if it is possible; whoever made them was told already that they are not stored."""
        with contextlib.suppress(ProfileError):
            self.flush()

    def erase(self, *, wait: bool = True) -> tuple[StoreErasure, ...]:
        """Erase the profile that is open or due, or else any.

        Args:
            wait: Whether to wait for others that have it open.

        Raises:
            ProfileError: See ``profile.erase``. One that is busy was closed by the attempt.
        """
        settings = self._settings if wait else dataclasses.replace(self._settings, busy_timeout_ms=0)
        backend = self._key.keyring_backend
        try:
            done = erase(
                self._folder, self.store, settings=settings, entropy=self._entropy, keyring=backend, profile=self.due
            )
        finally:
            # Where it was closed but is still there, the next use finds it again.
            if self.store is not None and not self.store.is_open:
                self.store = None
        self.due = None
        return done

    def _give_up(self, store: ProfileStore) -> None:
        """Close a profile whose storage was withdrawn, and erase it if nobody else has it open."""
        self.past = (self._stored(store).deciding[Purpose.DEVICE_STORAGE],)
        self.unstored = ()
        self.due = store.profile_id
        with contextlib.suppress(ProfileError):
            self.erase(wait=False)
        # Even where it cannot be erased because its folder was moved.
        store.close()
        self.store = None

    def _open(self) -> ProfileStore:
        return ProfileStore.open(self._folder, self._key, settings=self._settings, entropy=self._entropy)

    def _id_on_disk(self) -> str | None:
        return None if self._folder is None else profile_id(self._folder)

    def _stored(self, store: ProfileStore) -> ConsentLedger:
        return self._ledger_of(store.consent_records())

    def _ledger_of(self, records: Records) -> ConsentLedger:
        # The store returns the same object until a record was added.
        if records is not self._read[0]:
            self._read = (records, ConsentLedger(records))
        return self._read[1]


def storage_withdrawn(ledger: ConsentLedger) -> bool:
    """Return whether the person withdrew storage, rather than never having chosen."""
    return Purpose.DEVICE_STORAGE in ledger.deciding and not ledger.may_store
