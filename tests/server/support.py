"""Small tables of interactions and releases to test with."""

import csv
import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from homespun.model.scoring import likes as likes_on_a_device
from homespun.protocol.bundle import NEGATIVE_KINDS, HistoryRule
from homespun.protocol.events import Event
from homespun.protocol.statistics import ITEM_COUNTS, ITEM_PAIRS, Statistic, encode_count, encode_pairs
from homespun_server.privacy.accountant import Accountant
from homespun_server.privacy.release import Release, release, release_without_privacy
from homespun_server.statistics.interactions import Interactions
from homespun_server.statistics.items import Items
from homespun_server.statistics.likes import Likes
from homespun_server.statistics.sums import UserSum

Integers = NDArray[np.int64]


class Row(NamedTuple):
    """A row of a table of interactions."""

    user: str
    item: str
    time: float | None = None
    weight: float | None = None
    kind: str | None = None


def catalogue(size: int) -> Items:
    ids = [f"item-{number}" for number in range(size)]
    return Items(ids, [f"Title {number}" for number in range(size)], [()] * size, [""] * size)


def write_table(path: Path, rows: Iterable[Row]) -> Path:
    """Write a table; it has a column of kinds only if a row has one."""
    rows = list(rows)
    columns = Row._fields if any(row.kind is not None for row in rows) else Row._fields[:-1]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(row[: len(columns)] for row in rows)
    return path


def write_items(path: Path, items: Items) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("item", "title"))
        writer.writerows(zip(items.ids, items.titles, strict=True))
    return path


@contextmanager
def likes_of(
    folder: Path, rows: Iterable[Row], items: Items, *, min_weight: float | None = None, test_share: float = 0.0
) -> Iterator[Likes]:
    """Read rows through a CSV file, as every table is read."""
    path = write_table(folder / "interactions.csv", rows)
    with Interactions.read(path, items=items) as interactions:
        yield Likes(interactions, min_weight=min_weight, test_share=test_share)


def expected_baskets(
    rows: Iterable[Row],
    items: Items,
    *,
    min_weight: float | None = None,
    keep: Callable[[str], bool] = lambda user: True,
) -> dict[str, Integers]:
    """Return every user's liked positions, ascending, as their device would find them."""
    rule = HistoryRule(None if min_weight is None else Decimal(min_weight), len(items), NEGATIVE_KINDS)
    events: dict[str, list[Event]] = defaultdict(list)
    for row in rows:
        if keep(row.user):
            kind = (row.kind or "view").lower()
            events[row.user].append(Event(row.item, kind, row.time, row.weight))
    found = {
        user: sorted(items.positions[e.item] for e in likes_on_a_device(own, rule)) for user, own in events.items()
    }
    return {user: np.array(basket, np.int64) for user, basket in found.items() if basket}


def expected_counts(baskets: Iterable[Integers], size: int) -> Integers:
    total = np.zeros(size, np.int64)
    for basket in baskets:
        total[basket] += encode_count(basket.size)
    return total


def expected_pairs(baskets: Iterable[Integers], universe: Integers, weights: Integers) -> Integers:
    place = {int(item): index for index, item in enumerate(universe)}
    total = np.zeros((universe.size, universe.size), np.int64)
    for basket in baskets:
        inside = np.array(sorted(place[int(item)] for item in basket if int(item) in place), np.int64)
        total[np.ix_(inside, inside)] += encode_pairs(weights[inside])
    return total[np.triu_indices(universe.size, 1)]


def share_of_hash(text: str) -> float:
    """Return the first 32 bits of a SHA-256 as a share of 1."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") / 2**32


def squared_norm(vector: Integers) -> int:
    """Return the exact squared norm, in integers that do not wrap."""
    return sum(int(value) ** 2 for value in vector[vector != 0])


def user_sum(values: Sequence[int] | Integers, statistic: Statistic = ITEM_COUNTS) -> UserSum:
    return UserSum(statistic, np.array(values, np.int64), users=1, unbounded=1.0)


def exact(values: Sequence[int] | Integers, statistic: Statistic = ITEM_COUNTS) -> Release:
    return release_without_privacy(user_sum(values, statistic))


def noisy(values: Sequence[int] | Integers, statistic: Statistic = ITEM_COUNTS, *, rho: float = 1.0) -> Release:
    """Release with noise, from a budget that is large enough for any test."""
    return release(user_sum(values, statistic), rho=Fraction(rho), accountant=Accountant(10_000.0, 1e-6))


def pairs_sum(baskets: Iterable[Integers], size: int) -> UserSum:
    weights = np.full(size, 1024, np.int64)
    values = expected_pairs(baskets, np.arange(size), weights)
    return UserSum(ITEM_PAIRS, values, users=1, unbounded=1.0)


def two_groups(users: int, size: int, *, seed: int = 0) -> list[Integers]:
    """Return baskets of five items, of the lower or the upper half of ``size`` items, never of both."""
    draw = np.random.default_rng(seed)
    half = size // 2
    return [np.sort(draw.choice(half, 5, replace=False)) + half * (number % 2) for number in range(users)]


def rows_of(baskets: Iterable[Integers], items: Items) -> list[Row]:
    return [Row(f"user-{n}", items.ids[item], float(n)) for n, basket in enumerate(baskets) for item in basket.tolist()]
