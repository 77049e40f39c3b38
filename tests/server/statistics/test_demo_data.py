"""The shipped data set: complete, small, licensed, readable without a setting."""

import runpy
import zipfile
from pathlib import Path

import duckdb
import pytest

from homespun.errors import MisuseError
from homespun_server.data import movietweetings
from homespun_server.statistics.columns import ItemColumns
from homespun_server.statistics.interactions import Interactions
from homespun_server.statistics.items import Items

TOOL = Path(__file__).parents[3] / "tools" / "make_demo_data.py"


def test_the_demo_reads_without_a_setting():
    demo = movietweetings()
    items = Items.read(demo.items, ItemColumns(attributes=("year",)))
    with Interactions.read(demo.interactions, items=items) as interactions:
        assert (interactions.count, len(items)) == (141_695, 12_611)
        assert interactions.report.columns["weight"] == "rating"
        spread = interactions.connection.execute(
            "SELECT min(weight), max(weight), count(DISTINCT item), count(time) FROM interactions"
        ).fetchone()
    assert spread == (0.0, 10.0, 12_611, 141_695)
    position = items.positions["tt0110912"]
    assert items.titles[position] == "Pulp Fiction (1994)"
    assert items.tags[position] == ("Crime", "Thriller")
    assert items.attributes["year"][position] == 1994.0


def test_the_demo_is_small_and_brings_its_licence():
    folder = movietweetings().items.parent
    assert sum(path.stat().st_size for path in folder.iterdir()) < 1_500_000
    assert "Copyright (c) 2013 Simon Dooms" in (folder / "LICENSE").read_text(encoding="utf-8")
    assert "2013-11-06" in (folder / "README.md").read_text(encoding="utf-8")


@pytest.mark.skipif(not TOOL.exists(), reason="the tools are not part of the distribution")
def test_the_tool_names_items_by_their_imdb_ids(tmp_path):
    with duckdb.connect() as connection:
        connection.sql(
            "SELECT 0 AS item, '0000012' AS orig_id, 'B (1900)' AS title, 'Short Drama' AS genres, 1900 AS year"
        ).write_parquet(str(tmp_path / "items.parquet"))
        connection.sql(
            "SELECT unnest([2, 1]) AS user, 0 AS item, 7.0::FLOAT AS rating, unnest([50, 40]) AS timestamp"
        ).write_parquet(str(tmp_path / "interactions.parquet"))
    target = tmp_path / "target"
    runpy.run_path(str(TOOL))["convert"](tmp_path, target)
    with duckdb.connect() as connection:
        items = connection.read_parquet(str(target / "items.parquet")).fetchall()
        interactions = connection.read_parquet(str(target / "interactions.parquet")).fetchall()
    assert items == [("tt0000012", "B (1900)", 1900, "Short|Drama")]
    assert interactions == [(1, "tt0000012", 7, 40), (2, "tt0000012", 7, 50)]


def test_a_package_inside_an_archive_says_so(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "package.zip", "w") as archive:
        archive.writestr("movietweetings/items.parquet", b"")
        monkeypatch.setattr("homespun_server.data.files", lambda _: zipfile.Path(archive))
        with pytest.raises(MisuseError, match="inside an archive"):
            movietweetings()
