"""Signing checkpoints, and never a fork.

Before a checkpoint is signed, the log proves to itself that it continues the last one that the store knows and the
last one that the copy beside it knows. What the copy knows and the store does not is a store that was put back.
"""

from collections.abc import Iterable
from dataclasses import replace

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from homespun.errors import ProofError
from homespun.protocol.checkpoint import Checkpoint, NoteSignature, Sign, decode, origin_of, signed, verify_log
from homespun.protocol.merkle import verify_consistency
from homespun_server.compliance.log import tree
from homespun_server.compliance.log.memory import Memory
from homespun_server.errors import TransparencyError
from homespun_server.store import Store
from homespun_server.store.moments import Now, text_of
from homespun_server.store.schema_log import log_checkpoints, log_cosignatures

_LAST = select(log_checkpoints.c.note).order_by(log_checkpoints.c.size.desc()).limit(1)


class Checkpoints:
    """The checkpoints of a store's log."""

    def __init__(self, store: Store, sign: Sign, public_key: bytes, memory: Memory | None, now: Now) -> None:
        """Name the parts; see ``TransparencyLog``."""
        self._store = store
        self._sign = sign
        self.public_key = public_key
        self._memory = memory
        self._now = now

    def sign(self) -> Checkpoint:
        """Return the signed checkpoint of the log as it is; it is signed now if it was not yet."""
        with self._store.writing() as connection:
            size = tree.locked_size(connection)
            here = Checkpoint(origin_of(self.public_key), size, tree.root_at(connection, size))
            last = _last(connection)
            remembered = None if self._memory is None else self._memory.read()
            for earlier in (last, remembered):
                if earlier is not None:
                    _check_continues(connection, earlier, here)
            made = signed(here, self._sign, self.public_key)
            # On the disk before anybody is shown it: were the store lost now, this would still be known.
            if self._memory is not None and (remembered is None or remembered.size < size):
                self._memory.keep(made)
            if last is None or last.size < size:
                row = {"size": size, "moment": text_of(self._now()), "note": made.encode()}
                connection.execute(insert(log_checkpoints).values(row))
            return made

    def all(self) -> tuple[Checkpoint, ...]:
        """Return those that were signed, the smallest first, each with its cosignatures."""
        with self._store.reading() as connection:
            notes = connection.scalars(select(log_checkpoints.c.note).order_by(log_checkpoints.c.size)).all()
            order = (log_cosignatures.c.size, log_cosignatures.c.witness)
            cosigned = connection.scalars(select(log_cosignatures.c.note).order_by(*order)).all()
        own = {each.size: each for each in (decode(bytes(note)) for note in notes)}
        for each in (decode(bytes(note)) for note in cosigned):
            own[each.size] = joined(own[each.size], each.signatures)
        return tuple(own.values())

    def add_cosigned(self, note: bytes) -> Checkpoint:
        """Keep what a witness gave back, and return it; see ``TransparencyLog.add_cosignature``."""
        given = decode(note)
        verify_log(given, self.public_key)
        ours = next((each for each in self.all() if each.size == given.size), None)
        if ours is None or ours.body != given.body:
            raise ProofError("this is no checkpoint that this log keeps. Nothing was kept.")
        added = [each for each in given.signatures if each.name != given.origin and each not in ours.signatures]
        if not added and len(ours.signatures) == 1:
            raise ProofError("nobody cosigned this checkpoint. Nothing was kept; pass on what the witness gave back.")
        for each in added:
            row = {"size": given.size, "witness": each.name, "note": replace(ours, signatures=(each,)).encode()}
            try:
                with self._store.writing() as connection:
                    connection.execute(insert(log_cosignatures).values(row))
            except IntegrityError:
                raise ProofError(
                    f"the witness {each.name} cosigned this checkpoint before. The first cosignature was kept."
                ) from None
        return joined(ours, added)


def _last(connection: Connection) -> Checkpoint | None:
    note = connection.scalar(_LAST)
    return None if note is None else decode(bytes(note))


def _check_continues(connection: Connection, earlier: Checkpoint, here: Checkpoint) -> None:
    if earlier.size > here.size:
        raise TransparencyError(
            f"a checkpoint of {earlier.size} entries was signed before, and the log in the store has {here.size}: an "
            "older copy of the store was put back. Nothing was signed, because that would fork the log. Put back a "
            "copy that is not older than that checkpoint."
        )
    try:
        proof = tree.consistency(connection, earlier.size, here.size)
        verify_consistency(earlier.size, here.size, earlier.root, here.root, proof)
    except ProofError as error:
        raise TransparencyError(
            f"the log in the store does not continue the checkpoint of {earlier.size} entries that was signed before: "
            "its entries were changed, or an older copy of the store was put back and written to. Nothing was signed, "
            "because that would fork the log. Put back a copy that is not older than that checkpoint."
        ) from error


def joined(checkpoint: Checkpoint, more: Iterable[NoteSignature]) -> Checkpoint:
    """Return a checkpoint with further signatures."""
    new = [each for each in more if each not in checkpoint.signatures]
    return replace(checkpoint, signatures=(*checkpoint.signatures, *new))
