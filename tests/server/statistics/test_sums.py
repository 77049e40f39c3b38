"""One person can move a released sum by no more than its declared bound, exactly, whatever they did."""

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from homespun.protocol.statistics import GRID, MAX_ITEM_WEIGHT
from homespun_server.statistics.items import Items
from homespun_server.statistics.likes import Likes
from homespun_server.statistics.sums import item_counts, item_pairs
from tests.conftest import Runs
from tests.server.support import (
    Integers,
    Row,
    catalogue,
    expected_baskets,
    expected_counts,
    expected_pairs,
    likes_of,
    share_of_hash,
    squared_norm,
)

SMALL = catalogue(15)


def sums(
    folder: Path, rows: list[Row], items: Items, universe: Integers, weights: Integers, *, least: float | None = None
) -> tuple[Integers, Integers]:
    with likes_of(folder, rows, items, min_weight=least) as likes:
        counts = item_counts(likes, len(items)).values
        return counts, item_pairs(likes.baskets(universe), weights).values


def others(draw: random.Random, users: int, items: Items) -> list[Row]:
    return [
        Row(f"user-{user}", item, draw.random())
        for user in range(users)
        for item in draw.sample(items.ids, draw.randrange(1, 6))
    ]


def one_item(draw: random.Random) -> list[Row]:
    return [Row("attacker", draw.choice(SMALL.ids), 1.0)]


def one_item_many_times(draw: random.Random) -> list[Row]:
    return one_item(draw) * 1000


def every_item(draw: random.Random) -> list[Row]:
    return [Row("attacker", item, draw.random()) for item in SMALL.ids]


def every_item_again_and_again(draw: random.Random) -> list[Row]:
    return [Row("attacker", draw.choice(SMALL.ids), draw.random() * 1e9) for _ in range(500)]


def extreme_weights(draw: random.Random) -> list[Row]:
    return [Row("attacker", item, draw.random(), draw.choice([0.0, 1e-300, 1e300, None])) for item in SMALL.ids]


def times_out_of_order(draw: random.Random) -> list[Row]:
    return [Row("attacker", draw.choice(SMALL.ids), draw.choice([None, 9.0, 1.0, 5.0]), 4.0) for _ in range(40)]


ATTACKS = (
    one_item,
    one_item_many_times,
    every_item,
    every_item_again_and_again,
    extreme_weights,
    times_out_of_order,
)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_one_user_moves_a_sum_by_more_than_its_bound(
    attack: Callable[[random.Random], list[Row]], tmp_path: Path, runs: Runs
) -> None:
    for number in runs(f"sensitivity, {attack.__name__}", 60):
        draw = random.Random(f"{attack.__name__} {number}")
        universe = np.array(draw.sample(range(15), draw.randrange(2, 16)), np.int64)
        weights = np.array([draw.choice([1, 2, 1024, MAX_ITEM_WEIGHT]) for _ in universe], np.int64)
        least = draw.choice([None, 0.5])
        alone = others(draw, 6, SMALL)
        together = [*alone, *attack(draw)]
        draw.shuffle(together)
        # Both neighbours keep the same order of the others' rows; only the attacker's come or go.
        alone = [row for row in together if row.user != "attacker"]
        without = sums(tmp_path, alone, SMALL, universe, weights, least=least)
        present = sums(tmp_path, together, SMALL, universe, weights, least=least)
        for before, after in zip(without, present, strict=True):
            assert before.dtype == after.dtype == np.int64
            assert before.shape == after.shape
            assert squared_norm(after - before) <= GRID * GRID, number


def test_a_user_of_thousands_of_items_moves_a_sum_by_more_than_its_bound(tmp_path: Path) -> None:
    items = catalogue(3000)
    draw = random.Random("thousands")
    universe = np.array(draw.sample(range(3000), 1200), np.int64)
    weights = np.array([draw.randint(1, MAX_ITEM_WEIGHT) for _ in universe], np.int64)
    alone = others(draw, 5, items)
    attacker = [Row("attacker", item, float(turn)) for turn in range(2) for item in items.ids]
    without = sums(tmp_path, alone, items, universe, weights)
    present = sums(tmp_path, alone + attacker, items, universe, weights)
    for before, after in zip(without, present, strict=True):
        moved = squared_norm(after - before)
        assert 0.8 * GRID * GRID < moved <= GRID * GRID


def test_the_sums_differ_from_what_devices_would_add_up(tmp_path: Path, runs: Runs) -> None:
    for number in runs("sum parity", 60):
        draw = random.Random(f"sums {number}")
        rows = [row._replace(weight=draw.choice([None, 1.0, 4.0])) for row in others(draw, 30, SMALL)] * 2
        draw.shuffle(rows)
        universe = np.array(draw.sample(range(15), 9), np.int64)
        weights = np.array([draw.randint(1, MAX_ITEM_WEIGHT) for _ in universe], np.int64)
        baskets = expected_baskets(rows, SMALL, min_weight=3.0)
        counts, pairs = sums(tmp_path, rows, SMALL, universe, weights, least=3.0)
        assert np.array_equal(counts, expected_counts(baskets.values(), 15)), number
        assert np.array_equal(pairs, expected_pairs(baskets.values(), universe, weights)), number


def test_an_item_that_nobody_used_is_missing(tmp_path: Path) -> None:
    rows = [Row("u", "item-3"), Row("v", "item-3"), Row("v", "item-9")]
    with likes_of(tmp_path, rows, SMALL) as likes:
        values = item_counts(likes, 15).values
    assert values.shape == (15,)
    assert np.flatnonzero(values).tolist() == [3, 9]


def test_items_outside_the_universe_dilute_the_pairs_or_enter_them(tmp_path: Path) -> None:
    rows = [Row("u", f"item-{item}") for item in range(15)]
    with likes_of(tmp_path, rows, SMALL) as likes:
        total = item_pairs(likes.baskets(np.array([4, 2], np.int64)), np.array([7, 900], np.int64))
    assert total.values.tolist() == [GRID]


def test_a_test_user_enters_a_sum(tmp_path: Path) -> None:
    draw = random.Random("test users")
    rows = others(draw, 60, SMALL)
    trained_on = [row for row in rows if share_of_hash("homespun-split-1:" + row.user) >= 0.5]
    assert 10 < len({row.user for row in trained_on}) < 50
    universe, weights = np.arange(15), np.full(15, 1024, np.int64)

    def both(likes: Likes) -> tuple[list[int], list[int], int]:
        counts = item_counts(likes, 15)
        return counts.values.tolist(), item_pairs(likes.baskets(universe), weights).values.tolist(), counts.users

    with likes_of(tmp_path, rows, SMALL, test_share=0.5) as likes:
        split = both(likes)
    with likes_of(tmp_path, trained_on, SMALL) as likes:
        assert both(likes) == split


def test_the_report_states_another_share_than_bounding_kept(tmp_path: Path) -> None:
    rows = [Row("u", f"item-{item}") for item in range(4)] + [Row("v", "item-0")]
    with likes_of(tmp_path, rows, SMALL) as likes:
        counts = item_counts(likes, 15)
        pairs = item_pairs(likes.baskets(np.arange(15)), np.full(15, 1024, np.int64))
    assert (counts.users, counts.unbounded, counts.kept) == (2, 5.0, 3 / 5)
    assert (pairs.users, pairs.unbounded) == (2, 6.0)
    assert abs(pairs.kept - 1 / 6**0.5) < 1e-3


def test_nobody_likes_anything(tmp_path: Path) -> None:
    with likes_of(tmp_path, [Row("u", "item-1", 1.0, 0.0)], SMALL, min_weight=1.0) as likes:
        counts = item_counts(likes, 15)
        pairs = item_pairs(likes.baskets(np.arange(15)), np.full(15, 1024, np.int64))
    assert not counts.values.any()
    assert not pairs.values.any()
    assert (counts.users, counts.kept, pairs.users, pairs.kept) == (0, 1.0, 0, 1.0)
