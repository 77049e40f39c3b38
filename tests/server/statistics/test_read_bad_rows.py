"""Rows that cannot be used: told by file, column, row and line, or left out and counted."""

import gzip
import traceback
import unicodedata
from pathlib import Path

import duckdb
import numpy as np
import pytest

from homespun_server.errors import DataError
from homespun_server.statistics.columns import InteractionColumns
from homespun_server.statistics.interactions import Interactions
from homespun_server.statistics.items import Items
from homespun_server.statistics.problems import Reason
from homespun_server.statistics.sql import bad_id

CATALOGUE = Items(["x", "y"], ["X", "Y"], [()] * 2, [""] * 2)
LONG = "i" * 513

# Each bad row stands between two good ones; the third field is a time, then weight, kind and context.
BAD_CSV_ROWS = {
    "user is empty": (b",x,1,1,view,c", Reason.MISSING_ID, "user"),
    "item is empty": (b'a,"",1,1,view,c', Reason.MISSING_ID, "item"),
    "user is over-long": (LONG.encode() + b",x,1,1,view,c", Reason.LONG_ID, "user"),
    "item is over-long": (b"a," + LONG.encode() + b",1,1,view,c", Reason.LONG_ID, "item"),
    "user holds a NUL": (b"a\0,x,1,1,view,c", Reason.UNPRINTABLE_ID, "user"),
    "user holds an escape": (b"a\x1b[2J,x,1,1,view,c", Reason.UNPRINTABLE_ID, "user"),
    "user holds a direction mark": ("a\u202e,x,1,1,view,c".encode(), Reason.UNPRINTABLE_ID, "user"),
    "item holds a no-break space": ("a,x\u00a0,1,1,view,c".encode(), Reason.UNPRINTABLE_ID, "item"),
    "item holds a line break": (b'a,"x\ny",1,1,view,c', Reason.UNPRINTABLE_ID, "item"),
    "item is not in the catalogue": (b"a,X,1,1,view,c", Reason.UNKNOWN_ITEM, "item"),
    "time is a word": (b"a,x,yesterday,1,view,c", Reason.TIME, "time"),
    "time has no such month": (b"a,x,2024-13-01,1,view,c", Reason.TIME, "time"),
    "time is in a local notation": (b"a,x,1/2/2024,1,view,c", Reason.TIME, "time"),
    "time is infinite": (b"a,x,inf,1,view,c", Reason.TIME, "time"),
    "time is not a number": (b"a,x,nan,1,view,c", Reason.TIME, "time"),
    "time is in milliseconds": (b"a,x,1577836800000,1,view,c", Reason.TIME, "time"),
    "time is before 1970": (b"a,x,-1,1,view,c", Reason.TIME, "time"),
    "kind is not a word": (b"a,x,1,1,two words,c", Reason.KIND, "kind"),
    "weight is a word": (b"a,x,1,good,view,c", Reason.WEIGHT, "weight"),
    "weight has a decimal comma": (b'a,x,1,"4,5",view,c', Reason.WEIGHT, "weight"),
    "weight is negative": (b"a,x,1,-0.5,view,c", Reason.WEIGHT_NEGATIVE, "weight"),
    "weight is NaN": (b"a,x,1,NaN,view,c", Reason.WEIGHT_NOT_FINITE, "weight"),
    "weight is infinite": (b"a,x,1,-inf,view,c", Reason.WEIGHT_NOT_FINITE, "weight"),
    "context is over-long": (b"a,x,1,1,view," + b"c" * 257, Reason.LONG_CONTEXT, "context"),
    "a field is missing": (b"a,x,1,1,view", Reason.MALFORMED, None),
    "a field is too many": (b"a,x,1,1,view,c,d", Reason.MALFORMED, None),
    "a quote is in the wrong place": (b'a,"x"y,1,1,view,c', Reason.MALFORMED, None),
    "bytes are not UTF-8": (b"a\xff,x,1,1,view,c", Reason.ENCODING, None),
}

BAD_JSON_ROWS = {
    "no object": (b"[1, 2]", Reason.MALFORMED, None),
    "not JSON": (b"user: a", Reason.MALFORMED, None),
    "cut short": (b'{"user": "a", "it', Reason.MALFORMED, None),
    "two objects": (b'{"user": "a", "item": "x"}{"user": "a", "item": "x"}', Reason.MALFORMED, None),
    "half a surrogate pair": (rb'{"user": "\ud800", "item": "x"}', Reason.MALFORMED, None),
    "user is an object": (b'{"user": {"id": 1}, "item": "x"}', Reason.MALFORMED, None),
    "item is a list": (b'{"user": "a", "item": ["x"]}', Reason.MALFORMED, None),
    "time is nested": (b'{"user": "a", "item": "x", "time": {"s": 1}}', Reason.MALFORMED, None),
    "bytes are not UTF-8": (b'{"user": "\xff", "item": "x"}', Reason.ENCODING, None),
    "user is absent": (b'{"item": "x"}', Reason.MISSING_ID, "user"),
    "user is empty text": (b'{"user": "", "item": "x"}', Reason.MISSING_ID, "user"),
    "item is null": (b'{"user": "a", "item": null}', Reason.MISSING_ID, "item"),
    "user holds an escaped NUL": (rb'{"user": "a\u0000", "item": "x"}', Reason.UNPRINTABLE_ID, "user"),
    "user is NaN": (b'{"user": NaN, "item": "x"}', Reason.MISSING_ID, "user"),
    "user is infinite": (b'{"user": -Infinity, "item": "x"}', Reason.MISSING_ID, "user"),
    "weight is NaN": (b'{"user": "a", "item": "x", "weight": NaN}', Reason.WEIGHT_NOT_FINITE, "weight"),
    "a nested value hides behind another name": (
        b'{"user": "a", "item": "x", "rating": 1, "weight": [1]}',
        Reason.MALFORMED,
        None,
    ),
    "time is true": (b'{"user": "a", "item": "x", "time": true}', Reason.TIME, "time"),
}

BAD_PARQUET_VALUES = {
    "user is NaN": ("{'user': 'nan'::DOUBLE, 'item': 'x'}", Reason.MISSING_ID, "user"),
    "user is infinite": ("{'user': '-infinity'::DOUBLE, 'item': 'x'}", Reason.MISSING_ID, "user"),
    "user is NaN in single precision": ("{'user': 'nan'::FLOAT, 'item': 'x'}", Reason.MISSING_ID, "user"),
    "time is NaN": ("{'user': 'a', 'item': 'x', 'time': 'nan'::DOUBLE}", Reason.TIME, "time"),
    "user is null": ("{'user': NULL, 'item': 'x'}", Reason.MISSING_ID, "user"),
    "time is infinite": ("{'user': 'a', 'item': 'x', 'time': TIMESTAMP 'infinity'}", Reason.TIME, "time"),
    "time is before 1970": ("{'user': 'a', 'item': 'x', 'time': TIMESTAMP '1969-12-31'}", Reason.TIME, "time"),
    "weight is NaN": ("{'user': 'a', 'item': 'x', 'weight': 'nan'::FLOAT}", Reason.WEIGHT_NOT_FINITE, "weight"),
}

COLUMNS = InteractionColumns(context=("context",))


def csv_file(path: Path, bad: bytes) -> Path:
    good = b"a,x,1,1,view,c\n"
    path.write_bytes(b"user,item,time,weight,kind,context\n" + good + bad + b"\n" + good)
    return path


def json_file(path: Path, bad: bytes) -> Path:
    good = b'{"user": "a", "item": "x", "time": 1, "weight": 1}\n'
    path.write_bytes(good + b"\n" + bad + b"\n" + good)
    return path


def expect(path: Path, columns: InteractionColumns, reason: Reason, column: str | None, line: int | None) -> None:
    """Both ways of reading must agree on what is wrong, and where."""
    with pytest.raises(DataError) as caught:
        Interactions.read(path, columns, items=CATALOGUE)
    error = caught.value
    assert (error.path, error.column, error.rows, error.count) == (path, column, (2,), 1)
    assert error.lines == (() if line is None else (line,))
    assert str(path) in str(error)
    assert "row 2" in str(error)
    assert "skip_bad_rows=True" in str(error)
    with Interactions.read(path, columns, items=CATALOGUE, skip_bad_rows=True) as interactions:
        (fault,) = interactions.report.skipped
        assert (fault.reason, fault.column, fault.rows, fault.count) == (reason, column, (2,), 1)
        assert (interactions.report.read, interactions.report.kept, interactions.count) == (3, 2, 2)
        assert interactions.connection.execute("SELECT count(*) FROM interactions").fetchone() == (2,)


@pytest.mark.parametrize("case", BAD_CSV_ROWS)
def test_bad_row_of_csv(tmp_path, case):
    bad, reason, column = BAD_CSV_ROWS[case]
    expect(csv_file(tmp_path / "t.csv", bad), COLUMNS, reason, column, 3)


@pytest.mark.parametrize("case", BAD_JSON_ROWS)
def test_bad_row_of_json_lines(tmp_path, case):
    bad, reason, column = BAD_JSON_ROWS[case]
    expect(json_file(tmp_path / "t.jsonl", bad), InteractionColumns(), reason, column, 3)


@pytest.mark.parametrize("case", BAD_PARQUET_VALUES)
def test_bad_row_of_parquet(tmp_path, case):
    value, reason, column = BAD_PARQUET_VALUES[case]
    good = value.replace("NULL", "'a'").replace("'infinity'", "'2020-01-01'").replace("1969", "1979")
    good = good.replace("'nan'", "1").replace("'-infinity'", "1")
    path = tmp_path / "t.parquet"
    with duckdb.connect() as connection:
        rows = f"SELECT unnest([{good}, {value}, {good}]) AS s"
        connection.sql(f"SELECT unnest(s) FROM ({rows})").write_parquet(str(path))  # noqa: S608
    expect(path, InteractionColumns(), reason, column, None)


def test_ids_are_refused_for_the_characters_that_events_refuse():
    # Unassigned code points differ between versions of Unicode; a catalogue refuses them as Python does.
    assigned = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) not in {"Cn", "Cs"}]
    condition = dict(bad_id("id"))[Reason.UNPRINTABLE_ID]
    with duckdb.connect() as connection:
        connection.register("characters", {"id": np.array(assigned, dtype=object)})
        rows = connection.execute(f"SELECT id FROM characters WHERE {condition}").fetchall()  # noqa: S608 - our own
        connection.unregister("characters")
    assert {row[0] for row in rows} == {character for character in assigned if not character.isprintable()}


def test_delimiters_at_the_end_are_forgiven_beside_a_malformed_row_too(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("user,item\na,x,\nshort\nb,y,\n")
    with Interactions.read(path, items=CATALOGUE, skip_bad_rows=True) as interactions:
        assert [(fault.reason, fault.rows) for fault in interactions.report.skipped] == [(Reason.MALFORMED, (2,))]


def test_bad_rows_of_gzip_are_found_too(tmp_path):
    path = csv_file(tmp_path / "t.csv", b"a,x,1,1,view")
    packed = tmp_path / "t.csv.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    expect(packed, COLUMNS, Reason.MALFORMED, None, 3)


def test_bad_first_row_is_not_taken_for_a_header(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("user,item\nonly one field\na,x\n")
    with pytest.raises(DataError, match=r"row 1; line 2"):
        Interactions.read(path, items=CATALOGUE)


def test_no_more_than_five_rows_are_named_and_all_are_counted(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("user,item,time\n" + "a,x,1\na,x,soon\n" * 7)
    with pytest.raises(DataError, match=r"7 rows of 14 with a time .*first value 'soon'") as caught:
        Interactions.read(path, items=CATALOGUE)
    assert caught.value.rows == (2, 4, 6, 8, 10)
    assert caught.value.lines == (3, 5, 7, 9, 11)
    assert caught.value.count == 7
    assert "…" in str(caught.value)


def test_no_more_than_five_malformed_rows_are_named_and_all_are_counted(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("user,item,time\n" + "a,x,1\na,x\n" * 7)
    with pytest.raises(DataError, match="7 rows malformed") as caught:
        Interactions.read(path, items=CATALOGUE)
    assert (caught.value.rows, caught.value.count) == ((2, 4, 6, 8, 10), 7)


def test_one_error_tells_of_the_other_faults(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("user,item,time,weight\na,x,soon,1\na,nope,1,1\na,x,1,-1\n")
    with pytest.raises(DataError, match=r"'item': 1 row of 3 .* Besides: 1 row with a time .*; 1 row with a negative"):
        Interactions.read(path, items=CATALOGUE)


def test_a_row_is_counted_once_however_much_is_wrong_with_it(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("user,item,time,weight\n,nope,soon,-1\na,x,1,1\n")
    with Interactions.read(path, items=CATALOGUE, skip_bad_rows=True) as interactions:
        assert [fault.reason for fault in interactions.report.skipped] == [Reason.MISSING_ID]
        assert interactions.report.kept == 1


def test_skipped_rows_keep_their_numbers_behind_malformed_ones(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('user,item,time\nshort\n\na,x,1\na,nope,1\nshort\na,"x\n\n",1\na,x,soon\na,x,2\n')
    with Interactions.read(path, items=CATALOGUE, skip_bad_rows=True) as interactions:
        found = {fault.reason: fault.rows for fault in interactions.report.skipped}
        times = interactions.connection.execute("SELECT time FROM interactions ORDER BY row").fetchall()
    assert found == {
        Reason.MALFORMED: (1, 4),
        Reason.UNPRINTABLE_ID: (5,),
        Reason.UNKNOWN_ITEM: (3,),
        Reason.TIME: (6,),
    }
    assert times == [(1.0,), (2.0,)]


def test_malformed_json_of_both_kinds_is_counted_together(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_text('3\n{"user": "a", "item": "x"}\nnope\n{"user": [], "item": "x"}\n')
    with Interactions.read(path, items=CATALOGUE, skip_bad_rows=True) as interactions:
        (fault,) = interactions.report.skipped
    assert (fault.reason, fault.rows, fault.count) == (Reason.MALFORMED, (1, 3, 4), 3)


def test_lines_are_told_where_rows_span_several(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('user,item,context\na,x,"two\nlines"\n\na,nope,c\n')
    with pytest.raises(DataError) as caught:
        Interactions.read(path, COLUMNS, items=CATALOGUE)
    assert (caught.value.rows, caught.value.lines) == ((2,), (5,))


def test_rows_are_told_without_lines_where_only_the_database_forgives_the_quoting(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('user,item,context\na,x,"two\nlines" \na,nope,c\n')
    with pytest.raises(DataError, match="item that the table of items") as caught:
        Interactions.read(path, COLUMNS, items=CATALOGUE)
    assert (caught.value.rows, caught.value.lines) == ((2,), ())


def test_who_is_at_fault_is_not_told(tmp_path):
    person = "alice\u200b"
    path = tmp_path / "t.csv"
    path.write_text(f"user,item\n{person},x\n", encoding="utf-8")
    with pytest.raises(DataError) as caught:
        Interactions.read(path, items=CATALOGUE)
    assert "alice" not in str(caught.value)


ALICE = b"alice@example.org"
FILES_OF_ALICE = {
    "a field is too many": ("t.csv", b"user,item\na,x\n" + ALICE + b",x,5\n"),
    "a field is missing": ("t.csv", b"user,item\na,x\n" + ALICE + b"\n"),
    "not UTF-8": ("t.csv", b"user,item\na,x\n" + ALICE + b"\xff,x\n"),
    "quotes in the wrong place": ("t.csv", b'user,item\na,x\n"' + ALICE + b'"q,x\n'),
    "an open quote": ("t.csv", b'user,item\na,x\n"' + ALICE + b",x\nb,y\n"),
    "line ends of two kinds": ("t.csv", b"user,item\r\na,x\n" + ALICE + b",nope\n"),
    "no id": ("t.csv", b"user,item\n" + ALICE + b",\n"),
    "unprintable": ("t.csv", b"user,item\n" + ALICE + b"\x07,x\n"),
    "over-long": ("t.csv", b"user,item\n" + ALICE * 99 + b",x\n"),
    "not JSON": ("t.jsonl", b'{"user": "a", "item": "x"}\n{"user": "' + ALICE + b'", "it\n'),
    "JSON in other bytes": ("t.jsonl", b'{"user": "' + ALICE + b'\xff", "item": "x"}\n'),
    "two objects": ("t.jsonl", b'{"user": "' + ALICE + b'", "item": "x"}' * 2 + b"\n"),
    "text for Parquet": ("t.parquet", b"PAR1" + ALICE * 9 + b"PAR1"),
}


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("case", FILES_OF_ALICE)
def test_a_traceback_names_a_person(tmp_path, case, skip):
    name, content = FILES_OF_ALICE[case]
    path = tmp_path / name
    path.write_bytes(content)
    # No row is left when the rest is skipped either: nobody else has an item of this catalogue.
    with pytest.raises(DataError) as caught:
        Interactions.read(path, items=Items(["z"], ["Z"], [()], [""]), skip_bad_rows=skip)
    assert "alice" not in "".join(traceback.format_exception(caught.value))
    assert not isinstance(caught.value.__context__, duckdb.Error)


def test_a_shown_value_is_cut_short_and_escaped(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("user,item\na," + "\x1b" * 400 + "\n")
    with pytest.raises(DataError) as caught:
        Interactions.read(path, items=CATALOGUE)
    assert "\x1b" not in str(caught.value)
    assert str(caught.value).count(r"\x1b") == 80


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl"])
def test_skipping_everything_is_an_error(tmp_path, name):
    path = tmp_path / name
    path.write_text("user,item\nx\ny\n")
    with pytest.raises(DataError, match="nothing is left") as caught:
        Interactions.read(path, items=CATALOGUE, skip_bad_rows=True)
    assert caught.value.count in {2, 3}
    path.write_text("user,item\na,nope\n" if name == "t.csv" else '{"user": "a", "item": "nope"}\n')
    with pytest.raises(DataError, match=r"1 unknown-item.*nothing is left"):
        Interactions.read(path, items=CATALOGUE, skip_bad_rows=True)
