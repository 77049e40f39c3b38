"""What would make a score of pairs another than the one that is stated."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun_server.errors import TrainingError
from homespun_server.training.denoising import symmetric
from homespun_server.training.scorers import (
    MANY_PEOPLE,
    WeightedPairs,
    choose_scorer,
    diagonal_of,
    effective_people,
    inverse,
    inverted,
    score_by,
)
from homespun_server.training.similarity import Similarity
from homespun_server.training.tables import Floats


def pairs_of(baskets: list[list[int]], size: int, *, noise: float = 0.0, power: float = 0.2) -> WeightedPairs:
    """Return what people with these baskets add, computed one by one."""
    counts = np.zeros(size)
    for basket in baskets:
        counts[basket] += 1 / len(basket) ** 0.5
    counts = np.maximum(counts, 0.01)
    weights = (counts / counts.max()) ** -power
    matrix = np.zeros((size, size))
    for basket in baskets:
        outer = np.outer(weights[basket], weights[basket])
        outer -= np.diag(np.diag(outer))
        if outer.any():
            matrix[np.ix_(basket, basket)] += outer / np.sqrt((outer**2).sum() / 2)
    upper = np.triu_indices(size, 1)
    drawn = np.random.default_rng(0).normal(0, noise, upper[0].size) if noise else np.zeros(upper[0].size)
    noisy = matrix + symmetric(drawn, size)
    return WeightedPairs(noisy, noise, float(noisy[upper].sum()), counts, weights)


def baskets_of(people: int, size: int, each: int, seed: int = 0) -> list[list[int]]:
    draw = np.random.default_rng(seed)
    return [draw.choice(size, each, replace=False).tolist() for _ in range(people)]


def test_the_inverse_is_another_than_ease_with_the_stated_diagonal() -> None:
    pairs = pairs_of(baskets_of(200, 8, 3), 8)
    gram = pairs.matrix + np.diag(diagonal_of(pairs))
    precision = np.linalg.inv(gram)
    q = pairs.weights
    found = inverse(pairs).dense()
    for i in range(8):
        for j in range(8):
            expected = 0.0 if i == j else -precision[i, j] / precision[j, j] * q[i] / q[j]
            assert found[i, j] == pytest.approx(expected)


def test_the_inverse_does_not_solve_the_regression_that_defines_it() -> None:
    # EASE minimises tr(Bᵀ(G + λ)B)/2 − tr(BᵀG) with a zero diagonal: its gradient vanishes off the diagonal.
    pairs = pairs_of(baskets_of(300, 10, 4), 10, power=0.0)
    gram = pairs.matrix + np.diag(diagonal_of(pairs))
    weights = inverse(pairs).dense()
    gradient = gram @ weights - gram
    np.fill_diagonal(gradient, 0.0)
    assert np.allclose(gradient, 0.0, atol=1e-9 * np.abs(gram).max())


def test_the_core_is_not_symmetric_or_quantizes_badly() -> None:
    found = inverse(pairs_of(baskets_of(500, 30, 4), 30))
    assert np.allclose(found.core, found.core.T)
    assert np.abs(found.core).max() <= 1.0
    assert not np.diag(found.core).any()


@pytest.mark.parametrize("each", [2, 6, 12])
def test_the_expected_diagonal_is_not_what_people_would_add(each: int) -> None:
    baskets = baskets_of(400, 24, each)
    pairs = pairs_of(baskets, 24)
    true = np.zeros(24)
    for basket in baskets:
        outer = np.outer(pairs.weights[basket], pairs.weights[basket])
        norm = np.sqrt(((outer**2).sum() - (np.diag(outer) ** 2).sum()) / 2)
        true[basket] += np.diag(outer) / norm
    expected = (diagonal_of(pairs) - 0.1 / 3.1 * np.median(diagonal_of(pairs))) / 3
    # n(n−1)/2 pairs are taken to be n²/2, which is all that differs for people who like few.
    assert np.abs(np.log(expected / true)).max() < np.log(each / (each - 1)) + 0.05


def test_people_cannot_be_counted_from_releases() -> None:
    for people, each in ((300, 4), (3000, 8)):
        found = effective_people(pairs_of(baskets_of(people, 40, each), 40))
        assert 0.9 * people < found < people * (each / (each - 1)) ** 0.5 * 1.05
    assert effective_people(WeightedPairs(np.zeros((2, 2)), 0.0, 0.0, np.ones(2), np.ones(2))) == 0.0
    assert effective_people(WeightedPairs(np.zeros((2, 2)), 9.0, -5.0, np.ones(2), np.ones(2))) == 0.0


def test_small_fleets_are_inverted_or_large_ones_are_not() -> None:
    assert choose_scorer(0.0) == choose_scorer(MANY_PEOPLE - 1) == "spectral"
    assert choose_scorer(MANY_PEOPLE) == "inverse"


@given(seed=st.integers(0, 99), noise=st.sampled_from([0.0, 0.1, 10.0, 1000.0]))
def test_noise_makes_the_inverse_explode(seed: int, noise: float) -> None:
    pairs = pairs_of(baskets_of(50, 12, 3, seed), 12, noise=noise)
    found = inverse(pairs)
    assert np.isfinite(found.dense()).all()
    assert np.abs(found.core).max() <= 1.0 + 1e-9


@pytest.mark.parametrize("scorer", ["spectral", "inverse"])
def test_there_are_no_pairs_and_items_are_scored(scorer) -> None:
    with pytest.raises(TrainingError, match="hold nothing"):
        score_by(scorer, WeightedPairs(np.zeros((4, 4)), 0.0, 0.0, np.ones(4), np.ones(4)), 3)


def test_a_matrix_that_has_no_inverse_is_inverted() -> None:
    matrix: Floats = np.array([[2.0, 1.0], [1.0, 2.0]])
    assert np.allclose(inverted(matrix), np.linalg.inv(matrix))
    with pytest.raises(TrainingError, match="inverted"):
        inverted(np.array([[1.0, 2.0], [2.0, 1.0]]))


def test_fewer_dimensions_are_not_the_best_of_the_core() -> None:
    found = inverse(pairs_of(baskets_of(500, 30, 4), 30))
    whole, part = found.factored("collaborative", 30), found.factored("collaborative", 3)
    assert part.dimensions == 3
    assert np.allclose(part.spectrum, np.linalg.eigvalsh(found.core)[::-1][:3])
    assert np.allclose(part.vectors, whole.vectors[:, :3])


def test_no_item_speaks_for_another_and_a_table_is_made() -> None:
    with pytest.raises(TrainingError, match="no item speaks"):
        Similarity(-np.eye(3), np.ones(3), np.ones(3)).factored("collaborative", 2)
