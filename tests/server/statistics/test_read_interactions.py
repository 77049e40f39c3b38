"""Good tables of interactions, in every format, and what becomes of their values."""

import gzip
import json
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from homespun.errors import ClosedError, MisuseError
from homespun_server.errors import DataError
from homespun_server.statistics.columns import InteractionColumns
from homespun_server.statistics.database import ReadLimits
from homespun_server.statistics.interactions import Interactions
from homespun_server.statistics.items import Items

CATALOGUE = Items(["x", "y", "z"], ["X", "Y", "Z"], [()] * 3, [""] * 3)

ROWS: list[dict[str, Any]] = [
    {"user": "a", "item": "x", "time": 10.5, "kind": "view", "weight": 1.0, "day": "mo"},
    {"user": "b", "item": "z", "time": None, "kind": None, "weight": None, "day": None},
    {"user": "a", "item": "x", "time": 20.0, "kind": "buy", "weight": 0.0, "day": "tu"},
]
EXPECTED = [
    (1, "a", 0, 10.5, "view", 1.0, "mo"),
    (2, "b", 2, None, None, None, None),
    (3, "a", 0, 20.0, "buy", 0.0, "tu"),
]


def as_text(separator: str) -> str:
    lines = [list(ROWS[0]), *([("" if v is None else str(v)) for v in row.values()] for row in ROWS)]
    return "\n".join(separator.join(line) for line in lines) + "\n"


def as_json_lines() -> str:
    # A key that is absent is as good as null.
    return "\n".join(json.dumps({k: v for k, v in row.items() if v is not None}) for row in ROWS) + "\n"


def write_parquet(path: Path, query: str) -> None:
    with duckdb.connect() as connection:
        connection.sql(query).write_parquet(str(path))


def write(path: Path) -> Path:
    name = path.name
    if name.endswith(".parquet"):
        source = path.with_name("source.jsonl")
        source.write_text(as_json_lines(), encoding="utf-8")
        write_parquet(path, f"SELECT * FROM read_json('{source.as_posix()}')")  # noqa: S608 - our own path
        return path
    text = as_text("\t" if ".tsv" in name else ",") if "json" not in name else as_json_lines()
    raw = text.encode()
    path.write_bytes(gzip.compress(raw, mtime=0) if name.endswith(".gz") else raw)
    return path


def table(interactions: Interactions) -> list[tuple]:
    return interactions.connection.execute("SELECT * FROM interactions ORDER BY row").fetchall()


def read_text(path: Path, text: str | bytes, columns: InteractionColumns | None = None, **options) -> list[tuple]:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    options.setdefault("items", CATALOGUE)
    with Interactions.read(path, columns or InteractionColumns(), **options) as interactions:
        return table(interactions)


@pytest.mark.parametrize(
    "name",
    ["t.csv", "t.csv.gz", "t.tsv", "t.tsv.gz", "t.jsonl", "t.ndjson", "t.jsonl.gz", "T.CSV", "t.parquet"],
)
def test_every_format_reads_alike(tmp_path, name):
    path = write(tmp_path / name)
    with Interactions.read(path, InteractionColumns(context=("day",)), items=CATALOGUE) as interactions:
        assert table(interactions) == EXPECTED
        assert interactions.count == 3
        assert interactions.context == {"day": "context_0"}
        assert interactions.report.columns["time"] == "time"
        assert (interactions.report.read, interactions.report.kept, interactions.report.skipped) == (3, 3, ())


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1577836800", 1577836800.0),
        ("1577836800.25", 1577836800.25),
        ("0", 0.0),
        ("2020-01-01", 1577836800.0),
        ("2020-01-01T00:00:00Z", 1577836800.0),
        ("2020-01-01 00:00:00", 1577836800.0),
        ("2020-01-01T02:00:00+02:00", 1577836800.0),
        ("2020-01-01T02:30:00+0230", 1577836800.0),
        ("2019-12-31T23:00:00-01", 1577836800.0),
        ("2020-01-01T00:00Z", 1577836800.0),
        ("2020-01-01T00:00:00.5", 1577836800.5),
        ("", None),
    ],
)
def test_times_become_seconds(tmp_path, text, seconds):
    rows = read_text(tmp_path / "t.csv", f"user,item,time\na,x,{text}\n")
    assert rows[0][3] == seconds


@pytest.mark.parametrize(
    "value",
    [
        "TIMESTAMP '2020-01-01'",
        "TIMESTAMPTZ '2020-01-01 01:00:00+01'",
        "TIMESTAMP_NS '2020-01-01'",
        "TIMESTAMP_MS '2020-01-01'",
        "DATE '2020-01-01'",
        "1577836800::BIGINT",
        "1577836800::DOUBLE",
        "1577836800::DECIMAL(12, 0)",
        "'2020-01-01'",
    ],
)
def test_timestamps_of_parquet_become_seconds(tmp_path, value):
    path = tmp_path / "t.parquet"
    write_parquet(path, f"SELECT 'a' AS user, 'x' AS item, {value} AS ts")
    with Interactions.read(path, items=CATALOGUE) as interactions:
        assert table(interactions)[0][3] == 1577836800.0


@pytest.mark.parametrize("value", ["7::UTINYINT", "7::BIGINT", "7::DOUBLE", "7::FLOAT", "'7'"])
def test_ids_become_text_without_a_fraction(tmp_path, value):
    path = tmp_path / "t.parquet"
    write_parquet(path, f"SELECT {value} AS user, {value} AS item")
    with Interactions.read(path, items=Items(["7"], ["seven"], [()], [""])) as interactions:
        assert table(interactions)[0][1:3] == ("7", 0)


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        (["12", "12.0", "1.2e1", "120e-1", '"12"'], "12"),
        (["0", "-0", "0.0", "-0.0", '"0"'], "0"),
        (["7.5", "7.50", "75e-1", '"7.5"'], "7.5"),
        (["9007199254740992", "9007199254740992.0", "9.007199254740992e15"], "9007199254740992"),
        (["100000000000000000000", "1e20", "1.0e20"], "100000000000000000000"),
    ],
)
def test_one_person_becomes_several_by_notations_of_a_number(tmp_path, numbers, text):
    lines = [f'{{"user": {number}, "item": {number}, "note": {number}}}' for number in numbers]
    for skip in (False, True):
        rows = read_text(
            tmp_path / "t.jsonl",
            "\n".join(lines),
            InteractionColumns(context=("note",)),
            items=Items([text], ["T"], [()], [""]),
            skip_bad_rows=skip,
        )
        assert [(row[1], row[2], row[6]) for row in rows] == [(text, 0, text)] * len(numbers)


def test_text_that_looks_like_a_number_is_another_id(tmp_path):
    rows = read_text(tmp_path / "t.jsonl", "".join(f'{{"user": "{u}", "item": "x"}}\n' for u in ("12.0", "nan", "012")))
    assert [row[1] for row in rows] == ["12.0", "nan", "012"]


def test_numbers_of_json_are_the_ids_that_floats_of_parquet_are(tmp_path):
    numbers = ["1", "2.5", "1e15", "1e300", "0.1", "123456789.125", "1e-7", "NaN"]
    path = tmp_path / "t.parquet"
    write_parquet(path, f"SELECT unnest({numbers!r})::DOUBLE AS user, 'x' AS item")
    with Interactions.read(path, items=CATALOGUE, skip_bad_rows=True) as interactions:
        expected = table(interactions)
    lines = [f'{{"user": {number}, "item": "x"}}' for number in numbers]
    assert read_text(tmp_path / "t.jsonl", "\n".join(lines), skip_bad_rows=True) == expected
    assert len(expected) == len(numbers) - 1


def test_keys_of_json_are_chosen_in_every_row_by_itself(tmp_path):
    lines = [
        '{"user": "a", "item": "x", "rating": 1, "weight": 2, "ts": 3}',
        '{"user": "b", "item": "x", "rating": 1, "weight": null, "datetime": 4}',
        '{"user": "c", "item": "x", "Weight": 5, "WEIGHT": 6, "Timestamp": 7, "ts": 8}',
        '{"user": "d", "item": "x"}',
    ]
    path = tmp_path / "t.jsonl"
    for skip in (False, True):
        rows = read_text(path, "\n".join(lines), skip_bad_rows=skip)
        assert [(row[1], row[3], row[5]) for row in rows] == [
            ("a", 3.0, 2.0), ("b", 4.0, 1.0), ("c", 7.0, 6.0), ("d", None, None),
        ]  # fmt: skip
    with Interactions.read(path, items=CATALOGUE) as interactions:
        assert interactions.report.columns["weight"] == "WEIGHT, Weight, weight, rating"
        assert interactions.report.columns["time"] == "Timestamp, ts, datetime"
        assert "kind" not in interactions.report.columns


def test_a_fractional_id_stays_what_it_is(tmp_path):
    path = tmp_path / "t.parquet"
    write_parquet(path, "SELECT 7.5::DOUBLE AS user, 'x' AS item")
    with Interactions.read(path, items=CATALOGUE) as interactions:
        assert table(interactions)[0][1] == "7.5"


def test_usual_names_are_found_without_regard_to_case(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("user,item,Rating,Event,TS,timestamp\na,x,2,View,9,1\n")
    with Interactions.read(path, items=CATALOGUE) as interactions:
        assert table(interactions) == [(1, "a", 0, 1.0, "view", 2.0)]
        assert interactions.report.columns == {
            "user": "user", "item": "item", "time": "timestamp", "kind": "Event", "weight": "Rating",
        }  # fmt: skip


def test_of_names_that_differ_in_case_the_first_column_wins(tmp_path):
    rows = read_text(tmp_path / "t.csv", "user,item,Time,time\na,x,1,2\n")
    assert rows[0][3] == 1.0


def test_none_leaves_a_role_empty_though_the_column_is_there(tmp_path):
    columns = InteractionColumns(time=None, kind=None, weight=None)
    rows = read_text(tmp_path / "t.csv", "user,item,time,kind,weight\na,x,soon,???,-1\n", columns)
    assert rows == [(1, "a", 0, None, None, None)]


def test_named_columns_win_over_usual_names(tmp_path):
    columns = InteractionColumns(user="who", item="what", time="when")
    rows = read_text(tmp_path / "t.csv", "user,item,time,who,what,when\na,x,1,b,y,2\n", columns)
    assert rows == [(1, "b", 1, 2.0, None, None)]


@pytest.mark.parametrize(
    "text",
    [
        b"\xef\xbb\xbfuser,item\r\na,x\r\nb,y\r\n",
        b"user,item\n\na,x\n\n\nb,y\n\n",
        b"user,item\na,x\r\nb,y",
        b'"user","item"\n"a","x"\n"b",y\n',
        b"user,item,\na,x,\nb,y,\n",
    ],
    ids=["byte order mark and CRLF", "blank lines", "mixed line ends", "quotes", "trailing delimiters"],
)
def test_dialects_that_exports_use_are_read(tmp_path, text):
    assert [row[1:3] for row in read_text(tmp_path / "t.csv", text)] == [("a", 0), ("b", 1)]


def test_quotes_delimiters_and_breaks_inside_a_field_stay_there(tmp_path):
    columns = InteractionColumns(context=("note",))
    text = 'user,item,note\na,x,"one, ""two""\nthree"\nb,y,12" vinyl\n'
    rows = read_text(tmp_path / "t.csv", text, columns)
    assert [row[-1] for row in rows] == ['one, "two"\nthree', '12" vinyl']


def test_json_numbers_and_keys_with_odd_signs(tmp_path):
    columns = InteractionColumns(user="u/s~er", item="it\"e'm")
    row = json.dumps({"u/s~er": 5, "it\"e'm": "x", "time": 3})
    assert read_text(tmp_path / "t.jsonl", row + "\n", columns) == [(1, "5", 0, 3.0, None, None)]


def test_repeated_rows_are_kept(tmp_path):
    rows = read_text(tmp_path / "t.csv", "user,item\na,x\na,x\n")
    assert [row[1:3] for row in rows] == [("a", 0), ("a", 0)]


def test_without_a_catalogue_the_items_are_those_that_occur(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("user,item\na,q\nb,p\na,q\n")
    with Interactions.read(path, items=None) as interactions:
        assert interactions.items.ids == ["p", "q"]
        assert interactions.items.derived
        assert [row[2] for row in table(interactions)] == [1, 0, 1]


def test_item_ids_are_in_the_database(tmp_path):
    path = write(tmp_path / "t.csv")
    with Interactions.read(path, items=CATALOGUE) as interactions:
        ids = interactions.connection.execute("FROM item_ids ORDER BY item").fetchall()
    assert ids == [(0, "x"), (1, "y"), (2, "z")]


def test_rows_keep_the_order_of_a_large_file(tmp_path):
    path = tmp_path / "t.csv"
    with duckdb.connect() as connection:
        connection.sql(
            "SELECT 'user' || (hash(i) % 1000) AS user, ['x', 'y', 'z'][1 + i % 3] AS item, i AS time "
            "FROM range(400000) t(i)"
        ).write_csv(str(path))
    with Interactions.read(path, items=CATALOGUE) as interactions:
        times = interactions.connection.execute("SELECT time FROM interactions ORDER BY row").fetchnumpy()["time"]
    assert np.array_equal(times, np.arange(400000))


def test_more_than_fits_the_memory_limit_is_spilt_and_still_right(tmp_path):
    path = tmp_path / "t.parquet"
    write_parquet(path, "SELECT md5(i::VARCHAR) AS user, 'x' AS item, i AS time FROM range(1500000) t(i)")
    with Interactions.read(
        path, items=CATALOGUE, limits=ReadLimits(memory="200MB", threads=1, folder=tmp_path)
    ) as interactions:
        assert interactions.count == 1500000


def test_closing_removes_the_private_folder(tmp_path):
    path = write(tmp_path / "t.csv")
    home = tmp_path / "private"
    home.mkdir()
    interactions = Interactions.read(path, items=CATALOGUE, limits=ReadLimits(folder=home))
    assert len(list(home.iterdir())) == 1
    interactions.close()
    interactions.close()
    assert not list(home.iterdir())
    with pytest.raises(ClosedError, match="read them again"):
        _ = interactions.connection


def test_a_failed_reading_leaves_no_folder_behind(tmp_path):
    home = tmp_path / "private"
    home.mkdir()
    with pytest.raises(DataError):
        read_text(tmp_path / "t.csv", "user,item\na,unknown\n", limits=ReadLimits(folder=home))
    assert not list(home.iterdir())


@pytest.mark.parametrize(
    "limits", [ReadLimits(memory="plenty"), ReadLimits(threads=0), ReadLimits(folder=Path("no", "such", "folder"))]
)
def test_limits_that_mean_nothing_are_misuse(tmp_path, limits):
    with pytest.raises(MisuseError, match=r"Give sizes|Choose another"):
        read_text(tmp_path / "t.csv", "user,item\na,x\n", limits=limits)


def test_a_limit_that_does_not_suffice_says_which_to_raise(tmp_path):
    path = tmp_path / "t.parquet"
    write_parquet(path, "SELECT md5(i::VARCHAR) AS user, 'x' AS item FROM range(200000) t(i)")
    with pytest.raises(MisuseError, match=r"Raise ReadLimits\.memory"):
        Interactions.read(path, items=CATALOGUE, limits=ReadLimits(memory="1MB"))


def test_more_contexts_than_an_event_may_have_are_misuse(tmp_path):
    with pytest.raises(MisuseError, match="33 context columns"):
        read_text(tmp_path / "t.csv", "user,item\na,x\n", InteractionColumns(context=tuple(map(str, range(33)))))
