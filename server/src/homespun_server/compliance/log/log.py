"""The log over a store: appending, forgetting, proofs and checkpoints."""

import secrets
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Connection, func, select

from homespun.errors import MisuseError
from homespun.protocol.checkpoint import Checkpoint
from homespun.protocol.merkle import Range
from homespun_server.compliance.keys import ComplianceKeys
from homespun_server.compliance.log import rows, tree
from homespun_server.compliance.log.beginnings import Beginning
from homespun_server.compliance.log.checkpoints import Checkpoints
from homespun_server.compliance.log.entries import (
    SALT_BYTES,
    Kind,
    LogEntry,
    Opening,
    content_bytes,
    public_entry,
    reference_of,
)
from homespun_server.compliance.log.found import Found, everything
from homespun_server.compliance.log.memory import Memory
from homespun_server.compliance.log.published import last_checkpoint, predecessors
from homespun_server.store import Actor, AuditLog, Store
from homespun_server.store.moments import Now, text_of, utc_now
from homespun_server.store.schema_log import SUBJECT_LENGTH, log_entries

MAX_ENTRIES = 1_000
"""Most entries that are read at once."""

Bytes = Callable[[int], bytes]


class TransparencyLog:
    """The transparency log of a store. Safe to use from several threads and processes at once."""

    def __init__(
        self,
        store: Store,
        keys: ComplianceKeys,
        now: Now = utc_now,
        entropy: Bytes = secrets.token_bytes,
        *,
        memory: Path | None = None,
    ) -> None:
        """Use a store, which stays the caller's to close; ``open_log`` does so for a working directory.

        Args:
            store: The store.
            keys: The compliance keys, of which the log's signs.
            now: Returns the time.
            entropy: Returns so many unpredictable bytes.
            memory: The file beside the store that keeps the last signed checkpoint; None: only the store knows it, so
                that an older copy of the store which is put back is not noticed here, but by witnesses.
        """
        self._store = store
        self._now = now
        self._entropy = entropy
        public_key = keys.log.public_key().public_bytes_raw()
        kept = None if memory is None else Memory(memory, public_key)
        self._checkpoints = Checkpoints(store, keys.log.sign, public_key, kept, now)

    @property
    def public_key(self) -> bytes:
        """The key that verifies checkpoints, 32 bytes."""
        return self._checkpoints.public_key

    def append_within(
        self,
        connection: Connection,
        kind: Kind,
        content: Mapping[str, object],
        *,
        reference: str,
        subject: str | None = None,
    ) -> int:
        """Append an entry in the caller's transaction, and return its index.

        Nobody else appends until that transaction ends, so append last in it.

        Args:
            connection: The caller's, from ``Store.writing``.
            kind: What it is about; everybody sees it.
            content: What is committed to, for canonical JSON.
            reference: Names what it is about, once for every kind: appending it again changes nothing and returns
                the first entry's index. Only a hash of it is kept.
            subject: The pseudonym of the person whom it is about; None: nobody.

        Raises:
            MisuseError: The content has no canonical JSON, or the subject is no pseudonym.
            TransparencyError: The store is older than what was signed, or its tree is damaged.
        """
        if subject is not None and len(subject) != SUBJECT_LENGTH:
            raise MisuseError("a subject of the log is a pseudonym of 64 hexadecimal digits. Nothing was added.")
        digest = reference_of(kind, reference)
        self._checkpoints.check_within(connection, tree.locked_size(connection))
        known = rows.find(connection, digest)
        if known is not None:
            return known
        return self._add(connection, [(Found(kind, content, reference), digest, subject)])

    def append(self, kind: Kind, content: Mapping[str, object], *, reference: str, subject: str | None = None) -> int:
        """Append an entry in a transaction of its own; see ``append_within``.

        Raises:
            StoreError: The store cannot be written.
        """
        with self._store.writing() as connection:
            return self.append_within(connection, kind, content, reference=reference, subject=subject)

    def forget_within(self, connection: Connection, subject: str) -> int:
        """Destroy the openings of a subject's entries, and return how many there were; entries and tree stay.

        Args:
            connection: The caller's, from ``Store.writing``.
            subject: The pseudonym.
        """
        return rows.forget(connection, subject)

    def catch_up(self) -> int:
        """Append what was done and is not in the log yet, and return how many entries that were.

        These are the releases of every budget ledger, the registered bundles, what gates were overridden, and how many
        consents the days brought that are over.

        Raises:
            LedgerError: A budget ledger is damaged.
            StoreError: The store cannot be read or written.
            TransparencyError: The store is older than what was signed.
        """
        found = [(each, reference_of(each.kind, each.reference)) for each in everything(self._store, self._settled())]
        with self._store.writing() as connection:
            self._checkpoints.check_within(connection, tree.locked_size(connection))
            known = rows.known(connection, [digest for _, digest in found])
            missing = [(each, digest, None) for each, digest in found if digest not in known]
            if missing:
                self._add(connection, missing)
        return len(missing)

    def _settled(self) -> str:
        """Return the first day of which a transaction may still add something; a day is more than any of them takes."""
        return text_of(self._now() - timedelta(days=1))[:10]

    def size(self) -> int:
        """Return how many entries there are."""
        with self._store.reading() as connection:
            return tree.size_of(connection)

    def entry(self, index: int) -> LogEntry:
        """Return an entry.

        Raises:
            MisuseError: There is none.
        """
        found = self.entries(after=index - 1, limit=1)
        if index < 0 or not found:
            raise MisuseError(f"the transparency log has no entry {index}; it has {self.size()}, from 0.")
        return found[0]

    def entries(self, *, after: int = -1, limit: int = 100) -> tuple[LogEntry, ...]:
        """Return entries in order.

        Args:
            after: Only those with a greater index.
            limit: At most so many, and never more than ``MAX_ENTRIES``.

        Raises:
            StoreError: The store cannot be read.
        """
        query = rows.listing().where(log_entries.c.number > after).limit(min(limit, MAX_ENTRIES))
        with self._store.reading() as connection:
            return tuple(map(rows.entry_of, connection.execute(query)))

    def first_since(self, moment: str) -> int:
        """Return the index of the first entry that was added at a moment or later; the log's size if there is none.

        Args:
            moment: See ``text_of``.

        Raises:
            StoreError: The store cannot be read.
        """
        query = select(func.min(log_entries.c.number)).where(log_entries.c.moment >= moment)
        with self._store.reading() as connection:
            found = connection.scalar(query)
            return tree.size_of(connection) if found is None else found

    def root(self, size: int) -> bytes:
        """Return the root that the log had at a size.

        Raises:
            TransparencyError: The store lacks a hash that it must have.
        """
        with self._store.reading() as connection:
            return tree.root_at(connection, size)

    def hashes(self, subtrees: Iterable[Range]) -> tuple[bytes, ...]:
        """Return the hashes of complete subtrees; see ``homespun.protocol.merkle.complete_ranges``.

        Raises:
            TransparencyError: The store lacks a hash that it must have.
        """
        with self._store.reading() as connection:
            return tree.hashes(connection, subtrees)

    def inclusion(self, index: int, size: int) -> tuple[bytes, ...]:
        """Return the proof that an entry is in the log of a size.

        Raises:
            MisuseError: There is no such entry.
            TransparencyError: The store lacks a hash that it must have.
        """
        with self._store.reading() as connection:
            return tree.inclusion(connection, index, size)

    def consistency(self, old: int, new: int) -> tuple[bytes, ...]:
        """Return the proof that the log of one size continues that of another.

        Raises:
            MisuseError: There were no such sizes.
            TransparencyError: The store lacks a hash that it must have.
        """
        with self._store.reading() as connection:
            return tree.consistency(connection, old, new)

    def refusal(self) -> str | None:
        """Return why nothing is appended or signed; None: the log continues what was signed.

        Raises:
            StoreError: The store cannot be read.
        """
        return self._checkpoints.refusal()

    def begin_anew(self, reason: str, actor: Actor, given: Checkpoint | None = None) -> Checkpoint:
        """End the log and begin another one in the open, after entries were lost; see ``beginnings``.

        If it was killed after it began and before it signed, then beginning anew once more only signs.

        Args:
            reason: Why; everybody may read it.
            actor: Who does it, for the record of changes.
            given: The last checkpoint as a witness knows it, where the copy beside the store is missing or older.

        Returns:
            The new log's first checkpoint.

        Raises:
            MisuseError: The log continues what was signed, or there is no reason.
            ProofError: The given checkpoint was not signed with the log's key.
            TransparencyError: The log contradicts its own checkpoints. Nothing was begun.
        """
        if given is not None and self._checkpoints.resume(given):
            return self.checkpoint()
        with self._store.writing() as connection:
            content, ended = self._checkpoints.renewal(connection, reason, given)
            number = len(rows.begun(connection)) + 1
            found = Found("log", content, rows.beginning_reference(number))
            self._add(connection, [(found, reference_of(found.kind, found.reference), None)])
            detail = {"reason": reason, "entries": ended.size, "root": ended.root.hex()}
            AuditLog(self._store, self._now).add_within(connection, actor, "begin-log-anew", ended.origin, detail)
        self._checkpoints.remember(ended)
        return self.checkpoint()

    def checkpoint(self) -> Checkpoint:
        """Return the signed checkpoint of the log as it is; it is signed now if it was not yet.

        Raises:
            OutputError: The copy beside the store cannot be written.
            TransparencyError: The log does not continue what was signed before. Nothing was signed.
        """
        return self._checkpoints.sign()

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        """Return the checkpoints that were signed, the smallest first, each with its cosignatures."""
        return self._checkpoints.all()

    def last_checkpoint(self) -> Checkpoint | None:
        """Return the last checkpoint that was signed, with its cosignatures; None: there is none."""
        return last_checkpoint(self._store)

    def begun(self) -> tuple[Beginning, ...]:
        """Return what the last checkpoint commits to of predecessors, verified; none: it is its key's first log.

        Raises:
            ProofError: What it says was removed or changed.
            StoreError: The store cannot be read.
        """
        if self.last_checkpoint() is None:
            return ()
        return predecessors(self._store).verified(self.public_key)[1]

    def add_cosignature(self, note: bytes) -> Checkpoint:
        """Keep what a witness gave back, and return it.

        Raises:
            ProofError: It is no checkpoint that this log signed, or nobody cosigned it.
        """
        return self._checkpoints.add_cosigned(note)

    def _add(self, connection: Connection, wanted: Iterable[tuple[Found, bytes, str | None]]) -> int:
        first, moment = tree.locked_size(connection), text_of(self._now())
        added: list[tuple[LogEntry, bytes]] = []
        for index, (each, digest, subject) in enumerate(wanted, first):
            opening = Opening(self._entropy(SALT_BYTES), content_bytes(each.content), subject)
            entry = public_entry(each.kind, opening.salt, opening.content)
            added.append((LogEntry(index, each.kind, moment, entry, opening), digest))
        rows.add(connection, added)
        return tree.add_leaves(connection, [entry.leaf for entry, _ in added])
