"""Checkpoints of a transparency log: how large it is and what its root is, signed by the log, cosigned by witnesses.

The text is a signed note as in C2SP ``signed-note`` and ``tlog-checkpoint``::

    homespun-log/3f2a…          the log's name
    1234                        how many entries
    bMgk…=                      the root, base64
                                an empty line
    — homespun-log/3f2a… 9Fq…   a signature: who, and the base64 of a key's id and the signature
    — witness.example/w1 Bc2…   another one: a witness's

A log that began anew after entries were lost has a number after its name, from 2 on.

The log signs the lines above the empty one (Ed25519, RFC 8032; type 0x01). A witness signs them together with the
time at which it saw that the log continues what it saw before (C2SP ``tlog-cosignature``, ``cosignature/v1``; type
0x04). Signatures of keys that nobody asked for are passed over, as the formats say.

Rules: reading is bounded, and exact: what is read and written again is the same bytes. Checking raises. Pure.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from homespun.errors import MisuseError, ProofError
from homespun.protocol.merkle import HASH_BYTES, MAX_SIZE

MAX_BYTES: Final = 1 << 14
"""Largest signed checkpoint, in bytes."""

MAX_SIGNATURES: Final = 32
"""Most signatures of one."""

MAX_TIME: Final = (1 << 53) - 1
"""Largest time of a cosignature, seconds since 1970-01-01 UTC."""

_LOG_KEY: Final = b"\x01"
_WITNESS_KEY: Final = b"\x04"
_ID_BYTES: Final = 4
_TIME_BYTES: Final = 8
_SIGNATURE_BYTES: Final = 64
_BODY_LINES: Final = 3
_NAME = re.compile(r"[^\s+\x00-\x1f\x7f]{1,128}")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,15}")
_EPOCH = re.compile(r"[1-9][0-9]{0,8}")

Sign = Callable[[bytes], bytes]
"""Gives the Ed25519 signature of a message, 64 bytes."""


@dataclass(frozen=True)
class NoteSignature:
    """One signature's line.

    Attributes:
        name: Who is said to have signed.
        key_id: The first four bytes of a hash of name and key, by which a key is found; it proves nothing.
        value: What follows: a signature of 64 bytes, after eight bytes of time where it is a witness's.
    """

    name: str
    key_id: bytes
    value: bytes


@dataclass(frozen=True)
class Checkpoint:
    """A log at one moment.

    Attributes:
        origin: The log's name.
        size: How many entries it has.
        root: The root over them, 32 bytes.
        signatures: Who signed that, the log first.
    """

    origin: str
    size: int
    root: bytes
    signatures: tuple[NoteSignature, ...] = ()

    @property
    def body(self) -> bytes:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n".encode()

    def encode(self) -> bytes:
        """Return the signed note."""
        return self.body + b"\n" + b"".join(map(_line, self.signatures))


def origin_of(public_key: bytes, epoch: int = 1) -> str:
    """Return the name of the log that a key signs; another key is another log.

    Args:
        public_key: The Ed25519 key, 32 bytes.
        epoch: Which of the key's logs, from 1. One that had to begin anew, after entries were lost, is the next, and
            its name says so: it never passes for the one before.
    """
    name = f"homespun-log/{hashlib.sha256(public_key).hexdigest()[:32]}"
    return name if epoch == 1 else f"{name}/{epoch}"


def epoch_of(checkpoint: Checkpoint, public_key: bytes) -> int:
    """Return which of a key's logs a checkpoint is of, from 1; that it is signed is another matter.

    Args:
        checkpoint: As it was read.
        public_key: The log's key, 32 bytes.

    Raises:
        ProofError: It is another key's.
    """
    first = origin_of(public_key)
    name, _, number = checkpoint.origin.removeprefix(first).partition("/")
    epoch = int(number) if _EPOCH.fullmatch(number) else 1
    if name or checkpoint.origin != origin_of(public_key, epoch):
        raise ProofError(f"the checkpoint is of the log {checkpoint.origin}, not of {first}. It says nothing here.")
    return epoch


def decode(data: bytes) -> Checkpoint:
    """Read a signed note; ``verify_log`` and ``verify_witness`` are another matter.

    Args:
        data: The note.

    Raises:
        ProofError: It is no checkpoint, or not written as checkpoints are.
    """
    if len(data) > MAX_BYTES:
        raise ProofError(f"a checkpoint has at most {MAX_BYTES} bytes; this is something else, and was not read.")
    try:
        body, separator, signatures = data.decode().partition("\n\n")
        origin, size, root = _body(body)
        lines = signatures.split("\n")
        found = Checkpoint(origin, size, root, tuple(map(_signature, lines[:-1])))
    except (ValueError, binascii.Error) as error:
        raise _malformed() from error
    # Whatever reads differently than it is written could be two things to two readers.
    if not separator or len(found.signatures) > MAX_SIGNATURES or found.encode() != data:
        raise _malformed()
    return found


def signed(checkpoint: Checkpoint, sign: Sign, public_key: bytes) -> Checkpoint:
    """Return a checkpoint with the log's signature, and no other.

    Args:
        checkpoint: What is signed.
        sign: The log's.
        public_key: The log's, 32 bytes.
    """
    value = sign(checkpoint.body)
    signature = NoteSignature(checkpoint.origin, _key_id(checkpoint.origin, _LOG_KEY, public_key), value)
    return replace(checkpoint, signatures=(signature,))


def cosigned(checkpoint: Checkpoint, name: str, sign: Sign, public_key: bytes, time: int) -> Checkpoint:
    """Return a checkpoint with a witness's signature added, in place of an earlier one of the same key.

    A witness does this only after ``verify_log``, and after checking that the log continues what it last saw.

    Args:
        checkpoint: As the log signed it.
        name: The witness's name, without spaces and plus signs.
        sign: The witness's.
        public_key: The witness's, 32 bytes.
        time: Now, seconds since 1970-01-01 UTC.

    Raises:
        MisuseError: The name or the time is none.
    """
    if not _NAME.fullmatch(name) or not 0 <= time <= MAX_TIME:
        raise MisuseError(f"{name!r} at {time} is no witness's name and time; a name has no spaces and no plus signs.")
    key_id = _key_id(name, _WITNESS_KEY, public_key)
    value = time.to_bytes(_TIME_BYTES) + sign(_cosigned_bytes(checkpoint, time))
    others = [each for each in checkpoint.signatures if (each.name, each.key_id) != (name, key_id)]
    return replace(checkpoint, signatures=(*others, NoteSignature(name, key_id, value)))


def verify_log(checkpoint: Checkpoint, public_key: bytes) -> int:
    """Check that a log signed a checkpoint, and return which of its key's logs it is; see ``epoch_of``.

    Args:
        checkpoint: As it was read.
        public_key: The log's key, known from elsewhere, 32 bytes.

    Raises:
        ProofError: It did not, or the checkpoint is another log's.
    """
    epoch = epoch_of(checkpoint, public_key)
    key_id = _key_id(checkpoint.origin, _LOG_KEY, public_key)
    values = [each.value for each in checkpoint.signatures if (each.name, each.key_id) == (checkpoint.origin, key_id)]
    if len(values) != 1 or not _fits(public_key, values[0], checkpoint.body):
        raise ProofError(
            "the checkpoint is not signed with the log's key: it was forged or changed, and proves nothing."
        )
    return epoch


def verify_witness(checkpoint: Checkpoint, name: str, public_key: bytes) -> int:
    """Check that a witness cosigned a checkpoint, and return when, in seconds since 1970-01-01 UTC.

    Args:
        checkpoint: As it was read.
        name: The witness's name.
        public_key: The witness's key, known from elsewhere, 32 bytes.

    Raises:
        ProofError: It did not.
    """
    key_id = _key_id(name, _WITNESS_KEY, public_key)
    for each in checkpoint.signatures:
        if (each.name, each.key_id) == (name, key_id) and len(each.value) == _TIME_BYTES + _SIGNATURE_BYTES:
            time = int.from_bytes(each.value[:_TIME_BYTES])
            if _fits(public_key, each.value[_TIME_BYTES:], _cosigned_bytes(checkpoint, time)):
                return time
    raise ProofError(f"the witness {name} did not cosign this checkpoint, or it was changed. Ask for one that it did.")


def _body(text: str) -> tuple[str, int, bytes]:
    lines = text.split("\n")
    if len(lines) != _BODY_LINES:
        raise ValueError("other lines")
    origin, size, root = lines[0], lines[1], base64.b64decode(lines[2], validate=True)
    if not (_NAME.fullmatch(origin) and _NUMBER.fullmatch(size) and int(size) <= MAX_SIZE and len(root) == HASH_BYTES):
        raise ValueError("other values")
    return origin, int(size), root


def _signature(line: str) -> NoteSignature:
    dash, name, encoded = line.split(" ")
    raw = base64.b64decode(encoded, validate=True)
    if dash != "—" or not _NAME.fullmatch(name) or len(raw) <= _ID_BYTES:
        raise ValueError("no signature")
    return NoteSignature(name, raw[:_ID_BYTES], raw[_ID_BYTES:])


def _line(signature: NoteSignature) -> bytes:
    return f"— {signature.name} {base64.b64encode(signature.key_id + signature.value).decode()}\n".encode()


def _key_id(name: str, kind: bytes, public_key: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + kind + public_key).digest()[:_ID_BYTES]


def _cosigned_bytes(checkpoint: Checkpoint, time: int) -> bytes:
    return f"cosignature/v1\ntime {time}\n".encode() + checkpoint.body


def _fits(public_key: bytes, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (ValueError, InvalidSignature):
        return False
    return True


def _malformed() -> ProofError:
    return ProofError(
        "this is no signed checkpoint of a log: origin, size and root, an empty line, and signatures. Nothing of it "
        "was used; take it from the log again."
    )
