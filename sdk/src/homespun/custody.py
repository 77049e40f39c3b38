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
from collections.abc import Callable, Iterable
from typing import Protocol

from homespun.consent import ConsentLedger, Purpose, joining, with_vetoes
from homespun.errors import MisuseError, ProfileBusyError, ProfileError
from homespun.profile import (
    DeviceKey,
    FileTombstones,
    Key,
    Place,
    ProfileStore,
    Tombstones,
    View,
    create,
    discard_interrupted_creation,
    erase,
    exists,
    finish_interrupted_erasure,
    named,
    open_profile,
    profile_id,
)
from homespun.protocol.consent import ConsentRecord, kind_of, permits
from homespun.protocol.receipts import Receipt
from homespun.withdrawal import affected

Clock = Callable[[], float]
"""Seconds since 1970-01-01 UTC."""

Records = tuple[ConsentRecord, ...]

Choose = Callable[[ConsentLedger], Records]
"""Gives the records of a choice, numbered after those of a ledger."""

Released = Iterable[tuple[str, str]]
"""What left the profile, each with its ε as decimal text."""


class StorageWithdrawnError(Exception):
    """Another process withdrew storage since we looked, so nothing may be granted in this profile."""


class Surviving(Protocol):
    """What lies beside the folder and may have to outlive the profile."""

    def told(self) -> tuple[str, ...]:
        """Return what the receipt of an erasure has to say of it."""

    def erase(self) -> None:
        """Remove what does not have to stay."""


class Custody:
    """A profile that may not exist yet, and the choices about it."""

    def __init__(self, place: Place, clock: Clock, tombstones: Tombstones | None = None) -> None:
        """Complete an erasure that was interrupted, or undone by restoring a backup; discard an interrupted creation.

        Args:
            place: Where the profile is or will be, and what opens it.
            clock: Where the time comes from.
            tombstones: Where erased profiles are remembered; by default the keyring that keeps the key, or else
                a file beside the folder.

        Raises:
            MisuseError: The folder has no name.
            ProfileBusyError, ProfileStorageError: The erasure cannot be completed.
        """
        self.store: ProfileStore | None = None
        self.unstored: Records = ()
        self.past: Records = ()
        self.due: str | None = None
        self.completed: Receipt | None = None
        self.surviving: Surviving | None = None
        self.place = place if place.folder is None else dataclasses.replace(place, folder=named(place.folder))
        self._clock = clock
        self._tombstones = _tombstones(self.place, tombstones)
        self._read: tuple[Records, ConsentLedger] = ((), ConsentLedger())
        self._finish_erasure()
        discard_interrupted_creation(self.place)

    @property
    def profile(self) -> str:
        """The id of the profile that there is; empty if there is none."""
        if self.store is not None:
            return self.store.profile_id
        return self.due or self._id_on_disk() or ""

    @property
    def may_write(self) -> bool:
        """Whether there is a profile that keeps choices: one whose storage nobody ended."""
        if self.store is None:
            return False
        ledger = self._stored(self.store)
        # One that was never allowed is what a crash has left before the first grant was in it.
        return not storage_withdrawn(ledger) and (ledger.may_store or Purpose.DEVICE_STORAGE in ledger.deciding)

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
        if self.store is None and self.due is None and exists(self.place.folder):
            # It may be a backup of one that was erased.
            self._finish_erasure()
            if exists(self.place.folder):
                self.store = self._open()
                self.past = ()

    def open_or_create(self) -> tuple[ProfileStore, bool]:
        """Return the profile's store, and whether it was created just now."""
        if self.store is not None:
            return self.store, False
        created = True
        try:
            self.store = create(self.place, self._clock())
        except (MisuseError, ProfileBusyError):
            # Another process may have created it since we looked.
            if not exists(self.place.folder):
                raise
            self.store, created = self._open(), False
        except BaseException:
            # Nothing was granted, so nothing may stay.
            discard_interrupted_creation(self.place)
            raise
        return self.store, created

    def ledger(self) -> ConsentLedger:
        """Return what is allowed now."""
        if self.store is None:
            return ConsentLedger((*self.past, *self.unstored))
        return self.with_unstored(self._stored(self.store))

    def with_unstored(self, stored: ConsentLedger) -> ConsentLedger:
        """Return what is allowed by what a profile keeps and by what it does not."""
        if not self.unstored:
            return stored
        if stored.may_store:
            return with_vetoes(stored, self.unstored)
        # It may not be written to, so what is not stored counts as it does without a profile.
        return stored.extended(joining(stored, self.unstored))

    def gate_ledger(self, view: View) -> ConsentLedger:
        """Return what ``view``, which is what the profile keeps at some moment, and ``unstored`` allow."""
        return self.with_unstored(self._ledger_of(view.consent))

    def write(self, store: ProfileStore, choose: Choose, *, grants: bool = False) -> None:
        """Store choices, and before them those that are not stored yet; and what has to be cleared because of them.

        Args:
            store: Where.
            choose: Gives them.
            grants: Whether there must be no withdrawal of storage before them.

        Raises:
            StorageWithdrawnError: ``grants`` is set, and the profile's storage was withdrawn.
            ProfileError: Nothing was stored.
        """
        due: list[str] = []

        def chosen(records: Records) -> Records:
            stored = self._ledger_of(records)
            if grants and storage_withdrawn(stored):
                raise StorageWithdrawnError
            joined = joining(stored, self.unstored)
            added = (*joined, *choose(stored.extended(joined)))
            due[:] = [part.name for part in affected(ended_by(stored, added))]
            return added

        store.extend_consent(chosen, due=due)
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

    def erase(self, *, wait: bool = True, released: Released | None = None) -> Receipt:
        """Erase the profile that is open or due, or else any.

        Args:
            wait: Whether to wait for others that have it open.
            released: What left it before; None if nobody knows.

        Raises:
            ProfileError: See ``profile.erase``. One that is busy was closed by the attempt.
        """
        place, store = self.place, self.store
        settings = place.settings if wait else dataclasses.replace(place.settings, busy_timeout_ms=0)
        try:
            receipt = erase(
                place.folder,
                store,
                settings=settings,
                entropy=place.entropy,
                clock=self._clock,
                keyring=place.key.keyring_backend,
                key_store=place.key_store,
                tombstones=self._tombstones,
                device_key=_device_key(store),
                released=released,
                besides=() if self.surviving is None else self.surviving.told(),
                profile=self.due,
            )
        finally:
            # Where it was closed but is still there, the next use finds it again.
            if self.store is not None and not self.store.is_open:
                self.store = None
        self.due = None
        if self.surviving is not None:
            self.surviving.erase()
        return receipt

    def rekey(self, change: Callable[[Place], Key | None]) -> None:
        """Change what opens the profile, which is closed meanwhile; see ``Home.rekey``."""
        if self.store is None:
            raise MisuseError("there is no profile yet, and so nothing that a key could open.")
        if self.place.folder is None:
            raise MisuseError("this profile is in memory only, and no key opens it.")
        self.store.close()
        self.store = None
        try:
            key = change(self.place)
            if key is not None:
                self.place = dataclasses.replace(self.place, key=key)
        finally:
            self.find()

    def _finish_erasure(self) -> None:
        place = self.place
        if place.folder is not None:
            done = finish_interrupted_erasure(
                place.folder,
                settings=place.settings,
                entropy=place.entropy,
                clock=self._clock,
                keyring=place.key.keyring_backend,
                key_store=place.key_store,
                tombstones=self._tombstones,
            )
            self.completed = done or self.completed

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
        store = open_profile(self.place, self._clock())
        try:
            if not storage_withdrawn(ConsentLedger(store.view().consent)):
                store.tend(self._clock(), enforce=not self.place.guest)
        except BaseException:
            store.close()
            raise
        return store

    def _id_on_disk(self) -> str | None:
        return None if self.place.folder is None else profile_id(self.place.folder)

    def _stored(self, store: ProfileStore) -> ConsentLedger:
        return self._ledger_of(store.view().consent)

    def _ledger_of(self, records: Records) -> ConsentLedger:
        # The store returns the same object until a record was added.
        if records is not self._read[0]:
            self._read = (records, ConsentLedger(records))
        return self._read[1]


def ended_by(ledger: ConsentLedger, records: Records) -> tuple[Purpose, ...]:
    """Return the purposes that some records speak against and that are not allowed with them any more.

    Args:
        ledger: What was chosen before.
        records: What is chosen now.
    """
    against = {name for each in records if not permits(each) for name in (each.purpose, *each.outcome)}
    after = ledger.extended(records)
    return tuple(purpose for purpose in Purpose if purpose in against and not after.granted(purpose))


def storage_withdrawn(ledger: ConsentLedger) -> bool:
    """Return whether the person ended storage, rather than never having chosen or a term having ended."""
    choice = ledger.deciding.get(Purpose.DEVICE_STORAGE)
    return choice is not None and kind_of(choice) in ("withdraw", "refuse")


def _tombstones(place: Place, given: Tombstones | None) -> Tombstones | None:
    if place.folder is None or not place.settings.tombstones:
        return None
    return given or place.key.tombstones() or FileTombstones.beside(place.folder, place.settings.busy_timeout_ms)


def _device_key(store: ProfileStore | None) -> DeviceKey | None:
    # A damaged profile is erased too, and its receipt says that a fresh key signed it.
    if store is not None and store.is_open:
        with contextlib.suppress(ProfileError):
            return store.device_key
    return None
