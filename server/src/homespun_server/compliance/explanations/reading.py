"""Records as they come in: a line of JSON each, from a device's export, or as a support case with a note."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from homespun.errors import MisuseError, RecordError
from homespun.protocol.records import ExplanationRecord, parse_record

MOST_BYTES = 1 << 24
"""Bytes of a line that is read."""


class SupportCase(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A record that somebody handed in with a question.

    Attributes:
        schema: Version of the support case.
        case: The case's number, as the operator counts.
        note: What was asked, or is to be known about it.
        record: The record.
    """

    schema: Literal[1] = 1
    case: Annotated[str, Meta(min_length=1, max_length=100)]
    note: Annotated[str, Meta(max_length=4000)] = ""
    record: msgspec.Raw


class Given(msgspec.Struct, frozen=True):
    """A record that came in.

    Attributes:
        number: Which one, from 1.
        record: The record.
        case: The support case; empty where it is none.
        note: What was noted there.
    """

    number: int
    record: ExplanationRecord
    case: str = ""
    note: str = ""


def lines_of(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file that hold something, without reading it whole.

    Raises:
        MisuseError: It cannot be read.
        RecordError: A line is longer than any record.
    """
    try:
        with path.open("rb") as file:
            while line := file.readline(MOST_BYTES + 1):
                if len(line) > MOST_BYTES:
                    raise RecordError(
                        f"{path} has a line of more than {MOST_BYTES:,} bytes, so it is no file of records."
                    )
                if line.strip():
                    yield line
    except OSError as error:
        raise MisuseError(f"{path} cannot be read: {error}. Name a file of records, a line of JSON each.") from error


def parse_given(number: int, line: bytes) -> Given:
    """Return the record of one line.

    Raises:
        RecordError: It is none, and no support case.
    """
    try:
        if b'"case"' in line[:4096]:
            found = msgspec.json.decode(line, type=SupportCase)
            return Given(number, parse_record(bytes(found.record)), found.case, found.note)
        return Given(number, parse_record(line))
    except (msgspec.MsgspecError, RecursionError) as error:
        raise RecordError(f"line {number} is neither an explanation record nor a support case: {error}.") from error


def read_given(path: Path) -> Iterable[Given]:
    """Yield the records of a file.

    Raises:
        MisuseError: It cannot be read.
        RecordError: A line is no record.
    """
    for number, line in enumerate(lines_of(path), 1):
        yield parse_given(number, line)
