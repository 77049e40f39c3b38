"""What finding a person's rows could miss, and what writing a table anew could destroy."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from homespun_server.compliance.requests.connectors.rows_of_tables import TableFile
from homespun_server.compliance.requests.connectors.tables import Table, _moment
from homespun_server.compliance.requests.ports import Person
from homespun_server.errors import DataError, OutputError
from homespun_server.settings import ServerSettings, TableSettings
from homespun_server.statistics.sql import text_of

MIXED = [17.0, 17.5, None, 1e15, float("nan")]


def text_file(folder: Path, text: str) -> TableFile:
    path = folder / "table.csv"
    path.write_text(text, encoding="utf-8", newline="")
    return TableFile(path, "user")


def parquet_file(folder: Path, users: pa.Array, **columns: list[object]) -> TableFile:
    path = folder / "table.parquet"
    pq.write_table(pa.table({"user": users, **columns}), path)
    return TableFile(path, "user")


def found(table: TableFile, user: str) -> int:
    return sum(1 for _ in table.rows(lambda each: each == user))


def test_trainings_find_a_person_whom_an_erasure_does_not(tmp_path: Path) -> None:
    import duckdb

    table = parquet_file(tmp_path, pa.array(MIXED, pa.float64()))
    query = f"SELECT {text_of('user', 'DOUBLE')} FROM '{table.path}'"  # noqa: S608 - a path of the test's
    with duckdb.connect() as connection:
        trained = [text for (text,) in connection.execute(query).fetchall() if text is not None]
    assert trained[0] == "17"
    assert all(found(table, text) == 1 for text in trained)


def test_an_id_in_bytes_is_not_found(tmp_path: Path) -> None:
    table = parquet_file(tmp_path, pa.array([b"alice", b"bob"], pa.binary()))
    assert (found(table, "alice"), found(table, "b'alice'")) == (1, 0)
    assert table.change(lambda user: user == "alice", lambda _: None) == 1
    assert pq.read_table(table.path)["user"].to_pylist() == [b"bob"]


def test_a_quote_that_nobody_closes_hides_the_rows_after_it(tmp_path: Path) -> None:
    table = text_file(tmp_path, 'user,item\nbob,"open\nalice,1\nalice,2\n')
    with pytest.raises(DataError, match="cannot be read as a table"):
        found(table, "alice")


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_one_of_two_columns_of_a_name_is_lost(tmp_path: Path, form: str) -> None:
    table = text_file(tmp_path, "user,item,item\nalice,1,2\n")
    if form == "parquet":
        table = TableFile(tmp_path / "table.parquet", "user")
        columns = [pa.array(["alice"]), pa.array(["1"]), pa.array(["2"])]
        pq.write_table(pa.Table.from_arrays(columns, names=["user", "item", "item"]), table.path)
    before = table.path.read_bytes()
    with pytest.raises(DataError, match="columns of one name: item"):
        table.change(lambda user: user == "alice", lambda row: {**row, "item": "right"})
    assert table.path.read_bytes() == before


def test_cells_beyond_the_header_are_cut_off(tmp_path: Path) -> None:
    table = text_file(tmp_path, "user,item\nalice,1,more\n")
    with pytest.raises(DataError, match="3 cells for 2 columns"):
        table.change(lambda user: user == "alice", lambda row: {**row, "item": "2"})
    assert table.path.read_text(encoding="utf-8") == "user,item\nalice,1,more\n"


def test_the_file_that_a_link_leads_to_is_destroyed(tmp_path: Path) -> None:
    lake, settings = tmp_path / "lake", ServerSettings(folder=tmp_path / "work", application="films")
    for each in (lake, settings.folder, settings.work):
        each.mkdir()
    real = lake / "rows.csv"
    real.write_text("user,item\nalice,1\nbob,2\n", encoding="utf-8")
    (settings.folder / "rows.csv").symlink_to(real)
    effect = Table(settings, TableSettings(path="rows.csv")).erase(
        Person(request="1", subject=None, identifier="alice")
    )
    assert effect.records == 1
    assert real.read_text(encoding="utf-8") == "user,item\nbob,2\n"
    assert (settings.folder / "rows.csv").is_symlink()


def test_a_file_with_another_name_is_zeroed_under_it(tmp_path: Path) -> None:
    table = text_file(tmp_path, "user,item\nalice,1\nbob,2\n")
    os.link(table.path, tmp_path / "other.csv")
    with pytest.raises(OutputError, match="hard link"):
        table.change(lambda user: user == "alice", lambda _: None)
    assert (tmp_path / "other.csv").read_text(encoding="utf-8") == "user,item\nalice,1\nbob,2\n"


def test_somebody_who_is_called_almost_the_same_goes_unmentioned_or_is_erased(tmp_path: Path) -> None:
    settings = ServerSettings(folder=tmp_path, application="films")
    settings.work.mkdir()
    text_file(tmp_path, "user,item\nada@example.org,1\nAda@Example.org ,2\nbob,3\n")
    table = Table(settings, TableSettings(path="table.csv"))
    effect = table.erase(Person(request="1", subject=None, identifier="ada@example.org"))
    assert effect.records == 1
    assert "1 rows name somebody whose id differs in case, blanks" in effect.detail
    assert "Ada@Example.org ,2" in (tmp_path / "table.csv").read_text(encoding="utf-8")


def test_a_time_without_a_zone_is_taken_for_a_later_one() -> None:
    erased = datetime(2025, 3, 3, 12, tzinfo=UTC)
    # Nine hours ahead of UTC it is 18 o'clock when it is 9 in UTC.
    local, certain = _moment("2025-03-03T18:00:00"), _moment("2025-03-03T18:00:00+00:00")
    assert local is not None
    assert certain is not None
    assert local <= erased < certain
