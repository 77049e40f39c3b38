"""What the way out needs of others: a durable log to write in, and a transport to send with."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from homespun.protocol.egress import EgressEntry
from homespun.protocol.read_only import ReadOnlyDict

Entries = tuple[EgressEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EgressChange:
    """What is written to the log in one transaction.

    Attributes:
        entries: Entries to add at its end, in order.
        keep: Payloads to keep until they are dropped, by the sequence of their ``queued`` entry.
        drop: Sequences of ``queued`` entries whose payload is to be destroyed.
    """

    entries: Entries = ()
    keep: Mapping[int, bytes] = field(default_factory=ReadOnlyDict[int, bytes])
    drop: Iterable[int] = ()


class EgressReader(Protocol):
    """What can be read of the log."""

    def egress_entries(self) -> Entries:
        """Return every entry, in order."""

    def payload(self, sequence: int) -> bytes | None:
        """Return the payload of the contribution that began with entry ``sequence``; None if it is not kept."""


class EgressLog(EgressReader, Protocol):
    """The log: entries are only ever added."""

    def extend_egress(
        self,
        choose: Callable[[Entries], Entries],
        *,
        keep: Mapping[int, bytes] | None = None,
        drop: Iterable[int] = (),
    ) -> None:
        """Write what ``choose`` makes of all entries, in one transaction that excludes every other writer.

        When this returns, the change survives a power cut. If ``choose`` or the log raises, nothing was written;
        what ``choose`` raises comes through as it is. ``choose`` may be called again if the transaction has to be
        begun again.

        Args:
            choose: From all entries to those that are added at their end.
            keep: Payloads to keep, by the sequence of their ``queued`` entry. Read after ``choose`` has returned,
                because only that knows the sequence.
            drop: Sequences of payloads to destroy; also read after ``choose`` has returned.
        """


def write(log: EgressLog, choose: Callable[[Entries], EgressChange]) -> Entries:
    """Write the change that ``choose`` makes of all entries, in one transaction; return the added entries."""
    keep: dict[int, bytes] = {}
    drop: list[int] = []
    added: list[EgressEntry] = []

    def chosen(entries: Entries) -> Entries:
        change = choose(entries)
        # Another call means that the one before came to nothing.
        for each in (keep, drop, added):
            each.clear()
        keep.update(change.keep)
        drop.extend(change.drop)
        added.extend(change.entries)
        return change.entries

    log.extend_egress(chosen, keep=keep, drop=drop)
    return tuple(added)


class Transport(Protocol):
    """Takes bytes off the device. Only ``Egress`` may hold one."""

    def send(self, destination: str, payload: bytes) -> bytes | None:
        """Send ``payload``, and return what the destination answered once it has taken it; None where nobody reads it.

        It must come to an end: time limits are the transport's.

        Args:
            destination: An origin, ``https://host`` or ``https://host:port``.
            payload: What to send.

        Raises:
            TransportError: It was not taken, or that is unknown. ``may_have_left`` is False only if no byte
                of it left.
        """
