"""Checking a log in its store from nothing but its entries: the tree, the checkpoints, the openings."""

from collections.abc import Iterator
from itertools import pairwise

from sqlalchemy import Connection, select

from homespun.errors import ProofError
from homespun.protocol.checkpoint import Checkpoint, decode, epoch_of, verify_log
from homespun.protocol.merkle import grown, root_of_peaks, verify_consistency
from homespun_server.compliance.checks import Check, checked
from homespun_server.compliance.log import rows, tree
from homespun_server.compliance.log.beginnings import epoch_in, is_named, verified
from homespun_server.compliance.log.entries import LogEntry, verify_opening
from homespun_server.compliance.log.memory import Memory
from homespun_server.store import Store
from homespun_server.store.moments import utc_now
from homespun_server.store.schema_log import log_checkpoints, log_entries, log_nodes

_AT_ONCE = 1_000


def verify_store(store: Store, public_key: bytes, memory: Memory | None = None) -> tuple[Check, ...]:
    """Compute everything anew and compare.

    Args:
        store: The store.
        public_key: The log's key, 32 bytes.
        memory: The copy of the last checkpoint beside the store; None: there is none.

    Returns:
        What was found, check by check.

    Raises:
        StoreError: The store cannot be read.
    """
    with store.reading() as connection:
        signed = [decode(bytes(note)) for note in connection.scalars(_NOTES)]
        begun = _Begun(connection, public_key)
        kept = None if memory is None else memory.read()
        remembered = [] if kept is None or begun.names(kept) else [kept]
        everything = _Recomputed(connection, [*signed, *remembered])
        return (
            checked("entries", everything.compute),
            checked("tree", everything.compare_nodes),
            checked("openings", lambda: (everything.openings, "openings fit what was committed to")),
            checked("signatures", lambda: _signatures(signed, public_key)),
            checked("predecessors", lambda: begun.check(signed)),
            checked("checkpoints", everything.compare_checkpoints),
            checked("consistency", lambda: _consistent(connection, signed)),
        )


_NOTES = select(log_checkpoints.c.note).order_by(log_checkpoints.c.size)


class _Recomputed:
    """The tree, computed anew from the entries."""

    def __init__(self, connection: Connection, checkpoints: list[Checkpoint]) -> None:
        self._connection = connection
        self._checkpoints = checkpoints
        self._roots: dict[int, bytes] = {}
        self._nodes: dict[tuple[int, int], bytes] = {}
        self._peaks: list[bytes] = []
        self._size = 0
        self.openings = 0

    def compute(self) -> tuple[int, str]:
        """Compute all of it, and check the openings on the way."""
        wanted = {each.size for each in self._checkpoints}
        self._note(wanted)
        for entry in self._entries():
            if entry.index != self._size:
                raise ProofError(f"entry {self._size} of the log is missing. Entries were removed.")
            if entry.opening is not None:
                verify_opening(entry.entry, entry.opening)
                self.openings += 1
            self._peaks, completed = grown(self._peaks, self._size, entry.leaf)
            self._nodes.update({(level, self._size >> level): each for level, each in enumerate(completed)})
            self._size += 1
            self._note(wanted)
        return self._size, "entries, none missing"

    def _note(self, wanted: set[int]) -> None:
        if self._size in wanted:
            self._roots[self._size] = root_of_peaks(self._peaks)

    def _entries(self) -> Iterator[LogEntry]:
        query, last = rows.listing().limit(_AT_ONCE), -1
        while found := self._connection.execute(query.where(log_entries.c.number > last)).all():
            yield from map(rows.entry_of, found)
            last = found[-1].number

    def compare_nodes(self) -> tuple[int, str]:
        """Compare every hash that is kept, and the head's."""
        kept = {(row.level, row.place): bytes(row.hash) for row in self._connection.execute(select(log_nodes))}
        wrong = [place for place in kept.keys() | self._nodes.keys() if kept.get(place) != self._nodes.get(place)]
        if wrong:
            raise ProofError(f"{len(wrong)} hashes of the tree are not those of the entries, {min(wrong)} among them.")
        if tree.peaks_of(self._connection) != (self._size, self._peaks):
            raise ProofError("the head of the log is not that of its entries.")
        return len(kept), f"hashes; the root is {root_of_peaks(self._peaks).hex()}"

    def compare_checkpoints(self) -> tuple[int, str]:
        """Compare the root of every checkpoint, and of the copy beside the store."""
        for each in self._checkpoints:
            if self._roots.get(each.size) != each.root:
                raise ProofError(
                    f"the checkpoint of {each.size} entries has another root than these entries lead to: the log was "
                    "forked, rewritten, or put back to an older state."
                )
        return len(self._checkpoints), "checkpoints have the roots of these entries"


class _Begun:
    """What the log says of its predecessors."""

    def __init__(self, connection: Connection, public_key: bytes) -> None:
        self._connection = connection
        self._key = public_key

    def names(self, kept: Checkpoint) -> bool:
        """Return whether the copy beside the store is of a log that has ended in the open."""
        try:
            begun = [each for _, each in rows.begun(self._connection)]
            return is_named(begun, kept, self._key)
        except ProofError:
            return False

    def check(self, checkpoints: list[Checkpoint]) -> tuple[int, str]:
        """Check what is said of predecessors, and that every checkpoint has the name of its time."""
        begun = [(entry.index, each) for entry, each in rows.begun(self._connection)]
        found = verified(begun, self._key, utc_now())
        known = {each.body for each in checkpoints}
        for kept in (each.continued for each in found):
            if kept is not None and kept.body not in known:
                raise ProofError(f"it is said to continue a checkpoint of {kept.size} entries that it does not have.")
        for each in checkpoints:
            epoch = epoch_in([beginning for index, beginning in begun if index < each.size])
            if epoch_of(each, self._key) != epoch:
                raise ProofError(f"the checkpoint of {each.size} entries is of {each.origin}, which had ended by then.")
        return len(found), "predecessors" + "".join(f"; {each.told()}" for each in found)


def _signatures(checkpoints: list[Checkpoint], public_key: bytes) -> tuple[int, str]:
    for each in checkpoints:
        verify_log(each, public_key)
    return len(checkpoints), "checkpoints are signed with the log's key"


def _consistent(connection: Connection, checkpoints: list[Checkpoint]) -> tuple[int, str]:
    pairs = list(pairwise(checkpoints))
    for old, new in pairs:
        proof = tree.consistency(connection, old.size, new.size)
        verify_consistency(old.size, new.size, old.root, new.root, proof)
    return len(pairs), "checkpoints continue the one before"
