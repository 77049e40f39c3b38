"""Parts of real populations, to measure what noise leaves of a model: fewer people, fewer likes a person.

MovieTweetings comes with the server, MovieLens-1M is fetched. Others are used if they are found in the folder
``data`` beneath the benchmarks' own, which version control ignores: their terms do not allow to pass them on.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

from benchmarks.ml1m import movielens
from benchmarks.workspace import Workspace
from homespun_server.data import DemoTables, movietweetings
from homespun_server.statistics.cohort import SPLIT_NAME, threshold

TEST_SHARE = 0.2


@dataclass(frozen=True)
class Source:
    """A data set.

    Attributes:
        name: Its name in tables.
        interactions: A Parquet file with ``user`` and ``item``.
        liked: An SQL condition on its rows: what a like is.
        order: The column that orders a person's rows; None: nothing does.
    """

    name: str
    interactions: Path
    liked: str = "TRUE"
    order: str | None = None


@dataclass(frozen=True)
class Part:
    """A part of a data set, and what is fitted to it.

    Attributes:
        share: Share of the people who are not kept aside.
        likes: Most items that one of them keeps; None: all.
        max_items: Largest universe.
        epsilons: ε per person.
        transitions: Whether transitions are measured too.
        seed: Of the noise.
    """

    share: float = 1.0
    likes: int | None = None
    max_items: int = 1000
    epsilons: tuple[float, ...] = (1.0, 4.0, 16.0, 64.0)
    transitions: bool = False
    seed: int = 0


def sources(workspace: Workspace) -> Iterator[Source]:
    """Yield the data sets that are there."""
    yield Source("movietweetings", movietweetings().interactions, "rating >= 7", "timestamp")
    yield Source("ml-1m", movielens(workspace.cache).interactions, "rating >= 4", "timestamp")
    folder = workspace.cache / "data"
    for source in (
        Source("online-retail", folder / "online-retail" / "interactions.parquet", order="timestamp"),
        Source("seq-apps-for-android", folder / "seq-apps-for-android" / "interactions.parquet", order="pos"),
        Source("frappe-apps", folder / "frappe-apps" / "interactions.parquet"),
        Source("ml-latest-small", folder / "ml-latest-small" / "interactions.parquet", "rating >= 4", "timestamp"),
    ):
        if source.interactions.is_file():
            yield source


def write_part(source: Source, part: Part, folder: Path) -> DemoTables:
    """Write the tables of a part; who is kept aside is in it whole, so that all parts are judged alike."""
    folder.mkdir(parents=True, exist_ok=True)
    tables = DemoTables(folder / "interactions.parquet", folder / "items.parquet")
    given = {
        "test": threshold(TEST_SHARE),
        "share": int(part.share * 2**32),
        "likes": 1 << 30 if part.likes is None else part.likes,
    }
    with duckdb.connect() as database:
        database.read_parquet(str(source.interactions)).create_view("found")
        database.execute(_EVENTS.format(order=source.order or "0", liked=source.liked))
        catalogue = database.sql("SELECT DISTINCT item, item AS title FROM liked ORDER BY item")
        catalogue.write_parquet(str(tables.items))
        database.execute(_PART, given)
        database.table("part").write_parquet(str(tables.interactions))
    return tables


_EVENTS = """
CREATE TABLE liked AS
SELECT user::VARCHAR AS user, item::VARCHAR AS item, {order} AS timestamp FROM found WHERE {liked}
"""

_PART = f"""
CREATE TABLE part AS SELECT user, item, timestamp FROM (
    SELECT
        *,
        ('0x' || substr(sha256('{SPLIT_NAME}:' || user), 1, 8))::UINTEGER < $test AS test,
        ('0x' || substr(sha256('share:' || user), 1, 8))::UINTEGER < $share AS chosen,
        dense_rank() OVER (PARTITION BY user ORDER BY sha256('likes:' || user || ':' || item)) AS place
    FROM liked
)
WHERE test OR (chosen AND place <= $likes)
"""  # noqa: S608 - own name
