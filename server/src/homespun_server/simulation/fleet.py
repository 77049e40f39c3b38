"""The devices: people of a table, each with their own events and an installation's secret."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from homespun.contribute.vectors import Vector, vector_of_events
from homespun.errors import MisuseError
from homespun.protocol.collection.task import Task
from homespun.protocol.events import Event
from homespun_server.statistics.cohort import SPLIT_NAME, Cohort, threshold
from homespun_server.statistics.interactions import Interactions
from homespun_server.statistics.population import secret_of

KIND = "view"
"""What an event of a table without kinds is; none that speaks against an item."""


@dataclass(frozen=True)
class Device:
    """One installation.

    Attributes:
        secret: Its 32 bytes.
        events: What it recorded, in order.
    """

    secret: bytes = field(repr=False)
    events: tuple[Event, ...] = field(repr=False)

    def vector(self, task: Task, ids: Sequence[str]) -> Vector:
        """Return what it adds to a task, by the code that devices run: int64 [size].

        Args:
            task: The task.
            ids: The items that it counts.
        """
        return vector_of_events(task, ids, self.events, self.secret)


def devices_of(interactions: Interactions, cohort: Cohort, secret: bytes) -> Iterator[Device]:
    """Yield a cohort's people as devices, in the order of their ids.

    Args:
        interactions: The table; stays open.
        cohort: Whose devices, without a window.
        secret: 32 bytes that every installation's secret is made from; with those that a table is summed with, what
            is sampled of a person is the same on both paths.
    """
    if cohort.window is not None:
        raise MisuseError("what a fleet sees of time is said by its tasks; give a cohort without a window.")
    split = cohort.split
    chosen = "true" if split is None else f"{_HASH} {'<' if split.held_out else '>='} {split.below}"
    names = tuple(interactions.context)
    contexts = "".join(f", {column}" for column in interactions.context.values())
    rows = interactions.connection.execute(_EVENTS.format(chosen=chosen, contexts=contexts)).fetchall()
    for user, events in groupby(rows, key=lambda row: str(row[0])):
        yield Device(secret_of(user, secret), tuple(_event(names, row[1:]) for row in events))


def write_part(interactions: Interactions, devices: int, test_share: float, path: Path) -> int:
    """Write the rows of some people to a Parquet file: so many who are not kept aside, and all who are.

    Args:
        interactions: The table.
        devices: Most people who are not kept aside: those with the lowest hash of their id.
        test_share: Share of people who are kept aside.
        path: The file.

    Returns:
        How many devices there are.

    Raises:
        MisuseError: If there is nobody.
    """
    below = threshold(test_share)
    connection = interactions.connection
    rows = connection.sql(_PART.format(below=below, devices=devices)).to_arrow_table()
    query = f"SELECT count(*) FROM (SELECT DISTINCT user FROM interactions WHERE {_HASH} >= {below} LIMIT {devices})"  # noqa: S608
    ((count,),) = connection.execute(query).fetchall()
    if not count:
        raise MisuseError("the table has nobody who is not kept aside, so there is no device.")
    pq.write_table(rows, path)
    return int(count)


def _event(names: Sequence[str], row: Sequence[Any]) -> Event:
    item, kind, time, weight, *values = row
    context = {name: value for name, value in zip(names, values, strict=True) if value is not None}
    return Event(item, kind or KIND, time, weight, context or None)


_HASH = f"('0x' || substr(sha256('{SPLIT_NAME}:' || user), 1, 8))::UINTEGER"

_EVENTS = """
SELECT user, item_id, kind, time, weight{contexts} FROM interactions JOIN item_ids USING (item)
WHERE {chosen} ORDER BY user, time NULLS FIRST, row
"""

_PART = f"""
SELECT user, item_id AS item, kind, time, weight FROM interactions JOIN item_ids USING (item)
WHERE {_HASH} < {{below}} OR user IN (
    SELECT user FROM (SELECT DISTINCT user FROM interactions) WHERE {_HASH} >= {{below}}
    ORDER BY {_HASH}, user LIMIT {{devices}}
)
ORDER BY row
"""  # noqa: S608 - own names and numbers
