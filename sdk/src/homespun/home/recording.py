"""Recording what happens, at once or in batches, and reading it."""

import contextlib
import threading
from collections.abc import Callable, Iterable, Sequence

from homespun.config import Durability
from homespun.consent.parts import DECISIONS, EVENTS, EXPOSURES, SCORING
from homespun.custody import Custody
from homespun.errors import ProfileError
from homespun.home.gated import GatedHome
from homespun.profile import Sizes
from homespun.profile.records import event_to_row
from homespun.protocol.consent import permits
from homespun.protocol.events import Event
from homespun.protocol.records import ExplanationRecord


class RecordingHome(GatedHome):
    """Keeps events, explanation records and exposures as far as the gate lets it."""

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
        added = custody.store.add_events_if(self._may_record, events, self.now(), durability)
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

    def sizes(self) -> Sizes | None:
        """Return how much the profile holds; None while there is none."""
        with self._using() as custody:
            self._flush()
            custody.look()
            return None if custody.store is None else custody.store.sizes()
