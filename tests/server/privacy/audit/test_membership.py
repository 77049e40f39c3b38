"""What would make a membership attack weaker than it looks, or find members where there are none."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from homespun.errors import MisuseError
from homespun_server.privacy.audit.membership import (
    LEAST_LIKES,
    LEAST_TARGETS,
    Tables,
    _figures,
    _gains,
    attack,
    compare,
    scores,
)

ITEMS = 120
DIRECTIONS = 12

Integers = NDArray[np.int64]


def people(number: int, seed: int) -> list[Integers]:
    """Return histories of 5 to 20 items, popular ones more often."""
    draw = np.random.default_rng(seed)
    popularity = 1 / np.arange(1, ITEMS + 1) ** 0.5
    share = popularity / popularity.sum()
    return [
        np.sort(draw.choice(ITEMS, int(draw.integers(5, 21)), replace=False, p=share)).astype(np.int64)
        for _ in range(number)
    ]


def trained_from(histories: list[Integers]) -> Tables:
    """Return the leading directions of the histories' pairs: a model without noise."""
    matrix = np.zeros((len(histories), ITEMS))
    for row, items in zip(matrix, histories, strict=True):
        row[items] = 1 / items.size
    gram = matrix.T @ matrix
    bias = gram.diagonal().copy()
    np.fill_diagonal(gram, 0)
    _, vectors = np.linalg.eigh(gram)
    return Tables(vectors[:, -DIRECTIONS:], vectors[:, -DIRECTIONS:], bias)


def test_an_attack_does_not_find_the_members_of_an_exact_model() -> None:
    members, others = people(400, seed=1), people(400, seed=2)
    found = attack(trained_from(members), members, others)
    assert (found.members, found.others) == (400, 400)
    assert found.auc.low > 0.6
    assert found.advantage.low > 3 * found.chance


def test_single_entries_hide_their_members_or_count_what_an_item_says_of_itself() -> None:
    members, others = people(400, seed=1), people(400, seed=2)
    matrix = np.zeros((ITEMS, ITEMS))
    for items in members:
        matrix[np.ix_(items, items)] += 1 / items.size
    nothing, bias = np.zeros((ITEMS, 0)), matrix.diagonal().copy()
    found = [
        attack(Tables(nothing, nothing, bias, (csr_matrix(matrix + np.diag(diagonal)),)), members, others)
        for diagonal in (np.zeros(ITEMS), np.random.default_rng(0).normal(size=ITEMS) * 100)
    ]
    assert found[0].auc.low > 0.5
    assert found[1].auc.value == pytest.approx(found[0].auc.value, abs=1e-3)


def test_an_attack_finds_members_where_nobody_is_one() -> None:
    found = attack(trained_from(people(400, seed=3)), people(400, seed=1), people(400, seed=2))
    assert found.auc.low < 0.5 < found.auc.high
    assert found.advantage.value < 3 * found.chance


def test_members_are_told_by_the_size_or_popularity_of_their_histories() -> None:
    """Whoever was trained from has longer histories here, of rarer items; the model knows neither group."""
    longer = [items for items in people(1500, seed=1) if items.size > 12]
    shorter = [items for items in people(1500, seed=2) if items.size <= 12]
    found = attack(trained_from(people(400, seed=3)), longer, shorter)
    assert abs(found.auc.value - 0.5) < 0.1


def test_an_item_reconstructs_itself() -> None:
    """In a model without any relation between items, nothing is reconstructed from others."""
    draw = np.random.default_rng(4)
    encoder = np.diag(draw.random(ITEMS))
    found = scores(Tables(encoder, encoder, draw.random(ITEMS)), people(100, seed=1))
    assert np.array_equal(found, np.zeros(100))


def test_gains_are_not_what_the_formula_says() -> None:
    draw = np.random.default_rng(5)
    tables = Tables(draw.normal(size=(ITEMS, 3)), draw.normal(size=(ITEMS, 3)), draw.random(ITEMS))
    items = np.array([3, 17, 50, 99])
    expected = [
        sum(tables.encoder[i, k] * tables.decoder[j, k] for i in items for j in items if i != j) / 4 for k in range(3)
    ]
    assert _gains(tables, items) == pytest.approx(expected)


def test_the_order_of_targets_or_the_scale_of_tables_decides() -> None:
    tables, targets = trained_from(people(200, seed=1)), people(100, seed=2)
    found = scores(tables, targets)
    assert scores(tables, targets[::-1])[::-1] == pytest.approx(found)
    assert scores(Tables(7 * tables.encoder, tables.decoder, tables.bias), targets) == pytest.approx(found)


def by_definition(members: NDArray[np.float64], others: NDArray[np.float64]) -> tuple[float, float]:
    wins = [(one > other) + (one == other) / 2 for one in members for other in others]
    gaps = [(members >= t).mean() - (others >= t).mean() for t in np.unique(np.concatenate([members, others]))]
    gaps += [(members > t).mean() - (others > t).mean() for t in np.unique(np.concatenate([members, others]))]
    return float(np.mean(wins)), max(0.0, *gaps)


@pytest.mark.parametrize("seed", range(20))
def test_auc_or_advantage_is_another(seed: int) -> None:
    draw = np.random.default_rng(seed)
    members = draw.integers(0, 6, int(draw.integers(1, 12))).astype(np.float64)
    others = draw.integers(0, 6, int(draw.integers(1, 12))).astype(np.float64)
    found = compare(members, others)
    assert (found.auc.value, found.advantage.value) == pytest.approx(by_definition(members, others))


def test_an_interval_leaves_its_value_out_or_changes_from_run_to_run() -> None:
    draw = np.random.default_rng(8)
    members, others = draw.normal(0.5, 1, 300), draw.normal(0, 1, 200)
    found = compare(members, others)
    assert found == compare(members, others)
    for figure in (found.auc, found.advantage):
        assert figure.low < figure.value < figure.high
        assert figure.high - figure.low < 0.2


def test_complete_separation_is_not_complete() -> None:
    found = compare(np.arange(10.0) + 100, np.arange(5.0))
    assert (found.auc.value, found.advantage.value) == (1.0, 1.0)
    found = compare(np.arange(5.0), np.arange(10.0) + 100)
    assert (found.auc.value, found.advantage.value) == (0.0, 0.0)


def test_the_advantage_without_a_leak_is_another() -> None:
    draw = np.random.default_rng(9)
    advantages = [_figures(draw.normal(size=300), draw.normal(size=500))[1] for _ in range(1000)]
    chance = compare(np.arange(300.0), np.arange(500.0)).chance
    assert np.mean(advantages) == pytest.approx(chance, rel=0.1)


@pytest.mark.parametrize(("members", "others"), [(LEAST_TARGETS - 1, LEAST_TARGETS), (LEAST_TARGETS, 3), (0, 0)])
def test_a_handful_of_people_passes_for_evidence(members: int, others: int) -> None:
    tables = trained_from(people(100, seed=1))
    with pytest.raises(MisuseError, match=f"{members} members and {others} others"):
        attack(tables, people(members, seed=1), people(others, seed=2))


def test_people_with_hardly_any_items_are_attacked() -> None:
    tables = trained_from(people(100, seed=1))
    short = [np.arange(LEAST_LIKES - 1)] * 30
    found = attack(tables, [*people(60, seed=1), *short], [*short, *people(70, seed=2)])
    assert (found.members, found.others) == (60, 70)
