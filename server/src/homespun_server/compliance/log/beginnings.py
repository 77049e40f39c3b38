"""A log that had to begin anew: what it says of its predecessor, in an entry that everybody may see.

After a restore of a store that is older than what was signed, going on would fork the log. So the log ends, and another
one begins under the same key, with a name of its own. Its entries are those that the store still has; the first one
after them commits to the last checkpoint of the log that ended, and to the last one before it that both are
known to continue. What lies between is not shown to be here any more, and is told as lost.

Rules:

- The opening of such an entry is never destroyed, and is published with a proof that the entry is in the log.
- A log has one name more than it has such entries' numbers: the number in its name is that of the last one.
- Whoever saw a checkpoint that is neither continued nor named as what ended, saw a fork.

Pure.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from homespun.errors import MisuseError, ProofError
from homespun.protocol.canonical import canonical
from homespun.protocol.checkpoint import Checkpoint, decode, epoch_of, verify_log
from homespun.protocol.merkle import MAX_SIZE

BEGUN_ANEW = "log begun anew"
"""What such an entry is about."""

MAX_EPOCH = 999_999_999
MAX_REASON = 1_000
"""Most characters of a reason."""


MAX_AHEAD = timedelta(hours=1)
"""So far the clock of a log may be ahead of that of whoever checks it."""


class Beginning(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the first entry of a log that began anew commits to.

    Attributes:
        what: BEGUN_ANEW.
        schema: Version of this.
        epoch: Which of its key's logs begins, from 2.
        previous: The index of the entry on the beginning before this one; None: it is the first here.
        begun: When, ISO 8601, UTC, whole seconds; the one before ended then.
        reason: Why, in the operator's words.
        predecessor: The last checkpoint of the log that ended, a signed note.
        kept: The last checkpoint before it that it and the entries here are known to continue, a signed note; None: of
            none it is known.
    """

    what: Literal["log begun anew"] = "log begun anew"
    schema: Literal[1] = 1
    epoch: Annotated[int, Meta(ge=2, le=MAX_EPOCH)]
    previous: Annotated[int, Meta(ge=0, le=MAX_SIZE)] | None
    begun: Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\+00:00\Z")]
    reason: Annotated[str, Meta(min_length=1, max_length=MAX_REASON)]
    predecessor: str
    kept: str | None

    @property
    def ended(self) -> Checkpoint:
        """The last checkpoint of the log that ended."""
        return decode(self.predecessor.encode())

    @property
    def continued(self) -> Checkpoint | None:
        """The last checkpoint before it that it and the entries here are known to continue; None: of none it is."""
        return None if self.kept is None else decode(self.kept.encode())

    @property
    def first_lost(self) -> int:
        """The index of the first entry of the log that ended which is not shown to be here."""
        return 0 if self.continued is None else self.continued.size

    def told(self) -> str:
        """Return all of it in plain words."""
        ended, here = self.ended, self.first_lost
        lost = ended.size - here
        kept = (
            f"These entries continue its checkpoint of {here:,} entries; the {lost:,} after them are"
            if self.continued is not None
            else f"Of no checkpoint of it is known that these entries continue it; its {lost:,} entries are"
        )
        return (
            f"a predecessor of {ended.size:,} entries ended on {self.begun}; its last checkpoint is of {ended.origin} "
            f"with the root {ended.root.hex()}. {kept} not shown to be here, and count as lost. "
            f"The reason that was given: {_sentence(self.reason)}"
        )


def _sentence(words: str) -> str:
    """Return an operator's words with the full stop that they may lack."""
    words = words.rstrip()
    return words if words.endswith((".", "!", "?", "…")) else f"{words}."


def decoded(content: bytes) -> Beginning:
    """Read what such an entry commits to.

    Raises:
        ProofError: It is malformed.
    """
    try:
        return msgspec.json.decode(content, type=Beginning)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise ProofError(f"what a log says of its predecessor is malformed: {error}. It proves nothing.") from error


def verified(begun: Sequence[tuple[int, Beginning]], public_key: bytes, now: datetime) -> tuple[Beginning, ...]:
    """Check what a log says of its predecessors, and return it.

    Args:
        begun: What it says, each with its place in the log, in order.
        public_key: The log's key, 32 bytes.
        now: The time of whoever checks it, aware of its time zone.

    Raises:
        ProofError: The key did not sign a checkpoint in it, one is left out, or numbers or times do not fit.
    """
    epoch, previous = 1, None
    for index, each in begun:
        if each.previous != previous:
            raise ProofError("the log does not tell all of its predecessors. Its operator left one out.")
        previous = index
        _check_time(each, now)
        if each.epoch <= epoch or verify_log(each.ended, public_key) >= each.epoch:
            raise ProofError("what the log says of its predecessors is out of order. Its operator changed it.")
        epoch, kept = each.epoch, each.continued
        if kept is None:
            continue
        if verify_log(kept, public_key) >= epoch or kept.size > index or kept.size >= each.ended.size:
            raise ProofError("the log says that it continues what it cannot continue. Its operator changed it.")
    return tuple(each for _, each in begun)


def _check_time(each: Beginning, now: datetime) -> None:
    try:
        wrong = datetime.fromisoformat(each.begun) > now + MAX_AHEAD
    except ValueError:
        wrong = True
    if wrong:
        raise ProofError(f"the log says that a predecessor ended on {each.begun}, which is no time before now.")


def epoch_in(begun: Sequence[Beginning]) -> int:
    """Return which of its key's logs a log is, by what it says of its predecessors."""
    return begun[-1].epoch if begun else 1


def is_named(begun: Sequence[Beginning], earlier: Checkpoint, public_key: bytes) -> bool:
    """Return whether a checkpoint of an earlier log is within what is said to have ended."""
    epoch = epoch_of(earlier, public_key)
    return any(
        epoch_of(each.ended, public_key) == epoch
        and (each.ended.size > earlier.size or each.ended.body == earlier.body)
        for each in begun
    )


def lost_of(begun: Sequence[Beginning], seen: Checkpoint, public_key: bytes) -> int:
    """Return how many entries of a checkpoint are told as lost, where the log is not shown to continue it.

    Args:
        begun: What the log says of its predecessors.
        seen: A checkpoint of an earlier log.
        public_key: The log's key, 32 bytes.

    Raises:
        ProofError: They are not told as lost: the log was forked.
    """
    if not is_named(begun, seen, public_key):
        raise ProofError(f"the log began anew, and does not name {_told_of(seen)} as what ended: it was forked.")
    epoch = epoch_of(seen, public_key)
    here = max(each.first_lost for each in begun if epoch_of(each.ended, public_key) == epoch)
    if seen.size <= here:
        raise ProofError(
            f"the log began anew and says that it continues {here} entries of what ended, but it is not shown to "
            f"continue {_told_of(seen)}: it was forked."
        )
    return seen.size - here


def _told_of(seen: Checkpoint) -> str:
    return f"the {seen.size} entries of {seen.origin} that were seen with the root {seen.root.hex()}"


def content_of(
    epoch: int, begun: str, reason: str, predecessor: Checkpoint, kept: Checkpoint | None, previous: int | None
) -> dict[str, object]:
    """Return what such an entry commits to.

    Args:
        epoch: Which of its key's logs begins.
        begun: When.
        reason: Why.
        predecessor: The last checkpoint of the log that ended.
        kept: The last one before it that is continued.
        previous: The index of the entry on the beginning before.

    Raises:
        MisuseError: There is no reason, or it is too long.
    """
    if not reason.strip() or len(reason) > MAX_REASON:
        raise MisuseError(
            f"a log that begins anew needs a reason of at most {MAX_REASON:,} characters; everybody may read it. "
            "Nothing was begun."
        )
    beginning = Beginning(
        epoch=epoch,
        previous=previous,
        begun=begun,
        reason=reason,
        predecessor=predecessor.encode().decode(),
        kept=None if kept is None else kept.encode().decode(),
    )
    found: dict[str, object] = msgspec.to_builtins(beginning)
    decoded(canonical(found))
    return found
