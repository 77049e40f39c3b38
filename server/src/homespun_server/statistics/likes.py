"""From interactions to likes: who likes which item, and which users are kept aside for evaluation.

A like is a (user, item) pair whose last interaction is of no negative kind and whose last weight, if any of
its interactions has one, is at least ``min_weight``. A device turns its events into the same set by the rule in
the bundle's manifest, so what is trained on is what is scored.

Users are kept aside by a published hash of their id, so that every run, and anybody who checks one, splits
alike: a user is a test user if the first 32 bits of SHA-256("homespun-split-1:" + user) are below
share · 2³². A test user's likes are split the same way: ordered by SHA-256("homespun-fold-1:" + user + ":"
+ item), the first 80% are folded in and the rest predicted.
"""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from homespun.protocol.bundle import NEGATIVE_KINDS
from homespun_server.statistics.cohort import SPLIT_NAME, threshold
from homespun_server.statistics.interactions import Interactions
from homespun_server.statistics.raw import Raw

FOLD_IN = 0.8
"""Share of a test user's likes that the model is shown."""

MIN_TEST_LIKES = 5
"""Test users with fewer likes are not evaluated: nothing could be both shown and predicted."""

_ROWS_PER_BATCH = 1 << 18


@dataclass(frozen=True)
class HeldOutUser:
    """A user whom training never sees.

    Attributes:
        user: The id.
        fold_in: Ids of the items that the model is shown, in the catalogue's order.
        held_out: Ids of the items that it should find.
    """

    user: str
    fold_in: tuple[str, ...]
    held_out: frozenset[str]


class Likes:
    """Who likes which item, split into training and test users.

    Lives in the interactions' database, one at a time: deriving it again replaces it.

    Attributes:
        interactions: What they were derived from.
        ids: Ids of the catalogue.
    """

    def __init__(
        self,
        interactions: Interactions,
        *,
        min_weight: float | None,
        test_share: float,
        negative_kinds: Sequence[str] = NEGATIVE_KINDS,
    ) -> None:
        """Derive the likes.

        Args:
            interactions: Read interactions; stay open as long as this object is used.
            min_weight: Least weight of a like; None: weights do not matter.
            test_share: Share of users kept aside, in [0, 1).
            negative_kinds: Kinds of interactions that speak against an item.

        Raises:
            MisuseError: If ``test_share`` is out of range.
        """
        below = threshold(test_share)
        self.interactions = interactions
        self.ids = interactions.items.ids
        self._connection: duckdb.DuckDBPyConnection = interactions.connection
        rule = {"min_weight": min_weight, "negative_kinds": list(negative_kinds)}
        self._connection.execute(_CREATE_LIKES, {**rule, "below": below})

    def training_users(self) -> Raw[int]:
        """Return how many training users like anything."""
        return self._number("SELECT count(DISTINCT user) FROM likes WHERE NOT test")

    def training_likes(self) -> Raw[int]:
        """Return how many likes the training users have."""
        return self._number("SELECT count(*) FROM likes WHERE NOT test")

    def baskets(self, universe: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
        """Yield each training user's likes inside the universe, as int64 indices into it, ascending."""
        self._connection.register("given", {"item": universe, "place": np.arange(universe.size)})
        self._connection.execute("CREATE OR REPLACE TABLE universe AS SELECT item, place FROM given")
        self._connection.unregister("given")
        yield from _runs(self._batches(_BASKETS))

    def test_users(self) -> Generator[HeldOutUser]:
        """Yield the test users with at least MIN_TEST_LIKES likes, in the order of their ids."""
        cursor = self._connection.cursor()
        try:
            cursor.execute(_TEST_USERS, {"least": MIN_TEST_LIKES})
            while rows := cursor.fetchmany(256):
                for user, items in rows:
                    yield self._split(user, items)
        finally:
            cursor.close()

    def _split(self, user: str, items: list[int]) -> HeldOutUser:
        # The query orders by the published hash; what is shown is put back into catalogue order, which
        # says nothing about the person.
        shown = max(1, min(len(items) - 1, int(FOLD_IN * len(items))))
        fold_in = tuple(self.ids[item] for item in sorted(items[:shown]))
        return HeldOutUser(user, fold_in, frozenset(self.ids[item] for item in items[shown:]))

    def _number(self, query: str) -> Raw[int]:
        ((number,),) = self._connection.execute(query).fetchall()
        return Raw(int(number))

    def _batches(self, query: str) -> Iterator[tuple[NDArray[np.int64], ...]]:
        cursor = self._connection.cursor()
        try:
            reader: pa.RecordBatchReader = cursor.sql(query).to_arrow_reader(_ROWS_PER_BATCH)
            for batch in reader:
                yield tuple(column.to_numpy(zero_copy_only=False).astype(np.int64) for column in batch.columns)
        finally:
            cursor.close()


def _runs(batches: Iterator[tuple[NDArray[np.int64], ...]]) -> Iterator[NDArray[np.int64]]:
    """Cut (user, place) rows that are sorted by user into one array a user, across batch borders."""
    carried = np.empty(0, np.int64)
    carried_user = -1
    for users, places in batches:
        starts = np.flatnonzero(np.diff(users, prepend=carried_user))
        pieces = np.split(places, starts)
        carried = np.concatenate([carried, pieces[0]])
        for piece in pieces[1:]:
            if carried.size:
                yield carried
            carried = piece
        carried_user = int(users[-1]) if users.size else carried_user
    if carried.size:
        yield carried


_CREATE_LIKES = f"""
CREATE OR REPLACE TABLE likes AS
SELECT
    user,
    item,
    ('0x' || substr(sha256('{SPLIT_NAME}:' || user), 1, 8))::UINTEGER < $below AS test
FROM (
    SELECT
        user,
        item,
        last(kind ORDER BY time NULLS FIRST, row) AS kind,
        last(weight ORDER BY time NULLS FIRST, row) FILTER (weight IS NOT NULL) AS weight
    FROM interactions
    GROUP BY user, item
)
WHERE (kind IS NULL OR NOT list_contains($negative_kinds::VARCHAR[], kind))
    AND ($min_weight IS NULL OR weight IS NULL OR weight >= $min_weight)
"""  # noqa: S608 - own name

_BASKETS = """
SELECT dense_rank() OVER (ORDER BY user) AS number, place
FROM likes JOIN universe USING (item)
WHERE NOT test
ORDER BY number, place
"""

_TEST_USERS = """
SELECT user, list(item ORDER BY sha256('homespun-fold-1:' || user || ':' || item_id)) AS items
FROM likes JOIN item_ids USING (item)
WHERE test
GROUP BY user
HAVING count(*) >= $least
ORDER BY user
"""
