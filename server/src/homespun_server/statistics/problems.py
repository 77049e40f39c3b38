"""What can be wrong with a row, how it is told, and the report of what was left out.

Structural faults, which no setting skips: a file that is missing, unreadable, empty, of an unknown
extension, damaged as a whole (gzip, Parquet), without a column that was asked for (``columns`` says what
that means in JSON Lines) or with it twice, with nested values in a Parquet column where single ones belong,
with a quoted field that is never closed (it swallows the rows after it, and nobody can say which), or
without a single usable row. Everything else is a fault of rows: it is an error by default, and left out and
counted with ``skip_bad_rows=True``.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path

import msgspec

from homespun.protocol.events import MAX_CONTEXT_LENGTH, MAX_ITEM_LENGTH, MAX_TIME
from homespun_server.errors import DataError

SHOWN_ROWS = 5
"""Rows that a message names for a reason."""


class Reason(StrEnum):
    """Why a row cannot be used; in the order in which they are checked and told."""

    MALFORMED = "malformed"
    ENCODING = "encoding"
    MISSING_ID = "missing-id"
    LONG_ID = "long-id"
    UNPRINTABLE_ID = "unprintable-id"
    DUPLICATE_ITEM = "duplicate-item"
    UNKNOWN_ITEM = "unknown-item"
    TIME = "time"
    KIND = "kind"
    WEIGHT = "weight"
    WEIGHT_NOT_FINITE = "weight-not-finite"
    WEIGHT_NEGATIVE = "weight-negative"
    LONG_CONTEXT = "long-context"


_TEXTS: Mapping[Reason, tuple[str, str]] = {
    Reason.MALFORMED: (
        "malformed",
        (
            "A row of a CSV or TSV file has as many fields as the header and quotes as in RFC 4180; a row of a "
            "JSON Lines file is one JSON object of single values on one line."
        ),
    ),
    Reason.ENCODING: ("not UTF-8", "Convert the file to UTF-8."),
    Reason.MISSING_ID: ("without an id", "Every row needs one."),
    Reason.LONG_ID: ("with an over-long id", f"An id has at most {MAX_ITEM_LENGTH} characters."),
    Reason.UNPRINTABLE_ID: (
        "with a control or other unprintable character in the id",
        "Ids are printable text, and a plain space is their only white space.",
    ),
    Reason.DUPLICATE_ITEM: ("with an item id that an earlier row has", "An item has one row."),
    Reason.UNKNOWN_ITEM: (
        "with an item that the table of items does not have",
        "Add it there, or check that both tables write ids alike.",
    ),
    Reason.TIME: (
        "with a time that cannot be used",
        (
            f"Times are unix seconds from 0 to {MAX_TIME:.0f} (milliseconds: divide by 1000), timestamps, or ISO "
            "8601 such as 2024-05-01T12:00:00Z."
        ),
    ),
    Reason.KIND: (
        "with a kind that is not a word",
        (
            "A kind is a letter and up to 63 letters, digits, '_', '.' or '-'; if the column means something "
            "else, pass kind=None or name the right one."
        ),
    ),
    Reason.WEIGHT: ("with a weight that is not a number", "Weights are decimal numbers, or empty."),
    Reason.WEIGHT_NOT_FINITE: ("with a weight that is not finite", "Leave unknown weights empty."),
    Reason.WEIGHT_NEGATIVE: (
        "with a negative weight",
        "Weights are 0 or more; shift the scale, or leave such rows out.",
    ),
    Reason.LONG_CONTEXT: (
        "with an over-long context value",
        f"Context values have at most {MAX_CONTEXT_LENGTH} characters.",
    ),
}


class Fault(msgspec.Struct, frozen=True):
    """Rows that share a reason.

    Attributes:
        reason: What is wrong.
        column: The column at fault, as the file names it, if it is one.
        rows: The first of the rows, ascending, at most SHOWN_ROWS.
        count: How many there are.
        value: What the first of them holds, cut short; None where that would not help.
    """

    reason: Reason
    column: str | None
    rows: tuple[int, ...]
    count: int
    value: str | None = None


class ReadReport(msgspec.Struct, frozen=True):
    """What a reading did.

    Attributes:
        path: The file.
        columns: The file's column for every role that is filled; of JSON Lines all the keys that AUTO
            found, of which every row has its own.
        read: Data rows in the file.
        kept: Rows that are used.
        skipped: What was left out and why; empty unless bad rows were to be skipped.
        absent: Columns that were asked for and that no row of a JSON Lines file has: their roles are
            empty. Always empty unless bad rows were to be skipped; otherwise this is an error.
    """

    path: str
    columns: dict[str, str]
    read: int
    kept: int
    skipped: tuple[Fault, ...]
    absent: tuple[str, ...] = ()


def refuse(
    faults: Sequence[Fault], path: Path, read: int, lines_of: Callable[[tuple[int, ...]], tuple[int, ...]]
) -> DataError:
    """Return the one error for all the faults of a file: the first in full, the others counted.

    Args:
        faults: At least one.
        path: The file.
        read: Data rows in the file; 0 if they were not all read.
        lines_of: Finds the lines of a text file on which rows start; an empty tuple if it cannot.
    """
    first = min(faults, key=lambda fault: list(Reason).index(fault.reason))
    lines = lines_of(first.rows)
    phrase, rule = _TEXTS[first.reason]
    where = f"{path}, column {first.column!r}" if first.column is not None else f"{path}"
    total = f" of {read:,}" if read else ""
    message = (
        f"{where}: {_rows(first.count)}{total} {phrase} ({_places(first, lines)}). {rule} Correct the file, or "
        "pass skip_bad_rows=True (--skip-bad-rows) to leave such rows out and have them counted."
    )
    others = [f"{_rows(fault.count)} {_TEXTS[fault.reason][0]}" for fault in faults if fault is not first]
    if others:
        message += f" Besides: {'; '.join(others)}."
    return DataError(message, path=path, column=first.column, rows=first.rows, lines=lines, count=first.count)


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def _places(fault: Fault, lines: tuple[int, ...]) -> str:
    more = ", …" if fault.count > len(fault.rows) else ""
    parts = [_numbered("row", fault.rows) + more]
    if lines:
        parts.append(_numbered("line", lines) + more)
    if fault.value is not None:
        parts.append(f"first value {fault.value!r}")
    return "; ".join(parts)


def _numbered(word: str, numbers: tuple[int, ...]) -> str:
    plural = "s" if len(numbers) > 1 else ""
    return f"{word}{plural} {', '.join(map(str, numbers))}"
