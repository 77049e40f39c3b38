"""The words of a catalogue are plain text and finite numbers, no more than the contract allows; else it is refused."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from homespun.errors import ClosedError, ModelContractError
from homespun.model.bundle import Bundle
from homespun.model.catalogue import Catalogue
from homespun.model.words import encoder_of
from homespun.protocol.bundle import CATALOGUE, CATALOGUE_SCHEMA, MAX_WORD_LENGTH, MAX_WORDS, WORDS_SCHEMA
from tests.sdk import bundles
from tests.sdk.bundles import Word

VECTOR = bytes([1, 2, 253])
GOOD: Word = ("title", "moon", 1.5, 0.25, VECTOR)
LOOSE = "CREATE TABLE words (field, word, weight, scale, vector, PRIMARY KEY (field, word)) WITHOUT ROWID"


def write(path: Path, words: list[Word], *, schema: str = LOOSE, declared: str = WORDS_SCHEMA) -> Path:
    """Write a catalogue whose table of words follows one declaration and claims another."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(CATALOGUE_SCHEMA)
        connection.execute("INSERT INTO items VALUES (0, 'a', 'Title A', '[]')")
        connection.execute(schema)
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO words VALUES (?, ?, ?, ?, ?)", words)
        connection.execute("COMMIT")
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_schema SET sql = ? WHERE name = 'words'", (declared,))
    return path


def refused(path: Path, match: str, dimensions: int = 3) -> None:
    with closing(Catalogue(path, 1, dimensions)) as catalogue, pytest.raises(ModelContractError, match=match):
        catalogue.encoder()


def test_a_good_word_is_refused_or_read_otherwise(tmp_path: Path) -> None:
    words: list[Word] = [GOOD, ("number:year", "0:-inf:1990.0", 1.0, 0.5, VECTOR), ("tags", "a:b", 2.0, 0.0, VECTOR)]
    with closing(Catalogue(write(tmp_path / CATALOGUE, words), 1, 3)) as catalogue:
        encoder = catalogue.encoder()
    assert encoder is not None
    assert [field.key for field in encoder.fields] == ["number:year", "tags", "title"]
    assert encoder.words == ("0:-inf:1990.0", "a:b", "moon")
    assert encoder.rarity.tolist() == [1.0, 2.0, 1.5]
    assert encoder.vectors.tolist() == [[0.5, 1.0, -1.5], [0.0, 0.0, 0.0], [0.25, 0.5, -0.75]]


@pytest.mark.parametrize(
    "schema",
    [
        WORDS_SCHEMA.removesuffix(" STRICT, WITHOUT ROWID"),
        WORDS_SCHEMA.removesuffix(", WITHOUT ROWID"),
        WORDS_SCHEMA.replace("weight REAL NOT NULL", "weight REAL AS (1.0)"),
        WORDS_SCHEMA.replace("scale REAL NOT NULL", "scale REAL NOT NULL CHECK (load_extension('x'))"),
        WORDS_SCHEMA.replace("vector BLOB NOT NULL", "vector BLOB NOT NULL, more TEXT"),
        WORDS_SCHEMA.replace("CREATE TABLE words", "CREATE TABLE wordz"),
    ],
)
def test_the_words_are_declared_otherwise(tmp_path: Path, schema: str) -> None:
    path = tmp_path / CATALOGUE
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(CATALOGUE_SCHEMA)
        connection.execute("INSERT INTO items VALUES (0, 'a', 'Title A', '[]')")
        connection.execute(schema)
    with pytest.raises(ModelContractError, match="something else than its tables"):
        Catalogue(path, 1, 3)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TRIGGER t AFTER INSERT ON words BEGIN DELETE FROM words; END",
        "CREATE INDEX i ON words (weight)",
        "CREATE VIEW v AS SELECT word FROM words",
    ],
)
def test_something_lies_beside_the_words(tmp_path: Path, statement: str) -> None:
    path = write(tmp_path / CATALOGUE, [GOOD])
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(statement)
    with pytest.raises(ModelContractError, match="something else than its tables"):
        Catalogue(path, 1, 3)


def test_words_without_items(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / CATALOGUE, isolation_level=None)) as connection:
        connection.execute(WORDS_SCHEMA)
    with pytest.raises(ModelContractError, match="something else than its tables"):
        Catalogue(tmp_path / CATALOGUE, 0, 3)


def changed(place: int, value: object) -> Word:
    word: list[object] = [*GOOD]
    word[place] = value
    return (word[0], word[1], word[2], word[3], word[4])


@pytest.mark.parametrize(
    "vector", [b"", VECTOR[:2], VECTOR + b"\1", "abc", 7, None, bytes(1 << 20)], ids=lambda v: repr(v)[:20]
)
def test_a_vector_has_another_length_than_the_content_component(tmp_path: Path, vector: object) -> None:
    refused(write(tmp_path / CATALOGUE, [changed(4, vector)]), "vector of 3 bytes|cannot be read")


@pytest.mark.parametrize("number", [float("inf"), float("-inf"), -1.0, 1e7, 1e308, "1.5", None, b"\0"])
@pytest.mark.parametrize("column", [2, 3])
def test_a_number_of_a_word_is_not_sensible(tmp_path: Path, column: int, number: object) -> None:
    refused(write(tmp_path / CATALOGUE, [changed(column, number)]), "no sensible number")


def test_a_word_weighs_nothing_so_that_dividing_fails(tmp_path: Path) -> None:
    for weight in (0.0, 1e-300, float("nan")):  # NaN is NULL to SQLite
        path = tmp_path / f"{weight}.sqlite"
        refused(write(path, [changed(2, weight)]), "no sensible number")


@pytest.mark.parametrize("text", ["", "x" * (MAX_WORD_LENGTH + 1), b"moon", 7, 7.5])
@pytest.mark.parametrize("column", [0, 1])
def test_a_word_or_its_field_is_no_text(tmp_path: Path, column: int, text: object) -> None:
    refused(write(tmp_path / CATALOGUE, [changed(column, text)]), "is no text of 1 to")


@pytest.mark.parametrize("steering", ["\x1b[2J", "two\nlines", "nul\0", "\x7f", "a\u2028b"])
@pytest.mark.parametrize("column", [0, 1])
def test_a_word_steers_the_terminal_that_shows_it(tmp_path: Path, column: int, steering: str) -> None:
    refused(write(tmp_path / CATALOGUE, [changed(column, steering)]), "control character")


@pytest.mark.parametrize("field", ["names", "title:x", "category:", "number", "Title", "category", ":", "tags:"])
def test_a_word_belongs_to_no_field(tmp_path: Path, field: str) -> None:
    refused(write(tmp_path / CATALOGUE, [changed(0, field)]), "field that is none|no interval")


@pytest.mark.parametrize(
    "word", ["moon", "0:1.0", "0:2.0:1.0", "0:1.0:1.0", "x:0.0:1.0", "0:nan:1.0", "0:1.0:nan", "0:0:1:2"]
)
def test_a_word_of_a_number_is_no_interval(tmp_path: Path, word: str) -> None:
    refused(write(tmp_path / CATALOGUE, [("number:year", word, 1.0, 1.0, VECTOR)]), "no interval of numbers")


def test_there_are_words_without_a_component_that_scores_by_them(tmp_path: Path) -> None:
    refused(write(tmp_path / CATALOGUE, [GOOD]), "no component to score", dimensions=0)


def test_more_words_than_allowed_fill_the_memory(tmp_path: Path) -> None:
    words: list[Word] = [("title", f"w{number}", 1.0, 1.0, VECTOR) for number in range(MAX_WORDS + 1)]
    refused(write(tmp_path / CATALOGUE, words), "more than 32,768 words")


def test_a_word_stands_twice_and_counts_for_two() -> None:
    with pytest.raises(ModelContractError, match="twice"):
        encoder_of([("title", "moon", 1.5, 0.25, VECTOR), ("title", "moon", 2.5, 0.25, VECTOR)], 3)


def test_words_that_are_not_unicode(tmp_path: Path) -> None:
    path = write(tmp_path / CATALOGUE, [changed(1, "m" * 20)])
    path.write_bytes(path.read_bytes().replace(b"m" * 20, b"\xff" * 20))
    refused(path, "cannot be read")


def test_a_catalogue_without_words_has_an_encoder(tmp_path: Path) -> None:
    with closing(Catalogue(write(tmp_path / CATALOGUE, []), 1, 3)) as catalogue:
        assert catalogue.encoder() is None


def test_words_are_read_after_closing(bundle_folder: Path) -> None:
    opened = Bundle.open(bundle_folder)
    assert opened.encoder is None  # there is no such table
    opened.close()


def test_the_words_of_a_closed_bundle_are_read(tmp_path: Path) -> None:
    opened = Bundle.open(bundles.write(tmp_path / "bundle", bundles.random_model(8), words=bundles.random_words(9)))
    opened.close()
    with pytest.raises(ClosedError, match="closed"):
        opened.encoder  # noqa: B018 - read on first use


@pytest.fixture
def forged(tmp_path: Path) -> Callable[[Word], Bundle]:
    def make(word: Word) -> Bundle:
        words = [*bundles.random_words(9), word]
        return Bundle.open(bundles.write(tmp_path / "bundle", bundles.random_model(8), words=words))

    return make


def test_a_forged_word_is_met_by_who_adds_an_item(forged: Callable[[Word], Bundle]) -> None:
    with forged(("title", "zero", 1.0, 1.0, bytes(8))) as opened, pytest.raises(ModelContractError, match="9 bytes"):
        opened.encoder  # noqa: B018 - read on first use


def test_the_largest_words_make_a_vector_that_is_not_finite(forged: Callable[[Word], Bundle]) -> None:
    with forged(("title", "huge", 1e6, 1e6, bytes([129]) * 9)) as opened:
        assert opened.encoder is not None
        vector = opened.encoder.encode(title="huge " * 1000)
        assert np.isclose(np.linalg.norm(vector), 1.0)
