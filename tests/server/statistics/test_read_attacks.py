"""Files and columns whose names attack the reader, and a database that can reach nothing else."""

import os
import stat
from pathlib import Path

import duckdb
import pytest

from homespun.errors import MisuseError
from homespun_server.errors import DataError
from homespun_server.statistics.columns import InteractionColumns, ItemColumns
from homespun_server.statistics.database import ReadLimits
from homespun_server.statistics.interactions import Interactions
from homespun_server.statistics.items import Items

CATALOGUE = Items(["x", "y"], ["X", "Y"], [()] * 2, [""] * 2)
NAMES = ["x'; drop table y; --", "a[1]", "[!a]", "{x}", "%s $1 ${HOME}", "üñí", "a=1"]
NAMES_FOR_POSIX = ["*", "what?", "[a-z]*?", 'say "hi"', "back\\slash", "http:", "line\nbreak"]
COLUMN_NAMES = ['u"; DROP TABLE checked; --', "u'); ATTACH 'x", "select", "c0", "/~1", "$.a[*]", "row", " ", "ü\t"]


def parquet(path: Path, **columns: str) -> None:
    quoted = ", ".join(f"""'{value}' AS "{name.replace('"', '""')}" """ for name, value in columns.items())
    with duckdb.connect() as connection:
        # DuckDB expands no wildcards when it writes.
        connection.sql(f"SELECT {quoted}").write_parquet(str(path))


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
@pytest.mark.parametrize("name", NAMES + (NAMES_FOR_POSIX if os.name != "nt" else []))
def test_file_name_cannot_become_a_statement_or_a_pattern(tmp_path, name, suffix):
    contents = {".csv": "user,item\n{},x\n", ".jsonl": '{{"user": "{}", "item": "x"}}\n'}
    for stem in (name, "a1", "b", "whatx"):
        path = tmp_path / (stem + suffix)
        who = "right" if stem == name else "wrong"
        if suffix == ".parquet":
            parquet(tmp_path / "made", user=who, item="x")
            (tmp_path / "made").replace(path)
        else:
            path.write_text(contents[suffix].format(who))
    with Interactions.read(tmp_path / (name + suffix), items=CATALOGUE) as interactions:
        assert interactions.connection.execute("SELECT user FROM interactions").fetchall() == [("right",)]


def test_wildcards_do_not_find_other_files(tmp_path):
    (tmp_path / "a.csv").write_text("user,item\na,x\n")
    with pytest.raises(DataError, match="cannot be read"):
        Interactions.read(tmp_path / "*.csv", items=CATALOGUE)


@pytest.mark.parametrize("name", ["https://example.org/t.csv", "s3://bucket/t.parquet", "data:text/csv,t.csv"])
def test_addresses_are_not_opened(name):
    with pytest.raises(DataError, match="cannot be read"):
        Interactions.read(name, items=CATALOGUE)


@pytest.mark.parametrize("column", COLUMN_NAMES)
def test_column_name_cannot_become_a_statement(tmp_path, column):
    field = column.replace('"', '""')
    (tmp_path / "t.csv").write_text(f'"{field}",item,note\na,x,n\n', encoding="utf-8")
    key = column.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t")
    (tmp_path / "t.jsonl").write_text(f'{{"{key}": "a", "item": "x"}}\n', encoding="utf-8")
    parquet(tmp_path / "t.parquet", **{column: "a", "item": "x"})
    for name in ("t.csv", "t.jsonl", "t.parquet"):
        columns = InteractionColumns(user=column, context=(column,))
        with Interactions.read(tmp_path / name, columns, items=CATALOGUE) as interactions:
            rows = interactions.connection.execute("SELECT user, item, context_0 FROM interactions").fetchall()
            assert rows == [("a", 0, "a")]
            assert interactions.context == {column: "context_0"}


def test_attribute_names_cannot_collide_with_columns_of_the_reader(tmp_path):
    (tmp_path / "i.csv").write_text("item,title,row,malformed\n1,T,r,m\n")
    items = Items.read(tmp_path / "i.csv", ItemColumns(attributes=("row", "malformed", "item")))
    assert items.attributes == {"row": ["r"], "malformed": ["m"], "item": [1.0]}


def test_a_key_with_nul_is_refused(tmp_path):
    (tmp_path / "t.jsonl").write_text(r'{"a\u0000": "a", "item": "x"}' + "\n")
    with pytest.raises(MisuseError, match="NUL"):
        Interactions.read(tmp_path / "t.jsonl", InteractionColumns(user="a\0"), items=CATALOGUE)


def test_values_are_never_statements(tmp_path):
    value = "'; DROP TABLE item_ids; --"
    (tmp_path / "t.csv").write_text(f"user,item\n{value},{value}\n")
    with Interactions.read(tmp_path / "t.csv", items=Items([value], ["T"], [()], [""])) as interactions:
        assert interactions.connection.execute("SELECT user, item FROM interactions").fetchall() == [(value, 0)]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_csv('{other}')",
        "SELECT * FROM read_text('{other}')",
        "SELECT * FROM '{other}'",
        "COPY (SELECT 1) TO '{folder}/out.csv'",
        "ATTACH '{folder}/other.duckdb'",
        "EXPORT DATABASE '{folder}/export'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SELECT * FROM read_csv('https://example.org/t.csv')",
        "SET enable_external_access = true",
        "SET memory_limit = '100GB'",
        "SET allowed_directories = ['/']",
        "RESET lock_configuration",
    ],
)
def test_the_database_is_closed_to_everything_else(tmp_path, statement):
    (tmp_path / "t.csv").write_text("user,item\na,x\n")
    (tmp_path / "other.csv").write_text("secret\n1\n")
    folder = tmp_path.as_posix()
    before = sorted(path.name for path in tmp_path.iterdir())
    with (
        Interactions.read(tmp_path / "t.csv", items=CATALOGUE) as interactions,
        pytest.raises(duckdb.Error),
    ):
        interactions.connection.execute(statement.format(other=f"{folder}/other.csv", folder=folder))
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_an_extension_is_not_even_looked_for_on_the_network(tmp_path):
    (tmp_path / "t.csv").write_text("user,item\na,x\n")
    with Interactions.read(tmp_path / "t.csv", items=CATALOGUE) as interactions:
        with pytest.raises(duckdb.Error, match="local extension") as caught:
            interactions.connection.execute("INSTALL spatial")
        assert "://" not in str(caught.value)


def test_the_home_folder_is_left_alone(tmp_path, monkeypatch):
    home = tmp_path / "home"
    home.mkdir()
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(home))
    (tmp_path / "t.csv").write_text("user,item\na,x\n")
    with Interactions.read(tmp_path / "t.csv", items=CATALOGUE) as interactions:
        interactions.connection.execute("SELECT * FROM interactions").fetchall()
    assert not list(home.iterdir())


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes; the folder inherits its parent's rights")
def test_the_private_folder_is_for_this_user_only(tmp_path):
    (tmp_path / "t.csv").write_text("user,item\na,x\n")
    private = tmp_path / "private"
    private.mkdir()
    with Interactions.read(tmp_path / "t.csv", items=CATALOGUE, limits=ReadLimits(folder=private)):
        (folder,) = private.iterdir()
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
