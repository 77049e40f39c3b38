"""Rows of a person in a Parquet file; see ``rows_of_tables``, which imports this only when there is one."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import isfinite
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from homespun_server.compliance.requests.connectors.rows_of_tables import Change, Row, TableFile, Who
from homespun_server.errors import DataError

_ROWS = 1 << 16


def rows(table: TableFile, who: Who) -> Iterator[Row]:
    """Return rows that are meant.

    Raises:
        DataError: It is no Parquet file.
    """
    with _opened(table) as file:
        for batch in file.iter_batches(_ROWS):
            yield from _meant(batch, table.user, who)[0]


def written(table: TableFile, made: Path, who: Who, change: Change) -> int:
    """Write the table with changed rows to another file, and return how many were changed or removed.

    Raises:
        DataError: It is no Parquet file, or a value does not fit its column.
    """
    changed = 0
    with _opened(table) as file, pq.ParquetWriter(made, file.schema_arrow) as writer:
        for batch in file.iter_batches(_ROWS):
            after, count = _changed(batch, table.user, who, change)
            changed += count
            writer.write_batch(after)
    return changed


def added(table: TableFile, made: Path, rows: Sequence[Row]) -> None:
    """Write the table with further rows at its end to another file; an empty value is nothing but in a text's column.

    Raises:
        DataError: It is no Parquet file, or a row does not fit it.
    """
    with _opened(table) as file, pq.ParquetWriter(made, file.schema_arrow) as writer:
        for batch in file.iter_batches(_ROWS):
            writer.write_batch(batch)
        if any(row.keys() != set(file.schema_arrow.names) for row in rows):
            raise pa.ArrowInvalid("a row to be put back has other columns")
        columns = [_typed([row[each.name] for row in rows], each.type) for each in file.schema_arrow]
        writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=file.schema_arrow))


def _typed(texts: Sequence[str], kind: pa.DataType) -> pa.Array:
    values = [None if not text and not pa.types.is_string(kind) else text for text in texts]
    return pa.array(values, pa.string()).cast(kind)


@contextmanager
def _opened(table: TableFile) -> Iterator[pq.ParquetFile]:
    try:
        with pq.ParquetFile(table.path) as file:
            table.check(file.schema_arrow.names)
            yield file
    except pa.ArrowException as error:
        told = f"{table.path} cannot be read as Parquet: {error}. It was left alone."
        raise DataError(told, path=table.path) from error


def _meant(batch: pa.RecordBatch, user: str, who: Who) -> tuple[list[Row], list[int]]:
    texts = map(_text, batch.column(user).to_pylist())
    places = [place for place, value in enumerate(texts) if value and who(value)]
    found = batch.take(pa.array(places, pa.int64())).to_pylist()
    return [{name: _text(value) for name, value in row.items()} for row in found], places


def _text(value: object) -> str:
    """Return a value as trainings read it (``statistics.sql.text_of``): 17.0 and 17 are one id; nothing is empty."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case float() if isfinite(value) and value.is_integer():
            return str(int(value))
        case bytes():
            return value.decode("utf-8", "backslashreplace")
        case _:
            return str(value)


def _changed(batch: pa.RecordBatch, user: str, who: Who, change: Change) -> tuple[pa.RecordBatch, int]:
    rows, places = _meant(batch, user, who)
    after = {place: (row, change(dict(row))) for place, row in zip(places, rows, strict=True)}
    gone = {place for place, (_, new) in after.items() if new is None}
    other = {place: pair for place, pair in after.items() if pair[1] is not None and pair[0] != pair[1]}
    if other:
        columns = [_column(batch, name, other) for name in batch.schema.names]
        batch = pa.RecordBatch.from_arrays(columns, schema=batch.schema)
    kept = [place for place in range(batch.num_rows) if place not in gone]
    return batch.take(pa.array(kept, pa.int64())), len(gone) + len(other)


def _column(batch: pa.RecordBatch, name: str, other: dict[int, tuple[Row, Row | None]]) -> pa.Array:
    column, values = batch.column(name), batch.column(name).to_pylist()
    for place, (before, after) in other.items():
        if after is not None and after[name] != before[name]:
            values[place] = pa.scalar(after[name]).cast(column.type).as_py()
    return pa.array(values, column.type)
