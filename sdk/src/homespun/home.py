"""The profile together with the consent and the controls that it stands under.

Holds the one rule that everything else relies on: nothing is written before ``DEVICE_STORAGE`` is granted, every
part asks the gate before it acts or keeps something, and withdrawing ``DEVICE_STORAGE`` is erasure.

Other processes may use the same folder. So each use looks for a profile that has appeared, and reads the
consent records that were added; recording reads them in the very transaction that writes. A grant counts once
the profile took it. A withdrawal that could not be stored holds in this process all the same, and is stored
with the next writing.

A profile whose ``DEVICE_STORAGE`` was withdrawn is used by nobody any more: whoever sees the withdrawal closes
the profile, and the last one to do so erases it.
"""

import contextlib
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from homespun.choosing import choose_grant, granted, store_choice
from homespun.config import Durability
from homespun.consent import FORBIDS, ConsentLedger, Notice, Purpose, PurposeStatus, from_remembered
from homespun.consent.gate import Gate
from homespun.consent.parts import CONTRIBUTIONS, CONTROLS, DECISIONS, EVENTS, EXPOSURES, SCORING, Part
from homespun.contribute.egress import Egress
from homespun.contribute.log import Transport
from homespun.custody import Choose, Clock, Custody, Records, ended_by
from homespun.egress_log import HomeLog, NoTransport
from homespun.errors import ClosedError, LedgerError, NotPermittedError, ProfileBusyError, ProfileError
from homespun.profile import Forgotten, Key, Place, ProfileStore, Selection, Sizes, Tombstones, View
from homespun.profile.records import event_to_row
from homespun.protocol.consent import GPC, permits
from homespun.protocol.controls import ControlEntry, Steering, fold, joined
from homespun.protocol.egress import EgressEntry, progress_of
from homespun.protocol.events import MAX_TIME, ContextValue, Event
from homespun.protocol.receipts import Receipt
from homespun.protocol.records import ExplanationRecord
from homespun.withdrawal import Effect, Withdrawal, cascade

__all__ = ["Clock", "Home"]

_NOTHING = View((), (), {})


@dataclass
class _Early:
    """What the person set and declared while nothing may be stored: in memory only, after what is stored."""

    controls: tuple[ControlEntry, ...] = ()
    attributes: dict[str, ContextValue] = field(default_factory=dict)


class _Use:
    """The custody for one thread at a time. A class, because entering one is faster than a generator."""

    def __init__(self, home: "Home") -> None:
        self._home = home

    def __enter__(self) -> Custody:
        home = self._home
        home.lock.acquire()
        if home.is_closed:
            home.lock.release()
            raise ClosedError("the personalizer was closed; open the profile again to use it.")
        return home.custody

    def __exit__(self, *_: object) -> None:
        self._home.lock.release()


class Home:
    """A profile that may not exist yet. Thread-safe."""

    def __init__(
        self,
        place: Place,
        *,
        clock: Clock,
        tombstones: Tombstones | None = None,
        transport: Transport | None = None,
        choices: str | None = None,
    ) -> None:
        """Open the profile if there is one; write nothing if there is none.

        Args:
            place: Where it is or will be, and what opens it.
            clock: Where the time comes from.
            tombstones: Where erased profiles are remembered.
            transport: What sends contributions; None where nothing is ever sent.
            choices: What ``consent.choices`` gave the application to remember.

        Raises:
            MisuseError: The folder has no name, or ``choices`` are none.
            ProfileError: See ``profile.open_profile``.
        """
        self.lock = threading.RLock()
        """Held by whoever uses ``custody``."""
        self.is_closed = False
        self.settings = place.settings
        self.entropy = place.entropy
        self._clock = clock
        self._use = _Use(self)
        self._private = 0
        self._early = _Early()
        self._judged: tuple[tuple[object, ...], Gate] = ((), Gate(ConsentLedger(), Steering()))
        self._batch: list[Event] = []
        self._batched_in = ("", 0)
        self._timer: threading.Timer | None = None
        self.custody = Custody(place, clock, tombstones)
        self.custody.unstored = () if choices is None else from_remembered(choices)
        ceiling = place.settings.lifetime_epsilon
        self.log = HomeLog(self)
        self.egress = Egress(self.log, transport or NoTransport(), allowed=self._allowing, clock=clock, ceiling=ceiling)
        self.custody.look()
        try:
            self._begin()
        except BaseException:
            self.close()
            raise

    def _begin(self) -> None:
        custody, reason = self.custody, self.settings.strictly_necessary
        declared = custody.ledger().declared
        is_declared = reason is not None or (declared is not None and declared.basis is not None)
        if is_declared and not custody.place.guest:
            store_choice(custody, lambda ledger: ledger.declare_necessary(reason, self.now()), self._settle)
        self._note_lapses(custody)
        self._clear_due()

    def _hand_over(self) -> None:
        """Store what this process still knows alone, as far as there is a profile that may keep it."""
        if self.custody.unstored or self._early.controls or self._early.attributes:
            self.custody.look()
        self.custody.flush()
        self._clear_due()
        self._keeper()

    def _clear_due(self) -> tuple[Effect, ...]:
        """Clear what a withdrawal has left to be cleared."""
        store = self.custody.store
        if store is None or not self.custody.may_write:
            return ()
        due = store.due()
        return cascade(store, self.egress, due) if due else ()

    def now(self) -> float:
        """Return the time, seconds since 1970."""
        return self._clock()

    @property
    def completed(self) -> Receipt | None:
        """The receipt of an erasure that was interrupted, or undone by a restored backup, and completed at opening."""
        return self.custody.completed

    def add(self, event: Event, durability: Durability | None = None) -> bool:
        """Record an event if that is allowed; return whether it was."""
        if self.settings.batch_events > 1 and durability is None:
            return self._add_later(event)
        return self.add_all([event], durability) is not None

    def add_all(self, events: Sequence[Event], durability: Durability | None = None) -> int | None:
        """Record events, all or none; return how many were not there yet, or None if it is not allowed."""
        with self._using() as custody:
            self._flush()
            return self._add_now(custody, events, durability)

    def _add_now(self, custody: Custody, events: Sequence[Event], durability: Durability | None) -> int | None:
        if custody.unstored:
            custody.try_to_flush()
            with contextlib.suppress(ProfileError):
                self._clear_due()
        if custody.store is None:
            custody.look()
        if custody.store is None:
            return None
        # Asked within the writing, because a withdrawal may come before it.
        added = custody.store.add_events_if(self._permitting(EVENTS), events, self.now(), durability)
        if added is None:
            custody.look()
            self._note_lapses(custody)
        return added

    def _add_later(self, event: Event) -> bool:
        # One that cannot be written would keep all others from being written.
        event_to_row(event)
        with self._using() as custody:
            custody.look()
            self._forget_withdrawn()
            if not self._gate().permits(EVENTS, self.now()):
                self._note_lapses(custody)
                return False
            if not self._batch:
                self._batched_in = (custody.profile, custody.ledger().next_sequence)
            self._batch.append(event)
            if len(self._batch) >= self.settings.batch_events:
                try:
                    self._flush()
                except BaseException:
                    # Who was told that it was not recorded may try again.
                    self._batch[:] = [each for each in self._batch if each is not event]
                    raise
            elif self._timer is None:
                self._start_timer()
            return True

    def _start_timer(self) -> None:
        self._timer = threading.Timer(self.settings.batch_seconds, self._flush_in_background)
        self._timer.daemon = True
        self._timer.start()

    def flush(self) -> None:
        """Write the events that are held in memory.

        Raises:
            ProfileError: They are still held.
        """
        with self._using():
            self._flush()

    def _flush(self) -> None:
        if not self._batch:
            return
        self.custody.look()
        self._forget_withdrawn()
        if self._batch:
            self._add_now(self.custody, tuple(self._batch), None)
        self._batch.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _forget_withdrawn(self) -> None:
        """Drop what is held in memory if it was forbidden since, also where it is allowed again by now."""
        profile, since = self._batched_in
        if self._batch and (profile != self.custody.profile or self._forbidden_since(since)):
            self._batch.clear()

    def _forbidden_since(self, sequence: int) -> bool:
        later = (record for record in self.custody.ledger().records if record.sequence >= sequence)
        return any(record.purpose in EVENTS.purposes and not permits(record) for record in later)

    def _flush_in_background(self) -> None:
        with self.lock:
            self._timer = None
            if not self.is_closed:
                # Tried again a little later, and at the next use, which tells.
                with contextlib.suppress(ProfileError):
                    self._flush()
                if self._batch:
                    self._start_timer()

    def events(self, last: int | None = None) -> list[Event]:
        """Return what was recorded, for the person to read; with ``last`` only the latest so many."""
        with self._using() as custody:
            self._flush()
            custody.look()
            if custody.store is None:
                return []
            return custody.store.events() if last is None else custody.store.latest_events(last)

    def usable_events(self) -> list[Event] | None:
        """Return the events for scoring, or None if they may not be used."""
        with self._using():
            return self.events() if self.permits(SCORING) else None

    def permits(self, part: Part) -> bool:
        """Return whether a part may act now."""
        with self._using() as custody:
            custody.look()
            permitted = self._gate().permits(part, self.now())
            if not permitted:
                self._note_lapses(custody)
            return permitted

    def blocks(self, part: Part) -> tuple[str, ...]:
        """Return what the person set that stops a part."""
        with self._using() as custody:
            custody.look()
            return self._gate().blocks(part)

    def steering(self) -> Steering:
        """Return what the person has set."""
        with self._using() as custody:
            custody.look()
            return self._gate().steering

    def view(self) -> View:
        """Return what decides now."""
        with self._using() as custody:
            custody.look()
            return self._view()

    def set_control(self, make: Callable[[tuple[ControlEntry, ...]], ControlEntry]) -> ControlEntry:
        """Record what the person sets.

        Args:
            make: Gives the entry, given all that there are.
        """
        made: list[ControlEntry] = []

        def chosen(entries: tuple[ControlEntry, ...]) -> tuple[ControlEntry, ...]:
            made[:] = [make(entries)]
            return tuple(made)

        with self._using() as custody:
            self._flush()
            custody.look()
            keeper = self._keeper()
            if keeper is None:
                stored, entries = self._view().controls, self._entries()
                self._early.controls = (*entries[len(stored) :], *chosen(entries))
            else:
                keeper.extend_controls(chosen)
            if self._gate().blocks(CONTRIBUTIONS) and custody.store is not None:
                self.egress.cancel([str(Purpose.CONTRIBUTION)], note=f"the person set: {made[0].control}")
        return made[0]

    def add_controls(self, entries: tuple[ControlEntry, ...]) -> None:
        """Record what the person set elsewhere, in that order; nothing may be set here yet."""
        with self._using() as custody:
            custody.look()
            if custody.store is None:
                self._early.controls += entries
            else:
                custody.store.extend_controls(lambda _: entries)

    def set_private(self, *, private: bool) -> None:
        """Begin or end a private session, of which nothing is kept anywhere."""
        with self._using():
            self._flush()
            # Sessions of several threads may overlap.
            self._private += 1 if private else -1

    @property
    def is_private(self) -> bool:
        """Whether a private session is on."""
        return self._private > 0

    def set_attribute(self, name: str, value: ContextValue | None) -> None:
        """Keep what the person declares; None removes it."""
        with self._using() as custody:
            custody.look()
            keeper = self._keeper()
            if value is None:
                # Taking back is erasing, which needs nobody's leave.
                self._early.attributes.pop(name, None)
                keeper = custody.store
            if keeper is not None:
                keeper.set_attribute(name, value)
            elif value is not None:
                self._early.attributes[name] = value

    def attributes(self) -> Mapping[str, ContextValue]:
        """Return what the person declared."""
        with self._using() as custody:
            custody.look()
            return {**self._view().attributes, **self._early.attributes}

    def kept(self, part: Part) -> dict[str, bytes]:
        """Return what a part keeps in its compartment; nothing where it may not act."""
        with self._using() as custody:
            custody.look()
            if custody.store is None or part.compartment is None or not self._gate().permits(part, self.now()):
                return {}
            return custody.store.kept(part.compartment)

    def keep(self, part: Part, name: str, value: bytes | None) -> bool:
        """Keep a value in a part's compartment; None removes it. Return whether that is allowed."""
        with self._using() as custody:
            custody.look()
            if custody.store is None or part.compartment is None:
                return False
            return custody.store.keep_if(self._permitting(part), part.compartment, name, value)

    def epochs(self) -> frozenset[str]:
        """Return the names of the epochs that there are, for ``add_decisions``."""
        with self._using() as custody:
            custody.look()
            return frozenset() if custody.store is None else custody.store.epochs()

    def add_decisions(
        self, make: Callable[[], Sequence[ExplanationRecord]], read: frozenset[str] = frozenset()
    ) -> bool:
        """Keep the explanation records that ``make`` gives, if that is allowed; return whether it is.

        Args:
            make: Gives them.
            read: The ``epochs`` before what they were made from was read. Nothing is kept if one was erased since.
        """
        with self._using() as custody:
            custody.look()
            if custody.store is None or not self._gate().permits(DECISIONS, self.now()):
                return False
            return custody.store.add_decisions(self._permitting(DECISIONS), make(), self.now(), read)

    def decisions(self) -> list[ExplanationRecord]:
        """Return all explanation records."""
        with self._using() as custody:
            custody.look()
            return [] if custody.store is None else custody.store.decisions()

    def add_exposures(self, items: Iterable[str]) -> bool:
        """Keep that items were shown, if that is allowed; return whether it is."""
        with self._using() as custody:
            custody.look()
            if custody.store is None:
                return False
            return custody.store.add_exposures(self._permitting(EXPOSURES), items, self.now())

    def exposures(self, since: float) -> dict[str, int]:
        """Return how often each item was shown since a time."""
        with self._using() as custody:
            custody.look()
            return {} if custody.store is None else custody.store.exposures(since)

    def store(self) -> ProfileStore | None:
        """Return the open profile; None while there is none."""
        with self._using() as custody:
            custody.look()
            return custody.store

    @property
    def profile(self) -> str:
        """The profile's id; empty if there is none."""
        with self._using() as custody:
            return custody.profile

    def controls(self) -> tuple[ControlEntry, ...]:
        """Return everything that the person ever set."""
        with self._using() as custody:
            custody.look()
            return self._entries()

    def sizes(self) -> Sizes | None:
        """Return how much the profile holds; None while there is none."""
        with self._using() as custody:
            self._flush()
            custody.look()
            return None if custody.store is None else custody.store.sizes()

    def ledger(self) -> ConsentLedger:
        """Return every choice, and what it allows."""
        with self._using() as custody:
            custody.look()
            return custody.ledger()

    def consent_status(self) -> dict[Purpose, PurposeStatus]:
        """Return where every purpose stands."""
        with self._using() as custody:
            custody.look()
            self._note_lapses(custody)
            return custody.ledger().status(self.now())

    def _note_lapses(self, custody: Custody) -> None:
        now = self.now()
        if custody.store is None or not 0 <= now <= MAX_TIME:
            return
        # Without it the terms count all the same, as long as the clock goes on.
        with contextlib.suppress(ProfileError):
            if custody.may_write and custody.ledger().lapsed(now):
                custody.write(custody.store, lambda ledger: ledger.lapsed(now))
                self._clear_due()

    def grant(
        self,
        purposes: tuple[Purpose, ...],
        notice: Notice,
        surface: str,
        method: str,
        *,
        valid_days: float | None = None,
        exception: str | None = None,
    ) -> None:
        """Record grants; the first one of ``DEVICE_STORAGE`` creates the profile.

        Raises:
            MisuseError: See ``ConsentLedger.grant``.
            ProfileError: Nothing was granted; perhaps because a withdrawn profile is not erased yet.
        """
        choose = partial(
            choose_grant,
            purposes=purposes,
            notice=notice,
            now=self.now(),
            surface=surface,
            method=method,
            valid_days=valid_days,
            exception=exception,
        )
        with self._using() as custody:
            custody.look()
            # Before something is kept anew that would be cleared with the old.
            custody.flush()
            self._clear_due()
            while not granted(custody, choose, self._settle):
                continue
            # Granted it is; what cannot be kept now is kept with the next thing that is set.
            with contextlib.suppress(ProfileError):
                self._keeper()

    def withdraw(self, purposes: tuple[Purpose, ...], surface: str, method: str) -> Withdrawal:
        """Record withdrawals; that of ``DEVICE_STORAGE`` erases the profile.

        Raises:
            MisuseError: See ``ConsentLedger.withdraw``.
            ProfileError: The withdrawal holds nevertheless; the message says what is pending.
        """
        now = self.now()
        return self._end(purposes, lambda ledger: ledger.withdraw(*purposes, now=now, surface=surface, method=method))

    def refuse(self, purposes: tuple[Purpose, ...], notice: Notice, surface: str, method: str) -> Withdrawal:
        """Record that a notice was answered with no; as ``withdraw``."""
        now = self.now()
        return self._end(
            purposes, lambda ledger: ledger.refuse(*purposes, notice=notice, now=now, surface=surface, method=method)
        )

    def signal(self, *, gpc: bool, surface: str, method: str) -> Withdrawal:
        """Record that Global Privacy Control came on or went off.

        Raises:
            MisuseError: See ``ConsentLedger.signal``.
            ProfileError: The signal holds nevertheless.
        """
        now = self.now()
        forbidden = FORBIDS[GPC] if gpc else ()
        return self._end(
            tuple(forbidden), lambda ledger: ledger.signal(gpc=gpc, now=now, surface=surface, method=method)
        )

    def _end(self, purposes: tuple[Purpose, ...], choose: Choose) -> Withdrawal:
        choose(ConsentLedger())  # What is no choice is refused before anything is touched.
        with self._using() as custody:
            self._forget_batch(purposes)
            _look_before_ending(custody, choose)
            before = custody.ledger()
            records = choose(before)
            ended = ended_by(before, records)
            if Purpose.DEVICE_STORAGE in purposes and (custody.store is not None or custody.due is not None):
                self._early = _Early()
                return Withdrawal(ended, receipt=self._end_storage(choose, records))
            if custody.store is None or not custody.may_write:
                _remember(custody, records)
                return Withdrawal(ended, (Effect("profile", "There is none, so nothing was kept."),))
            _store_ending(custody, custody.store, choose)
            return Withdrawal(ended, self._clear_due())

    def _forget_batch(self, purposes: tuple[Purpose, ...]) -> None:
        if EVENTS.purposes & set(purposes):
            self._batch.clear()

    def forget(self, selection: Selection) -> Forgotten | None:
        """Erase a part of the profile; None if there is no profile."""
        with self._using() as custody:
            self._flush()
            custody.look()
            self._early.controls = tuple(
                each for each in self._early.controls if not selection.takes_entry(each.control, each.target)
            )
            return None if custody.store is None else custody.store.forget(selection)

    def rectify(self, wrong: Event, right: Event) -> Forgotten | None:
        """Replace every event that equals ``wrong``; None if there is no profile."""
        with self._using() as custody:
            self._flush()
            custody.look()
            return None if custody.store is None else custody.store.rectify(wrong, right)

    def erase(self) -> Receipt:
        """Erase the profile and every choice.

        Raises:
            ProfileError: See ``profile.erase``.
        """
        with self._using() as custody:
            self._batch.clear()
            receipt = custody.erase(released=self.released())
            custody.past = custody.unstored = ()
            self._early = _Early()
            return receipt

    def rekey(self, change: Callable[[Place], Key | None]) -> None:
        """Change what opens the profile.

        Args:
            change: Does it on the closed profile; returns the key that opens it from now on, or None if it stays.

        Raises:
            ProfileError: The old key still opens it.
        """
        with self._using() as custody:
            self._flush()
            custody.look()
            custody.rekey(change)

    def close(self) -> None:
        """Close the profile; closing twice does nothing.

        Raises:
            ProfileError: Events that were held in memory could not be written and are lost.
        """
        with self.lock:
            if self.is_closed:
                return
            try:
                with contextlib.suppress(ProfileError):
                    self._hand_over()
                self._flush()
            finally:
                self.is_closed = True
                if self._timer is not None:
                    self._timer.cancel()
                if self.custody.store is not None:
                    self.custody.store.close()

    def _using(self) -> "_Use":
        return self._use

    def _view(self) -> View:
        store = self.custody.store
        return _NOTHING if store is None else store.view()

    def _entries(self) -> tuple[ControlEntry, ...]:
        return joined(self._view().controls, self._early.controls)

    def _keeper(self) -> ProfileStore | None:
        """Return the profile if it may keep what the person says, with what they said before in it."""
        store = self.custody.store
        if store is None or not self.custody.may_write or not self._gate().permits(CONTROLS, self.now()):
            return None
        self._settle(store)
        return store

    def _settle(self, store: ProfileStore) -> None:
        """Put what was said while nothing could be stored into a profile."""
        early = self._early
        if early.controls:
            store.extend_controls(lambda stored: joined(stored, early.controls)[len(stored) :])
        for name, value in early.attributes.items():
            store.set_attribute(name, value)
        # Only now: where one of it fails, a profile that was just made for it is erased again.
        self._early = _Early()

    def _gate(self) -> Gate:
        custody = self.custody
        if custody.store is None:
            return Gate(custody.ledger(), fold(self._early.controls), private=self.is_private)
        return self._gate_of(custody.store.view())

    def _gate_of(self, view: View) -> Gate:
        known, gate = self._judged
        basis = (view, self.custody.unstored, self._early.controls, self.is_private)
        if len(known) != len(basis) or any(one is not other for one, other in zip(known, basis, strict=True)):
            steering = fold(joined(view.controls, self._early.controls))
            gate = Gate(self.custody.gate_ledger(view), steering, private=self.is_private)
            self._judged = (basis, gate)
        return gate

    def _permitting(self, part: Part) -> Callable[[View], bool]:
        return lambda view: self._gate_of(view).permits(part, self.now())

    def _allowing(self, purpose: str) -> int | None:
        """Return the consent record that allows a contribution to a purpose now.

        Raises:
            NotPermittedError: A private session is on, which is no answer to what waits.
        """
        with self._using():
            if self._private:
                raise NotPermittedError("a private session keeps nothing, so nothing is queued or sent meanwhile.")
            gate, now = self._gate(), self.now()
            status = gate.ledger.status_of(purpose, now)
            if not status.granted or status.decided_by is None or not gate.permits(CONTRIBUTIONS, now):
                return None
            return status.decided_by.sequence

    def released(self) -> list[tuple[str, str]] | None:
        """Return what left the profile, each with its ε; None if its ledger cannot be read."""
        with contextlib.suppress(ProfileError, LedgerError):
            return _left(self.egress_entries())
        return None

    def egress_entries(self) -> tuple[EgressEntry, ...]:
        """Return the ledger of what left."""
        with self._using() as custody:
            custody.look()
            return () if custody.store is None else custody.store.egress_entries()

    def _end_storage(self, choose: Choose, records: Records) -> Receipt:
        custody, everywhere, profile = self.custody, True, self.custody.profile
        left = self.released()
        if custody.store is not None and custody.may_write:
            try:
                _store_ending(custody, custody.store, choose)
            except ProfileBusyError:
                # Somebody is writing, so there is no hope of erasing now either.
                raise
            except ProfileError:
                everywhere = False
        custody.past, custody.unstored, custody.due = records, (), profile
        try:
            return custody.erase(released=left)
        except ProfileError as error:
            raise _pending(error, everywhere=everywhere) from error


def _left(entries: Iterable[EgressEntry]) -> list[tuple[str, str]]:
    return [
        (f"{each.queued.what} to {each.queued.destination}", each.queued.epsilon_spent)
        for each in progress_of(entries).values()
        if each.may_have_left
    ]


def _look_before_ending(custody: Custody, choose: Choose) -> None:
    try:
        custody.look()
    except ProfileError:
        # The profile cannot be read now. The withdrawal must not wait for that.
        custody.unstored += choose(ConsentLedger((*custody.past, *custody.unstored)))
        raise


def _remember(custody: Custody, records: Records) -> None:
    """Keep choices while there is no profile; one that ends storage is about nothing that is stored."""
    custody.past += tuple(record for record in records if record.purpose == Purpose.DEVICE_STORAGE)
    custody.unstored += tuple(record for record in records if record.purpose != Purpose.DEVICE_STORAGE)


def _store_ending(custody: Custody, store: ProfileStore, choose: Choose) -> None:
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
