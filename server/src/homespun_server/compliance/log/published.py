"""What everybody may see of the log: its last signed checkpoint, what that continues, and its predecessors. No keys.

What a witness is given is one text, as C2SP ``tlog-witness`` has it: ``old`` and a size, the hashes of the proof in
base64, a line each, an empty line, and the checkpoint.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from sqlalchemy import select

from homespun.errors import MisuseError, ProofError
from homespun.protocol.canonical import canonical
from homespun.protocol.checkpoint import MAX_BYTES, Checkpoint, decode, verify_log
from homespun.protocol.merkle import HASH_BYTES, MAX_SIZE, leaf_hash, verify_consistency, verify_inclusion
from homespun_server.compliance.log import rows, tree
from homespun_server.compliance.log.beginnings import Beginning, decoded, epoch_in, lost_of, verified
from homespun_server.compliance.log.checkpoints import joined
from homespun_server.compliance.log.entries import public_entry
from homespun_server.store import Store
from homespun_server.store.moments import Now, utc_now
from homespun_server.store.schema_log import log_checkpoints, log_cosignatures

MAX_HASHES = 64
"""Most hashes of a proof that is read."""

MAX_PROOF_BYTES = MAX_BYTES + 100 * MAX_HASHES
"""Largest text for a witness, in bytes."""

MAX_PREDECESSORS_BYTES = 1 << 20
"""Largest account of predecessors that is read, in bytes."""

Hex = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]

_OLD = re.compile(r"old (0|[1-9][0-9]{0,15})")


@dataclass(frozen=True)
class Continuation:
    """A checkpoint, and the proof that it continues an earlier one.

    Attributes:
        old: The size of the earlier one.
        proof: The hashes.
        checkpoint: The later one.
    """

    old: int
    proof: tuple[bytes, ...]
    checkpoint: Checkpoint

    def encode(self) -> bytes:
        """Return the text for a witness."""
        lines = [f"old {self.old}", *(base64.b64encode(each).decode() for each in self.proof), ""]
        return "".join(f"{line}\n" for line in lines).encode() + self.checkpoint.encode()


def read_continuation(data: bytes) -> Continuation:
    """Read the text for a witness; what it proves is another matter.

    Raises:
        ProofError: It is none.
    """
    if len(data) > MAX_PROOF_BYTES:
        raise ProofError(f"a proof has at most {MAX_PROOF_BYTES} bytes; this is something else, and was not read.")
    head, _, note = data.partition(b"\n\n")
    first, *lines = head.decode("ascii", errors="replace").split("\n")
    matched = _OLD.fullmatch(first)
    try:
        proof = tuple(base64.b64decode(line, validate=True) for line in lines)
    except (ValueError, binascii.Error):
        matched = None
    if matched is None or len(lines) > MAX_HASHES or any(len(each) != HASH_BYTES for each in proof):
        raise ProofError("this is no proof for a witness: old and a size, hashes, an empty line, and a checkpoint.")
    return Continuation(min(int(matched[1]), MAX_SIZE), proof, decode(note))


def last_checkpoint(store: Store) -> Checkpoint | None:
    """Return the last signed checkpoint with its cosignatures; None: none was signed yet.

    Raises:
        StoreError: The store cannot be read.
    """
    own = select(log_checkpoints.c.note).order_by(log_checkpoints.c.size.desc()).limit(1)
    with store.reading() as connection:
        note = connection.scalar(own)
        if note is None:
            return None
        found = decode(bytes(note))
        query = select(log_cosignatures.c.note).where(log_cosignatures.c.size == found.size)
        for each in connection.scalars(query.order_by(log_cosignatures.c.witness)):
            found = joined(found, decode(bytes(each)).signatures)
    return found


def continuation(store: Store, old: int) -> Continuation:
    """Return the last signed checkpoint, and the proof that it continues the log of a size.

    Args:
        store: The store.
        old: The size.

    Raises:
        MisuseError: Nothing was signed yet, or the log is smaller.
        StoreError: The store cannot be read.
    """
    checkpoint = last_checkpoint(store)
    if checkpoint is None or not 0 <= old <= checkpoint.size:
        size = 0 if checkpoint is None else checkpoint.size
        raise MisuseError(
            f"the last signed checkpoint has {size} entries, so there is nothing that continues one of {old}. Keep the "
            "checkpoint of that size, if you have one: it shows that entries were taken back."
        )
    with store.reading() as connection:
        return Continuation(old, tree.consistency(connection, old, checkpoint.size), checkpoint)


class ShownBeginning(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An entry on a new beginning, with what shows that it is in the log.

    Attributes:
        index: Its place.
        salt: 64 hexadecimal digits.
        content: What it commits to; see ``Beginning``.
        proof: The hashes of the proof, hexadecimal.
        continues: The hashes of the proof that what is said to be continued is; none where nothing is.
    """

    index: int
    salt: Hex
    content: str
    proof: tuple[Hex, ...]
    continues: tuple[Hex, ...]


class Predecessors(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a log says of its predecessors, under its last checkpoint.

    Attributes:
        schema: Version of this.
        checkpoint: The last signed checkpoint, a signed note.
        begun: The entries on new beginnings, in order; none: it is its key's first log.
        old: How many entries somebody saw; 0: nobody asked.
        proof: The hashes of the proof that the checkpoint continues what so many entries were; none where it has fewer.
    """

    schema: Literal[1] = 1
    checkpoint: str
    begun: tuple[ShownBeginning, ...]
    old: Annotated[int, Meta(ge=0, le=MAX_SIZE)]
    proof: tuple[Hex, ...]

    def encode(self) -> bytes:
        """Return it as canonical JSON."""
        return canonical(msgspec.to_builtins(self))

    def verified(self, public_key: bytes, now: Now = utc_now) -> tuple[Checkpoint, tuple[Beginning, ...]]:
        """Check all of it; return the checkpoint, and what is said of each predecessor.

        Args:
            public_key: The log's key, known from elsewhere, 32 bytes.
            now: Returns the time of whoever checks it.

        Raises:
            ProofError: The log did not sign it, an entry is not in it, or they do not fit together.
        """
        checkpoint = decode(self.checkpoint.encode())
        epoch = verify_log(checkpoint, public_key)
        for each in self.begun:
            entry = public_entry("log", bytes.fromhex(each.salt), each.content.encode())
            verify_inclusion(each.index, checkpoint.size, leaf_hash(entry), _bytes_of(each.proof), checkpoint.root)
        said = [(each.index, decoded(each.content.encode())) for each in self.begun]
        begun = verified(said, public_key, now())
        if epoch_in(begun) != epoch:
            raise ProofError(f"the log {checkpoint.origin} does not tell what came before it. It proves nothing.")
        for shown, kept in zip(self.begun, (each.continued for each in begun), strict=True):
            if kept is not None and not _continues(checkpoint, kept, shown.continues):
                raise ProofError(f"the log says that it continues the checkpoint of {kept.size} entries: not so.")
        return checkpoint, begun

    def lost(self, seen: Checkpoint, public_key: bytes, now: Now = utc_now) -> int:
        """Return how many entries of an earlier log that somebody saw are told as lost.

        Args:
            seen: Its checkpoint.
            public_key: The log's key, known from elsewhere, 32 bytes.
            now: Returns the time of whoever checks it.

        Raises:
            MisuseError: It has no proof from what was seen.
            ProofError: What was seen is neither continued nor told as lost, or the rest is not verified.
        """
        checkpoint, begun = self.verified(public_key, now)
        if seen.size <= checkpoint.size:
            if self.old != seen.size:
                raise MisuseError(
                    f"the proof begins at {self.old} entries, and {seen.size} were seen. Ask the log for a proof from "
                    f"{seen.size}: homespun-server log prove --predecessors --since {seen.size}."
                )
            if _continues(checkpoint, seen, self.proof):
                return 0
        return lost_of(begun, seen, public_key)


def _continues(checkpoint: Checkpoint, earlier: Checkpoint, proof: tuple[str, ...]) -> bool:
    try:
        verify_consistency(earlier.size, checkpoint.size, earlier.root, checkpoint.root, _bytes_of(proof))
    except ProofError:
        return False
    return True


def _bytes_of(proof: tuple[str, ...]) -> list[bytes]:
    return [bytes.fromhex(each) for each in proof]


def read_predecessors(data: bytes) -> Predecessors:
    """Read what a log says of its predecessors; ``verified`` checks it.

    Raises:
        ProofError: It is something else.
    """
    if len(data) > MAX_PREDECESSORS_BYTES:
        raise ProofError(f"what a log says of its predecessors has at most {MAX_PREDECESSORS_BYTES} bytes.")
    try:
        return msgspec.json.decode(data, type=Predecessors)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise ProofError(f"this is nothing that a log says of its predecessors: {error}. It was not read.") from error


def predecessors(store: Store, old: int = 0) -> Predecessors:
    """Return what the log says of its predecessors, under its last signed checkpoint.

    Args:
        store: The store.
        old: How many entries of one of them somebody saw; whether they are continued is shown.

    Raises:
        MisuseError: Nothing was signed yet.
        ProofError: What it says was removed or changed.
        StoreError: The store cannot be read.
    """
    checkpoint = last_checkpoint(store)
    if checkpoint is None:
        raise MisuseError("nothing was signed yet, so there is nothing to tell of predecessors.")
    shown = []
    with store.reading() as connection:
        for entry, said in rows.begun(connection):
            if entry.index < checkpoint.size and entry.opening is not None:
                proof = _hex_of(tree.inclusion(connection, entry.index, checkpoint.size))
                continues = _hex_of(tree.consistency(connection, said.first_lost, checkpoint.size))
                salt, content = entry.opening.salt.hex(), entry.opening.content.decode()
                shown.append(
                    ShownBeginning(index=entry.index, salt=salt, content=content, proof=proof, continues=continues)
                )
        since = tree.consistency(connection, old, checkpoint.size) if old <= checkpoint.size else ()
    note = checkpoint.encode().decode()
    return Predecessors(checkpoint=note, begun=tuple(shown), old=old, proof=_hex_of(since))


def _hex_of(proof: tuple[bytes, ...]) -> tuple[str, ...]:
    return tuple(each.hex() for each in proof)
