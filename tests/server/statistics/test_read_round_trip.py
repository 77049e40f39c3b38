"""Whatever a valid table holds comes back the same from every format."""

import csv
import gzip
import json
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from homespun.protocol.events import MAX_TIME
from homespun_server.statistics.columns import InteractionColumns, ItemColumns
from homespun_server.statistics.interactions import Interactions
from homespun_server.statistics.items import Items

characters = st.characters(codec="utf-8", exclude_categories=("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"))
ids = st.text(characters | st.just(" "), min_size=1, max_size=12)
# A NUL ends strings in too many formats to be worth keeping, and text is not empty: that is None.
texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12)
times = st.floats(0, MAX_TIME, allow_subnormal=False)
weights = st.floats(0, 1e12, allow_subnormal=False)
tags = st.lists(texts.map(str.strip).filter(lambda tag: tag and "|" not in tag), max_size=3, unique=True)
rows = st.tuples(ids, st.integers(0, 4), st.none() | times, st.none() | weights, st.none() | texts)
catalogues = st.lists(st.tuples(ids, texts, tags, texts), min_size=5, max_size=5, unique_by=lambda item: item[0])


def write_csv(path: Path, header: list[str], table: list[list], delimiter: str = ",") -> None:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "wt", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, delimiter=delimiter, lineterminator="\n")
        writer.writerow(header)
        # A lone return is a line end to some readers, so everything is quoted.
        writer = csv.writer(stream, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)
        writer.writerows([["" if v is None else "|".join(v) if isinstance(v, list) else v for v in r] for r in table])


def write_json(path: Path, header: list[str], table: list[list]) -> None:
    lines = [json.dumps(dict(zip(header, row, strict=True)), ensure_ascii=False) for row in table]
    path.write_text("\n".join(lines), encoding="utf-8", newline="")


def write_parquet(path: Path, header: list[str], table: list[list], types: list[pa.DataType]) -> None:
    columns = [list(column) for column in zip(*table, strict=True)]
    pq.write_table(pa.table(columns, schema=pa.schema(list(zip(header, types, strict=True)))), path)


def write_all(folder: Path, header: list[str], table: list[list], types: list[pa.DataType]) -> list[Path]:
    paths = [folder / name for name in ("t.csv", "t.csv.gz", "t.tsv", "t.jsonl", "t.parquet")]
    write_csv(paths[0], header, table)
    write_csv(paths[1], header, table)
    write_csv(paths[2], header, table, "\t")
    write_json(paths[3], header, table)
    write_parquet(paths[4], header, table, types)
    return paths


# Each example is read ten times, so there are few of them with many rows each.
@settings(max_examples=8, deadline=None)
@given(catalogue=catalogues, table=st.lists(rows, min_size=1, max_size=20))
def test_tables_survive_every_format(catalogue, table):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        items = check_items(folder, catalogue)
        check_interactions(folder, items, table)


def check_items(folder: Path, catalogue: list[tuple]) -> Items:
    for path in write_all(
        folder,
        ["item", "title", "tags", "extra"],
        [list(row) for row in catalogue],
        [pa.string(), pa.string(), pa.list_(pa.string()), pa.string()],
    ):
        items = Items.read(path, ItemColumns(text="extra"))
        expected = [*zip(*catalogue, strict=True)]
        assert items.ids == list(expected[0])
        assert items.titles == list(expected[1])
        assert items.texts == list(expected[3])
        if path.suffix in {".jsonl", ".parquet"} or any(len(row[2]) > 1 for row in catalogue):
            assert items.tags == [tuple(row[2]) for row in catalogue]
    return items


def check_interactions(folder: Path, items: Items, table: list[tuple]) -> None:
    named = [[user, items.ids[item], time, weight, note] for user, item, time, weight, note in table]
    types = [pa.string(), pa.string(), pa.float64(), pa.float64(), pa.string()]
    for path in write_all(folder, ["user", "item", "time", "weight", "note"], named, types):
        with Interactions.read(path, InteractionColumns(context=("note",)), items=items) as interactions:
            found = interactions.connection.execute(
                "SELECT user, item, time, weight, context_0 FROM interactions ORDER BY row"
            ).fetchall()
        assert [row[:2] for row in found] == [row[:2] for row in table]
        assert [row[4] for row in found] == [row[4] for row in table]
        for column in (2, 3):
            expected = np.array([row[column] for row in table], np.float64)
            assert np.array_equal(np.array([row[column] for row in found], np.float64), expected, equal_nan=True)
