"""A catalogue is one inert table of text; anything else in the file is refused."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from homespun.errors import ClosedError, ModelContractError
from homespun.model.bundle import Bundle
from homespun.model.catalogue import Catalogue
from homespun.protocol.bundle import CATALOGUE, CATALOGUE_SCHEMA
from homespun.protocol.events import MAX_ITEM_LENGTH
from tests.sdk import bundles

LOOSE = CATALOGUE_SCHEMA.removesuffix(" STRICT").replace(" NOT NULL", "")
Row = tuple[object, object, object, object]
ROWS: list[Row] = [(0, "a", "Title A", '["x"]'), (1, "b", "Title B", "[]"), (2, "c", "Title C", '["y", "z"]')]


def write(path: Path, rows: list[Row], *, schema: str = CATALOGUE_SCHEMA, declared: str = CATALOGUE_SCHEMA) -> Path:
    """Write a catalogue by one table's rules and make it claim those of another."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(schema)
        connection.executemany("INSERT INTO items VALUES (?, ?, ?, ?)", rows)
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_schema SET sql = ?", (declared,))
    return path


def refused(path: Path, match: str, items: int = 3) -> None:
    with pytest.raises(ModelContractError, match=match):
        Catalogue(path, items)


@pytest.fixture
def forged(tmp_path: Path) -> Iterator[Callable[[Row], Catalogue]]:
    """Opens a catalogue whose last row no honest table could hold."""
    opened: list[Catalogue] = []

    def make(row: Row) -> Catalogue:
        path = write(tmp_path / CATALOGUE, [*ROWS[:2], row], schema=LOOSE)
        opened.append(Catalogue(path, 3))
        return opened[-1]

    yield make
    for catalogue in opened:
        catalogue.close()


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TRIGGER t AFTER INSERT ON items BEGIN DELETE FROM items; END",
        "CREATE VIEW v AS SELECT load_extension('x') FROM items",
        "CREATE INDEX i ON items (title)",
        "CREATE TABLE more (x)",
        "CREATE VIRTUAL TABLE f USING fts5(x)",
        "ANALYZE",
    ],
)
def test_something_else_lies_beside_the_table(tampered: Path, statement: str) -> None:
    bundles.edit_catalogue(tampered, statement)
    with pytest.raises(ModelContractError, match="something else than its tables"):
        Bundle.open(tampered)


@pytest.mark.parametrize(
    "schema",
    [
        CATALOGUE_SCHEMA + ", WITHOUT ROWID",
        CATALOGUE_SCHEMA.removesuffix(" STRICT"),
        CATALOGUE_SCHEMA.replace("tags TEXT NOT NULL", "tags TEXT NOT NULL CHECK (load_extension('x'))"),
        CATALOGUE_SCHEMA.replace("tags TEXT NOT NULL", "tags TEXT AS (title) STORED"),
        CATALOGUE_SCHEMA.replace("tags TEXT NOT NULL", "tags TEXT NOT NULL, more TEXT"),
    ],
)
def test_the_table_is_declared_otherwise(tmp_path: Path, schema: str) -> None:
    with closing(sqlite3.connect(tmp_path / CATALOGUE, isolation_level=None)) as connection:
        connection.execute(schema)
    refused(tmp_path / CATALOGUE, "something else than its tables")


def test_a_view_takes_the_tables_name(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / CATALOGUE, isolation_level=None)) as connection:
        connection.execute("CREATE VIEW items AS SELECT 0 AS position, 'a' AS id")
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_schema SET sql = ?, type = 'table'", (CATALOGUE_SCHEMA,))
    refused(tmp_path / CATALOGUE, "catalogue", items=1)


@pytest.mark.parametrize(
    "positions", [[0, 1], [0, 1, 2, 3], [1, 2, 3], [0, 1, 3], [-1, 0, 1], [0, 1, (1 << 63) - 1], []]
)
def test_positions_are_not_those_of_the_model(tmp_path: Path, positions: list[int]) -> None:
    rows: list[Row] = [(position, f"item-{position}", "Title", "[]") for position in positions]
    refused(write(tmp_path / CATALOGUE, rows), "position")


def test_two_items_have_the_same_id(tmp_path: Path) -> None:
    refused(write(tmp_path / CATALOGUE, [*ROWS[:2], (2, "a", "Again", "[]")]), "same item id twice")


@pytest.mark.parametrize(
    "identity",
    [b"c", None, 7, 7.5, "", "x" * (MAX_ITEM_LENGTH + 1), "line\nbreak", "nul\0", "\x7f", "\u202e"],
    ids=repr,
)
def test_an_id_is_none_that_an_event_could_name(tmp_path: Path, identity: object) -> None:
    untyped = LOOSE.replace("id TEXT", "id")
    refused(write(tmp_path / CATALOGUE, [*ROWS[:2], (2, identity, "Title", "[]")], schema=untyped), "id at position 2")


def test_an_id_is_not_unicode(tmp_path: Path) -> None:
    path = write(tmp_path / CATALOGUE, [*ROWS[:2], (2, "c" * 20, "Title", "[]")])
    path.write_bytes(path.read_bytes().replace(b"c" * 20, b"\xff" * 20))
    refused(path, "cannot be read")


@pytest.mark.parametrize("title", [None, b"Title", b"\xff\xfe"])
def test_a_title_is_not_text(forged: Callable[[Row], Catalogue], title: object) -> None:
    catalogue = forged((2, "c", title, "[]"))
    with pytest.raises(ModelContractError, match="title of item 2"):
        catalogue.title(2)
    assert catalogue.title(1) == "Title B"


def test_a_title_is_not_unicode(tmp_path: Path) -> None:
    path = write(tmp_path / CATALOGUE, [*ROWS[:2], (2, "c", "T" * 20, "[]")])
    path.write_bytes(path.read_bytes().replace(b"T" * 20, b"\xed\xa0\x80" + b"\xff" * 17))
    with closing(Catalogue(path, 3)) as catalogue, pytest.raises(ModelContractError, match="cannot be read"):
        catalogue.title(2)


@pytest.mark.parametrize(
    "tags",
    [None, b"[]", "", "x", "{}", '"x"', "[1]", "[null]", '["a", ["b"]]', "[", '["\\ud800"]', "[" * 100_000],
    ids=lambda tags: repr(tags)[:20],
)
def test_tags_are_not_a_list_of_text(forged: Callable[[Row], Catalogue], tags: object) -> None:
    catalogue = forged((2, "c", "Title C", tags))
    with pytest.raises(ModelContractError, match="tags of item 2"):
        catalogue.tags(2)
    assert catalogue.tags(0) == ("x",)


@pytest.mark.parametrize("column", [2, 3])
def test_a_text_would_fill_the_memory(tmp_path: Path, column: int) -> None:
    row: list[object] = [2, "c", "Title C", "[]"]
    row[column] = "x" * (1 << 21)
    path = write(tmp_path / CATALOGUE, [*ROWS[:2], (row[0], row[1], row[2], row[3])])
    with closing(Catalogue(path, 3)) as catalogue:
        read = catalogue.title if column == 2 else catalogue.tags
        with pytest.raises(ModelContractError, match="cannot be read"):
            read(2)


def test_an_id_would_fill_the_memory(tmp_path: Path) -> None:
    refused(write(tmp_path / CATALOGUE, [*ROWS[:2], (2, "x" * (1 << 21), "Title", "[]")]), "cannot be read")


def test_the_catalogue_expects_a_log_to_be_replayed(tampered: Path) -> None:
    bundles.edit_catalogue(tampered, "PRAGMA journal_mode = WAL")
    with pytest.raises(ModelContractError, match="in a log beside it"):
        Bundle.open(tampered)


@pytest.mark.parametrize(
    "content", [b"", b"x", b"SQLite format 3\0", b"SQLite format 3\0" + b"\xff" * 4080, bytes(8192)]
)
def test_the_catalogue_is_no_database(tmp_path: Path, content: bytes) -> None:
    (tmp_path / CATALOGUE).write_bytes(content)
    refused(tmp_path / CATALOGUE, "catalogue")


def test_an_encrypted_catalogue(tmp_path: Path) -> None:
    apsw = pytest.importorskip("apsw")
    connection = apsw.Connection(str(tmp_path / CATALOGUE))
    connection.pragma("key", "secret")
    connection.execute(CATALOGUE_SCHEMA)
    connection.close()
    refused(tmp_path / CATALOGUE, "cannot be read")


def test_a_refused_catalogue_stays_open(tmp_path: Path) -> None:
    path = write(tmp_path / CATALOGUE, ROWS[:2])
    refused(path, "position")
    path.unlink()  # fails on Windows while the file is open
    assert list(tmp_path.iterdir()) == []


def test_a_title_is_read_after_closing(tmp_path: Path) -> None:
    catalogue = Catalogue(write(tmp_path / CATALOGUE, ROWS), 3)
    assert catalogue.tags(2) == ("y", "z")
    catalogue.close()
    catalogue.close()
    for read in (catalogue.title, catalogue.tags):
        with pytest.raises(ClosedError, match="closed"):
            read(0)


def test_an_item_that_is_not_there(tmp_path: Path) -> None:
    with closing(Catalogue(write(tmp_path / CATALOGUE, ROWS), 3)) as catalogue:
        for position in (-1, 3, 1 << 60):
            with pytest.raises(ModelContractError, match="missing"):
                catalogue.title(position)


@pytest.mark.parametrize("steering", ["\x1b[2J", "\x1b]0;owned\x07", "two\nlines", "\r", "\x9b31m", "\x7f", "a\u2028b"])
def test_a_title_or_a_tag_steers_the_terminal_that_shows_it(tmp_path: Path, steering: str) -> None:
    tags = msgspec.json.encode([steering]).decode()
    rows: list[Row] = [ROWS[0], (1, "b", steering, "[]"), (2, "c", "Title C", tags)]
    with closing(Catalogue(write(tmp_path / CATALOGUE, rows), 3)) as catalogue:
        with pytest.raises(ModelContractError, match="title of item 1 holds a control character"):
            catalogue.titles([0, 1])
        with pytest.raises(ModelContractError, match="tags of item 2 holds a control character"):
            catalogue.tags(2)
        assert catalogue.titles([0, 2]) == ["Title A", "Title C"]


def test_an_ordinary_title_is_taken_for_a_control_character(tmp_path: Path) -> None:
    title = "Lé\u00a0Café\u3000映画 👩\u200d🚀 שלום\u200f – “100 %”"
    rows: list[Row] = [(0, "a", title, msgspec.json.encode([title]).decode())]
    with closing(Catalogue(write(tmp_path / CATALOGUE, rows), 1)) as catalogue:
        assert (catalogue.title(0), catalogue.tags(0)) == (title, (title,))


def test_titles_that_are_read_at_once_are_mixed_up(tmp_path: Path) -> None:
    rows: list[Row] = [(number, f"item-{number}", f"Title {number}", "[]") for number in range(2500)]
    with closing(Catalogue(write(tmp_path / CATALOGUE, rows), 2500)) as catalogue:
        for positions in ([], [3], [2, 2, 0, 2], list(range(2499, -1, -1))):
            assert catalogue.titles(positions) == [f"Title {position}" for position in positions]
        with pytest.raises(ModelContractError, match="title of item 2500 is missing"):
            catalogue.titles([1, 2500])
