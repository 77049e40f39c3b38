"""The ledger of what left: checking that no entry was changed, left out or exchanged, and writing it out.

Every entry holds the hash of the one before, so a change anywhere breaks the chain behind it. That proves order
and completeness up to the last entry; whoever also wants to know that the end is complete keeps the last hash
elsewhere and gives it as ``head``. The chain is no signature: who can replace the whole ledger can make another.

Pure. Whether something may be sent is decided elsewhere (``homespun.contribute``).
"""

from collections.abc import Sequence

import msgspec

from homespun.errors import LedgerError, MisuseError
from homespun.protocol.canonical import canonical
from homespun.protocol.egress_book import EgressBook
from homespun.protocol.egress_entry import FIRST_PREVIOUS, SCHEMA_VERSION, EgressEntry, State, check_hash, entry_hash
from homespun.protocol.egress_progress import Progress, advance, progress_of, steps_spent

__all__ = [
    "FIRST_PREVIOUS",
    "EgressBook",
    "EgressEntry",
    "Progress",
    "State",
    "from_json_lines",
    "progress_of",
    "rechained",
    "steps_spent",
    "to_json_lines",
    "verify_chain",
]


def verify_chain(entries: Sequence[EgressEntry], *, head: str | None = None) -> None:
    """Check that the entries are a ledger's first ones, complete, in order and unchanged.

    Args:
        entries: The ledger from its first entry on.
        head: The last entry's hash as it was noted elsewhere; the zeros of FIRST_PREVIOUS for an empty ledger.
            Without it, entries that are missing at the end are not noticed.

    Raises:
        LedgerError: They are not; the text names the first entry that does not fit.
    """
    previous = FIRST_PREVIOUS
    found: dict[int, Progress] = {}
    for position, entry in enumerate(entries, start=1):
        _check_place(entry, position, previous)
        check_hash(entry)
        advance(found, entry)
        previous = entry.hash
    if head is not None and previous != head:
        raise LedgerError(
            f"The ledger ends with entry {len(entries)}, which is not the last one that was noted elsewhere: entry "
            f"{len(entries) + 1} and those after it are missing, or others took their place."
        )


def rechained(entries: tuple[EgressEntry, ...], later: tuple[EgressEntry, ...]) -> tuple[EgressEntry, ...]:
    """Return a ledger with another one's entries behind its own; they get new places and hashes, and say the same.

    Args:
        entries: The ledger.
        later: Another one from its first entry on, whose entries cost no ε.
    """
    if not entries or not later:
        return entries or later
    first, previous = len(entries), entries[-1].hash
    moved = []
    for entry in later:
        fields = {"sequence": entry.sequence + first, "previous": previous, "epsilon_left": entries[-1].epsilon_left}
        of = None if entry.of is None else entry.of + first
        numbered = msgspec.structs.replace(entry, of=of, **fields)
        moved.append(msgspec.structs.replace(numbered, hash=entry_hash(numbered)))
        previous = moved[-1].hash
    return entries + tuple(moved)


def to_json_lines(entries: Sequence[EgressEntry]) -> str:
    """Return the entries as canonical JSON, a line each; ``from_json_lines`` reads them again."""
    return "".join(f"{canonical(msgspec.structs.asdict(entry)).decode()}\n" for entry in entries)


def from_json_lines(text: str) -> tuple[EgressEntry, ...]:
    """Return the entries of an exported ledger, unverified; ``verify_chain`` comes next.

    Raises:
        LedgerError: A line is not an entry in canonical JSON.
    """
    lines = text.removesuffix("\n").split("\n") if text else []
    return tuple(_from_line(number, line) for number, line in enumerate(lines, start=1))


def _from_line(number: int, line: str) -> EgressEntry:
    try:
        entry = msgspec.json.decode(line, type=EgressEntry)
        # Names that occur twice, or another spelling, could show one reader what another does not see.
        if canonical(msgspec.structs.asdict(entry)).decode() == line:
            return entry
    except (msgspec.MsgspecError, UnicodeError, MisuseError) as error:
        raise LedgerError(f"Line {number} is no entry of a ledger ({error}).") from error
    raise LedgerError(f"Line {number} is not in canonical JSON; it was not written by homespun as it is.")


def _check_place(entry: EgressEntry, position: int, previous: str) -> None:
    if entry.schema != SCHEMA_VERSION:
        raise LedgerError(f"Entry {position} of the ledger was written by another version of homespun; read it there.")
    if entry.sequence != position:
        raise LedgerError(f"Entry {position} of the ledger is missing: entry {entry.sequence} stands in its place.")
    if entry.previous != previous:
        raise LedgerError(f"Entry {position} of the ledger does not continue the one before, or that one was changed.")
