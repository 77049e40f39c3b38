"""The ledger's entries as a table of plain text, for a terminal or a file."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from homespun.protocol.egress import EgressEntry, State

_HEADINGS = (
    "No.", "When (UTC)", "What happened", "What", "Bytes", "Purpose", "Consent", "Destination", "ε taken",
    "ε left", "Why",
)  # fmt: skip

_TO_THE_RIGHT = frozenset({"No.", "Bytes", "Consent", "ε taken", "ε left"})

_START = datetime(1970, 1, 1, tzinfo=UTC)


def table_of(entries: Sequence[EgressEntry]) -> str:
    """Return a heading and a line an entry, the oldest first, with aligned columns."""
    rows = [_HEADINGS, *(_row(entry) for entry in entries)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(_line(row, widths) for row in rows)


def in_words(state: State) -> str:
    """Return what a state means to somebody who does not know homespun."""
    match state:
        case "queued":
            return "waits to be sent"
        case "sending":
            return "sending began"
        case "sent":
            return "was sent"
        case "failed":
            return "failed, may have left"
        case "unsent":
            return "did not leave, waits"
        case "cancelled":
            return "cancelled"


def _row(entry: EgressEntry) -> tuple[str, ...]:
    cells = (
        str(entry.sequence),
        _when(entry.time),
        in_words(entry.state),
        f"{entry.of or entry.sequence}: {entry.what}",
        f"{entry.size:,}",
        entry.purpose,
        str(entry.consent) if entry.consent else "none needed",
        entry.destination,
        entry.epsilon_spent,
        entry.epsilon_left,
        entry.note,
    )
    return tuple(map(_visible, cells))


def _line(row: Iterable[str], widths: Iterable[int]) -> str:
    cells = [
        cell.rjust(width) if heading in _TO_THE_RIGHT else cell.ljust(width)
        for heading, cell, width in zip(_HEADINGS, row, widths, strict=True)
    ]
    return "  ".join(cells).rstrip()


def _when(seconds: str) -> str:
    # Counted from the start: the platform's conversion refuses some years.
    return f"{_START + timedelta(seconds=int(seconds.partition('.')[0])):%Y-%m-%d %H:%M:%S}"


def _visible(cell: str) -> str:
    """Return a cell that neither steers a terminal nor breaks its line."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in cell)
