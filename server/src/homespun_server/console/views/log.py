"""The transparency log: entries, what is signed of it, and the proof that an entry is in it, checked."""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from homespun.errors import ProofError
from homespun.protocol.checkpoint import Checkpoint, verify_log
from homespun.protocol.merkle import verify_inclusion
from homespun_server.compliance.log import TransparencyLog
from homespun_server.compliance.log.entries import Kind, LogEntry, verify_opening
from homespun_server.console.words import number

PAGE = 50

CASES: frozenset[Kind] = frozenset({"consent", "receipt", "request"})
"""Kinds of entries that belong to somebody's case, with or without their pseudonym."""


@dataclass(frozen=True)
class Signed:
    """The last checkpoint that was signed.

    Attributes:
        checkpoint: The checkpoint.
        text: The same as a signed note.
        witnesses: Who cosigned it.
    """

    checkpoint: Checkpoint
    text: str
    witnesses: tuple[str, ...]


@dataclass(frozen=True)
class LogView:
    """A stretch of the log.

    Attributes:
        size: How many entries there are.
        entries: Some of them, the latest first.
        before: Ask with this for earlier ones; None: there are none.
        signed: The last checkpoint; None: none was signed yet.
        key: The key that verifies checkpoints, in hexadecimal.
        predecessors: What it says of each log that ended before it, in words.
        problem: Why nothing is appended or signed, or what is wrong with what it says; empty: nothing is.
    """

    size: int
    entries: tuple[LogEntry, ...]
    before: int | None
    signed: Signed | None
    key: str
    predecessors: tuple[str, ...]
    problem: str

    @property
    def unsigned(self) -> int:
        """How many entries came after the last checkpoint."""
        return self.size - (self.signed.checkpoint.size if self.signed else 0)


@dataclass(frozen=True)
class Checked:
    """Something that was checked: what, whether it held, and what was found."""

    what: str
    passed: bool
    found: str


@dataclass(frozen=True)
class EntryView:
    """An entry and its proof.

    Attributes:
        entry: The entry.
        text: What everybody sees of it.
        content: What it commits to; None: it is not shown to this role, or was destroyed.
        personal: Whether it is about a person by name of their pseudonym.
        case: Whether it belongs to somebody's case: a request, a consent or a receipt.
        proof: The hashes beside the way from the entry to the root, in hexadecimal.
        signed: The checkpoint that the proof leads to; None: the entry is not under a checkpoint yet.
        checks: What was checked here and now.
    """

    entry: LogEntry
    text: str
    content: str | None
    personal: bool
    case: bool
    proof: tuple[str, ...]
    signed: Signed | None
    checks: tuple[Checked, ...]


def log_view(log: TransparencyLog, before: int | None = None) -> LogView:
    """Return a stretch of the log.

    Args:
        log: The log.
        before: Only entries with a smaller index; None: the latest.

    Raises:
        StoreError: The store cannot be read.
    """
    size = log.size()
    end = size if before is None else min(before, size)
    found = log.entries(after=max(-1, end - PAGE - 1), limit=min(PAGE, end)) if end else ()
    first = found[0].index if found else 0
    told, problem = _predecessors(log)
    key, problem = log.public_key.hex(), log.refusal() or problem
    return LogView(size, tuple(reversed(found)), first or None, _signed(log), key, told, problem)


def _predecessors(log: TransparencyLog) -> tuple[tuple[str, ...], str]:
    try:
        return tuple(each.told() for each in log.begun()), ""
    except ProofError as error:
        return (), str(error)


def entry_view(log: TransparencyLog, index: int, *, cases: bool, people: bool) -> EntryView:
    """Return an entry with its proof, checked.

    Args:
        log: The log.
        index: Its index.
        cases: Whether what entries of somebody's case commit to may be shown.
        people: Whether what entries with somebody's pseudonym commit to may be shown.

    Raises:
        MisuseError: There is no such entry.
        StoreError: The store cannot be read.
    """
    entry, signed = log.entry(index), _signed(log)
    under = signed if signed is not None and index < signed.checkpoint.size else None
    proof = log.inclusion(index, under.checkpoint.size) if under else ()
    personal = entry.opening is not None and entry.opening.subject is not None
    case = entry.kind in CASES
    hidden = entry.opening is None or (case and not cases) or (personal and not people)
    content = None if entry.opening is None or hidden else _pretty(entry.opening.content)
    return EntryView(
        entry=entry,
        text=entry.entry.decode(),
        content=content,
        personal=personal,
        case=case,
        proof=tuple(each.hex() for each in proof),
        signed=under,
        checks=tuple(_checks(log, entry, under, proof)),
    )


def _checks(log: TransparencyLog, entry: LogEntry, under: Signed | None, proof: tuple[bytes, ...]) -> list[Checked]:
    found = []
    if under is not None:
        point = under.checkpoint
        said = f"entry {number(entry.index)} of {number(point.size)}, {len(proof)} hashes"
        found.append(
            _check("In the log", said, lambda: verify_inclusion(entry.index, point.size, entry.leaf, proof, point.root))
        )
        found.append(_check("Checkpoint's signature", point.origin, lambda: verify_log(point, log.public_key)))
    opening = entry.opening
    if opening is not None:
        found.append(_check("Commitment", "the opening fits", lambda: verify_opening(entry.entry, opening)))
    return found


def _check(what: str, found: str, check: Callable[[], object]) -> Checked:
    try:
        check()
    except ProofError as error:
        return Checked(what, passed=False, found=str(error))
    return Checked(what, passed=True, found=found)


def _signed(log: TransparencyLog) -> Signed | None:
    last = log.last_checkpoint()
    if last is None:
        return None
    witnesses = tuple(each.name for each in last.signatures if each.name != last.origin)
    return Signed(last, last.encode().decode(), witnesses)


def _pretty(content: bytes) -> str:
    return msgspec.json.format(content, indent=2).decode()
