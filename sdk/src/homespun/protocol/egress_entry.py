"""The egress entry: one step in the life of one contribution, from waiting to sent, chained to the step before.

Each contribution begins with a ``queued`` entry. What becomes of it is told by later entries that repeat what it
was and name it in ``of``:

- ``queued``: it waits on the device; nothing left.
- ``sending``: written before the first byte goes. From here on it may have left, whatever happens.
- ``sent``: the destination took it.
- ``failed``: sending ended with an error, and some of it may have left.
- ``unsent``: sending ended with an error before any byte left; it waits again.
- ``cancelled``: no further attempt will be made. What may have left by then is not called back by it.
"""

import hashlib
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from homespun.errors import LedgerError, MisuseError
from homespun.protocol.canonical import canonical
from homespun.protocol.epsilon import steps_of

SCHEMA_VERSION = 1
"""Version of the egress entry that this package writes and reads."""

FIRST_PREVIOUS = "0" * 64
"""What the first entry has in place of its predecessor's hash."""

State = Literal["queued", "sending", "sent", "failed", "unsent", "cancelled"]

_PREFIX = b"homespun egress entry 1\n"

Hash = Annotated[str, Meta(pattern="^[0-9a-f]{64}$", description="SHA-256, lower-case hexadecimal.")]
Moment = Annotated[str, Meta(pattern=r"^[0-9]{1,12}\.[0-9]{3}$", description="Seconds since 1970-01-01 UTC.")]
Epsilon = Annotated[str, Meta(pattern=r"^[0-9]{1,7}(\.[0-9]{1,12})?$", description="An ε as decimal text.")]


class EgressEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One step in the life of one contribution.

    Attributes:
        schema: SCHEMA_VERSION of the writer.
        sequence: Position in the ledger, from 1.
        time: When, by the device's clock, seconds since 1970-01-01 UTC with three decimals; informative only.
        state: What happened; see the module's text.
        of: Sequence of the ``queued`` entry that this one continues; None where this is one.
        what: The contribution's short name, for instance of its statistic and task.
        size: Bytes of the payload.
        payload_sha256: Lower-case hexadecimal SHA-256 of the payload.
        purpose: Name of the purpose that it serves.
        consent: Sequence of the consent record that allowed it; 0 for a request, which brings nothing of the person
            along and needs none.
        destination: Origin that it goes to, for instance ``https://collect.example.org``.
        idempotent: Whether the destination counts a repeated payload once, so that it may be sent again.
        epsilon_spent: ε that this contribution takes of the lifetime's, as things stand after this entry:
            ``0`` once it was cancelled before anything can have left.
        epsilon_left: ε of the lifetime's that nothing has taken yet, after this entry.
        note: Why, in plain words, where there is something to say.
        previous: ``hash`` of the entry before; FIRST_PREVIOUS in the first.
        hash: SHA-256 of all the other fields; see ``entry_hash``.
    """

    schema: int = SCHEMA_VERSION
    sequence: Annotated[int, Meta(ge=1)]
    time: Moment
    state: State
    of: Annotated[int, Meta(ge=1)] | None
    what: str
    size: Annotated[int, Meta(ge=1)]
    payload_sha256: Hash
    purpose: str
    consent: int
    destination: str
    idempotent: bool
    epsilon_spent: Epsilon
    epsilon_left: Epsilon
    note: str
    previous: Hash
    hash: Hash


def entry_hash(entry: EgressEntry) -> str:
    """Return what ``hash`` must be: SHA-256 of ``homespun egress entry 1``, a line break and canonical JSON.

    The JSON is the object of all fields but ``hash``, by RFC 8785.

    Raises:
        MisuseError: If a field has no canonical JSON.
    """
    fields = msgspec.structs.asdict(entry)
    del fields["hash"]
    return hashlib.sha256(_PREFIX + canonical(fields)).hexdigest()


def check_hash(entry: EgressEntry) -> None:
    """Check that an entry is what it was when it was written.

    Raises:
        LedgerError: It is not.
    """
    try:
        steps_of(entry.epsilon_spent)
        steps_of(entry.epsilon_left)
        intact = entry_hash(entry) == entry.hash
    except (MisuseError, ValueError) as error:
        raise LedgerError(f"Entry {entry.sequence} of the ledger is damaged: {error}") from error
    if not intact:
        raise LedgerError(f"Entry {entry.sequence} of the ledger was changed after it was written.")
