"""Walks text files record by record: which rows are good, what they hold, and on which line they start.

Exact and slow: see ``reading`` for when it reads. What a record is read as depends on its own lines and the
header only. Rows count from 1, without the header and without blank lines; lines count from 1.
"""

import csv
import gzip
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import NamedTuple, Self

from homespun_server.errors import DataError
from homespun_server.statistics.problems import Reason

MAX_LINE = 1 << 21
"""Bytes in a line of a text file."""

_BATCH = 1024


class Record(NamedTuple):
    """A row of a text file: its fields, or the whole line of JSON Lines as the only one.

    The header of a CSV file is row 0. ``reason`` is None if nothing is wrong.
    """

    row: int
    line: int
    fields: list[str]
    reason: Reason | None = None


class TextLines:
    """The lines of a text file, plain or gzip, with bytes that are not UTF-8 as lone surrogates.

    Attributes:
        path: The file.
        number: Lines read so far.

    Raises:
        DataError: While iterating, if the file cannot be read, is damaged or has an over-long line.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.number = 0
        # Closed by close(): whoever walks the lines holds this object in a with statement.
        self._stream = gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb")  # noqa: SIM115

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        try:
            raw = self._stream.readline(MAX_LINE + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(
                f"{self.path} cannot be read to the end ({error}): it is damaged or cut short. Fetch it again.",
                path=self.path,
            ) from error
        if not raw:
            raise StopIteration
        self.number += 1
        if len(raw) > MAX_LINE:
            raise DataError(
                f"{self.path}: line {self.number} is longer than {MAX_LINE:,} bytes. This is not a table of "
                "rows, or a line break is missing.",
                path=self.path,
                lines=(self.number,),
            )
        text = raw.decode("utf-8", "surrogateescape")
        return text.removeprefix("\ufeff") if self.number == 1 else text

    def close(self) -> None:
        """Close the file."""
        self._stream.close()


def csv_records(path: Path, delimiter: str) -> Generator[Record]:
    """Yield the header and the rows of a CSV file with RFC 4180 quotes; blanks beside them are malformed.

    Raises:
        DataError: If the file is damaged, or if a quoted field swallows lines and is never closed.
    """
    with closing(TextLines(path)) as lines:
        recent: list[str] = []
        reader = csv.reader(_remember(lines, recent), delimiter=delimiter, strict=True)
        row = 0
        width = 0
        while (record := _next_csv(reader, lines, row)) is not None:
            width = width or len(record.fields)
            if record.fields or record.reason or width <= 1:
                padded = row > 0 and _is_padded(record.fields, recent, delimiter)
                yield record._replace(reason=Reason.MALFORMED) if padded else _check_csv(record, width)
                row += 1
            recent.clear()


def json_records(path: Path, valid: Callable[[list[str]], list[bool]]) -> Generator[Record]:
    """Yield the rows of a JSON Lines file.

    Args:
        path: The file.
        valid: Tells of each of many texts whether it is JSON.

    Raises:
        DataError: If the file is damaged.
    """
    with closing(TextLines(path)) as lines:
        filled = ((lines.number, line.strip()) for line in lines if line.strip())
        numbered = (Record(row, line, [text]) for row, (line, text) in enumerate(filled, 1))
        while batch := list(islice(numbered, _BATCH)):
            encoded = [_is_utf8(record.fields) for record in batch]
            verdicts = valid([record.fields[0] if good else "" for record, good in zip(batch, encoded, strict=True)])
            for record, good, verdict in zip(batch, encoded, verdicts, strict=True):
                reason = None if verdict else Reason.MALFORMED
                yield record._replace(reason=reason if good else Reason.ENCODING)


def _remember(lines: Iterator[str], recent: list[str]) -> Iterator[str]:
    for line in lines:
        recent.append(line)
        yield line


def _is_padded(fields: list[str], lines: list[str], delimiter: str) -> bool:
    """Tell whether blanks stand in front of a field's quotes: DuckDB drops them, the csv module keeps both."""
    if not any(' "' in line for line in lines):
        return False
    try:
        unpadded = next(csv.reader(lines, delimiter=delimiter, skipinitialspace=True))
    except csv.Error:
        return True
    changed = [field for field, other in zip(fields, unpadded, strict=False) if field != other]
    return len(fields) != len(unpadded) or any(field.lstrip(" ").startswith('"') for field in changed)


def _next_csv(reader: Iterator[list[str]], lines: TextLines, row: int) -> Record | None:
    start = lines.number + 1
    try:
        return Record(row, start, next(reader))
    except StopIteration:
        return None
    except csv.Error as error:
        if lines.number > start or row == 0:
            raise DataError(
                f"{lines.path}: the quoting goes wrong between line {start} and line {lines.number} ({error}). "
                "A quoted field that is not closed swallows the rows after it, and nobody can say which; so "
                "the file is refused as a whole. Close the quote, and double quotes inside quoted fields.",
                path=lines.path,
                lines=(start,),
            ) from error
        return Record(row, start, [], Reason.MALFORMED)


def _check_csv(record: Record, width: int) -> Record:
    if record.reason is not None:
        return record
    fields = record.fields or [""]
    # A delimiter at the end of the line adds an empty field; DuckDB forgives it, so it is forgiven here.
    if len(fields) == width + 1 and not fields[-1]:
        fields = fields[:-1]
    if len(fields) != width:
        return record._replace(reason=Reason.MALFORMED)
    return record._replace(fields=fields, reason=None if _is_utf8(fields) else Reason.ENCODING)


def _is_utf8(fields: list[str]) -> bool:
    try:
        "".join(fields).encode()
    except UnicodeEncodeError:
        return False
    return True
