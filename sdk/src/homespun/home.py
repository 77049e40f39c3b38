"""The profile together with the consent that it stands under.

Holds the one rule that everything else relies on: nothing is written before ``DEVICE_STORAGE`` is granted,
nothing is recorded or used without ``PERSONALIZATION``, and withdrawing ``DEVICE_STORAGE`` is erasure.

Other processes may use the same folder. So each use looks for a profile that has appeared, and reads the
consent records that were added; recording reads them in the very transaction that writes. A grant counts once
the profile took it. A withdrawal that could not be stored holds in this process all the same, and is stored
with the next writing.

A profile whose ``DEVICE_STORAGE`` was withdrawn is used by nobody any more: whoever sees the withdrawal closes
the profile, and the last one to do so erases it.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from homespun.config import Settings
from homespun.consent import ConsentLedger, Notice, Purpose, PurposeStatus
from homespun.custody import Choose, Custody, Entropy, Records, StorageWithdrawnError
from homespun.errors import ClosedError, ProfileBusyError, ProfileError
from homespun.profile import Key, ProfileStore, Sizes
from homespun.protocol.events import Event
from homespun.protocol.receipts import Receipt

__all__ = ["Clock", "Entropy", "Home"]

Clock = Callable[[], float]
"""Seconds since 1970-01-01 UTC."""


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

        Raises:
            MisuseError: The folder has no name.
            ProfileError: See ``ProfileStore.open``.
        """
        self._clock = clock
        self._lock = threading.RLock()
        self._closed = False
        self._custody = Custody(folder, key, settings=settings, entropy=entropy)
        self._custody.look()

    def now(self) -> float:
        """Return the time, seconds since 1970."""
        return self._clock()

    def add(self, event: Event) -> bool:
        """Record an event if that is allowed; return whether it was."""
        with self._using() as custody:
            custody.try_to_flush()
            custody.look()
            if custody.store is None or not _may_personalize(custody.ledger()):
                return False
            # Asked again by the store, because a withdrawal may come before the writing does.
            added = custody.store.add_event_if(lambda stored: _may_personalize(custody.ledger_of(stored)), event)
            if not added:
                custody.look()
            return added

    def events(self) -> list[Event]:
        """Return everything that was recorded, for the person to read."""
        with self._using() as custody:
            custody.look()
            return [] if custody.store is None else custody.store.events()

    def usable_events(self) -> list[Event] | None:
        """Return the events for scoring, or None if they may not be used."""
        with self._using() as custody:
            custody.look()
            if custody.store is None or not _may_personalize(custody.ledger()):
                return None
            return custody.store.events()

    def sizes(self) -> Sizes | None:
        """Return how much the profile holds; None while there is none."""
        with self._using() as custody:
            custody.look()
            return None if custody.store is None else custody.store.sizes()

    def consent_status(self) -> dict[Purpose, PurposeStatus]:
        """Return where every purpose stands."""
        with self._using() as custody:
            custody.look()
            return custody.ledger().status()

    def grant(self, purposes: tuple[Purpose, ...], notice: Notice, surface: str, method: str) -> None:
        """Record grants; the first one of ``DEVICE_STORAGE`` creates the profile.

        Raises:
            MisuseError: See ``ConsentLedger.grant``.
            ProfileError: Nothing was granted; perhaps because a withdrawn profile is not erased yet.
        """
        choose = partial(_grant, purposes=purposes, notice=notice, now=self.now(), surface=surface, method=method)
        with self._using() as custody:
            while not _granted(custody, choose):
                continue

    def withdraw(self, purposes: tuple[Purpose, ...], surface: str, method: str) -> Receipt | None:
        """Record withdrawals; that of ``DEVICE_STORAGE`` erases the profile.

        Raises:
            MisuseError: See ``ConsentLedger.withdraw``.
            ProfileError: The withdrawal holds nevertheless; the message says what is pending.
        """
        choose = partial(_withdraw, purposes=purposes, now=self.now(), surface=surface, method=method)
        with self._using() as custody:
            _look_before_withdrawing(custody, choose)
            records = choose(custody.ledger())
            if Purpose.DEVICE_STORAGE in purposes and (custody.store is not None or custody.due is not None):
                return self._withdraw_storage(choose, records)
            if custody.store is not None and custody.may_write:
                _store_withdrawal(custody, custody.store, choose)
            else:
                _remember(custody, records)
            return None

    def erase(self) -> Receipt:
        """Erase the profile and every choice.

        Raises:
            ProfileError: See ``profile.erase``.
        """
        with self._using() as custody:
            profile = custody.profile
            stores = custody.erase()
            custody.past = custody.unstored = ()
            return Receipt(profile=profile, time=self.now(), stores=stores)

    def close(self) -> None:
        """Close the profile; closing twice does nothing."""
        with self._lock:
            if self._closed:
                return
            self._custody.try_to_flush()
            self._closed = True
            if self._custody.store is not None:
                self._custody.store.close()

    @contextmanager
    def _using(self) -> Iterator[Custody]:
        with self._lock:
            if self._closed:
                raise ClosedError("the personalizer was closed; open the profile again to use it.")
            yield self._custody

    def _withdraw_storage(self, choose: Choose, records: Records) -> Receipt:
        custody, everywhere, profile = self._custody, True, self._custody.profile
        if custody.store is not None and custody.may_write:
            try:
                _store_withdrawal(custody, custody.store, choose)
            except ProfileBusyError:
                # Somebody is writing, so there is no hope of erasing now either.
                raise
            except ProfileError:
                everywhere = False
        custody.past, custody.unstored, custody.due = records, (), profile
        try:
            stores = custody.erase()
        except ProfileError as error:
            raise _pending(error, everywhere=everywhere) from error
        return Receipt(profile=profile, time=self.now(), stores=stores)


def _granted(custody: Custody, choose: Choose) -> bool:
    """Grant; return False if another process withdrew storage in the meantime, and it is to be tried again."""
    custody.look()
    custody.flush()
    custody.look()
    ledger = custody.ledger()
    records = choose(ledger)
    if not ledger.extended(records).may_store:
        custody.unstored += records
        return True
    _finish_due(custody)
    store, created = custody.open_or_create()
    try:
        custody.write(store, choose, grants=True)
    except StorageWithdrawnError:
        return False
    except BaseException:
        if created:
            # Nobody agreed to it yet.
            with contextlib.suppress(ProfileError):
                custody.erase()
        raise
    custody.past = ()
    return True


def _finish_due(custody: Custody) -> None:
    if custody.due is None:
        return
    try:
        custody.erase()
    except ProfileError as error:
        raise type(error)(
            f"Nothing was granted: storage was withdrawn before, and that profile is not erased yet. {error}"
        ) from error


def _look_before_withdrawing(custody: Custody, choose: Choose) -> None:
    try:
        custody.look()
    except ProfileError:
        # The profile cannot be read now. The withdrawal must not wait for that.
        custody.unstored += choose(ConsentLedger((*custody.past, *custody.unstored)))
        raise


def _remember(custody: Custody, records: Records) -> None:
    """Keep withdrawals while there is no profile; one of storage is about nothing that is stored."""
    custody.past += tuple(record for record in records if record.purpose == Purpose.DEVICE_STORAGE)
    custody.unstored += tuple(record for record in records if record.purpose != Purpose.DEVICE_STORAGE)


def _store_withdrawal(custody: Custody, store: ProfileStore, choose: Choose) -> None:
    records = choose(custody.ledger())
    try:
        custody.write(store, choose)
    except ProfileError as error:
        custody.unstored += records
        raise type(error)(
            "The withdrawal holds in this process from now on, but could not be stored, so that others who have the "
            f"profile open do not know of it yet. The next writing stores it. {error}"
        ) from error


def _pending(error: ProfileError, *, everywhere: bool) -> ProfileError:
    where = "here and in every program that has the profile open" if everywhere else "in this program"
    cause = "another program still has it open." if isinstance(error, ProfileBusyError) else f"{error}"
    return type(error)(
        f"Storage is withdrawn: {where} nothing is recorded or used any more. The erasure of the profile is pending, "
        f"because {cause} It is completed by the last program that notices, at the next opening, or when it is "
        "withdrawn or erased again."
    )


def _grant(
    ledger: ConsentLedger, *, purposes: tuple[Purpose, ...], notice: Notice, now: float, surface: str, method: str
) -> Records:
    return ledger.grant(*purposes, notice=notice, now=now, surface=surface, method=method)


def _withdraw(
    ledger: ConsentLedger, *, purposes: tuple[Purpose, ...], now: float, surface: str, method: str
) -> Records:
    return ledger.withdraw(*purposes, now=now, surface=surface, method=method)


def _may_personalize(ledger: ConsentLedger) -> bool:
    return ledger.granted(Purpose.DEVICE_STORAGE) and ledger.granted(Purpose.PERSONALIZATION)
