"""A witness: a party of its own that cosigns checkpoints which continue what it saw before, and keeps what does not.

A witness has a folder of its own, on a machine that is not the log's. Its key lies there unencrypted, readable by its
owner only, so that it can work without anybody present: whoever takes it can vouch for a fork, but not make one.

Rules:

- Of every log it remembers the last checkpoint that it cosigned, durably, before the cosignature is handed out.
- One at a time: what was last seen is read, checked against and replaced under one lock, for all processes.
- What a log signed and what is proved not to continue that is kept beside it: the two show the fork to everybody.
- An older checkpoint proves nothing by being older: it may only have been under way for long. It is not cosigned.
- A log that began anew is another one: it is cosigned only where that is asked for, and where what was seen is
  proved to be continued, or lies beyond what is said to be continued and within what is said to have ended. The last
  that was seen of it is kept.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Meta

from homespun.errors import MisuseError, ProofError
from homespun.protocol.canonical import canonical
from homespun.protocol.checkpoint import Checkpoint, cosigned, epoch_of, origin_of, verify_log
from homespun.protocol.merkle import EMPTY, verify_consistency
from homespun_server.compliance.log.beginnings import epoch_in
from homespun_server.compliance.log.memory import Memory, keep_durably
from homespun_server.compliance.log.published import Continuation, Predecessors
from homespun_server.errors import OutputError, SigningKeyError
from homespun_server.store.moments import Now, utc_now

KEY_FILE = "witness.json"
"""The key's file in a witness's folder."""

LOCK_FILE = "lock"
"""The lock's file beside it, which is never read or written; SQLite locks it alike on every system."""

WAIT_SECONDS = 60.0
"""For so long another one that cosigns is waited for."""


class WitnessFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A witness's key.

    Attributes:
        schema: Version of the file.
        name: The witness's name, without spaces and plus signs.
        secret: The Ed25519 private key, 64 hexadecimal digits.
    """

    schema: Literal[1] = 1
    name: Annotated[str, Meta(pattern=r"^[!-*,-~]{1,100}\Z")]
    secret: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]


@dataclass(frozen=True)
class Witness:
    """A witness, with its folder.

    Attributes:
        folder: Where its key and what it remembers are.
        name: Its name.
        key: Its key.
        now: Returns the time.
    """

    folder: Path
    name: str
    key: Ed25519PrivateKey
    now: Now = utc_now

    @property
    def public_key(self) -> bytes:
        """The key that verifies its cosignatures, 32 bytes."""
        return self.key.public_key().public_bytes_raw()

    def last(self, log_key: bytes) -> Checkpoint | None:
        """Return the last checkpoint of a log that it cosigned; None: none yet.

        Args:
            log_key: The log's key, 32 bytes.
        """
        return self._memory(log_key).read()

    def cosign(self, given: Continuation, log_key: bytes) -> Checkpoint:
        """Cosign a checkpoint that continues the last one.

        Args:
            given: The checkpoint, and the proof.
            log_key: The log's key, known from elsewhere, 32 bytes.

        Raises:
            MisuseError: The proof begins elsewhere than what the witness last saw, or the checkpoint is older.
            OutputError: What it saw cannot be kept; nothing was cosigned.
            ProofError: The log did not sign it, or it does not continue what the witness saw: a fork.
        """
        epoch = verify_log(given.checkpoint, log_key)
        with _alone(self.folder):
            last = self.last(log_key)
            if last is not None:
                _check_same_log(given.checkpoint, last, epoch - epoch_of(last, log_key))
            size, root = (0, EMPTY) if last is None else (last.size, last.root)
            self._check_continues(given, size, root, log_key)
            self._memory(log_key).keep(given.checkpoint)
        return self._cosigned(given.checkpoint)

    def cosign_anew(self, given: Predecessors, log_key: bytes) -> Checkpoint:
        """Cosign a log that began anew, after it said in the open that what this witness saw has ended.

        Args:
            given: What the log says of its predecessors, with its checkpoint.
            log_key: The log's key, known from elsewhere, 32 bytes.

        Raises:
            MisuseError: This witness saw nothing that has ended, or there is no proof from what it saw.
            OutputError: What it saw cannot be kept; nothing was cosigned.
            ProofError: The log did not sign it, or it neither continues what this witness saw nor tells it as lost: a
                fork.
        """
        checkpoint, begun = given.verified(log_key, self.now)
        with _alone(self.folder):
            last = self.last(log_key)
            if last is None or epoch_of(last, log_key) >= epoch_in(begun):
                raise MisuseError("this log did not begin anew since this witness last saw it. Cosign as ever.")
            try:
                given.lost(last, log_key, self.now)
            except ProofError as error:
                # What it says of its predecessors, with its proofs: without it the other log's name explains all.
                evidence = self._place(log_key, f"fork-{epoch_in(begun)}-{checkpoint.size}").with_suffix(".json")
                _keep(evidence, given.encode())
                raise ProofError(f"{error} It was not cosigned; {evidence} keeps what the log signed.") from error
            Memory(self._place(log_key, f"ended-{epoch_of(last, log_key)}"), log_key).keep(last)
            self._memory(log_key).keep(checkpoint)
        return self._cosigned(checkpoint)

    def _cosigned(self, checkpoint: Checkpoint) -> Checkpoint:
        time = int(self.now().timestamp())
        return cosigned(checkpoint, self.name, self.key.sign, self.public_key, time)

    def _check_continues(self, given: Continuation, size: int, root: bytes, log_key: bytes) -> None:
        if given.checkpoint.size < size:
            raise MisuseError(
                f"this checkpoint has {given.checkpoint.size} entries, and this witness last saw {size}: it is older, "
                "and was not cosigned. Ask the log for its present one; if it has none of that size any more, keep "
                "what it gives you, as entries were taken back."
            )
        # Of the same size there is nothing to prove: the roots are the same, or it is a fork.
        if given.old != size and (given.old, given.checkpoint.size) != (0, size):
            raise MisuseError(
                f"the proof begins at {given.old} entries, and this witness last saw {size}. Ask the log for a proof "
                f"from {size}."
            )
        try:
            verify_consistency(size, given.checkpoint.size, root, given.checkpoint.root, given.proof)
        except ProofError as error:
            # Together with what was cosigned last, this shows everybody what the log did.
            evidence = self._place(log_key, f"fork-{given.checkpoint.size}")
            Memory(evidence, log_key).keep(given.checkpoint)
            raise ProofError(f"{error} It was not cosigned; {evidence} keeps what the log signed.") from error

    def _memory(self, log_key: bytes) -> Memory:
        return Memory(self._place(log_key, "last"), log_key)

    def _place(self, log_key: bytes, what: str) -> Path:
        return self.folder / f"{origin_of(log_key).replace('/', '-')}.{what}.txt"


def _keep(path: Path, content: bytes) -> None:
    try:
        keep_durably(path, content)
    except OSError as error:
        raise OutputError(f"what the log signed cannot be kept at {path}: {error}. Nothing was cosigned.") from error


def _check_same_log(given: Checkpoint, last: Checkpoint, later: int) -> None:
    if later > 0:
        raise MisuseError(
            f"the log began anew: this is {given.origin}, and this witness last saw {last.size} entries of "
            f"{last.origin}. Nothing was cosigned. Read what it says of that with homespun-server log witness "
            "predecessors; if you accept it, cosign with --begun-anew."
        )
    if later < 0:
        raise MisuseError(
            f"this is a checkpoint of {given.origin}, which has ended: this witness last saw {last.origin}. It was not "
            f"cosigned. If it has more entries than {last.origin} says, keep it, as it shows a fork."
        )


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    try:
        with closing(sqlite3.connect(folder / LOCK_FILE, timeout=WAIT_SECONDS, isolation_level=None)) as connection:
            # Otherwise the lock would leave a journal beside it.
            connection.execute("PRAGMA journal_mode=MEMORY")
            connection.execute("BEGIN EXCLUSIVE")
            yield
    except sqlite3.Error as error:
        raise OutputError(
            f"another program cosigns in {folder}, or nothing can be kept there ({error}); nothing was cosigned. Try "
            "again when it is done."
        ) from error


def create_witness(folder: Path, name: str, entropy: Callable[[int], bytes] = os.urandom) -> Witness:
    """Make a witness.

    Args:
        folder: Where; made if it is not there.
        name: Its name.
        entropy: Returns so many unpredictable bytes.

    Raises:
        MisuseError: There is one already, or the name is none.
        OutputError: The key cannot be written.
    """
    content = canonical({"schema": 1, "name": name, "secret": entropy(32).hex()})
    try:
        msgspec.json.decode(content, type=WitnessFile)
        folder.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(folder / KEY_FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except msgspec.ValidationError as error:
        raise MisuseError(f"{name!r} is no name of a witness: {error}. Nothing was made.") from error
    except FileExistsError:
        raise MisuseError(f"{folder} has a witness's key already; it was left alone. Name another folder.") from None
    except OSError as error:
        raise OutputError(f"the witness's key cannot be written to {folder}: {error}.") from error
    return open_witness(folder)


def open_witness(folder: Path, now: Now = utc_now) -> Witness:
    """Open a witness.

    Args:
        folder: Its folder.
        now: Returns the time.

    Raises:
        SigningKeyError: There is no key, or it is damaged.
    """
    try:
        found = msgspec.json.decode((folder / KEY_FILE).read_bytes(), type=WitnessFile)
    except (OSError, msgspec.MsgspecError) as error:
        raise SigningKeyError(
            f"the witness's key {folder / KEY_FILE} cannot be read: {error}. Make one with homespun-server log witness "
            "new, or name another folder."
        ) from error
    return Witness(folder, found.name, Ed25519PrivateKey.from_private_bytes(bytes.fromhex(found.secret)), now)
