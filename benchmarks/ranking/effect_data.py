"""Catalogues with what the stages look at: when a film came out, in seconds, and what kind of thing a product is.

A product's tags are the words of its name that some, but not most, other products share: what a shop without
categories has.
"""

from dataclasses import replace
from pathlib import Path

import duckdb

from benchmarks.models.datasets import DataSet
from homespun_server.statistics.columns import ItemColumns
from homespun_server.statistics.sql import literal

RELEASED = "released"

FEWEST, MOST = 20, 400
"""Products that share a word that is a tag."""

_FILMS = """
SELECT * EXCLUDE (year), epoch(make_date(year, 1, 1)) AS released FROM read_parquet({source}) ORDER BY item
"""

_PRODUCTS = f"""
WITH words AS (
    SELECT item, unnest(list_distinct(regexp_split_to_array(upper(title), '[^A-Z]+'))) AS word
    FROM read_parquet({{source}})
),
shared AS (
    SELECT word FROM words WHERE length(word) > 2 GROUP BY word HAVING count(*) BETWEEN {FEWEST} AND {MOST}
),
tagged AS (SELECT item, list_sort(list(word)) AS tags FROM words JOIN shared USING (word) GROUP BY item)
SELECT products.*, coalesce(tagged.tags, []) AS tags
FROM read_parquet({{source}}) AS products LEFT JOIN tagged USING (item) ORDER BY item
"""  # noqa: S608 - own numbers


def dated_films(data: DataSet, folder: Path) -> DataSet:
    """Return a data set whose films have an attribute RELEASED, seconds since 1970."""
    return _rewritten(data, _FILMS, folder, ItemColumns(attributes=(RELEASED,)))


def tagged_products(data: DataSet, folder: Path) -> DataSet:
    """Return a data set whose products have tags."""
    return _rewritten(data, _PRODUCTS, folder, ItemColumns())


def _rewritten(data: DataSet, query: str, folder: Path, columns: ItemColumns) -> DataSet:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{data.name}-items.parquet"
    unfinished = path.with_suffix(".unfinished")
    with duckdb.connect() as connection:
        chosen = query.format(source=literal(data.catalogue.as_posix()))
        connection.execute(f"COPY ({chosen}) TO {literal(unfinished.as_posix())} (FORMAT parquet)")
    unfinished.replace(path)
    return replace(data, catalogue=path, item_columns=columns)
