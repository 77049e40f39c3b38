"""Small tables of interactions and releases to test with."""

import csv
import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from fractions import Fraction
from math import isqrt
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from homespun.model.history import likes as likes_on_a_device
from homespun.protocol.bundle import NEGATIVE_KINDS, HistoryRule
from homespun.protocol.events import Event
from homespun.protocol.statistics.declaration import Statistic, universe_of
from homespun.protocol.statistics.encoding import Encoder
from homespun.protocol.statistics.histories import Histories
from homespun.protocol.statistics.standard import item_counts, item_pairs
from homespun_server.privacy.ledger import Reservation, one_off_budget
from homespun_server.privacy.release import Release, release, release_without_privacy
from homespun_server.statistics.cohort import Cohort
from homespun_server.statistics.interactions import Interactions
from homespun_server.statistics.items import Items
from homespun_server.statistics.likes import Likes
from homespun_server.statistics.sums import UserSum

Integers = NDArray[np.int64]

EVERYBODY = Cohort.everybody()


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


def unlike(size: int) -> Items:
    """Return a catalogue of whose items nothing is known that two of them share."""
    ids = [f"item-{number}" for number in range(size)]
    return Items(ids, [f"t{number}" for number in range(size)], [()] * size, [""] * size)


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


def share_of_hash(text: str) -> float:
    """Return the first 32 bits of a SHA-256 as a share of 1."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") / 2**32


def squared_norm(vector: Integers) -> int:
    """Return the exact squared norm, in integers that do not wrap."""
    return sum(int(value) ** 2 for value in vector[vector != 0])


def counted(numbers: int) -> Statistic:
    """Declare item counts of so many items."""
    return item_counts(universe_of(catalogue(numbers).ids))


def paired(numbers: int) -> Statistic:
    """Declare item pairs that are so many numbers."""
    items = (1 + isqrt(1 + 8 * numbers)) // 2
    return item_pairs(universe_of(catalogue(items).ids), [1024] * items)


Declare = Callable[[int], Statistic]


def user_sum(
    values: Sequence[int] | Integers, declare: Declare | Statistic = counted, cohort: Cohort = EVERYBODY
) -> UserSum:
    array = np.array(values, np.int64)
    statistic = declare if isinstance(declare, Statistic) else declare(array.size)
    return UserSum(statistic, array, cohort, contributors=1, kept=1.0)


def exact(
    values: Sequence[int] | Integers, declare: Declare | Statistic = counted, *, cohort: Cohort = EVERYBODY
) -> Release:
    return release_without_privacy(user_sum(values, declare, cohort))


def noisy(
    values: Sequence[int] | Integers,
    declare: Declare | Statistic = counted,
    *,
    rho: float = 1.0,
    cohort: Cohort = EVERYBODY,
    budget: Reservation | None = None,
) -> Release:
    """Release with noise, from a budget of its own that is large enough for any test, where none is given."""
    charged = budget or one_off_budget(10_000.0, 1e-6)
    return release(user_sum(values, declare, cohort), rho=Fraction(rho), budget=charged)


def pairs_sum(baskets: Sequence[Integers], size: int) -> UserSum:
    """Sum the pairs of people who like these items of ``size``, as they are encoded."""
    statistic = paired(size * (size - 1) // 2)
    items = np.concatenate(baskets)
    histories = Histories(
        starts=np.cumsum([0, *(basket.size for basket in baskets)]),
        items=items,
        times=np.full(items.size, -1),
        kinds=np.full(items.size, -1),
        weights=np.full(items.size, np.nan),
        secrets=[bytes(32)] * len(baskets),
    )
    values = np.zeros(statistic.size, np.int64)
    found = Encoder(statistic).encode(histories)
    np.add.at(values, found.cells, found.values)
    return user_sum(values, statistic)


def two_groups(users: int, size: int, *, seed: int = 0) -> list[Integers]:
    """Return baskets of five items, of the lower or the upper half of ``size`` items, never of both."""
    draw = np.random.default_rng(seed)
    half = size // 2
    return [np.sort(draw.choice(half, 5, replace=False)) + half * (number % 2) for number in range(users)]


def rows_of(baskets: Iterable[Integers], items: Items) -> list[Row]:
    return [Row(f"user-{n}", items.ids[item], float(n)) for n, basket in enumerate(baskets) for item in basket.tolist()]
