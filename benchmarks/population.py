"""A made-up population as Parquet, written in pieces: people, items and sessions with the long tails of real ones.

Activity is log-normal over people, items follow Zipf's law, and a session wanders near one item, so that pairs
and transitions have something to find. Rows are in the order of time, as logs are. Everything follows from the
seed.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from numpy.typing import NDArray

PEOPLE = 140_000
ITEMS = 30_000
DAYS = 180

KINDS = ("view", "like", "dislike")
KIND_SHARES = (0.8, 0.17, 0.03)

_SEED = 20_240_607
_FIRST_SECOND = 1_700_000_000
_PIECE = 1_000_000
_ACTIVITY_SPREAD = 1.2
_ZIPF_EXPONENT = 0.9
_SESSION_EVENTS = 8
_EVENT_SECONDS = 60.0
_NEIGHBOURHOOD = 30
_SCHEMA = pa.schema(
    [("user", pa.string()), ("item", pa.string()), ("time", pa.float64()), ("kind", pa.string()), ("rating", pa.int8())]
)

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Tables:
    """Where the tables are."""

    interactions: Path
    items: Path


def made_up_population(cache: Path, interactions: int) -> Tables:
    """Return where a table with so many interactions is, and its catalogue, after making them if need be."""
    folder = cache / "population"
    folder.mkdir(parents=True, exist_ok=True)
    tables = Tables(folder / f"{_SEED}-{interactions}.parquet", folder / f"{_SEED}-items.parquet")
    if not tables.items.is_file():
        _replace(tables.items, [pa.table({"item": _item_ids(), "title": _item_ids()})])
    if not tables.interactions.is_file():
        _replace(tables.interactions, _pieces(interactions))
    return tables


def _pieces(interactions: int) -> Iterator[pa.Table]:
    rng = np.random.default_rng(_SEED)
    activity = _cumulative(rng.lognormal(0.0, _ACTIVITY_SPREAD, PEOPLE))
    popularity = _cumulative(np.arange(1.0, ITEMS + 1) ** -_ZIPF_EXPONENT)
    ranked = rng.permutation(ITEMS)
    users = pa.array([f"user-{number:010x}" for number in rng.choice(1 << 40, PEOPLE, replace=False)])
    items, kinds = _item_ids(), pa.array(KINDS)
    begin = float(_FIRST_SECOND)
    for done in range(0, interactions, _PIECE):
        size = min(_PIECE, interactions - done)
        end = begin + DAYS * 86_400 * size / interactions
        sessions = _sessions(rng, size)
        time = np.floor(rng.uniform(begin, end, size)[sessions] + _elapsed(rng, sessions))
        order = np.argsort(time, kind="stable")
        user = np.searchsorted(activity, rng.random(size))[sessions]
        item = ranked[_ranks(rng, popularity, sessions)]
        kind = np.searchsorted(np.cumsum(KIND_SHARES)[:-1], rng.random(size))
        columns = [users.take(pa.array(user[order])), items.take(pa.array(item[order])), pa.array(time[order])]
        columns += [kinds.take(pa.array(kind)), pa.array(rng.integers(1, 6, size).astype(np.int8))]
        yield pa.table(columns, schema=_SCHEMA)
        begin = end


def _ranks(rng: np.random.Generator, popularity: NDArray[np.float64], sessions: Integers) -> Integers:
    """Return the rank of each event's item: half of them near the session's own, the others anywhere."""
    size = sessions.size
    near = np.searchsorted(popularity, rng.random(size))[sessions]
    near = np.clip(near + rng.integers(-_NEIGHBOURHOOD, _NEIGHBOURHOOD + 1, size), 0, ITEMS - 1)
    return np.where(rng.integers(0, 2, size) == 0, near, np.searchsorted(popularity, rng.random(size)))


def _sessions(rng: np.random.Generator, size: int) -> Integers:
    """Return the session of each of so many events, ascending from 0."""
    lengths = rng.geometric(1 / _SESSION_EVENTS, size)  # at least one event each, so enough of them
    return np.repeat(np.arange(size), lengths)[:size]


def _elapsed(rng: np.random.Generator, sessions: Integers) -> NDArray[np.float64]:
    """Return the seconds since the first event of the same session."""
    clock = np.cumsum(rng.exponential(_EVENT_SECONDS, sessions.size))
    first = np.flatnonzero(np.diff(sessions, prepend=-1))
    elapsed: NDArray[np.float64] = clock - clock[first][sessions]
    return elapsed


def _cumulative(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return where each one's share of [0, 1) ends; the last ends at infinity, so that rounding misses nobody."""
    shares = np.cumsum(weights / weights.sum())
    shares[-1] = np.inf
    return shares


def _item_ids() -> pa.Array:
    return pa.array([f"item-{number}" for number in range(ITEMS)])


def _replace(path: Path, pieces: Iterable[pa.Table]) -> None:
    """Write a table under another name first, so that half a table is never taken for one."""
    unfinished = path.with_suffix(".unfinished")
    writer = None
    try:
        for piece in pieces:
            writer = writer or pyarrow.parquet.ParquetWriter(unfinished, piece.schema)
            writer.write_table(piece)
    finally:
        if writer is not None:
            writer.close()
    unfinished.replace(path)
