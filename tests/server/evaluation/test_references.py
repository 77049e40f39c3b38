"""What the model is held against is what it is called."""

from pathlib import Path

import numpy as np
import pytest

from homespun.errors import MisuseError
from homespun.protocol.events import Event
from homespun_server.evaluation.cases import Case
from homespun_server.evaluation.comparison import compare, evaluable
from homespun_server.evaluation.protocols import Liked
from homespun_server.evaluation.references import EaseReference, ExactSums, PopularityReference, RandomReference
from homespun_server.statistics.interactions import Interactions
from tests.server.support import Row, catalogue, likes_of, rows_of, two_groups, write_table

ITEMS = catalogue(20)


def somebody(*seen: str) -> Case:
    return Case("somebody", tuple(map(Event, seen)), frozenset({"anything"}))


def test_popularity_recommends_what_was_seen_or_nobody_likes(tmp_path: Path) -> None:
    rows = [Row(f"user-{user}", f"item-{item}") for user in range(4) for item in range(user + 1)]
    with likes_of(tmp_path, rows, ITEMS) as likes:
        reference = PopularityReference.of_likes(ExactSums(likes))
        with_repeats = PopularityReference.of_likes(ExactSums(likes), repeats=True)
    assert reference.recommend(somebody("item-1"), 10) == ["item-0", "item-2", "item-3"]
    assert reference.recommend(somebody("item-1"), 1) == ["item-0"]
    assert with_repeats.recommend(somebody("item-1"), 2) == ["item-0", "item-1"]


def test_ease_differs_from_its_closed_form(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    baskets = [np.sort(draw.choice(20, draw.integers(1, 9), replace=False)) for _ in range(200)]
    with likes_of(tmp_path, rows_of(baskets, ITEMS), ITEMS) as likes:
        reference = EaseReference(ExactSums(likes), 100.0)
    matrix = np.zeros((200, 20))
    for user, basket in enumerate(baskets):
        matrix[user, basket] = 1
    precision = np.linalg.inv(matrix.T @ matrix + 100.0 * np.eye(20))
    weights = -precision / np.diag(precision)
    np.fill_diagonal(weights, 0)
    scores = weights[[0, 3]].sum(axis=0)
    expected = [ITEMS.ids[item] for item in np.argsort(-scores) if item not in {0, 3}]
    assert reference.recommend(somebody("item-0", "item-3", "unknown"), 18) == expected


def test_a_reference_is_trained_on_test_users(tmp_path: Path) -> None:
    rows = rows_of(two_groups(100, 20), ITEMS)
    with likes_of(tmp_path, rows, ITEMS, test_share=0.3) as likes:
        sums = ExactSums(likes)
        assert sums.matrix.shape == (likes.training_users().for_the_operator(), 20)
        assert sums.counts.sum() == likes.training_likes().for_the_operator() < len(rows)


def test_nobody_is_evaluated_and_figures_are_made(tmp_path: Path) -> None:
    rows = [Row(f"user-{user}", f"item-{item}") for user in range(50) for item in range(4)]
    with likes_of(tmp_path, rows, ITEMS, test_share=0.5) as likes:
        assert not evaluable(likes)
        with pytest.raises(MisuseError, match="nothing can be evaluated"):
            compare(likes, lambda *_: None)


def test_old_popularity_outranks_recent_popularity(tmp_path: Path) -> None:
    old = [Row(f"user-{user}", "item-0", 0.0) for user in range(9)]
    new = [Row(f"user-{user}", "item-1", 1000.0) for user in range(2)]
    refused = [Row(f"user-{user}", "item-2", 1000.0, kind="dismiss") for user in range(5)]
    with Interactions.read(write_table(tmp_path / "t.csv", [*old, *new, *refused]), items=ITEMS) as interactions:
        recent = PopularityReference.recent(interactions, Liked(), 100.0, repeats=False)
        ever = PopularityReference.recent(interactions, Liked(), 1e9, repeats=False)
    assert recent.recommend(somebody("item-9"), 9) == ["item-1", "item-0"]
    assert ever.recommend(somebody("item-9"), 9) == ["item-0", "item-1"]


def test_chance_repeats_what_was_seen_or_changes_between_runs() -> None:
    reference = RandomReference(ITEMS.ids)
    first = reference.recommend(somebody("item-1", "item-2"), 18)
    assert first == reference.recommend(somebody("item-1", "item-2"), 18)
    assert sorted(first) == sorted(set(ITEMS.ids) - {"item-1", "item-2"})
    assert first != reference.recommend(Case("another", somebody("item-1", "item-2").events, frozenset({"x"})), 18)
