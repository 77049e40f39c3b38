"""What an audit bundle holds of the log and of the budget ledgers."""

from collections.abc import Iterator

from homespun.protocol.canonical import canonical
from homespun_server.compliance.audit.contents import (
    BUDGET,
    CHECKPOINT,
    CONSISTENCY,
    COSIGNED,
    COSIGNED_CONSISTENCY,
    EARLIER,
    ENTRIES,
    OPENINGS,
    SHOWN,
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
        since: The beginning of the audited time; see ``text_of``. The log is whole: what lies before is demanded, too.
    """
    first = log.first_since(since)
    checkpoints = log.checkpoints()
    # The last checkpoint that anybody may have seen by then: what came since continues it.
    earlier = max((each for each in checkpoints if each.size <= first), key=lambda each: each.size, default=None)
    last = next(each for each in checkpoints if each.size == size)
    entries, openings = bytearray(), bytearray()
    for each in _all(log, size):
        entries += each.entry + b"\n"
        if each.opening is not None and _is_shown(each, each.opening):
            openings += canonical(plain(_opened(each, each.opening))) + b"\n"
    before = 0 if earlier is None else earlier.size
    found = {
        CHECKPOINT: last.encode(),
        CONSISTENCY: canonical([each.hex() for each in log.consistency(before, size)]),
        ENTRIES: bytes(entries),
        OPENINGS: bytes(openings),
    }
    # A checkpoint that was signed for this very export, no witness can have seen yet.
    cosigned = max((each for each in checkpoints if len(each.signatures) > 1), key=lambda each: each.size, default=None)
    if cosigned is not None:
        since_then = [each.hex() for each in log.consistency(cosigned.size, size)]
        found |= {COSIGNED: cosigned.encode(), COSIGNED_CONSISTENCY: canonical(since_then)}
    return found if earlier is None else {**found, EARLIER: earlier.encode()}


def ledgers(store: Store) -> dict[str, bytes]:
    """Return every budget ledger, an event a line."""
    log = SqlLog(store)
    return {f"{BUDGET}{name}.jsonl": b"".join(event + b"\n" for event in log.read(name)) for name in log.data_sets()}


def _all(log: TransparencyLog, size: int) -> Iterator[LogEntry]:
    after = -1
    while found := log.entries(after=after, limit=min(MAX_ENTRIES, size - after - 1)):
        yield from found
        after = found[-1].index


def _is_shown(entry: LogEntry, opening: Opening) -> bool:
    """Return whether an opening is the auditor's to see: what is always shown, registered keys, and what counts."""
    return entry.kind in SHOWN or entry.kind == "receipt" or opening.subject is None


def _opened(entry: LogEntry, opening: Opening) -> Opened:
    return Opened(index=entry.index, salt=opening.salt.hex(), content=opening.content.decode())
