"""The files that can be read: CSV, TSV, JSON Lines (each plain or gzip) and Parquet, by extension.

Each kind knows its columns, the query that yields the raw values of chosen columns in file order, and,
if it is text, its records one by one. Every value of a text file stays text until it is checked. DuckDB's
guessing (of dialects, types, partitions, wildcards) is off.

A raw query has the columns ``row`` (from 1), ``malformed`` and ``raw_<role>`` for every filled role, and
``raw_tags_list`` where tags may be lists.
"""

import csv
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Protocol, TextIO

import duckdb

from homespun_server.errors import DataError
from homespun_server.statistics.database import database_path
from homespun_server.statistics.records import MAX_LINE, Record, csv_records, json_records
from homespun_server.statistics.sql import identifier, literal


class Source(Protocol):
    """A kind of file.

    Attributes:
        is_text: Whether it has records.
    """

    is_text: bool

    def names(self, connection: duckdb.DuckDBPyConnection, path: Path) -> list[str]:
        """Return the names of the columns."""

    def query(self, path: Path, names: Sequence[str], columns: Mapping[str, str]) -> str:
        """Return the raw query for the columns of the filled roles."""

    def records(self, path: Path, connection: duckdb.DuckDBPyConnection | None) -> Generator[Record]:
        """Yield the records; with a connection, judged as DuckDB judges them. Nothing if it is not text."""

    def write(self, records: Iterable[Record], stream: TextIO) -> None:
        """Write records as a file of this kind that DuckDB certainly reads."""


class CsvSource:
    """Fields between delimiters, the names in the first line, quotes as in RFC 4180."""

    is_text = True

    def __init__(self, delimiter: str) -> None:
        self._delimiter = delimiter

    def names(self, connection: duckdb.DuckDBPyConnection, path: Path) -> list[str]:  # noqa: ARG002
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

    def query(self, path: Path, names: Sequence[str], columns: Mapping[str, str]) -> str:
        """Return the raw query; all columns are text, and empty fields are NULL."""
        compression = "'gzip'" if _is_gzip(path) else "'none'"
        types = ", ".join(f"'c{index}': 'VARCHAR'" for index in range(len(names)))
        chosen = [f"c{names.index(column)} AS raw_{role}" for role, column in columns.items()]
        select = ", ".join(["row_number() OVER () AS row", "false AS malformed", *chosen])
        return (
            f"SELECT {select}, NULL::VARCHAR[] AS raw_tags_list "  # noqa: S608 - only quoted parts
            f"FROM read_csv({literal(database_path(path))}, auto_detect = false, header = true, "
            f"delim = {literal(self._delimiter)}, quote = '\"', escape = '\"', strict_mode = true, "
            f"max_line_size = {MAX_LINE}, compression = {compression}, hive_partitioning = false, "
            f"columns = {{{types}}})"
        )

    def records(self, path: Path, connection: duckdb.DuckDBPyConnection | None) -> Generator[Record]:  # noqa: ARG002
        """Yield the header as row 0, then the rows."""
        return csv_records(path, self._delimiter)

    def write(self, records: Iterable[Record], stream: TextIO) -> None:
        """Write the header and the rows."""
        writer = csv.writer(stream, delimiter=self._delimiter, lineterminator="\n")
        writer.writerows(record.fields for record in records)


class JsonSource:
    """One JSON object a line; a column is a key, and a row without it is empty there."""

    is_text = True

    def names(self, connection: duckdb.DuckDBPyConnection, path: Path) -> list[str]:
        """Return the keys of all objects, sorted."""
        keys = f"SELECT DISTINCT unnest(json_keys(json)) AS key FROM {self._objects(path)} ORDER BY key"  # noqa: S608
        return [key for (key,) in connection.execute(keys).fetchall()]

    def query(self, path: Path, names: Sequence[str], columns: Mapping[str, str]) -> str:  # noqa: ARG002
        """Return the raw query; every value is text. Rows that hold no single values are malformed."""
        pointers = ", ".join(literal(_pointer(column)) for column in columns.values())
        places = {role: f"picked[{place}]" for place, role in enumerate(columns, 1)}
        chosen = [f"{value}->>'$' AS raw_{role}" for role, value in places.items() if role != "tags"]
        chosen += _json_tags(places.get("tags"))
        nested = [_is_nested(role, value) for role, value in places.items()]
        malformed = " OR ".join(["json_type(json) <> 'OBJECT'", *nested])
        return (
            f"SELECT row_number() OVER () AS row, COALESCE({malformed}, false) AS malformed, "  # noqa: S608
            f"{', '.join(chosen)} FROM (SELECT json, json_extract(json, [{pointers}]) AS picked "
            f"FROM {self._objects(path)})"
        )

    def records(self, path: Path, connection: duckdb.DuckDBPyConnection | None) -> Generator[Record]:
        """Yield the rows."""

        def valid(texts: list[str]) -> list[bool]:
            if connection is None:
                return [True] * len(texts)
            rows = connection.execute("SELECT json_valid(unnest($texts::VARCHAR[]))", {"texts": texts}).fetchall()
            return [row[0] for row in rows]

        return json_records(path, valid)

    def write(self, records: Iterable[Record], stream: TextIO) -> None:
        """Write the rows."""
        stream.writelines(record.fields[0] + "\n" for record in records)

    def _objects(self, path: Path) -> str:
        compression = "'gzip'" if _is_gzip(path) else "'uncompressed'"
        return (
            f"read_json_objects({literal(database_path(path))}, format = 'newline_delimited', "
            f"maximum_object_size = {MAX_LINE}, compression = {compression}, hive_partitioning = false)"
        )


class ParquetSource:
    """Columns with types of their own."""

    is_text = False

    def names(self, connection: duckdb.DuckDBPyConnection, path: Path) -> list[str]:
        """Return the names of the columns."""
        rows = connection.execute(f"DESCRIBE SELECT * FROM {self._table(path)}").fetchall()  # noqa: S608
        return [row[0] for row in rows]

    def query(self, path: Path, names: Sequence[str], columns: Mapping[str, str]) -> str:  # noqa: ARG002
        """Return the raw query; columns keep their types."""
        chosen = [f"{identifier(column)} AS raw_{role}" for role, column in columns.items()]
        select = ", ".join(["row_number() OVER () AS row", "false AS malformed", *chosen])
        return f"SELECT {select}, NULL::VARCHAR[] AS raw_tags_list FROM {self._table(path)}"  # noqa: S608

    def records(self, path: Path, connection: duckdb.DuckDBPyConnection | None) -> Generator[Record]:  # noqa: ARG002
        """Yield nothing: Parquet has no lines."""
        yield from ()

    def write(self, records: Iterable[Record], stream: TextIO) -> None:
        """Write nothing, since there is nothing to write."""

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


def _is_nested(role: str, value: str) -> str:
    kinds = "('OBJECT')" if role == "tags" else "('OBJECT', 'ARRAY')"
    return f"COALESCE(json_type({value}) IN {kinds}, false)"


def _json_tags(value: str | None) -> list[str]:
    if value is None:
        return ["NULL::VARCHAR[] AS raw_tags_list"]
    is_list = f"json_type({value}) = 'ARRAY'"
    return [
        f"CASE WHEN NOT {is_list} THEN {value}->>'$' END AS raw_tags",
        f"CASE WHEN {is_list} THEN {value}->>'$[*]' END AS raw_tags_list",
    ]
