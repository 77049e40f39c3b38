"""Adding entries to the ledger of what left.

Pure. What may be added is decided elsewhere (``homespun.contribute``); this only keeps the chain, the states and
the sums right.
"""

import hashlib
from collections.abc import Sequence

import msgspec

from homespun.errors import LedgerError, MisuseError
from homespun.protocol.egress_entry import FIRST_PREVIOUS, EgressEntry, State, check_hash, entry_hash
from homespun.protocol.egress_progress import Progress, progress_of, steps_spent
from homespun.protocol.epsilon import epsilon_text, steps_of
from homespun.protocol.events import MAX_TIME


class EgressBook:
    """A ledger that is being added to, at one moment and under one lifetime's ε. Not thread-safe.

    Attributes:
        found: What became of each contribution, by the sequence of its first entry.
        spent: ε of all of them, in steps of 10⁻¹².
        added: The entries that were added, in order.
    """

    def __init__(self, entries: Sequence[EgressEntry], *, ceiling: int, time: float) -> None:
        """Continue a ledger.

        Args:
            entries: All of it, in order. Only the last one's hash is checked here; ``verify_chain`` checks all.
            ceiling: ε of the whole lifetime, in steps of 10⁻¹².
            time: Seconds since 1970-01-01 UTC.

        Raises:
            LedgerError: The entries contradict each other, or the last one was changed.
            MisuseError: ``time`` is no time.
        """
        if entries:
            check_hash(entries[-1])
        self.found: dict[int, Progress] = progress_of(entries)
        self.spent = steps_spent(self.found)
        self.added: tuple[EgressEntry, ...] = ()
        self._count = len(entries)
        self._previous = entries[-1].hash if entries else FIRST_PREVIOUS
        self._ceiling = ceiling
        self._time = _moment(time)

    @property
    def left(self) -> int:
        """ε of the lifetime's that nothing has taken, in steps of 10⁻¹²; 0 where more than all of it was taken."""
        return max(0, self._ceiling - self.spent)

    def queue(
        self,
        payload: bytes,
        *,
        what: str,
        purpose: str,
        consent: int,
        destination: str,
        idempotent: bool,
        epsilon: int,
    ) -> EgressEntry:
        """Add and return the entry by which ``payload`` waits to be sent.

        Args:
            payload: What is to be sent.
            what: Its short name.
            purpose: Name of the purpose.
            consent: Sequence of the consent record that allows it.
            destination: Origin that it goes to.
            idempotent: Whether it may be sent again.
            epsilon: ε that it takes, in steps of 10⁻¹².

        Raises:
            MisuseError: A value has no canonical JSON.
        """
        entry = EgressEntry(
            sequence=0,
            time=self._time,
            state="queued",
            of=None,
            what=what,
            size=len(payload),
            payload_sha256=hashlib.sha256(payload).hexdigest(),
            purpose=purpose,
            consent=consent,
            destination=destination,
            idempotent=idempotent,
            epsilon_spent=epsilon_text(epsilon),
            epsilon_left="0",
            note="",
            previous="",
            hash="",
        )
        return self._add(entry, epsilon)

    def follow(self, of: int, state: State, note: str = "") -> EgressEntry:
        """Add and return the entry by which contribution ``of`` comes to ``state``.

        Args:
            of: Sequence of the contribution's first entry.
            state: What happened.
            note: Why, in plain words.

        Raises:
            LedgerError: There is no such contribution, or ``state`` cannot follow.
            MisuseError: ``note`` is not well-formed text.
        """
        if of not in self.found:
            raise LedgerError(f"The ledger has no contribution {of}.")
        progress = self.found[of]
        epsilon = progress.epsilon_after(state)
        entry = msgspec.structs.replace(
            progress.queued, time=self._time, state=state, of=of, epsilon_spent=epsilon, note=note
        )
        return self._add(entry, steps_of(epsilon) - steps_of(progress.last.epsilon_spent))

    def _add(self, entry: EgressEntry, epsilon: int) -> EgressEntry:
        numbered = msgspec.structs.replace(
            entry,
            sequence=self._count + 1,
            epsilon_left=epsilon_text(max(0, self._ceiling - self.spent - epsilon)),
            previous=self._previous,
        )
        complete = msgspec.structs.replace(numbered, hash=entry_hash(numbered))
        self.found[complete.of or complete.sequence] = self._progress(complete)
        self.spent += epsilon
        self.added += (complete,)
        self._count, self._previous = complete.sequence, complete.hash
        return complete

    def _progress(self, entry: EgressEntry) -> Progress:
        return Progress(entry, entry) if entry.of is None else self.found[entry.of].after(entry)


def _moment(time: float) -> str:
    if isinstance(time, bool) or not isinstance(time, int | float) or not 0 <= time <= MAX_TIME:
        raise MisuseError(f"the time is {time!r}; give seconds since 1970-01-01 UTC.")
    return f"{time:.3f}"
