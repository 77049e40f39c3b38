"""The profile together with the consent that it stands under.

Holds the one rule that everything else relies on: nothing is written before ``DEVICE_STORAGE`` is granted,
nothing is recorded or used without ``PERSONALIZATION``, and withdrawing ``DEVICE_STORAGE`` is erasure.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from homespun.config import Settings
from homespun.consent import ConsentLedger, Notice, Purpose, PurposeStatus
from homespun.errors import ClosedError
from homespun.profile import Key, ProfileStore, Sizes, erase, finish_interrupted_erasure
from homespun.protocol.consent import ConsentRecord
from homespun.protocol.events import Event
from homespun.protocol.receipts import Receipt

Clock = Callable[[], float]
"""Seconds since 1970-01-01 UTC."""

Entropy = Callable[[int], bytes]
"""So many unpredictable bytes."""


class Home:
    """A profile that may not exist yet. Thread-safe."""

    def __init__(self, folder: Path | None, key: Key, *, settings: Settings, clock: Clock, entropy: Entropy) -> None:
        """Open the profile if there is one; write nothing if there is none.

        Args:
            folder: Where it is or will be; None with an ephemeral key.
            key: What opens it.
            settings: Limits and costs.
            clock: Where the time comes from.
            entropy: Where unpredictable bytes come from.
        """
        self._folder = folder
        self._key = key
        self._settings = settings
        self._clock = clock
        self._entropy = entropy
        self._lock = threading.RLock()
        self._closed = False
        # Choices made before anything may be stored; afterwards the profile keeps them.
        self._unstored: tuple[ConsentRecord, ...] = ()
        if folder is not None:
            finish_interrupted_erasure(folder, settings=settings, entropy=entropy, keyring=key.keyring_backend)
        self._store = self._open_store() if ProfileStore.exists(folder) else None

    def now(self) -> float:
        """Return the time, seconds since 1970."""
        return self._clock()

    def add(self, event: Event) -> bool:
        """Record an event if that is allowed; return whether it was."""
        with self._usable():
            if self._store is None or not self._may_personalize():
                return False
            self._store.add_event(event)
            return True

    def events(self) -> list[Event]:
        """Return everything that was recorded, for the person to read."""
        with self._usable():
            return [] if self._store is None else self._store.events()

    def usable_events(self) -> list[Event] | None:
        """Return the events for scoring, or None if they may not be used."""
        with self._usable():
            return self.events() if self._may_personalize() else None

    def sizes(self) -> Sizes | None:
        """Return how much the profile holds; None while there is none."""
        with self._usable():
            return None if self._store is None else self._store.sizes()

    def consent_status(self) -> dict[Purpose, PurposeStatus]:
        """Return where every purpose stands."""
        with self._usable():
            return self._ledger().status()

    def grant(self, purposes: tuple[Purpose, ...], notice: Notice, surface: str, method: str) -> None:
        """Record grants; the first one of ``DEVICE_STORAGE`` creates the profile."""
        with self._usable():
            self._keep(self._ledger().grant(*purposes, notice=notice, now=self.now(), surface=surface, method=method))

    def withdraw(self, purposes: tuple[Purpose, ...], surface: str, method: str) -> Receipt | None:
        """Record withdrawals; that of ``DEVICE_STORAGE`` erases the profile."""
        with self._usable():
            records = self._ledger().withdraw(*purposes, now=self.now(), surface=surface, method=method)
            if Purpose.DEVICE_STORAGE not in purposes or self._store is None:
                self._keep(records)
                return None
            receipt = self.erase()
            self._unstored = records
            return receipt

    def erase(self) -> Receipt:
        """Erase the profile and every choice."""
        with self._usable():
            store, self._store = self._store, None
            self._unstored = ()
            try:
                done = erase(self._folder, store, settings=self._settings, entropy=self._entropy)
            except BaseException:
                # Another process kept it from being erased: go on as before.
                self._store = self._open_store() if ProfileStore.exists(self._folder) else None
                raise
            return Receipt(profile=store.profile_id if store else "", time=self.now(), stores=done)

    def close(self) -> None:
        """Close the profile; closing twice does nothing."""
        with self._lock:
            self._closed = True
            if self._store is not None:
                self._store.close()

    @contextmanager
    def _usable(self) -> Iterator[None]:
        with self._lock:
            if self._closed:
                raise ClosedError("the personalizer was closed; open the profile again to use it.")
            yield

    def _may_personalize(self) -> bool:
        ledger = self._ledger()
        return ledger.granted(Purpose.DEVICE_STORAGE) and ledger.granted(Purpose.PERSONALIZATION)

    def _ledger(self) -> ConsentLedger:
        # Read every time: another process may have withdrawn what this one was allowed.
        stored = () if self._store is None else self._store.consent_records()
        return ConsentLedger((*stored, *self._unstored))

    def _keep(self, records: tuple[ConsentRecord, ...]) -> None:
        """Keep new records: in the profile if there may be one, else in memory."""
        self._unstored = (*self._unstored, *records)
        if not self._ledger().may_store:
            return
        if self._store is None:
            self._store = self._open_store() if ProfileStore.exists(self._folder) else self._create_store()
        self._store.add_consent(*self._unstored)
        self._unstored = ()

    def _open_store(self) -> ProfileStore:
        return ProfileStore.open(self._folder, self._key, settings=self._settings, entropy=self._entropy)

    def _create_store(self) -> ProfileStore:
        return ProfileStore.create(self._folder, self._key, settings=self._settings, entropy=self._entropy)
