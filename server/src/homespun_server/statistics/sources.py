"""The files that can be read: CSV, TSV, JSON Lines (each plain or gzip) and Parquet, by extension.

Each kind knows its columns, the query that yields the raw values of chosen columns in file order, and,
if it is text, its records one by one. Every value of a text file stays text until it is checked. DuckDB's
guessing (of dialects, types, partitions, wildcards) is off.

A text file is read by DuckDB, or from the table of the records that a walk found good: ``walked``, with
``row`` BIGINT and ``fields`` VARCHAR[].

A raw query has the columns ``row`` (from 1), ``malformed`` and ``raw_<role>`` for every filled role, and
``raw_tags_list`` where tags may be lists.
"""

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Protocol

import duckdb

from homespun_server.errors import DataError
from homespun_server.statistics.database import database_path
from homespun_server.statistics.records import MAX_LINE, Record, csv_records, json_records
from homespun_server.statistics.sql import identifier, literal, text_of_json

Columns = Mapping[str, Sequence[str]]
"""The columns of every filled role; several only where rows have keys."""


class Source(Protocol):
    """A kind of file.

    Attributes:
        is_text: Whether it has records.
        has_keys: Whether every row brings names of its own, rather than the file.
    """

    is_text: bool
    has_keys: bool

    def names(self, connection: duckdb.DuckDBPyConnection, path: Path, *, walked: bool) -> list[str]:
        """Return the names of the columns."""

    def query(self, path: Path, names: Sequence[str], columns: Columns, *, walked: bool) -> str:
        """Return the raw query for the columns of the filled roles: of several, the first that a row has."""

    def records(self, path: Path, connection: duckdb.DuckDBPyConnection | None) -> Generator[Record]:
        """Yield the records; with a connection, judged as DuckDB judges them. Nothing if it is not text."""


class CsvSource:
    """Fields between delimiters, the names in the first line, quotes as in RFC 4180."""

    is_text = True
    has_keys = False

    def __init__(self, delimiter: str) -> None:
        self._delimiter = delimiter

    def names(self, connection: duckdb.DuckDBPyConnection, path: Path, *, walked: bool) -> list[str]:  # noqa: ARG002
        """Return the fields of the first line.

        Raises:
            DataError: If the first line is blank or not UTF-8, or the file is damaged.
        """
        with closing(self.records(path, None)) as records:
            header = next(records, None)
        if header is None:
            return []
        if header.reason is not None or not any(header.fields):
            raise DataError(
                f"{path}: the first line does not hold the names of the columns: it is blank or not UTF-8. "
                "Put the header there.",
                path=path,
                lines=(1,),
            )
        return header.fields

    def query(self, path: Path, names: Sequence[str], columns: Columns, *, walked: bool) -> str:
        """Return the raw query; all columns are text, and empty fields are NULL."""
        places = {role: names.index(column) for role, (column,) in columns.items()}
        if walked:
            chosen = [f"NULLIF(fields[{place + 1}], '') AS raw_{role}" for role, place in places.items()]
            return _raw("row", chosen, "walked")
        chosen = [f"c{place} AS raw_{role}" for role, place in places.items()]
        return _raw("row_number() OVER () AS row", chosen, self._table(path, len(names)))

    def records(self, path: Path, connection: duckdb.DuckDBPyConnection | None) -> Generator[Record]:  # noqa: ARG002
        """Yield the header as row 0, then the rows."""
        return csv_records(path, self._delimiter)

    def _table(self, path: Path, width: int) -> str:
        compression = "'gzip'" if _is_gzip(path) else "'none'"
        types = ", ".join(f"'c{index}': 'VARCHAR'" for index in range(width))
        # Alone, DuckDB's reader drops the rows behind a quote that is never closed; in parallel it refuses them.
        return (
            f"read_csv({literal(database_path(path))}, auto_detect = false, header = true, parallel = true, "
            f"delim = {literal(self._delimiter)}, quote = '\"', escape = '\"', strict_mode = true, "
            f"max_line_size = {MAX_LINE}, compression = {compression}, hive_partitioning = false, "
            f"columns = {{{types}}})"
        )


class JsonSource:
    """One JSON object a line; a column is a key, and a row without it is empty there."""

    is_text = True
    has_keys = True

    def names(self, connection: duckdb.DuckDBPyConnection, path: Path, *, walked: bool) -> list[str]:
        """Return the keys of all objects, sorted."""
        objects = self._objects(path, walked=walked)
        keys = f"SELECT DISTINCT unnest(json_keys(json)) AS key FROM ({objects}) ORDER BY key"  # noqa: S608
        return [key for (key,) in connection.execute(keys).fetchall()]

    def query(self, path: Path, names: Sequence[str], columns: Columns, *, walked: bool) -> str:  # noqa: ARG002
        """Return the raw query; every value is text. Rows that hold no single values are malformed."""
        keys = [key for candidates in columns.values() for key in candidates]
        pointers = ", ".join(literal(_pointer(key)) for key in keys)
        picked = ", ".join(f"{_first(keys, candidates)} AS json_{role}" for role, candidates in columns.items())
        chosen = [f"{_json_text(role)} AS raw_{role}" for role in columns if role != "tags"]
        chosen += _json_tags(is_filled="tags" in columns)
        malformed = " OR ".join(["json_type(json) <> 'OBJECT'", *map(_is_nested, columns)])
        return (
            f"SELECT row, COALESCE({malformed}, false) AS malformed, {', '.join(chosen)} FROM ("  # noqa: S608
            f"SELECT row, json, {picked} FROM (SELECT row, json, json_extract(json, [{pointers}]) AS found "
            f"FROM ({self._objects(path, walked=walked)})))"
        )

    def records(self, path: Path, connection: duckdb.DuckDBPyConnection | None) -> Generator[Record]:
        """Yield the rows."""

        def valid(texts: list[str]) -> list[bool]:
            if connection is None:
                return [True] * len(texts)
            rows = connection.execute("SELECT json_valid(unnest($texts::VARCHAR[]))", {"texts": texts}).fetchall()
            return [row[0] for row in rows]

        return json_records(path, valid)

    def _objects(self, path: Path, *, walked: bool) -> str:
        if walked:
            return "SELECT row, fields[1]::JSON AS json FROM walked"
        compression = "'gzip'" if _is_gzip(path) else "'uncompressed'"
        return (
            f"SELECT row_number() OVER () AS row, json FROM read_json_objects("  # noqa: S608 - only quoted parts
            f"{literal(database_path(path))}, format = 'newline_delimited', "
            f"maximum_object_size = {MAX_LINE}, compression = {compression}, hive_partitioning = false)"
        )


class ParquetSource:
    """Columns with types of their own."""

    is_text = False
    has_keys = False

    def names(self, connection: duckdb.DuckDBPyConnection, path: Path, *, walked: bool) -> list[str]:  # noqa: ARG002
        """Return the names of the columns."""
        rows = connection.execute(f"DESCRIBE SELECT * FROM {self._table(path)}").fetchall()  # noqa: S608
        return [row[0] for row in rows]

    def query(self, path: Path, names: Sequence[str], columns: Columns, *, walked: bool) -> str:  # noqa: ARG002
        """Return the raw query; columns keep their types."""
        chosen = [f"{identifier(column)} AS raw_{role}" for role, (column,) in columns.items()]
        return _raw("row_number() OVER () AS row", chosen, self._table(path))

    def records(self, path: Path, connection: duckdb.DuckDBPyConnection | None) -> Generator[Record]:  # noqa: ARG002
        """Yield nothing: Parquet has no lines."""
        yield from ()

    def _table(self, path: Path) -> str:
        return f"read_parquet({literal(database_path(path))}, hive_partitioning = false)"


_TEXT_KINDS: Mapping[str, Source] = {
    ".csv": CsvSource(","),
    ".tsv": CsvSource("\t"),
    ".jsonl": JsonSource(),
    ".ndjson": JsonSource(),
}


def open_source(path: Path) -> Source:
    """Return the kind of a file that is there, readable and not empty.

    Raises:
        DataError: If it is none of that, or if its extension is unknown.
    """
    source = _kind(path)
    try:
        with path.open("rb") as stream:
            empty = not stream.read(1)
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror or error}). Give the path of one file that this user may read.",
            path=path,
        ) from error
    if empty:
        raise DataError(f"{path} is empty. Give a table with at least one row.", path=path)
    return source


def _kind(path: Path) -> Source:
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return ParquetSource()
    if suffix == ".gz":
        suffix = Path(path.stem).suffix.lower()
    if suffix not in _TEXT_KINDS:
        raise DataError(
            f"{path}: the extension {path.suffix!r} is not known. Files are .csv, .tsv, .jsonl or .ndjson, each "
            "also with .gz, or .parquet; rename or convert it.",
            path=path,
        )
    return _TEXT_KINDS[suffix]


def _is_gzip(path: Path) -> bool:
    return path.suffix.lower() == ".gz"


def _pointer(key: str) -> str:
    """Return the JSON Pointer (RFC 6901) of a key."""
    return "/" + key.replace("~", "~0").replace("/", "~1")


def _raw(row: str, chosen: Sequence[str], table: str) -> str:
    columns = ", ".join([row, "false AS malformed", *chosen])
    return f"SELECT {columns}, NULL::VARCHAR[] AS raw_tags_list FROM {table}"  # noqa: S608 - only quoted parts


def _first(keys: Sequence[str], candidates: Sequence[str]) -> str:
    """Return an expression for the first of a role's keys that the row has a value under."""
    values = [f"found[{keys.index(key) + 1}]" for key in candidates]
    known = [f"CASE WHEN json_type({value}) <> 'NULL' THEN {value} END" for value in values]
    return f"COALESCE({', '.join(known)})"


def _is_nested(role: str) -> str:
    kinds = "('OBJECT')" if role == "tags" else "('OBJECT', 'ARRAY')"
    return f"COALESCE(json_type(json_{role}) IN {kinds}, false)"


def _json_text(role: str) -> str:
    """Return an expression for a value: numbers as they are written, unless the role is text."""
    value = f"json_{role}"
    is_number = role in {"time", "weight"} or role.startswith("attribute_")
    return f"{value}->>'$'" if is_number else text_of_json(value)


def _json_tags(*, is_filled: bool) -> list[str]:
    if not is_filled:
        return ["NULL::VARCHAR[] AS raw_tags_list"]
    is_list = "json_type(json_tags) = 'ARRAY'"
    return [
        f"CASE WHEN NOT {is_list} THEN json_tags->>'$' END AS raw_tags",
        f"CASE WHEN {is_list} THEN json_tags->>'$[*]' END AS raw_tags_list",
    ]
