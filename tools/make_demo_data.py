"""Makes the demo data set that homespun-server ships, from a folder with MovieTweetings tables.

The folder holds ``interactions.parquet`` (user, item, rating, timestamp) and ``items.parquet`` (item,
orig_id, title, genres, year), with items numbered in both and ``orig_id`` the digits of the IMDb id. The
results are small, in a fixed order, and name items by their IMDb ids:

    python tools/make_demo_data.py SOURCE server/src/homespun_server/data/movietweetings
"""

import argparse
from pathlib import Path

import duckdb

_INTERACTIONS = """
COPY (
    SELECT
        user::INTEGER AS user,
        'tt' || orig_id AS item,
        rating::UTINYINT AS rating,
        timestamp::INTEGER AS timestamp
    FROM read_parquet($interactions) JOIN read_parquet($items) USING (item)
    ORDER BY timestamp, user, item
) TO $target (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 19, PARQUET_VERSION v1)
"""

_ITEMS = """
COPY (
    SELECT 'tt' || orig_id AS item, title, year::SMALLINT AS year, replace(genres, ' ', '|') AS genres
    FROM read_parquet($items)
    ORDER BY item
) TO $target (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 19, PARQUET_VERSION v1)
"""


def main() -> None:
    """Convert the two tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    arguments = parser.parse_args()
    convert(arguments.source, arguments.target)


def convert(source: Path, target: Path) -> None:
    """Write ``interactions.parquet`` and ``items.parquet`` of the demo into the folder ``target``."""
    target.mkdir(parents=True, exist_ok=True)
    items = str(source / "items.parquet")
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        connection.execute(
            _INTERACTIONS,
            {
                "interactions": str(source / "interactions.parquet"),
                "items": items,
                "target": str(target / "interactions.parquet"),
            },
        )
        connection.execute(_ITEMS, {"items": items, "target": str(target / "items.parquet")})


if __name__ == "__main__":
    main()
