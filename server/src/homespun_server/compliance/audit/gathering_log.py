"""What an audit bundle holds of the log and of the budget ledgers."""

from collections.abc import Iterable, Iterator

from homespun.protocol.canonical import canonical
from homespun.protocol.merkle import complete_ranges
from homespun_server.compliance.audit.contents import (
    BASE,
    BASE_CHECKPOINT,
    BUDGET,
    CHECKPOINT,
    CONSISTENCY,
    COSIGNED,
    COSIGNED_CONSISTENCY,
    ENTRIES,
    OPENINGS,
    SHOWN,
    Base,
    Opened,
    plain,
)
from homespun_server.compliance.log import LogEntry, Opening, TransparencyLog
from homespun_server.compliance.log.log import MAX_ENTRIES
from homespun_server.store import SqlLog, Store


def members(log: TransparencyLog, size: int, since: str) -> dict[str, bytes]:
    """Return the log's members.

    Args:
        log: The log.
        size: The size of the signed checkpoint.
        since: Entries from then on are in the bundle; see ``text_of``.
    """
    first = log.first_since(since)
    checkpoints = log.checkpoints()
    # The last checkpoint that anybody may have seen by then: from it on, everything can be followed.
    base = max((each for each in checkpoints if each.size <= first), key=lambda each: each.size, default=None)
    begin = 0 if base is None else base.size
    last = next(each for each in checkpoints if each.size == size)
    entries, openings = bytearray(), bytearray()
    for each in _all(log):
        if begin <= each.index < size:
            entries += each.entry + b"\n"
        if each.index < size and each.opening is not None and each.kind in SHOWN:
            # What follows on the base is in the entries from which the root is computed anew.
            proof = log.inclusion(each.index, size) if each.index < begin else ()
            openings += canonical(plain(_opened(each, each.opening, proof))) + b"\n"
    found = {
        BASE: canonical(
            plain(Base(size=begin, peaks=tuple(each.hex() for each in log.hashes(complete_ranges((0, begin)))))),
        ),
        CHECKPOINT: last.encode(),
        CONSISTENCY: canonical([each.hex() for each in log.consistency(begin, size)]),
        ENTRIES: bytes(entries),
        OPENINGS: bytes(openings),
    }
    # A checkpoint that was signed for this very export, no witness can have seen yet.
    cosigned = max((each for each in checkpoints if len(each.signatures) > 1), key=lambda each: each.size, default=None)
    if cosigned is not None:
        since_then = [each.hex() for each in log.consistency(cosigned.size, size)]
        found |= {COSIGNED: cosigned.encode(), COSIGNED_CONSISTENCY: canonical(since_then)}
    return found if base is None else {**found, BASE_CHECKPOINT: base.encode()}


def ledgers(store: Store) -> dict[str, bytes]:
    """Return every budget ledger, an event a line."""
    log = SqlLog(store)
    return {f"{BUDGET}{name}.jsonl": b"".join(event + b"\n" for event in log.read(name)) for name in log.data_sets()}


def _all(log: TransparencyLog) -> Iterator[LogEntry]:
    after = -1
    while found := log.entries(after=after, limit=MAX_ENTRIES):
        yield from found
        after = found[-1].index


def _opened(entry: LogEntry, opening: Opening, proof: Iterable[bytes]) -> Opened:
    return Opened(
        index=entry.index,
        entry=entry.entry.decode(),
        salt=opening.salt.hex(),
        content=opening.content.decode(),
        proof=tuple(each.hex() for each in proof),
    )
