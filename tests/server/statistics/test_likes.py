"""Likes are what a device would find, users are split as published, and batches cut nobody in two."""

import hashlib
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.errors import MisuseError
from homespun.protocol.bundle import NEGATIVE_KINDS
from homespun_server.statistics import likes as module
from homespun_server.statistics.likes import Likes, _runs
from tests.conftest import Runs
from tests.server.support import Integers, Row, catalogue, expected_baskets, likes_of, share_of_hash

ITEMS = catalogue(12)
EVERYTHING = np.arange(12)


def sorted_lists(baskets: list[Integers]) -> list[list[int]]:
    return sorted(basket.tolist() for basket in baskets)


def liked(folder: Path, rows: list[Row], min_weight: float | None = 3.0) -> list[list[int]]:
    with likes_of(folder, rows, ITEMS, min_weight=min_weight) as likes:
        return sorted_lists(list(likes.baskets(EVERYTHING)))


@pytest.mark.parametrize(
    "rows",
    [
        [Row("u", "item-1", 1, 5), Row("u", "item-1", 2, 1)],
        [Row("u", "item-1", 2, 1), Row("u", "item-1", 1, 5)],
        [Row("u", "item-1", 1, 5), Row("u", "item-1", 1, 1)],
        [Row("u", "item-1", None, 5), Row("u", "item-1", None, 1)],
        [Row("u", "item-1", 0, 1), Row("u", "item-1", None, 5)],
    ],
    ids=["later time", "earlier row with later time", "same time", "no times", "unknown time"],
)
def test_an_earlier_event_decides_a_like(rows: list[Row], tmp_path: Path) -> None:
    both = [*rows, Row("u", "item-2", 9, 4)]
    assert liked(tmp_path, both) == [[2]]


def test_an_event_without_weight_overrules_a_weight_or_is_no_like(tmp_path: Path) -> None:
    disliked = [Row("u", "item-1", 1, 1), Row("u", "item-1", 2, None)]
    weighed = [Row("u", "item-3", 1, 5), Row("u", "item-3", 2, None)]
    assert liked(tmp_path, [*disliked, *weighed, Row("u", "item-2", 1, None)]) == [[2, 3]]


@pytest.mark.parametrize("kind", [*NEGATIVE_KINDS, "Hide", "DISLIKE"])
def test_what_somebody_turned_away_from_is_liked(kind: str, tmp_path: Path) -> None:
    rows = [Row("u", "item-1", 1, 5, "view"), Row("u", "item-1", 2, 5, kind), Row("u", "item-2", 1, None, kind)]
    returned = [Row("u", "item-3", 1, None, kind), Row("u", "item-3", 2, None, "view")]
    for least in (None, 3.0):
        assert liked(tmp_path, rows + returned, least) == [[3]]


def test_the_least_weight_itself_is_too_little(tmp_path: Path) -> None:
    rows = [Row("u", "item-1", 1, 0.3), Row("u", "item-2", 1, 0.29999999999999993)]
    assert liked(tmp_path, rows, min_weight=0.3) == [[1]]


def test_repeating_an_item_counts_twice(tmp_path: Path) -> None:
    with likes_of(tmp_path, [Row("u", "item-1", time) for time in range(50)], ITEMS) as likes:
        assert likes.training_likes().for_the_operator() == 1
        assert sorted_lists(list(likes.baskets(EVERYTHING))) == [[1]]


def some_rows(draw: random.Random, count: int) -> list[Row]:
    """Draw rows with repeated items, equal times, unknown times, weights and kinds, out of order."""
    return [
        Row(
            draw.choice(["a", "b", "ü", "d", "Ⅴ 5", "-", '"q"', "x,y"]),
            draw.choice(ITEMS.ids),
            draw.choice([None, 0.0, 1.0, 2.0, draw.random() * 3]),
            draw.choice([None, 0.0, 2.9, 3.0, 1e300]),
            draw.choice([None, None, "view", "rate", "Hide", *NEGATIVE_KINDS]),
        )
        for _ in range(count)
    ]


def test_a_device_likes_something_else(tmp_path: Path, runs: Runs) -> None:
    for number in runs("device parity", 100):
        draw = random.Random(f"parity {number}")
        rows = some_rows(draw, draw.randrange(1, 60))
        for least in (None, 3.0):
            expected = expected_baskets(rows, ITEMS, min_weight=least).values()
            assert liked(tmp_path, rows, least) == sorted_lists(list(expected)), number


def test_a_basket_points_outside_the_universe(tmp_path: Path) -> None:
    rows = [Row("u", f"item-{item}") for item in (1, 3, 5, 7)] + [Row("v", "item-1")]
    with likes_of(tmp_path, rows, ITEMS) as likes:
        for universe, places in (([7, 3, 9], [[0, 1]]), ([5], [[0]]), ([1, 0], [[0], [0]]), ([9], [])):
            found = likes.baskets(np.array(universe, np.int64))
            assert sorted_lists(list(found)) == places


@given(
    baskets=st.lists(st.lists(st.integers(0, 99), min_size=1, max_size=6, unique=True).map(sorted), max_size=8),
    cuts=st.lists(st.integers(0, 50), max_size=12),
)
def test_a_batch_border_cuts_a_user_in_two(baskets: list[list[int]], cuts: list[int]) -> None:
    users = np.array([number for number, basket in enumerate(baskets, 1) for _ in basket], np.int64)
    places = np.array([place for basket in baskets for place in basket], np.int64)
    borders = sorted(cuts)
    batches = list(zip(np.split(users, borders), np.split(places, borders), strict=True))
    assert [run.tolist() for run in _runs(iter(batches))] == baskets


def test_a_real_batch_border_cuts_a_user_in_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ROWS_PER_BATCH", 2048)
    rows = [Row(f"user-{user:04}", f"item-{item}") for user in range(900) for item in range(7)]
    with likes_of(tmp_path, rows, ITEMS) as likes:
        found = list(likes.baskets(EVERYTHING))
        batches = [batch[0].size for batch in likes._batches(module._BASKETS)]
    assert len(batches) > 1
    assert any(size % 7 for size in batches), "no border lies inside a user"
    assert sorted_lists(found) == [list(range(7))] * 900


def test_users_are_split_otherwise_than_published(tmp_path: Path) -> None:
    users = [f"üser {number}" for number in range(400)]
    rows = [Row(user, f"item-{item}") for user in users for item in range(6)]
    with likes_of(tmp_path, rows, ITEMS, test_share=0.25) as likes:
        found = [user.user for user in likes.test_users()]
        training = likes.training_users().for_the_operator()
    expected = sorted(user for user in users if share_of_hash("homespun-split-1:" + user) < 0.25)
    assert found == expected
    assert training == 400 - len(expected)
    assert 60 < len(expected) < 140


def fold_hash(user: str, item: str) -> bytes:
    return hashlib.sha256(f"homespun-fold-1:{user}:{item}".encode()).digest()


def test_a_test_users_likes_are_split_otherwise_than_published(tmp_path: Path) -> None:
    rows = [Row(f"ü{user}", f"item-{item}") for user in range(40) for item in range(4 + user % 8)]
    with likes_of(tmp_path, rows, ITEMS, test_share=0.9999) as likes:
        found = {user.user: user for user in likes.test_users()}
    assert found.keys() == {f"ü{user}" for user in range(40) if user % 8}
    for number in range(40):
        if number % 8:
            user, size = f"ü{number}", 4 + number % 8
            order = sorted((f"item-{item}" for item in range(size)), key=lambda item: fold_hash(user, item))
            shown = int(0.8 * size)
            in_catalogue = tuple(sorted(order[:shown], key=ITEMS.positions.__getitem__))
            assert found[user] == module.HeldOutUser(user, in_catalogue, frozenset(order[shown:]))


def test_everybody_is_evaluated_or_nobody_is_trained_on(tmp_path: Path) -> None:
    rows = [Row(f"user-{user}", f"item-{item}") for user in range(20) for item in range(6)]
    with likes_of(tmp_path, rows, ITEMS, test_share=0.0) as likes:
        assert (likes.training_users().for_the_operator(), list(likes.test_users())) == (20, [])


@pytest.mark.parametrize("share", [-0.1, 1.0, 2.0, float("nan")])
def test_a_share_that_means_nothing_is_taken(share: float, tmp_path: Path) -> None:
    with (
        pytest.raises(MisuseError, match="must lie in"),
        likes_of(tmp_path, [Row("u", "item-1")], ITEMS, test_share=share),
    ):
        pass


def test_reading_test_users_half_leaves_the_database_unusable(tmp_path: Path) -> None:
    rows = [Row(f"user-{user}", f"item-{item}") for user in range(20) for item in range(6)]
    with likes_of(tmp_path, rows, ITEMS, test_share=0.9999) as likes:
        half = likes.test_users()
        next(half)
        half.close()
        assert isinstance(likes, Likes)
        assert len(list(likes.test_users())) == 20
