"""The tables of interactions that the operator holds, and what was set aside from them.

Restriction (GDPR Art. 18, recital 67: data are "temporarily moved to another processing system"), objection and
opt-out move a person's rows out of the table that trainings read, into a file that only this user may read.
"""

import os
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import msgspec

from homespun_server.compliance.requests.connectors.rows_of_tables import Record, Row, TableFile
from homespun_server.compliance.requests.effects import Effect, nothing
from homespun_server.compliance.requests.ports import Connector, Copy, Correction, Marked, Person
from homespun_server.compliance.requests.profile import Kind
from homespun_server.compliance.requests.tombstones import FOLDER
from homespun_server.errors import OutputError
from homespun_server.running.cache import Cache
from homespun_server.settings import ServerSettings, TableSettings

PEOPLE = "people"
"""The store's name in tombstones of tables: one for all, so that a table that was renamed is found too."""

SET_ASIDE = "set-aside"

_FARTHEST_EAST = timedelta(hours=14)
"""No place's clock is farther ahead of UTC."""

_UNNAMED = "Nobody said what the operator calls this person, and rows are found by that alone."
_LATER = "Rows set aside, and copies of the file that others made, are other stores."


class Table(Connector):
    """One table."""

    def __init__(self, settings: ServerSettings, table: TableSettings) -> None:
        """Use a table that the settings name.

        Args:
            settings: The working directory's settings.
            table: The table.
        """
        self.name = f"table {table.path}"[:100]
        self.what = table.what
        self._table, self._work = table, settings.work
        self._file = TableFile((settings.folder / table.path).resolve(), table.user)
        self._aside = SetAside(settings)

    def left(self, person: Person) -> int:
        """Return how many rows a person has."""
        return 0 if person.identifier is None else sum(1 for _ in self._file.rows(_is(person.identifier)))

    def access(self, person: Person) -> Sequence[Copy]:
        """Return a person's rows as JSON Lines."""
        if person.identifier is None:
            return ()
        return _copies(f"{Path(self._table.path).name}.jsonl", list(self._file.rows(_is(person.identifier))))

    def erase(self, person: Person) -> Effect:
        """Write the table anew without a person's rows."""
        if person.identifier is None:
            return nothing(_UNNAMED)
        gone = self._change(_is(person.identifier), lambda _: None)
        similar = self._similar(person.identifier)
        if not gone:
            return nothing(f"No row of {self._table.path} has this person in the column {self._table.user}.{similar}")
        told = (
            f"{_rows_were(gone)} removed from {self._table.path}; the file before was overwritten and removed. {_LATER}"
            f"{similar}"
        )
        return Effect(outcome="done", level=self.level, records=gone, detail=told)

    def _similar(self, identifier: str) -> str:
        """Return a warning where rows are of somebody who is called almost the same; none of them was touched."""
        told = _folded(identifier)
        number = sum(1 for _ in self._file.rows(lambda user: user != identifier and _folded(user) == told))
        if not number:
            return ""
        return (
            f" {number} rows name somebody whose id differs in case, blanks or the form of letters only. They were "
            "left alone; see whether that is the same person."
        )

    def rectify(self, person: Person, corrections: Sequence[Correction]) -> Effect:
        """Put values right in a person's rows."""
        if person.identifier is None:
            return nothing(_UNNAMED)

        def right(row: Row) -> Row:
            for each in corrections:
                if row.get(each.column) == each.wrong:
                    row = {**row, each.column: each.right}
            return row

        changed = self._change(_is(person.identifier), right)
        if not changed:
            return nothing("No row of this person has a value that was named as wrong.")
        told = f"{_rows_were(changed)} put right: {', '.join(sorted({each.column for each in corrections}))}."
        return Effect(outcome="done", level=self.level, records=changed, detail=told)

    def set_aside(self, person: Person, kind: Kind) -> Effect:  # noqa: ARG002 - the same for each
        """Move a person's rows where no training reads them."""
        if person.identifier is None:
            return nothing(_UNNAMED)
        if not any(True for _ in self._file.rows(_is(person.identifier))):
            return nothing(f"No row of {self._table.path} has this person, so there is none to be used.")
        gone = self._take(_is(person.identifier), lambda _: person.request)
        told = f"{_rows_were(gone)} set aside from {self._table.path}. No training finds them any more."
        return Effect(outcome="done", level=self.level, records=gone, detail=told)

    def put_back(self, request: str) -> int:
        """Put rows back that were set aside for a request; those that an interrupted attempt put back are not doubled.

        Raises:
            DataError: The table cannot be read, or has other columns now.
            OutputError: It cannot be written; nothing of it was put back.
        """
        aside = self._aside.of(request, self._table)
        if not aside:
            return 0
        people = {each.user for each in aside}
        with Cache(self._work).locked():
            there = Counter(each.key for each in self._file.records(people.__contains__))
            self._file.add([each.record for each in aside if not _taken(there, each.record.key)])
        self._aside.drop(request, self._table)
        return len(aside)

    def marks(self, person: Person) -> tuple[tuple[str, str], ...]:
        """Return the person."""
        return () if person.identifier is None else ((PEOPLE, person.identifier),)

    def replay(self, marked: Marked) -> int:
        """Remove rows of people who were erased, as far as the rows are not younger than that.

        Of who came back since, only rows go that tell that they are as old as the erasure.
        """
        goes = cache(lambda user: (marked(PEOPLE, user), marked.returned(PEOPLE, user)))

        def kept(row: Row) -> Row | None:
            return None if _goes(_made(row, self._table), *goes(row[self._file.user])) else row

        def theirs(user: str) -> bool:
            return goes(user) != (None, None)

        if not self._file.path.exists() or all(map(kept, self._file.rows(theirs))):
            return 0
        return self._change(theirs, kept)

    def hold_again(self, marked: Marked) -> int:
        """Set aside again rows of people whose data are kept out of use: a restore or an export brought them back."""
        held = cache(marked.held)
        if not self._file.path.exists():
            return 0
        if not any(True for _ in self._file.rows(lambda user: held(user) is not None)):
            return 0
        return self._take(lambda user: held(user) is not None, lambda user: held(user) or "")

    def _take(self, who: Callable[[str], bool], name: Callable[[str], str]) -> int:
        """Move rows to where they are set aside, under a name by their person.

        They are written there from what is removed, and before it is: a row that comes meanwhile is in the table or
        there, and in neither case lost.
        """

        def keep(records: Sequence[Record]) -> None:
            named: dict[str, list[Record]] = {}
            for each in records:
                named.setdefault(name(each.row[self._table.user]), []).append(each)
            for request, theirs in named.items():
                self._aside.put(request, self._table, theirs)

        with Cache(self._work).locked():
            return self._file.take(who, keep)

    def _change(self, who: Callable[[str], bool], change: Callable[[Row], Row | None]) -> int:
        # A run reads the tables in place, and must not find one overwritten under it.
        with Cache(self._work).locked():
            return self._file.change(who, change)


class AsideRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A row that was set aside.

    Attributes:
        schema: Version of the line.
        table: From which table, as the settings name it.
        user: Whose.
        row: The row.
        raw: How it stood in a file of text, with its line's end; empty in other files.
        columns: The table's columns, where it had more cells or fewer; else empty.
    """

    schema: int = 1
    table: str
    user: str
    row: Row
    raw: str = ""
    columns: tuple[str, ...] = ()

    @property
    def record(self) -> Record:
        """What is put back."""
        return Record(self.row, self.raw, self.columns)


class SetAside(Connector):
    """Rows that were set aside, a file a request and one a mark (``holding``); only this user may read them."""

    name = "set aside"
    what = "rows of people who restricted or objected to their use; nothing reads them"

    def __init__(self, settings: ServerSettings) -> None:
        """Use a working directory."""
        self._folder = settings.folder / FOLDER / SET_ASIDE
        self._tables = {each.path: each for each in settings.compliance.tables}

    def put(self, request: str, table: TableSettings, records: Sequence[Record]) -> None:
        """Keep rows; those that are kept already, as after an interruption, are not kept twice.

        Raises:
            OutputError: They cannot be written.
        """
        path = self._folder / f"{request}.jsonl"
        new = [AsideRow(table=table.path, user=each.row[table.user], **each._asdict()) for each in records]
        before = list(_aside(path))
        there = Counter(map(_text, before))
        for each in new:
            if there[_text(each)]:
                there[_text(each)] -= 1
            else:
                before.append(each)
        self._write(path, before)

    def left(self, person: Person) -> int:
        """Return how many rows of a person are set aside."""
        return sum(each.user == person.identifier for path in self._files for each in _aside(path))

    def access(self, person: Person) -> Sequence[Copy]:
        """Return a person's rows as JSON Lines."""
        found = [each.row for path in self._files for each in _aside(path) if each.user == person.identifier]
        return _copies("set-aside.jsonl", found)

    def erase(self, person: Person) -> Effect:
        """Remove a person's rows."""
        gone = self._without(lambda each: each.user == person.identifier)
        if not gone:
            return nothing("No row of this person was ever set aside, or is any more.")
        return Effect(
            outcome="done", level=self.level, records=gone, detail=f"{_rows_were(gone)} overwritten and removed."
        )

    def of(self, request: str, table: TableSettings) -> tuple[AsideRow, ...]:
        """Return what was set aside from a table for a request."""
        return tuple(each for each in _aside(self._folder / f"{request}.jsonl") if each.table == table.path)

    def drop(self, request: str, table: TableSettings) -> None:
        """Overwrite and remove what was set aside from a table for a request, once it was put back."""
        path = self._folder / f"{request}.jsonl"
        self._write(path, [each for each in _aside(path) if each.table != table.path])

    def set_aside_for(self, request: str) -> int:
        """Return how many rows are set aside for a request."""
        return sum(1 for _ in _aside(self._folder / f"{request}.jsonl"))

    def people_of(self, request: str) -> frozenset[str]:
        """Return whose rows are set aside for a request."""
        return frozenset(each.user for each in _aside(self._folder / f"{request}.jsonl"))

    def put_back(self, request: str) -> int:
        """Refuse what no table took back; tables come first.

        Raises:
            OutputError: Rows are of a table that the settings no longer name.
        """
        left = {each.table for each in _aside(self._folder / f"{request}.jsonl")}
        if left:
            raise OutputError(
                f"rows of {', '.join(sorted(left))} stay set aside: the settings no longer name it. The other tables "
                "have their rows back. Name it again, and lift once more."
            )
        return 0

    def replay(self, marked: Marked) -> int:
        """Remove rows of people who were erased; of who came back since, those that are as old as the erasure."""
        goes = cache(lambda user: (marked(PEOPLE, user), marked.returned(PEOPLE, user)))

        def gone(each: AsideRow) -> bool:
            erased, before = goes(each.user)
            return erased is not None or _goes(_made(each.row, self._tables.get(each.table)), None, before)

        return self._without(gone)

    @property
    def _files(self) -> list[Path]:
        return sorted(self._folder.glob("*.jsonl"))

    def _without(self, goes: Callable[[AsideRow], bool]) -> int:
        gone = 0
        for path in self._files:
            rows = list(_aside(path))
            kept = [each for each in rows if not goes(each)]
            if len(kept) < len(rows):
                gone += len(rows) - len(kept)
                self._write(path, kept)
        return gone

    def _write(self, path: Path, rows: Sequence[AsideRow]) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor, made = tempfile.mkstemp(dir=self._folder, prefix=".making-")
            with os.fdopen(descriptor, "wb") as file:
                file.writelines(_text(each) + b"\n" for each in rows)
                file.flush()
                os.fsync(file.fileno())
            old = path.open("rb+") if path.exists() else None
            Path(made).replace(path)
            if old is not None:
                with old:
                    old.write(bytes(os.fstat(old.fileno()).st_size))
                    old.flush()
                    os.fsync(old.fileno())
        except OSError as error:
            raise OutputError(f"{path} cannot be written: {error}. Nothing was taken from its table.") from error


def _taken(there: Counter[tuple[object, ...]], key: tuple[object, ...]) -> bool:
    """Return whether there is one of these, and count it as used."""
    found = there[key] > 0
    there[key] -= found
    return found


def _is(identifier: str) -> Callable[[str], bool]:
    return lambda user: user == identifier


def _folded(identifier: str) -> str:
    """Return an id without what people take for no difference."""
    return "".join(unicodedata.normalize("NFKC", identifier).split()).casefold()


def _made(row: Row, table: TableSettings | None) -> datetime | None:
    """Return when a row was made; None: it cannot be told."""
    return _moment(row.get(table.time, "")) if table is not None and table.time else None


def _goes(made: datetime | None, erased: datetime | None, returned: datetime | None) -> bool:
    """Return whether a row goes again, by when its person was erased, who may have come back since."""
    if erased is not None:
        return made is None or made <= erased
    return returned is not None and made is not None and made <= returned


def _copies(name: str, rows: list[Row]) -> tuple[Copy, ...]:
    lines = b"".join(msgspec.json.encode(row) + b"\n" for row in rows)
    return (Copy(name, lines, len(rows)),) if rows else ()


def _aside(path: Path) -> Iterator[AsideRow]:
    if path.exists():
        yield from (msgspec.json.decode(line, type=AsideRow) for line in path.read_bytes().splitlines())


def _text(each: AsideRow) -> bytes:
    return msgspec.json.encode(each, order="sorted")


def _moment(text: str) -> datetime | None:
    """Return the earliest moment at which a row can have been made; None: it cannot be told.

    A time without its zone may be that of any place on earth.
    """
    try:
        return datetime.fromtimestamp(float(text), UTC)
    except (ValueError, OverflowError, OSError):
        pass
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC) - _FARTHEST_EAST


def _rows_were(number: int) -> str:
    return "1 row was" if number == 1 else f"{number} rows were"
