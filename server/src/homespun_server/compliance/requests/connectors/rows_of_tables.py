"""Rows of a person in a table, CSV or Parquet: found, and changed by writing the table anew and putting it in place.

- A table is replaced whole or not at all; a row that is not the person's keeps its bytes (CSV) or values (Parquet).
- What was there before is overwritten, then removed. Leftovers of an attempt that was interrupted are dealt with first.
- A row that is taken out is handed over as it stands, cells beyond the header included, and is put back so.
- A table that somebody wrote to meanwhile is left alone, and so is one whose bytes have another name, too: what is
  overwritten under one name is gone under both. A link to a table leads to it.

Non-goal: tables in other forms, or without a header.
"""

import csv
import io
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

from homespun_server.errors import DataError, OutputError

Row = dict[str, str]
"""Values by column, as text."""

Change = Callable[[Row], Row | None]
"""Returns what a row becomes; None: it goes."""

Who = Callable[[str], bool]
"""Returns whether a row with this in the person's column is meant."""

DELIMITERS = ",;\t|"
PARQUET = (".parquet", ".pq")
TEXT = (".csv", ".tsv", ".txt")

_MAKING, _LEFT = ".homespun-new-", ".homespun-old-"
_CHUNK = 1 << 20


class Record(NamedTuple):
    """A row, with what it takes to put it back as it was.

    Attributes:
        row: Its values.
        raw: How it stands in a file of text, with its line's end; empty in other files.
        columns: The table's columns, where the record has more cells or fewer; else empty.
    """

    row: Row
    raw: str = ""
    columns: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[object, ...]:
        """What tells it from others: its values, or where they are not all of it, how it stands in the file."""
        return (self.raw.rstrip("\r\n"),) if self.columns else tuple(sorted(self.row.items()))

    def line(self, header: list[str], delimiter: str, ending: str) -> str:
        """Return it as a record of a file of text: as it stood, where that means the same there.

        Raises:
            csv.Error: It has no place under this header.
        """
        cells = next(csv.reader(io.StringIO(self.raw, newline=""), delimiter=delimiter), [])
        means = dict(zip(header, cells, strict=False)) == self.row
        if means and (len(cells) == len(header) or header == list(self.columns)):
            return self.raw if self.raw.endswith(("\n", "\r")) else self.raw + ending
        if self.columns or self.row.keys() != set(header):
            raise csv.Error(f"a row to be put back has the columns {', '.join(self.columns or self.row)}")
        made = io.StringIO(newline="")
        csv.writer(made, delimiter=delimiter, lineterminator=ending).writerow([self.row[name] for name in header])
        return made.getvalue()


class _Raw(NamedTuple):
    """A record of a file of text, as it stands there."""

    text: str
    delimiter: str
    cells: int = 0
    header: Sequence[str] = ()

    def record(self, row: Row) -> Record:
        """Return it with its values."""
        return Record(row, self.text, () if self.cells == len(self.header) else tuple(self.header))

    def replace(self, file: IO[str], row: Row) -> None:
        """Write another row in its place, with its line's end."""
        if self.cells != len(row):
            raise csv.Error(f"a row to be changed has {self.cells} cells for {len(row)} columns")
        ending = self.text[len(self.text.rstrip("\r\n")) :] or "\n"
        csv.writer(file, delimiter=self.delimiter, lineterminator=ending).writerow(row.values())


@dataclass(frozen=True)
class TableFile:
    """A table.

    Attributes:
        path: Where it is.
        user: The column that names the person.
    """

    path: Path
    user: str

    def rows(self, who: Who) -> Iterator[Row]:
        """Return rows.

        Args:
            who: Whose.

        Raises:
            DataError: It cannot be read as a table, or has no such column.
        """
        yield from (each.row for each in self.records(who))

    def records(self, who: Who) -> Iterator[Record]:
        """Return rows with how they stand in the file; see ``rows``."""
        with self._told():
            yield from (raw.record(row) for row, raw in self._read(who) if row is not None)

    def change(self, who: Who, change: Change) -> int:
        """Write the table anew with changed rows, and put it in place.

        Args:
            who: Whose rows.
            change: What becomes of each.

        Returns:
            How many rows were changed or removed; where it is 0, the table was not touched.

        Raises:
            DataError: It cannot be read as a table, or has no such column.
            OutputError: It cannot be written, or somebody wrote to it meanwhile; it is as it was.
        """
        with self._anew() as (made, put):
            changed = self._written(made, who, change)
            if changed:
                put()
        return changed

    def take(self, who: Who, keep: Callable[[Sequence[Record]], None]) -> int:
        """Write the table anew without rows, and put it in place once they are kept elsewhere.

        Whatever is not handed over stays in the table: where somebody writes to it meanwhile, it is left alone.

        Args:
            who: Whose rows.
            keep: Keeps them, durably, before it returns.

        Returns:
            How many rows went; where it is 0, the table was not touched.

        Raises:
            DataError: It cannot be read as a table, or has no such column.
            OutputError: It cannot be written, or somebody wrote to it meanwhile; it is as it was.
        """
        gone: list[Record] = []
        with self._anew() as (made, put):
            self._written(made, who, lambda _: None, gone)
            if gone:
                keep(gone)
                put()
        return len(gone)

    def add(self, records: Sequence[Record]) -> None:
        """Write the table anew with further rows at its end, and put it in place.

        Raises:
            DataError: It cannot be read as a table, or a row has other columns.
            OutputError: It cannot be written, or somebody wrote to it meanwhile; it is as it was.
        """
        if not records:
            return
        with self._anew() as (made, put):
            self._added(made, records)
            put()

    @contextmanager
    def _anew(self) -> Iterator[tuple[Path, Callable[[], None]]]:
        """Return where the table is written anew, and what puts it in place unless somebody wrote to it since."""
        with self._told():
            self._clear()
            before = _stamp(self.path)
            made = self._empty()
            try:
                yield made, lambda: self._put(made, before)
            finally:
                made.unlink(missing_ok=True)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (csv.Error, UnicodeError) as error:
            told = f"{self.path} cannot be read as a table: {error}. It was left alone."
            raise DataError(told, path=self.path) from error
        except OSError as error:
            raise OutputError(f"{self.path} cannot be read or written: {error}. It was left alone.") from error

    def _read(self, who: Who) -> Iterator[tuple[Row | None, _Raw]]:
        """Return rows that are meant, and how every row stands in a file of text."""
        if self.path.suffix.lower() in PARQUET:
            return self._parquet_rows(who)
        if self.path.suffix.lower() in TEXT:
            return self._text_rows(who)
        raise DataError(
            f"{self.path} is neither CSV ({', '.join(TEXT)}) nor Parquet ({', '.join(PARQUET)}), so nobody's rows in "
            "it can be found. Change its form, or name another file.",
            path=self.path,
        )

    def _text_rows(self, who: Who) -> Iterator[tuple[Row | None, _Raw]]:
        with self.path.open(encoding="utf-8", newline="") as file:
            for number, (cells, raw, header) in enumerate(_records(file, self)):
                place = header.index(self.user)
                meant = number > 0 and place < len(cells) and who(cells[place])
                yield (dict(zip(header, cells, strict=False)) if meant else None), raw

    def _parquet_rows(self, who: Who) -> Iterator[tuple[Row | None, _Raw]]:
        from homespun_server.compliance.requests.connectors import parquet  # noqa: PLC0415 - it takes long to import

        return ((row, _Raw("", "")) for row in parquet.rows(self, who))

    def check(self, header: list[str]) -> None:
        """Refuse a header without the person's column, or with a column twice, of which one would be lost."""
        twice = sorted({name for name in header if header.count(name) > 1})
        if twice:
            raise DataError(
                f"{self.path} has columns of one name: {', '.join(twice)[:500]}. Rows cannot be told apart safely, so "
                "it was left alone; give each column a name of its own.",
                path=self.path,
                column=twice[0],
            )
        if self.user not in header:
            raise DataError(
                f"{self.path} has no column {self.user!r}; it has {', '.join(header)[:500]}. See compliance.tables.",
                path=self.path,
                column=self.user,
            )

    def _written(self, made: Path, who: Who, change: Change, gone: list[Record] | None = None) -> int:
        gone = [] if gone is None else gone
        if self.path.suffix.lower() in PARQUET:
            return self._parquet_written(made, who, change, gone)
        changed = 0
        with made.open("w", encoding="utf-8", newline="") as file:
            for row, raw in self._read(who):
                after = row if row is None else change(row)
                if row is None or after == row:
                    file.write(raw.text)
                    continue
                changed += 1
                if after is None:
                    gone.append(raw.record(row))
                else:
                    raw.replace(file, after)
            _flushed(file)
        return changed

    def _parquet_written(self, made: Path, who: Who, change: Change, gone: list[Record]) -> int:
        from homespun_server.compliance.requests.connectors import parquet  # noqa: PLC0415 - it takes long to import

        def noted(row: Row) -> Row | None:
            after = change(row)
            if after is None:
                gone.append(Record(row))
            return after

        changed = parquet.written(self, made, who, noted)
        with made.open("rb+") as file:
            _flushed(file)
        return changed

    def _added(self, made: Path, records: Sequence[Record]) -> None:
        if self.path.suffix.lower() in PARQUET:
            from homespun_server.compliance.requests.connectors import parquet  # noqa: PLC0415 - it takes long to import

            for each in records:
                if each.columns:
                    raise csv.Error(f"a row to be put back has more cells than columns, or fewer: {each.columns}")
            parquet.added(self, made, [each.row for each in records])
            with made.open("rb+") as file:
                _flushed(file)
            return
        with self.path.open(encoding="utf-8", newline="") as file:
            first, (_, header) = _Raw("", ""), ("", [""])
            for _, raw, columns in _records(file, self):
                first, header = raw, columns
                break
        text = self.path.read_bytes().decode("utf-8")
        ending = "\r\n" if first.text.endswith("\r\n") else "\n"
        with made.open("w", encoding="utf-8", newline="") as file:
            file.write(text if text.endswith("\n") else text + ending)
            file.writelines(each.line(header, first.delimiter, ending) for each in records)
            _flushed(file)

    def _empty(self) -> Path:
        descriptor, made = tempfile.mkstemp(dir=self.path.parent, prefix=_MAKING)
        os.close(descriptor)
        return Path(made)

    def _put(self, made: Path, before: tuple[int, ...]) -> None:
        old = self.path.parent / f"{_LEFT}{self.path.name}"
        if self.path.stat().st_nlink > 1:
            raise OutputError(
                f"{self.path} has another name (a hard link), under which its rows would stay or be overwritten. It "
                "was left alone; make it a file of its own."
            )
        shutil.copymode(self.path, made)
        if _stamp(self.path) != before:
            raise OutputError(f"somebody wrote to {self.path} meanwhile; it was left alone. Try again when it rests.")
        os.link(self.path, old)
        made.replace(self.path)
        self._clear()

    def _clear(self) -> None:
        """Overwrite and remove what an attempt left: the table as it was before, and half of a new one."""
        folder, old = self.path.parent, self.path.parent / f"{_LEFT}{self.path.name}"
        if old.exists():
            # Until the new table is in place, the old one has two names; overwriting one would be overwriting it.
            if not old.samefile(self.path):
                _overwrite(old)
            old.unlink()
        for left in folder.glob(f"{_MAKING}*"):
            _overwrite(left)
            left.unlink(missing_ok=True)
        _flush_folder(folder)


def _records(file: IO[str], table: TableFile) -> Iterator[tuple[list[str], _Raw, list[str]]]:
    """Return every record's cells, how it stands in the file, and the header."""
    raw: list[str] = []

    def lines() -> Iterator[str]:
        for line in file:
            raw.append(line)
            yield line

    first = file.readline()
    file.seek(0)
    delimiter = max(DELIMITERS, key=first.count)
    header: list[str] = []
    # Strictly: a quote that nobody closes would hide all rows after it, and trainings refuse such a table.
    for cells in csv.reader(lines(), delimiter=delimiter, strict=True):
        if not header:
            header = [cell.removeprefix("\ufeff").strip() for cell in cells]
            table.check(header)
        yield cells, _Raw("".join(raw), delimiter, len(cells), header), header
        raw.clear()


def _stamp(path: Path) -> tuple[int, ...]:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _overwrite(path: Path) -> None:
    with path.open("rb+") as file:
        left = path.stat().st_size
        while left > 0:
            left -= file.write(bytes(min(left, _CHUNK)))
        _flushed(file)


def _flushed(file: IO[str] | IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    with suppress(OSError, PermissionError):
        entry = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(entry)
        finally:
            os.close(entry)
