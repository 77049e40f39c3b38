"""Faults of a whole file, which no setting skips."""

import gzip
import os
from pathlib import Path

import duckdb
import msgspec
import pytest

from homespun_server.errors import DataError
from homespun_server.statistics.columns import InteractionColumns, ItemColumns
from homespun_server.statistics.interactions import Interactions
from homespun_server.statistics.items import Items

CATALOGUE = Items(["x", "y"], ["X", "Y"], [()] * 2, [""] * 2)


def refused(path: Path, columns: InteractionColumns | None = None) -> DataError:
    errors = []
    for skip in (False, True):
        with pytest.raises(DataError) as caught:
            Interactions.read(path, columns or InteractionColumns(), items=CATALOGUE, skip_bad_rows=skip)
        errors.append(caught.value)
    assert str(errors[0]) == str(errors[1])
    assert errors[0].path == path
    assert str(path) in str(errors[0])
    return errors[0]


def file(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_missing_file(tmp_path):
    assert "cannot be read" in str(refused(tmp_path / "none.csv"))


def test_folder_instead_of_a_file(tmp_path):
    (tmp_path / "folder.csv").mkdir()
    assert "cannot be read" in str(refused(tmp_path / "folder.csv"))


@pytest.mark.skipif(os.name == "nt" or (hasattr(os, "geteuid") and os.geteuid() == 0), reason="modes do not bind here")
def test_file_that_this_user_may_not_read(tmp_path):
    path = file(tmp_path / "t.csv", b"user,item\na,x\n")
    path.chmod(0)
    assert "Permission" in str(refused(path))


@pytest.mark.parametrize("name", ["t.txt", "t", "t.xlsx", "t.gz", "t.parquet.gz", "t.json", "t.csv.bz2"])
def test_unknown_extension(tmp_path, name):
    assert "is not known" in str(refused(file(tmp_path / name, b"user,item\na,x\n")))


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.jsonl", "t.parquet", "t.csv.gz"])
def test_empty_file(tmp_path, name):
    assert "is empty" in str(refused(file(tmp_path / name, b"")))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", b"user,item\n"),
        ("t.csv", b"user,item"),
        ("t.csv", b"\xef\xbb\xbfuser,item\r\n\r\n"),
        ("t.csv.gz", gzip.compress(b"", mtime=0)),
        ("t.csv.gz", gzip.compress(b"user,item\n", mtime=0)),
        ("t.jsonl", b"\n \n"),
        ("t.jsonl.gz", gzip.compress(b"", mtime=0)),
    ],
)
def test_no_data_row(tmp_path, name, content):
    assert "no data row" in str(refused(file(tmp_path / name, content)))


def test_parquet_without_a_row(tmp_path):
    path = tmp_path / "t.parquet"
    with duckdb.connect() as connection:
        connection.sql("SELECT 'a' AS user, 'x' AS item WHERE false").write_parquet(str(path))
    assert "no data row" in str(refused(path))


def test_blank_first_line(tmp_path):
    error = refused(file(tmp_path / "t.csv", b"\nuser,item\na,x\n"))
    assert "first line" in str(error)
    assert error.lines == (1,)


def test_header_that_is_not_utf8(tmp_path):
    assert "not UTF-8" in str(refused(file(tmp_path / "t.csv", b"us\xff,item\na,x\n")))


def test_missing_column_lists_those_that_are_there(tmp_path):
    error = refused(file(tmp_path / "t.csv", b"who,item\na,x\n"))
    assert error.column == "user"
    assert "It has 'who', 'item'" in str(error)
    assert "user='…'" in str(error)


@pytest.mark.parametrize("role", ["time", "kind", "weight"])
def test_optional_column_that_was_asked_for_is_not_optional(tmp_path, role):
    error = refused(
        file(tmp_path / "t.csv", b"user,item\na,x\n"), msgspec.structs.replace(InteractionColumns(), **{role: "absent"})
    )
    assert (error.column, f"{role}='…'" in str(error)) == ("absent", True)


def test_missing_context_column(tmp_path):
    error = refused(file(tmp_path / "t.csv", b"user,item\na,x\n"), InteractionColumns(context=("day",)))
    assert "context='…'" in str(error)


def test_missing_key_in_every_json_row(tmp_path):
    error = refused(file(tmp_path / "t.jsonl", b'{"user": "a"}\n{"thing": "x"}\n'))
    assert "It has 'thing', 'user'" in str(error)


@pytest.mark.parametrize("role", ["time", "kind", "weight"])
def test_optional_key_that_was_asked_for_is_not_optional_in_json(tmp_path, role):
    path = file(tmp_path / "t.jsonl", b'{"user": "a", "item": "x"}\n')
    columns = msgspec.structs.replace(InteractionColumns(), **{role: "absent"})
    with pytest.raises(DataError, match=f"no column 'absent', which is meant for {role}"):
        Interactions.read(path, columns, items=CATALOGUE)
    # Where rows are skipped, a single row with the key would otherwise decide whether there is a result.
    with Interactions.read(path, columns, items=CATALOGUE, skip_bad_rows=True) as interactions:
        assert interactions.report.absent == ("absent",)


def test_missing_column_is_told_without_a_thousand_others(tmp_path):
    row = ", ".join(f'"key{number}": 1' for number in range(1000))
    error = refused(file(tmp_path / "t.jsonl", f"{{{row}}}\n".encode()))
    assert "key1'" in str(error)
    assert "…" in str(error)
    assert len(str(error)) < 1000


def test_semicolons_for_commas_are_suspected(tmp_path):
    assert "other separators" in str(refused(file(tmp_path / "t.csv", b"user;item\na;x\n")))


def test_column_that_is_there_twice(tmp_path):
    assert "2 columns named 'user'" in str(refused(file(tmp_path / "t.csv", b"user,item,user\na,x,b\n")))


def test_twins_that_nobody_asked_for_do_no_harm(tmp_path):
    path = file(tmp_path / "t.csv", b"user,item,n,n,N\na,x,1,2,3\n")
    with Interactions.read(path, items=CATALOGUE) as interactions:
        assert interactions.count == 1


@pytest.mark.parametrize(
    "content",
    [b"user,item\n" * 20, b"PAR1", b"PAR1" + b"\0" * 64 + b"PAR1", b"PAR1" + b"\xff" * 64 + b"PAR1"],
    ids=["text", "magic only", "zeros", "an impossible footer"],
)
def test_parquet_that_is_not_parquet(tmp_path, content):
    assert "not a table of the kind" in str(refused(file(tmp_path / "t.parquet", content)))


def test_parquet_cut_short(tmp_path):
    path = tmp_path / "t.parquet"
    with duckdb.connect() as connection:
        connection.sql("SELECT i AS user, 'x' AS item FROM range(10000) t(i)").write_parquet(str(path))
    path.write_bytes(path.read_bytes()[:-100])
    assert "damaged" in str(refused(path))


@pytest.mark.parametrize("value", ["['a']", "{'id': 'a'}", "'a'::BLOB", "MAP {'a': 1}"])
def test_parquet_column_of_nested_values(tmp_path, value):
    path = tmp_path / "t.parquet"
    with duckdb.connect() as connection:
        connection.sql(f"SELECT {value} AS user, 'x' AS item").write_parquet(str(path))
    error = refused(path)
    assert error.column == "user"
    assert "single text" in str(error)


@pytest.mark.parametrize("name", ["t.csv.gz", "t.jsonl.gz"])
@pytest.mark.parametrize("damage", ["not gzip", "cut short", "flipped"])
def test_damaged_gzip(tmp_path, name, damage):
    rows = b"user,item\n" + b"".join(b"user%d,x\n" % i for i in range(20000))
    if "json" in name:
        rows = b"".join(b'{"user": "user%d", "item": "x"}\n' % i for i in range(20000))
    packed = gzip.compress(rows, mtime=0)
    middle = len(packed) // 2
    flipped = packed[:middle] + bytes(byte ^ 255 for byte in packed[middle : middle + 64]) + packed[middle + 64 :]
    content = {"not gzip": rows, "cut short": packed[:middle], "flipped": flipped}[damage]
    assert "damaged" in str(refused(file(tmp_path / name, content)))


@pytest.mark.parametrize(
    "content",
    [
        b'user,item\na,x\nb,"x\nc,y\nd,y\n',
        b'user,item\na,x\nb,"x\nc,y\nd,"y"\ne,x\n',
        b'us"er,"item\na,x\n',
    ],
    ids=["never closed", "closed by a later row", "in the header"],
)
def test_unclosed_quote_is_never_skipped_since_it_swallows_good_rows(tmp_path, content):
    assert "quoting goes wrong between line" in str(refused(file(tmp_path / "t.csv", content)))


def test_line_without_an_end(tmp_path):
    path = file(tmp_path / "t.csv", b"user,item\na,x\nb," + b"x" * ((1 << 21) + 1) + b"\n")
    assert "longer than" in str(refused(path))


def test_structural_faults_of_items_are_told_alike(tmp_path):
    for name, content in [("a.csv", b"id\n1\n"), ("b.jsonl", b"{}\n"), ("c.parquet", b"x"), ("d.csv", b"item,title\n")]:
        with pytest.raises(DataError):
            Items.read(file(tmp_path / name, content), ItemColumns(), skip_bad_rows=True)
