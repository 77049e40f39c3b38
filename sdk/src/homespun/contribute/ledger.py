"""Reading the ledger of what left: as entries, as a table, as sums, and as a file that anybody can check.

Reading only. It has no way to the transport, and none to write.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from homespun.contribute.log import EgressReader
from homespun.contribute.requests import PURPOSE as REQUESTED
from homespun.contribute.table import table_of
from homespun.protocol.egress import (
    EgressEntry,
    Progress,
    progress_of,
    rechained,
    steps_spent,
    to_json_lines,
    verify_chain,
)
from homespun.protocol.epsilon import epsilon_text


@dataclass(frozen=True, slots=True)
class PurposeTotal:
    """What was given for one purpose.

    Attributes:
        purpose: Its name.
        sent: Contributions that their destination took.
        possibly_sent: Contributions of which some may have left, without a confirmation.
        waiting: Contributions that still wait and of which nothing left.
        dropped: Contributions that were cancelled before anything of them left.
        payload_bytes: Bytes of the payloads that left or may have left, each counted once.
        epsilon_spent: ε that they take of the lifetime's, what waits included, as decimal text.
    """

    purpose: str
    sent: int
    possibly_sent: int
    waiting: int
    dropped: int
    payload_bytes: int
    epsilon_spent: str


class Ledger:
    """What left this device or waits to leave it. Always the log as it is now."""

    def __init__(
        self, log: EgressReader, surviving: EgressReader | None = None, identified: Collection[str] = ()
    ) -> None:
        """Read from ``log``.

        Args:
            log: What left the profile that is there.
            surviving: What left about profiles that are gone: receipts of erasures that were asked for.
            identified: Purposes of what leaves as the person, which is no contribution to a sum.
        """
        self._identified = identified
        self._log = log
        self._surviving = surviving

    def entries(self) -> tuple[EgressEntry, ...]:
        """Return every entry, the oldest first; those about profiles that are gone come last."""
        return rechained(self._log.egress_entries(), self._gone())

    def verify(self, *, head: str | None = None) -> None:
        """Check that no entry was changed, left out or exchanged.

        Args:
            head: The last entry's hash as it was noted elsewhere.

        Raises:
            LedgerError: One was; the text names the first.
        """
        # Behind the profile's own entries the others get new hashes, so each chain is checked as it is kept.
        verify_chain(self._gone())
        verify_chain(self._log.egress_entries(), head=head)

    def pending(self) -> tuple[EgressEntry, ...]:
        """Return the latest entry of each contribution that is still to be sent, the oldest first.

        Raises:
            LedgerError: The entries contradict each other.
        """
        return tuple(each.last for each in progress_of(self.entries()).values() if each.waiting)

    def payload(self, sequence: int) -> bytes | None:
        """Return the very bytes of a contribution that waits; None once it was sent or cancelled.

        Args:
            sequence: Sequence of its first entry.
        """
        own = len(self._log.egress_entries())
        if sequence > own and self._surviving is not None:
            return self._surviving.payload(sequence - own)
        return self._log.payload(sequence)

    def totals(self) -> tuple[PurposeTotal, ...]:
        """Return what was given for each purpose, in the order of names.

        Raises:
            LedgerError: The entries contradict each other.
        """
        found = progress_of(self.entries())
        purposes = sorted({each.queued.purpose for each in found.values()})
        return tuple(
            _total(purpose, {n: each for n, each in found.items() if each.queued.purpose == purpose})
            for purpose in purposes
        )

    def summary(self) -> str:
        """Return the ledger in a sentence or two.

        Raises:
            LedgerError: The entries contradict each other.
        """
        entries, gone = self._log.egress_entries(), self._gone()
        if entries:
            return self._summary(progress_of(entries), entries[-1].epsilon_left) + _receipts(gone)
        if gone:
            return f"Nothing has left the profile that is here now.{_receipts(gone)}"
        return "Nothing has left the profile that is here now, and nothing is waiting to leave it."

    def table(self) -> str:
        """Return the summary and every entry as a table of plain text, a line each.

        Raises:
            LedgerError: The entries contradict each other.
        """
        entries = self.entries()
        return f"{self.summary()}\n\n{table_of(entries)}" if entries else self.summary()

    def to_json_lines(self) -> str:
        """Return every entry as canonical JSON (RFC 8785), a line each.

        Whoever has the text can check the chain without homespun: an entry's ``hash`` is the SHA-256 of
        ``homespun egress entry 1``, a line break and the entry's canonical JSON without ``hash``.
        """
        return to_json_lines(self.entries())

    def _summary(self, found: dict[int, Progress], left: str) -> str:
        requests = {number: each for number, each in found.items() if each.queued.purpose == REQUESTED}
        named = {number: each for number, each in found.items() if each.queued.purpose in self._identified}
        others = requests.keys() | named.keys()
        total = _total("", {number: each for number, each in found.items() if number not in others})
        gone = total.sent + total.possibly_sent
        away = (
            f"{_counted(gone, 'contribution')} ({_counted(total.payload_bytes, 'byte')}) left this device"
            + (f", {total.possibly_sent} of them only possibly" if total.possibly_sent else "")
            if gone
            else "No contribution has left this device"
        )
        rest = _listed([(total.waiting, "waiting to leave it"), (total.dropped, "dropped before anything of it left")])
        return f"{away}{rest}.{_as_the_person(named)}{_asked(requests)} ε taken: {total.epsilon_spent}, ε left: {left}."

    def _gone(self) -> tuple[EgressEntry, ...]:
        return () if self._surviving is None else self._surviving.egress_entries()


def _total(purpose: str, found: dict[int, Progress]) -> PurposeTotal:
    left = [each for each in found.values() if each.may_have_left]
    sent = sum(each.last.state == "sent" for each in left)
    untouched = [each for each in found.values() if not each.may_have_left]
    waiting = sum(each.waiting for each in untouched)
    return PurposeTotal(
        purpose=purpose,
        sent=sent,
        possibly_sent=len(left) - sent,
        waiting=waiting,
        dropped=len(untouched) - waiting,
        payload_bytes=sum(each.queued.size for each in left),
        epsilon_spent=epsilon_text(steps_spent(found)),
    )


def _as_the_person(found: dict[int, Progress]) -> str:
    """Return what is said of what leaves under the person's own name or account."""
    if not found:
        return ""
    total = _total("", found)
    gone = total.sent + total.possibly_sent
    unsure = f", {total.possibly_sent} of them only possibly" if total.possibly_sent else ""
    rest = unsure + _listed([(total.waiting, "waiting"), (total.dropped, "dropped before anything of it left")])
    return f" Sent as the person: {_counted(gone, 'message')} ({_counted(total.payload_bytes, 'byte')}){rest}."


def _asked(found: dict[int, Progress]) -> str:
    """Return what is said of requests for what a channel publishes: bundles, tasks, the list of requests to devices."""
    count = sum(each.may_have_left for each in found.values())
    if not count:
        return ""
    brings, shows = ("it brings", "shows") if count == 1 else ("they bring", "show")
    return (
        f" {_counted(count, 'request')} for what is published went out: {brings} nothing from the profile, and {shows} "
        "an address, a time and what was asked for."
    )


def _receipts(entries: tuple[EgressEntry, ...]) -> str:
    """Return what is said of receipts of erasures that were asked for."""
    found = progress_of(entries).values()
    if not found:
        return ""
    gone = sum(each.may_have_left for each in found)
    size = sum(each.queued.size for each in found if each.may_have_left)
    rest = _listed([(sum(each.waiting for each in found), "not taken yet")])
    return (
        f" Of profiles that were erased because the operator was asked to, {_counted(gone, 'receipt')} "
        f"({_counted(size, 'byte')}) left this device{rest}."
    )


def _listed(counts: Iterable[tuple[int, str]]) -> str:
    return "".join(f"; {count} {words}" for count, words in counts if count)


def _counted(count: int, word: str) -> str:
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"
