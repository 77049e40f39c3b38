"""The attributes of a catalogue are finite numbers and plain text about every item once; else they are refused."""

import json
import sqlite3
import struct
from contextlib import closing
from pathlib import Path

import pytest

from homespun.errors import ModelContractError
from homespun.model.bundle import Bundle
from homespun.model.catalogue import Catalogue
from homespun.protocol.bundle import (
    ATTRIBUTES_SCHEMA,
    CATALOGUE,
    CATALOGUE_SCHEMA,
    MAX_ATTRIBUTE_ITEMS,
    MAX_ATTRIBUTE_NAME,
    MAX_ATTRIBUTE_TEXT,
    MAX_ATTRIBUTES,
    WORDS_SCHEMA,
)
from tests.sdk import bundles
from tests.sdk.bundles import Attribute, numbers_row, texts_row

LOOSE = "CREATE TABLE attributes (name, first, texts, items, PRIMARY KEY (name, first)) WITHOUT ROWID"
UNORDERED = "CREATE TABLE attributes (name, first, texts, items)"
PRICE, BRAND = numbers_row("price", [1.0, None, 3.0]), texts_row("brand", ["a", None, "b"])


def write(
    path: Path,
    rows: list[Attribute],
    *,
    schema: str = LOOSE,
    declared: str = ATTRIBUTES_SCHEMA,
    items: int = 3,
) -> Path:
    """Write a catalogue whose table of attributes follows one declaration and claims another."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(CATALOGUE_SCHEMA)
        connection.execute(schema)
        connection.execute("BEGIN")
        known = [(number, f"item-{number}", "Title", "[]") for number in range(items)]
        connection.executemany("INSERT INTO items VALUES (?, ?, ?, ?)", known)
        connection.executemany("INSERT INTO attributes VALUES (?, ?, ?, ?)", rows)
        connection.execute("COMMIT")
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_schema SET sql = ? WHERE name = 'attributes'", (declared,))
    return path


def refused(path: Path, match: str, name: str = "price", items: int = 3) -> None:
    with closing(Catalogue(path, items)) as catalogue:
        for read in (catalogue.attributes.numbers, catalogue.attributes.texts):
            with pytest.raises(ModelContractError, match=match):
                read(name)


def test_good_rows_are_refused_or_read_otherwise(tmp_path: Path) -> None:
    with closing(Catalogue(write(tmp_path / CATALOGUE, [BRAND, PRICE]), 3)) as catalogue:
        assert catalogue.attributes.names == {"brand", "price"}
        assert catalogue.attributes.texts("brand")[0] == ("a", "b")
        assert catalogue.attributes.texts("brand")[1].tolist() == [0, -1, 1]
        assert [catalogue.attributes.of(position) for position in range(3)] == [
            {"brand": "a", "price": 1.0},
            {},
            {"brand": "b", "price": 3.0},
        ]


@pytest.mark.parametrize(
    "schema",
    [
        ATTRIBUTES_SCHEMA.removesuffix(" STRICT, WITHOUT ROWID"),
        ATTRIBUTES_SCHEMA.removesuffix(", WITHOUT ROWID"),
        ATTRIBUTES_SCHEMA.replace("texts TEXT", "texts TEXT AS ('[]')"),
        ATTRIBUTES_SCHEMA.replace("items BLOB NOT NULL", "items BLOB NOT NULL CHECK (load_extension('x'))"),
        ATTRIBUTES_SCHEMA.replace("items BLOB NOT NULL", "items BLOB NOT NULL, more TEXT"),
        ATTRIBUTES_SCHEMA.replace("CREATE TABLE attributes", "CREATE TABLE attribute"),
    ],
)
def test_the_attributes_are_declared_otherwise(tmp_path: Path, schema: str) -> None:
    with closing(sqlite3.connect(tmp_path / CATALOGUE, isolation_level=None)) as connection:
        connection.execute(CATALOGUE_SCHEMA)
        connection.execute(schema)
    with pytest.raises(ModelContractError, match="something else than its tables"):
        Catalogue(tmp_path / CATALOGUE, 0)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TRIGGER t AFTER INSERT ON attributes BEGIN DELETE FROM items; END",
        "CREATE INDEX i ON attributes (first)",
        "CREATE VIEW v AS SELECT name FROM attributes",
        "CREATE TABLE more (x)",
        WORDS_SCHEMA,  # behind the attributes, where its place is before them
    ],
)
def test_something_lies_beside_the_attributes(tmp_path: Path, statement: str) -> None:
    path = write(tmp_path / CATALOGUE, [PRICE])
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(statement)
    with pytest.raises(ModelContractError, match="something else than its tables"):
        Catalogue(path, 3)


def test_attributes_without_items(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / CATALOGUE, isolation_level=None)) as connection:
        connection.execute(ATTRIBUTES_SCHEMA)
    with pytest.raises(ModelContractError, match="something else than its tables"):
        Catalogue(tmp_path / CATALOGUE, 0)


@pytest.mark.parametrize("tables", [(), (WORDS_SCHEMA,), (ATTRIBUTES_SCHEMA,), (WORDS_SCHEMA, ATTRIBUTES_SCHEMA)])
def test_a_catalogue_without_some_tables_is_refused(tmp_path: Path, tables: tuple[str, ...]) -> None:
    with closing(sqlite3.connect(tmp_path / CATALOGUE, isolation_level=None)) as connection:
        for schema in (CATALOGUE_SCHEMA, *tables):
            connection.execute(schema)
    with closing(Catalogue(tmp_path / CATALOGUE, 0)) as catalogue:
        assert catalogue.attributes.names == frozenset()
        assert catalogue.encoder() is None


@pytest.mark.parametrize(
    "rows",
    [
        [numbers_row("price", [1.0, 2.0])],
        [numbers_row("price", [1.0, 2.0, 3.0, 4.0])],
        [numbers_row("price", [1.0, 2.0, 3.0], first=1)],
        [numbers_row("price", [1.0, 2.0, 3.0], first=-1)],
        [numbers_row("price", [1.0]), numbers_row("price", [2.0], first=2)],
        [numbers_row("price", [1.0, 2.0]), numbers_row("price", [2.0, 3.0], first=1)],
        [numbers_row("price", [1.0, 2.0, 3.0]), numbers_row("price", [4.0], first=3)],
        [numbers_row("price", [1.0, 2.0, 3.0]), numbers_row("price", [4.0], first=1 << 62)],
        [numbers_row("price", [1.0]), numbers_row("price", [1.0], first=1)],
    ],
    ids=["short", "long", "late", "early", "gap", "twice", "behind", "far", "unfinished"],
)
def test_an_attribute_is_not_about_every_item_once(tmp_path: Path, rows: list[Attribute]) -> None:
    refused(write(tmp_path / CATALOGUE, rows), "not about every item once")


def test_rows_that_claim_an_order_have_another(tmp_path: Path) -> None:
    rows = [numbers_row("price", [2.0, 3.0], first=1), numbers_row("price", [1.0])]
    refused(write(tmp_path / CATALOGUE, rows, schema=UNORDERED), "attribute|cannot be read")


def test_an_item_is_asked_for_of_which_no_row_is(tmp_path: Path) -> None:
    rows = [numbers_row("price", [1.0, 2.0])]
    with (
        closing(Catalogue(write(tmp_path / CATALOGUE, rows), 3)) as catalogue,
        pytest.raises(ModelContractError, match="not about every item once"),
    ):
        catalogue.attributes.of(2)


@pytest.mark.parametrize("texts", [None, "[]"])
@pytest.mark.parametrize("size", [0, 7, 25, 8 * (MAX_ATTRIBUTE_ITEMS + 1)])
def test_a_row_is_about_no_items_or_part_of_one_or_too_many(tmp_path: Path, size: int, texts: str | None) -> None:
    refused(write(tmp_path / CATALOGUE, [("price", 0, texts, bytes(size))]), "not about 1 to 8,192 items")


@pytest.mark.parametrize("number", [float("inf"), float("-inf")])
def test_a_number_is_infinite(tmp_path: Path, number: float) -> None:
    refused(write(tmp_path / CATALOGUE, [numbers_row("price", [1.0, number, 2.0])]), "not finite")


@pytest.mark.parametrize("place", [-2, 2, 32_767, -32_768])
def test_a_text_is_named_that_is_not_there(tmp_path: Path, place: int) -> None:
    row = ("price", 0, '["a", "b"]', struct.pack("<3h", 0, place, 1))
    refused(write(tmp_path / CATALOGUE, [row]), "names a text that is not there")


@pytest.mark.parametrize(
    "texts",
    ["", "x", "{}", '"x"', "[1]", "[null]", '["a", ["b"]]', "[", '["\\ud800"]', "[" * 100_000],
    ids=lambda texts: repr(texts)[:20],
)
def test_texts_are_no_list_of_text(tmp_path: Path, texts: str) -> None:
    refused(write(tmp_path / CATALOGUE, [("price", 0, texts, bytes(6))]), "texts that are none")


@pytest.mark.parametrize("texts", [["a", "a"], [""], ["x" * (MAX_ATTRIBUTE_TEXT + 1)]], ids=["twice", "empty", "long"])
def test_texts_are_equal_empty_or_too_long(tmp_path: Path, texts: list[str]) -> None:
    row = ("price", 0, json.dumps(texts), bytes(6))
    refused(write(tmp_path / CATALOGUE, [row]), "not distinct, of 1 to 1,000 characters")


@pytest.mark.parametrize("steering", ["\\u001b[2J", "two\\nlines", "nul\\u0000", "\x7f", "a\u2028b"])
def test_a_text_steers_the_terminal_that_shows_it(tmp_path: Path, steering: str) -> None:
    refused(write(tmp_path / CATALOGUE, [("price", 0, f'["{steering}"]', bytes(6))]), "control character")


@pytest.mark.parametrize(
    "row",
    [
        ("price", 0, None, "text"),
        ("price", 0, None, None),
        ("price", 0, None, 7),
        ("price", 0.5, None, bytes(24)),
        ("price", "0", None, bytes(24)),
        ("price", None, None, bytes(24)),
        ("price", 0, b"[]", bytes(6)),
        ("price", 0, 7, bytes(6)),
    ],
    ids=repr,
)
def test_a_row_has_values_of_other_types(tmp_path: Path, row: Attribute) -> None:
    path = write(tmp_path / CATALOGUE, [row], schema=UNORDERED, declared=ATTRIBUTES_SCHEMA)
    refused(path, "attribute|cannot be read")
    refused(write(tmp_path / "ordered", [row] if row[1] is not None else [("price", 0, 1, 1)]), "a row that is none")


@pytest.mark.parametrize("name", ["", "x" * (MAX_ATTRIBUTE_NAME + 1), b"price", 7, "two\nlines", "\x1b[2J"])
def test_a_name_is_no_plain_text(tmp_path: Path, name: object) -> None:
    refused(write(tmp_path / CATALOGUE, [PRICE, (name, *PRICE[1:])]), "name is no plain text")


def test_more_attributes_than_allowed_fill_the_memory(tmp_path: Path) -> None:
    rows = [numbers_row(f"price {number}", [1.0, 2.0, 3.0]) for number in range(MAX_ATTRIBUTES + 1)]
    refused(write(tmp_path / CATALOGUE, rows), "more than 100 attributes")
    with closing(Catalogue(write(tmp_path / "most", rows[1:]), 3)) as catalogue:
        assert len(catalogue.attributes.of(0)) == MAX_ATTRIBUTES


def test_an_attribute_is_of_numbers_and_of_text(tmp_path: Path) -> None:
    rows = [numbers_row("price", [1.0]), texts_row("price", ["a", "b"], first=1)]
    refused(write(tmp_path / CATALOGUE, rows), "of numbers and of text")


def test_a_value_would_fill_the_memory(tmp_path: Path) -> None:
    refused(write(tmp_path / CATALOGUE, [("price", 0, None, bytes(1 << 21))]), "cannot be read")
    refused(write(tmp_path / "texts", [("price", 0, "[" + " " * (1 << 21) + "]", bytes(6))]), "cannot be read")


def test_texts_that_are_not_unicode(tmp_path: Path) -> None:
    path = write(tmp_path / CATALOGUE, [("price", 0, '["mmmmmmmm"]', bytes(6))])
    path.write_bytes(path.read_bytes().replace(b"m" * 8, b"\xff" * 8))
    refused(path, "cannot be read|texts that are none")


def test_a_forged_attribute_is_met_by_who_asks_for_it(tmp_path: Path) -> None:
    """Nobody else pays for reading it; a bundle of which no attribute is asked works."""
    forged = numbers_row("price", [1.0] * 7)
    folder = bundles.write(
        tmp_path / "bundle", bundles.random_model(8), attributes=[forged, texts_row("brand", ["a"] * 8)]
    )
    with Bundle.open(folder) as opened:
        assert len(opened.rank([], 5)) == 5
        assert opened.texts("brand")[0] == ("a",)
        for _ in range(2):
            with pytest.raises(ModelContractError, match="not about every item once"):
                opened.numbers("price")


def test_texts_of_several_rows_are_mixed_up(tmp_path: Path) -> None:
    size = 3 * MAX_ATTRIBUTE_ITEMS - 5
    values = [None if place % 11 == 0 else f"t{place * 7919 % 9000}" for place in range(size)]
    rows = [
        texts_row("price", values[first : first + MAX_ATTRIBUTE_ITEMS], first)
        for first in range(0, size, MAX_ATTRIBUTE_ITEMS)
    ]
    with closing(Catalogue(write(tmp_path / CATALOGUE, rows, items=size), size)) as catalogue:
        texts, codes = catalogue.attributes.texts("price")
        assert [None if code < 0 else texts[code] for code in codes.tolist()] == values
        assert catalogue.attributes.of(size - 1) == {"price": values[-1]}
