"""What everybody may see of the log: its last signed checkpoint, and that it continues an earlier one. No keys.

What a witness is given is one text, as C2SP ``tlog-witness`` has it: ``old`` and a size, the hashes of the proof in
base64, a line each, an empty line, and the checkpoint.
"""

import base64
import binascii
import re
from dataclasses import dataclass

from sqlalchemy import select

from homespun.errors import MisuseError, ProofError
from homespun.protocol.checkpoint import MAX_BYTES, Checkpoint, decode
from homespun.protocol.merkle import HASH_BYTES, MAX_SIZE
from homespun_server.compliance.log import tree
from homespun_server.compliance.log.checkpoints import joined
from homespun_server.store import Store
from homespun_server.store.schema_log import log_checkpoints, log_cosignatures

MAX_HASHES = 64
"""Most hashes of a proof that is read."""

MAX_PROOF_BYTES = MAX_BYTES + 100 * MAX_HASHES
"""Largest text for a witness, in bytes."""

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
