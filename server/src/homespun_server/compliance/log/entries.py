"""The log's entries: what everybody sees, and the openings that show what was committed to. Pure."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import msgspec

from homespun.errors import ProofError
from homespun.protocol.canonical import canonical
from homespun.protocol.merkle import leaf_hash

SCHEMA_VERSION = 1
"""Version of the entries that this program writes and reads."""

SALT_BYTES = 32

Kind = Literal["release", "bundle", "consent", "receipt", "override", "request", "document", "log"]
"""What an entry is about; everybody sees it."""

KINDS: tuple[Kind, ...] = get_args(Kind)

_COMMITMENT = b"homespun log commitment 1\n"
_REFERENCE = "homespun log reference 1"


@dataclass(frozen=True)
class Opening:
    """What shows what an entry commits to.

    Attributes:
        salt: 32 random bytes, without which the content cannot be guessed and tried.
        content: Canonical JSON.
        subject: The pseudonym of whom it is about; None: nobody.
    """

    salt: bytes
    content: bytes
    subject: str | None = None


@dataclass(frozen=True)
class LogEntry:
    """An entry of the log.

    Attributes:
        index: Its place, from 0.
        kind: What it is about.
        moment: When it was added, ISO 8601, UTC. The log vouches for the order, not for this.
        entry: What everybody sees: canonical JSON.
        opening: What it commits to; None: it was destroyed.
    """

    index: int
    kind: Kind
    moment: str
    entry: bytes
    opening: Opening | None

    @property
    def leaf(self) -> bytes:
        """The hash of its leaf."""
        return leaf_hash(self.entry)


class PublicEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What everybody sees of an entry.

    Attributes:
        schema: SCHEMA_VERSION of the writer.
        kind: What it is about.
        commitment: SHA-256 of a prefix, the salt and the content, hexadecimal.
    """

    schema: Literal[1] = 1
    kind: Kind
    commitment: str


def content_bytes(content: Mapping[str, object]) -> bytes:
    """Return content as it is committed to."""
    return canonical(dict(content))


def public_entry(kind: Kind, salt: bytes, content: bytes) -> bytes:
    """Return what everybody sees of an entry."""
    commitment = hashlib.sha256(_COMMITMENT + salt + content).hexdigest()
    return canonical({"schema": SCHEMA_VERSION, "kind": kind, "commitment": commitment})


def decoded(entry: bytes) -> PublicEntry:
    """Read what everybody sees of an entry.

    Raises:
        ProofError: It is none, or not written as entries are.
    """
    try:
        found = msgspec.json.decode(entry, type=PublicEntry)
    except msgspec.MsgspecError as error:
        raise ProofError(f"this is no entry of a transparency log: {error}. It proves nothing.") from error
    if canonical(msgspec.to_builtins(found)) != entry:
        raise ProofError("an entry of the transparency log is not canonical JSON. It proves nothing.")
    return found


def verify_opening(entry: bytes, opening: Opening) -> None:
    """Check that an opening is an entry's.

    Raises:
        ProofError: The entry commits to something else.
    """
    found = decoded(entry)
    if len(opening.salt) != SALT_BYTES or public_entry(found.kind, opening.salt, opening.content) != entry:
        raise ProofError("the entry commits to something else than this opening says. What it says was changed.")


def reference_of(kind: Kind, reference: str) -> bytes:
    """Return by what an entry is found again; a hash, so that the store holds no reference to what is forgotten."""
    return hashlib.sha256(canonical([_REFERENCE, kind, reference])).digest()
