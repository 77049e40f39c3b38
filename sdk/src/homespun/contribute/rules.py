"""Which entries follow from which act, as functions of the ledger, the time and what is allowed.

Rules:

- Nothing is queued or sent without a consent. A contribution is sent only under the very consent that it was
  queued under; if that no longer decides, it is cancelled, even where a newer one would allow the same.
- Contributions of all purposes draw on one lifetime ε. It is taken when a contribution is queued, and given back
  only if it is cancelled before anything of it can have left.
- What left by what is written down beside the ledger has left, also where the ledger does not know it.
- What may have left is tried again only if the destination counts repetitions once (``idempotent``).
- A payload is destroyed as soon as no further attempt will be made.

Pure but for ``permitted``, which asks whoever keeps the consents.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from homespun.contribute.beside import Elsewhere, NothingElsewhere
from homespun.contribute.limits import EgressLimits
from homespun.contribute.log import EgressChange, Entries
from homespun.contribute.offer import Offer
from homespun.errors import BudgetError, MisuseError, NotPermittedError, ProfileError
from homespun.protocol.egress import EgressBook, EgressEntry, Progress, State, progress_of, steps_spent
from homespun.protocol.epsilon import epsilon_text, steps_of

_LONGEST_NOTE = 200
_NOTHING = NothingElsewhere()

_LEFT_BEFORE = "it may have left already, by what is written down outside the profile"


@dataclass(frozen=True, slots=True)
class Rules:
    """Decides what is written to the ledger.

    Attributes:
        permitted: From a purpose's name to the sequence of the consent record that allows it now, or None.
        ceiling: ε of the whole lifetime, in steps of 10⁻¹².
        limits: Limits of size, number and attempts.
        elsewhere: What is kept beside the ledger.
    """

    permitted: Callable[[str], int | None]
    ceiling: int
    limits: EgressLimits
    elsewhere: Elsewhere = _NOTHING

    def left(self, entries: Entries, besides: Collection[str] = ()) -> int:
        """Return the ε that nothing has taken, in steps of 10⁻¹²; whatever keeps that from being told is raised."""
        spent = steps_spent(progress_of(entries))
        return max(0, self.ceiling - self.elsewhere.taken(_told(entries, besides)) - spent)

    def queueing(self, entries: Entries, offer: Offer, now: float, *, once: bool = False) -> EgressChange:
        """Return the change by which ``offer`` waits to be sent.

        Raises:
            MisuseError: ``once`` is set, and something of its name waits or may have left.
            NotPermittedError: Its purpose is not allowed.
            BudgetError: Too many contributions wait, or the lifetime's ε does not suffice.
        """
        consent = self.permitted(offer.purpose)
        if consent is None:
            raise NotPermittedError(
                f"The person does not allow '{offer.purpose}' now, so '{offer.what}' was not queued and nothing will "
                "be sent. Ask for consent first; a refusal is an answer."
            )
        # Strict: whoever cannot tell what was taken takes nothing more.
        room = self.ceiling - self.elsewhere.taken(_told(entries, [offer.what]))
        book = EgressBook(entries, ceiling=max(0, room), time=now)
        self._check_room(book, offer)
        if once and any(each.queued.what == offer.what and each.counts for each in book.found.values()):
            raise MisuseError(f"'{offer.what}' waits already, or has left; it is contributed once.")
        entry = book.queue(
            offer.payload,
            what=offer.what,
            purpose=offer.purpose,
            consent=consent,
            destination=offer.destination,
            idempotent=offer.idempotent,
            epsilon=offer.epsilon,
        )
        return EgressChange(entries=book.added, keep={entry.sequence: offer.payload})

    def may_send(self, entry: EgressEntry) -> bool:
        """Return whether the consent that a contribution was queued under still decides about its purpose."""
        return self.permitted(entry.purpose) == entry.consent

    def obstacle(self, found: dict[int, Progress], sequence: int, now: float) -> str:
        """Return why a waiting contribution is not to be tried now, in plain words; empty if it is."""
        progress = found[sequence]
        if self._resting(progress, now):
            return "the next attempt is not due yet"
        taken = self.elsewhere.taken(_charged(found))
        if steps_spent(found) + taken > self.ceiling and steps_of(progress.queued.epsilon_spent):
            return "the lifetime's ε was lowered below what is already taken"
        return ""

    def beginning(self, entries: Entries, sequence: int, now: float, *, intact: bool) -> EgressChange:
        """Return the change by which the sending of one contribution begins, or by which it is cancelled.

        Args:
            entries: The ledger.
            sequence: Sequence of the contribution's first entry.
            now: Seconds since 1970-01-01 UTC.
            intact: Whether its payload is there, and is what was queued.
        """
        book = self.book(entries, now)
        progress = book.found.get(sequence)
        if progress is None or not progress.waiting:
            return EgressChange()
        why = self._why_never(progress, intact=intact)
        if why:
            return self._ended(book, [sequence], "cancelled", why)
        if self.obstacle(book.found, sequence, now):
            return EgressChange()
        book.follow(sequence, "sending")
        return EgressChange(entries=book.added)

    def answering(
        self, entries: Entries, sequence: int, states: tuple[State, ...], now: float, note: str
    ) -> EgressChange:
        """Return the change by which the end of an attempt is told, as far as it still can follow."""
        book = self.book(entries, now)
        for state in states:
            if book.found[sequence].may_become(state):
                self._end(book, sequence, state, note)
        return EgressChange(entries=book.added, drop=() if _open(book.found[sequence]) else (sequence,))

    def cancelling(
        self, entries: Entries, is_meant: Callable[[EgressEntry], bool], now: float, note: str
    ) -> EgressChange:
        """Return the change by which nothing more is sent of what is meant, by its first entry."""
        book = self.book(entries, now)
        ends = [number for number, each in book.found.items() if is_meant(each.queued) and _open(each)]
        return self._ended(book, ends, "cancelled", note)

    def interrupted(self, entries: Entries, now: float) -> EgressChange:
        """Return the change by which attempts of which nobody will hear count as failed."""
        book = self.book(entries, now)
        ends = [
            number
            for number, each in book.found.items()
            if _open(each) and not each.waiting and not self._resting(each, now)
        ]
        return self._ended(book, ends, "failed", "sending was interrupted")

    def book(self, entries: Entries, now: float) -> EgressBook:
        """Return a ledger to be added to."""
        try:
            taken = self.elsewhere.taken(_told(entries))
        except ProfileError:
            # What is told of it must not keep anything from being ended.
            taken = self.ceiling
        return EgressBook(entries, ceiling=max(0, self.ceiling - taken), time=now)

    def _ended(self, book: EgressBook, sequences: list[int], state: State, note: str) -> EgressChange:
        for sequence in sequences:
            self._end(book, sequence, state, note)
        return EgressChange(entries=book.added, drop=tuple(sequences))

    def _end(self, book: EgressBook, sequence: int, state: State, note: str) -> None:
        progress = book.found[sequence]
        if state == "cancelled" and not progress.may_have_left and self.elsewhere.has_left(progress.queued.what):
            # A restored ledger does not know that it was sent: it says so now, and charges for it.
            book.follow(sequence, "sending", _LEFT_BEFORE)
        book.follow(sequence, state, plain(note))

    def _check_room(self, book: EgressBook, offer: Offer) -> None:
        if sum(progress.waiting for progress in book.found.values()) >= self.limits.pending:
            raise BudgetError(
                f"{self.limits.pending} contributions wait to be sent already, so '{offer.what}' was not queued. "
                "Send those first."
            )
        if offer.epsilon > book.left:
            raise BudgetError(
                f"'{offer.what}' would cost ε {epsilon_text(offer.epsilon)}, and ε {epsilon_text(book.left)} is left "
                f"of the lifetime's {epsilon_text(self.ceiling)}. It was not queued; this device has given what it may."
            )

    def _why_never(self, progress: Progress, *, intact: bool) -> str:
        if not self.may_send(progress.queued):
            return "the consent that it was queued under no longer holds"
        if not intact:
            return "the payload is missing or is not what was queued"
        if progress.attempts >= self.limits.attempts:
            return f"given up after {progress.attempts} attempts"
        return ""

    def _resting(self, progress: Progress, now: float) -> bool:
        if progress.tried is None:
            return False
        # A clock that was set back must not keep something waiting for years.
        return 0 <= now - float(progress.tried) < self.limits.wait_after(progress.attempts)


def _told(entries: Entries, besides: Collection[str] = ()) -> dict[str, bool]:
    return {**_charged(progress_of(entries)), **dict.fromkeys(besides, True)}


def _charged(found: dict[int, Progress]) -> dict[str, bool]:
    """Return the names of contributions, and whether the ledger charges for one of that name."""
    charged: dict[str, bool] = {}
    for each in found.values():
        what = each.queued.what
        charged[what] = charged.get(what, False) or each.last.epsilon_spent != "0"
    return charged


def _open(progress: Progress) -> bool:
    return progress.waiting or progress.last.state == "sending"


def plain(note: str) -> str:
    """Return a note that a terminal shows as it is: one line without invisible characters, not too long."""
    return "".join(letter if letter.isprintable() else " " for letter in note[:_LONGEST_NOTE])
