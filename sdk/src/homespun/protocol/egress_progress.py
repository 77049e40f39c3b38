"""What became of each contribution, as a function of the egress entries.

Rules: what was ever being sent, and was not expressly reported as unsent, may have left for ever after; only what
cannot have left gives its ε back when it is cancelled. A destination's confirmation is taken even late, after the
contribution was cancelled or given up, because the ledger tells what happened.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from types import MappingProxyType

from homespun.errors import LedgerError
from homespun.protocol.egress_entry import EgressEntry, State
from homespun.protocol.epsilon import steps_of

_AFTER_AN_ATTEMPT: frozenset[State] = frozenset({"sending", "sent", "failed", "unsent", "cancelled"})

_NEXT: MappingProxyType[State, frozenset[State]] = MappingProxyType(
    {
        "queued": frozenset({"sending", "cancelled"}),
        "sending": _AFTER_AN_ATTEMPT,
        "failed": _AFTER_AN_ATTEMPT,
        "unsent": _AFTER_AN_ATTEMPT,
        "sent": frozenset(),
        "cancelled": frozenset({"sent"}),
    }
)

_ANSWERS: frozenset[State] = frozenset({"sent", "failed", "unsent"})

_REPEATED = ("what", "size", "payload_sha256", "purpose", "consent", "destination", "idempotent")


@dataclass(frozen=True, slots=True)
class Progress:
    """What became of one contribution.

    Attributes:
        queued: Its first entry.
        last: Its latest entry.
        attempts: Times that sending began.
        unsent: Times that sending ended before any byte left.
        tried: When sending last began, seconds since 1970-01-01 UTC as text; None if never.
    """

    queued: EgressEntry
    last: EgressEntry
    attempts: int = 0
    unsent: int = 0
    tried: str | None = None

    @property
    def may_have_left(self) -> bool:
        """Whether bytes of it left, or it cannot be ruled out."""
        return self.attempts > self.unsent

    @property
    def waiting(self) -> bool:
        """Whether it is still to be sent, for the first time or again."""
        again = self.last.state in {"sending", "failed"} and self.queued.idempotent
        return again or self.last.state in {"queued", "unsent"}

    @property
    def counts(self) -> bool:
        """Whether something of it left, may have left or is to leave: whether it was not called off in time."""
        return self.may_have_left or self.waiting

    def may_become(self, state: State) -> bool:
        """Return whether an entry with ``state`` can follow."""
        if state in _ANSWERS and not self.may_have_left:
            return False
        if state == "sending" and not self.waiting:
            return False
        return state in _NEXT[self.last.state]

    def epsilon_after(self, state: State) -> str:
        """Return the ``epsilon_spent`` of an entry with ``state`` that follows."""
        return "0" if state == "cancelled" and not self.may_have_left else self.queued.epsilon_spent

    def after(self, entry: EgressEntry) -> "Progress":
        """Return the progress with one more entry.

        Raises:
            LedgerError: The entry cannot follow, or contradicts what the contribution was.
        """
        if not self.may_become(entry.state):
            raise LedgerError(
                f"Entry {entry.sequence} of the ledger says '{entry.state}' of contribution {self.queued.sequence}, "
                f"which cannot follow '{self.last.state}'. The ledger does not tell what happened."
            )
        if any(getattr(entry, name) != getattr(self.queued, name) for name in _REPEATED):
            raise LedgerError(f"Entry {entry.sequence} of the ledger contradicts entry {self.queued.sequence}.")
        if entry.epsilon_spent != self.epsilon_after(entry.state):
            raise LedgerError(f"Entry {entry.sequence} of the ledger states another ε than what was spent.")
        began = entry.state == "sending"
        return replace(
            self,
            last=entry,
            attempts=self.attempts + began,
            unsent=self.unsent + (entry.state == "unsent"),
            tried=entry.time if began else self.tried,
        )


def progress_of(entries: Iterable[EgressEntry]) -> dict[int, Progress]:
    """Return what became of each contribution, by the sequence of its first entry, in that order.

    Raises:
        LedgerError: The entries contradict each other.
    """
    found: dict[int, Progress] = {}
    for entry in entries:
        advance(found, entry)
    return found


def advance(found: dict[int, Progress], entry: EgressEntry) -> None:
    """Put one more entry into ``found``.

    Raises:
        LedgerError: It contradicts those before.
    """
    if entry.of is None:
        if entry.state != "queued":
            raise LedgerError(f"Entry {entry.sequence} of the ledger says '{entry.state}' of no contribution.")
        found[entry.sequence] = Progress(entry, entry)
    elif entry.of in found:
        found[entry.of] = found[entry.of].after(entry)
    else:
        raise LedgerError(f"Entry {entry.sequence} of the ledger continues entry {entry.of}, which is no contribution.")


def steps_spent(found: dict[int, Progress]) -> int:
    """Return the ε of all contributions together, in steps of 10⁻¹².

    Plain addition bounds the loss of all of them (basic composition, Dwork and Roth 2014, theorem 3.16).

    Raises:
        LedgerError: An entry's ε is not plain decimal text.
    """
    return sum(_steps(progress.last) for progress in found.values())


def _steps(entry: EgressEntry) -> int:
    try:
        return steps_of(entry.epsilon_spent)
    except ValueError as error:
        raise LedgerError(f"Entry {entry.sequence} of the ledger is damaged: {error}.") from error
