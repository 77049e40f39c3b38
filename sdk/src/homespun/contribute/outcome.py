"""What sending and cancelling did, for programs and in words."""

from dataclasses import dataclass, field
from typing import Literal

from homespun.protocol.egress import EgressEntry

Result = Literal["sent", "failed", "kept", "cancelled"]


@dataclass(frozen=True, slots=True)
class SendResult:
    """What became of one contribution.

    Attributes:
        sequence: Sequence of its first entry in the ledger.
        what: Its short name.
        result: ``sent``: the destination took it. ``failed``: not taken, some of it may have left, and it is
            not tried again. ``kept``: it waits for another attempt. ``cancelled``: it will not be sent.
        detail: Why, in plain words; empty where there is nothing to say.
        said: What the destination answered to what it took, unverified; empty where the transport tells nothing.
    """

    sequence: int
    what: str
    result: Result
    detail: str = ""
    said: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class SendOutcome:
    """What one round of sending did.

    Attributes:
        results: One for each contribution that was looked at, in the order of queueing.
        problem: Why the round ended before it was through; None if it did not. What was being sent at that
            moment counts in the ledger as possibly sent.
    """

    results: tuple[SendResult, ...] = ()
    problem: str | None = None

    def count(self, result: Result) -> int:
        """Return how many contributions had that result."""
        return sum(each.result == result for each in self.results)

    def __str__(self) -> str:
        """Return the outcome as a sentence or two."""
        counted = [f"{self.count(result)} {result}" for result in ("sent", "failed", "kept", "cancelled")]
        said = ", ".join(counted) + "." if self.results else "Nothing was waiting to be sent."
        return said if self.problem is None else f"{said} Sending stopped: {self.problem}"


@dataclass(frozen=True, slots=True)
class CancelEffects:
    """What cancelling did, and what it can no longer do.

    Attributes:
        dropped: Entries of contributions that were dropped before anything can have left.
        stopped: Entries of contributions that may have left and will not be tried again.
        beyond_recall: Latest entries of all contributions to these purposes that left or may have left, the
            stopped ones included: a destination that has them cannot be made to give them back.
        epsilon_returned: ε that the lifetime's budget got back, as decimal text.
    """

    dropped: tuple[EgressEntry, ...]
    stopped: tuple[EgressEntry, ...]
    beyond_recall: tuple[EgressEntry, ...]
    epsilon_returned: str

    def lines(self) -> tuple[str, ...]:
        """Return the effects in plain words, one sentence each."""
        dropped = [
            f"Contribution {entry.of} ({entry.what}, {entry.size} bytes) was dropped before anything of it left."
            for entry in self.dropped
        ]
        stopped = [f"Contribution {entry.of} ({entry.what}) will not be tried again." for entry in self.stopped]
        gone = [
            f"Contribution {entry.of or entry.sequence} ({entry.what}) {_left(entry)} and cannot be called back."
            for entry in self.beyond_recall
        ]
        return (*dropped, *stopped, *gone) or ("Nothing was waiting, and nothing had left.",)

    def __str__(self) -> str:
        """Return the effects, a line each."""
        return "\n".join(self.lines())


def _left(entry: EgressEntry) -> str:
    if entry.state == "sent":
        return f"was sent to {entry.destination}"
    return f"may have been sent to {entry.destination}"
