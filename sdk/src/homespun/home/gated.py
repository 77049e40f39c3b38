"""A profile that may not exist yet, and the gate in front of it: what every other half of the home uses."""

import contextlib
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from homespun.choosing import store_choice
from homespun.consent import ConsentLedger, from_remembered
from homespun.consent.gate import Gate
from homespun.consent.parts import CONTRIBUTIONS, CONTROLS, EVENTS, IDENTIFIED, Part
from homespun.contribute.egress import Egress
from homespun.contribute.log import Transport
from homespun.contribute.requests import PURPOSE as REQUESTED
from homespun.contribute.requests import RequestLedger
from homespun.custody import Clock, Custody, Records
from homespun.egress_log import HomeLog, NoTransport
from homespun.errors import ClosedError, LedgerError, NotPermittedError, ProfileError
from homespun.home.giving import GivenBeside
from homespun.profile import FileGiven, Given, Place, ProfileStore, Tombstones, View
from homespun.protocol.controls import ControlEntry, Steering, fold, joined
from homespun.protocol.egress import EgressEntry, progress_of
from homespun.protocol.epsilon import epsilon_steps
from homespun.protocol.events import MAX_TIME, ContextValue, Event
from homespun.protocol.receipts import Receipt
from homespun.withdrawal import Effect, cascade

_NOTHING = View((), (), {})


@dataclass
class Early:
    """What the person set and declared while nothing may be stored: in memory only, after what is stored."""

    controls: tuple[ControlEntry, ...] = ()
    attributes: dict[str, ContextValue] = field(default_factory=dict)


class _Use:
    """The custody for one thread at a time. A class, because entering one is faster than a generator."""

    def __init__(self, home: "GatedHome") -> None:
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


class GatedHome:
    """A profile that may not exist yet, the choices about it, and what they permit. Thread-safe."""

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
        self._early = Early()
        self._judged: tuple[View | None, Records, tuple[ControlEntry, ...], int, Gate] = (
            None,
            (),
            (),
            0,
            Gate(ConsentLedger(), Steering()),
        )
        self._may_record = self._permitting(EVENTS)
        self._batch: list[Event] = []
        self._batched_in = ("", 0)
        self._timer: threading.Timer | None = None
        self.custody = Custody(place, clock, tombstones)
        self.custody.unstored = () if choices is None else from_remembered(choices)
        ceiling = place.settings.lifetime_epsilon
        self.log = HomeLog(self)
        self._given = _given_of(self.custody.place)
        elsewhere = GivenBeside(self._given, lambda: self.profile)
        self.egress = Egress(
            self.log,
            transport or NoTransport(),
            allowed=self._allowing,
            clock=clock,
            ceiling=ceiling,
            elsewhere=elsewhere,
        )
        self.requests = RequestLedger(
            self.log,
            clock=clock,
            ceiling=epsilon_steps(ceiling),
            permitted=self._check_updates,
            elsewhere=elsewhere,
        )
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

    def close(self) -> None:
        """Let go of the profile; closing twice does nothing."""
        with self.lock:
            self.is_closed = True
            if self._timer is not None:
                self._timer.cancel()
            if self.custody.store is not None:
                self.custody.store.close()

    def _hand_over(self) -> None:
        """Store what this process still knows alone, as far as there is a profile that may keep it."""
        if self.custody.unstored or self._early.controls or self._early.attributes or self.log.has_early:
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

    def check_open(self) -> None:
        """Check that the profile was not let go of.

        Raises:
            ClosedError: It was.
        """
        with self._using():
            pass

    def now(self) -> float:
        """Return the time, seconds since 1970."""
        return self._clock()

    @property
    def completed(self) -> Receipt | None:
        """The receipt of an erasure that was interrupted, or undone by a restored backup, and completed at opening."""
        return self.custody.completed

    @property
    def is_private(self) -> bool:
        """Whether a private session is on."""
        return self._private > 0

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

    def ledger(self) -> ConsentLedger:
        """Return every choice, and what it allows."""
        with self._using() as custody:
            custody.look()
            return custody.ledger()

    def _note_lapses(self, custody: Custody) -> None:
        now = self.now()
        if custody.store is None or not 0 <= now <= MAX_TIME:
            return
        # Without it the terms count all the same, as long as the clock goes on.
        with contextlib.suppress(ProfileError):
            if custody.may_write and custody.ledger().lapsed(now):
                custody.write(custody.store, lambda ledger: ledger.lapsed(now))
                self._clear_due()

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
        self.log.settle(store)
        # Only now: where one of it fails, a profile that was just made for it is erased again.
        self._early = Early()

    def _gate(self) -> Gate:
        custody = self.custody
        if custody.store is None:
            return Gate(custody.ledger(), fold(self._early.controls), private=self.is_private)
        return self._gate_of(custody.store.view())

    def _gate_of(self, view: View) -> Gate:
        # Asked for every event, so by identity and without a loop.
        known, unstored, controls, private, gate = self._judged
        custody, early = self.custody, self._early
        if (
            known is not view
            or unstored is not custody.unstored
            or controls is not early.controls
            or private != self._private
        ):
            steering = fold(joined(view.controls, early.controls))
            gate = Gate(custody.gate_ledger(view), steering, private=self.is_private)
            self._judged = (view, custody.unstored, early.controls, self._private, gate)
        return gate

    def _permitting(self, part: Part) -> Callable[[View], bool]:
        gate_of, clock = self._gate_of, self._clock
        return lambda view: gate_of(view).permits(part, clock())

    def _allowing(self, purpose: str) -> int | None:
        """Return the consent record that allows something to leave for a purpose now.

        What leaves as the person's own needs its purpose; all else serves many people, and needs that of contributing.

        Raises:
            NotPermittedError: A private session is on, which is no answer to what waits.
        """
        with self._using():
            if self._private:
                raise NotPermittedError("a private session keeps nothing, so nothing is queued or sent meanwhile.")
            gate, now, part = self._gate(), self.now(), IDENTIFIED.get(purpose, CONTRIBUTIONS)
            status = gate.ledger.status_of(purpose, now)
            if not status.granted or status.decided_by is None or not gate.permits(part, now):
                return None
            return status.decided_by.sequence

    def allows(self, purpose: str) -> bool:
        """Return whether something may leave for a purpose now."""
        with contextlib.suppress(NotPermittedError):
            return self._allowing(purpose) is not None
        return False

    def give(self, given: Given) -> None:
        """Write down durably, outside the profile, what it is about to give; in memory only there is nothing to do.

        Raises:
            ProfileError: It could not be written down, and must not be given.
        """
        if self._given is not None:
            self._given.add(given)

    def given(self) -> tuple[Given, ...]:
        """Return what this machine's profiles of this folder have given.

        Raises:
            ProfileError: It cannot be told.
        """
        return () if self._given is None else self._given.read()

    def _check_updates(self) -> None:
        if self.is_private:
            raise NotPermittedError("a private session leaves no trace, so no newer bundle is asked for meanwhile.")

    def released(self) -> list[tuple[str, str]] | None:
        """Return what left the profile, each with its ε; None if its ledger cannot be read."""
        with contextlib.suppress(ProfileError, LedgerError):
            return _left(self.egress_entries())
        return None

    def egress_entries(self) -> tuple[EgressEntry, ...]:
        """Return the ledger of what left."""
        return self.log.egress_entries()


def _given_of(place: Place) -> FileGiven | None:
    return None if place.folder is None else FileGiven.beside(place.folder, place.settings.busy_timeout_ms)


def _left(entries: Iterable[EgressEntry]) -> list[tuple[str, str]]:
    return [
        (f"{each.queued.what} to {each.queued.destination}", each.queued.epsilon_spent)
        for each in progress_of(entries).values()
        if each.may_have_left and each.queued.purpose != REQUESTED
    ]
