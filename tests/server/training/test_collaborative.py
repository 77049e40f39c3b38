"""What would make the collaborative model learn something else than who likes what together."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from homespun.protocol.statistics.grid import GRID
from homespun_server.errors import TrainingError
from homespun_server.privacy.provenance import fixed, public
from homespun_server.privacy.release import Release
from homespun_server.training.collaborative import Hints, Trained, collaborative_model, train_collaborative
from homespun_server.training.denoising import denoised, denoised_transitions, edge, symmetric
from homespun_server.training.eigen import leading_eigenpairs
from homespun_server.training.popularity import Universe
from homespun_server.training.scorers import Scorer
from tests.server.support import Integers, exact, noisy, paired, pairs_sum, two_groups

Floats = NDArray[np.float64]
Shrink = Callable[[Floats, float], tuple[Floats, int | None]]


def universe_of(size: int) -> Universe:
    return Universe(np.arange(size), np.linspace(2.0, 1.0, size))


def trained_from(pairs: Release, universe: Universe, dimensions: int, *, scorer: Scorer | None = None) -> Trained:
    hints = public(Hints(scorer=scorer), "a test")
    return train_collaborative(pairs, public(universe, "a test"), fixed(dimensions), hints).value


def table(trained: Trained) -> Floats:
    """Return all scores of the low-rank table."""
    part = trained.component
    found: Floats = part.encoder[:, None] * ((part.vectors * part.spectrum) @ part.vectors.T) * part.decoder
    return found


def scores(trained: Trained, history: Integers) -> Floats:
    found: Floats = table(trained)[history].sum(axis=0)
    return found


def released(baskets: list[Integers], size: int, *, private: bool = False) -> Release:
    values = pairs_sum(baskets, size).values
    return noisy(values, paired, rho=50.0) if private else exact(values, paired)


def random_symmetric(size: int, seed: int) -> Floats:
    upper = np.random.default_rng(seed).normal(size=size * (size - 1) // 2)
    return symmetric(upper, size)


SCORERS: tuple[Scorer, ...] = ("spectral", "inverse")


@pytest.mark.parametrize("scorer", SCORERS)
@pytest.mark.parametrize("private", [False, True])
def test_an_item_of_another_taste_outranks_one_of_the_same(private: bool, scorer: Scorer) -> None:  # noqa: FBT001
    baskets = two_groups(600, 20)
    counts = np.bincount(np.concatenate(baskets)) / 5**0.5
    trained = trained_from(released(baskets, 20, private=private), Universe(np.arange(20), counts), 8, scorer=scorer)
    assert trained.scorer == scorer
    for basket in baskets[:50]:
        ranked = [item for item in np.argsort(-scores(trained, basket[:3])) if item not in basket[:3]]
        assert {item // 10 for item in ranked[:7]} == {basket[0] // 10}
    assert trained.directions >= 2


def test_the_same_releases_train_another_model() -> None:
    pairs = released(two_groups(200, 20), 20, private=True)
    first, second = (trained_from(pairs, universe_of(20), 8) for _ in range(2))
    assert np.array_equal(table(first), table(second))
    assert first.directions == second.directions


def test_exact_sums_are_denoised() -> None:
    matrix = random_symmetric(20, 0)
    cleaned, directions = denoised(matrix, 0.0)
    assert np.array_equal(cleaned, matrix)
    assert directions is None


@given(seed=st.integers(0, 2**32 - 1))
def test_pure_noise_survives(seed: int) -> None:
    matrix = random_symmetric(80, seed)
    cleaned, directions = denoised(matrix, 1.0)
    assert directions is not None
    assert directions <= 4
    assert np.linalg.norm(cleaned) < 0.3 * np.linalg.norm(matrix)
    assert not np.diag(cleaned).any()


def test_structure_above_the_noise_is_shrunk_away() -> None:
    size = 80
    group = np.where(np.arange(size) < size // 2, 1.0, -1.0) / size**0.5
    planted = 100 * np.outer(group, group)
    np.fill_diagonal(planted, 0.0)
    cleaned, directions = denoised(planted + random_symmetric(size, 3), 1.0)
    assert directions == 1
    assert abs(group @ cleaned @ group - 100) < 15
    assert np.linalg.norm(cleaned - planted) < 0.5 * np.linalg.norm(random_symmetric(size, 3))


@given(seed=st.integers(0, 999), strength=st.floats(0.1, 1000))
def test_singular_values_are_shrunk_otherwise_than_by_the_decomposition(seed: int, strength: float) -> None:
    draw = np.random.default_rng(seed)
    matrix = strength * draw.normal(size=(9, 3)) @ draw.normal(size=(3, 9)) + draw.normal(size=(9, 9))
    limit = edge(1.0, 9)
    left, values, right = np.linalg.svd(matrix)
    kept = values > limit
    structure = (left[:, kept] * np.sqrt(values[kept] ** 2 - limit**2)) @ right[kept]
    rest = matrix - structure
    found, directions = denoised_transitions(matrix, 1.0)
    assert directions == kept.sum()
    assert np.allclose(found, structure + rest**3 / (rest**2 + 16), atol=1e-9 * np.abs(matrix).max())


@given(size=st.integers(2, 30), count=st.integers(1, 40), seed=st.integers(0, 999))
def test_eigenpairs_are_none_or_come_in_another_order_or_sign(size: int, count: int, seed: int) -> None:
    matrix = random_symmetric(size, seed)
    values, vectors = leading_eigenpairs(matrix, count)
    assert 1 <= values.size <= min(size, count)
    assert vectors.shape == (size, values.size)
    assert np.allclose(matrix @ vectors, vectors * values, atol=1e-9)
    assert np.all(np.diff(values) <= 0)
    assert np.isclose(values[0], np.linalg.eigvalsh(matrix)[-1])
    assert np.all(values > 0)
    largest = np.abs(vectors).argmax(axis=0)
    assert np.all(vectors[largest, np.arange(values.size)] > 0)


@pytest.mark.parametrize("shrink", [denoised, denoised_transitions])
def test_one_strong_pattern_is_shrunk_otherwise_than_stated(shrink: Shrink) -> None:
    pattern = np.array([0.8, -0.6])
    noise = 3.0 / (2 * 2**0.5)
    cleaned, directions = shrink(5 * np.outer(pattern, pattern), noise)
    kept = 4.0  # √(5² − 3²)
    rest = (5 - kept) * -0.48
    assert edge(noise, 2) == pytest.approx(3.0)
    assert directions == 1
    assert np.isclose(cleaned[0, 1], kept * -0.48 + rest**3 / (rest**2 + (4 * noise) ** 2))


@given(seed=st.integers(0, 999))
def test_a_symmetric_matrix_is_denoised_otherwise_than_any_square_one(seed: int) -> None:
    matrix = 3 * random_symmetric(12, seed)
    matrix = matrix @ matrix  # no negative eigenvalue, of which only one of the two takes the size
    np.fill_diagonal(matrix, 0.0)
    matrix += 1e-9
    values = np.linalg.eigvalsh(matrix)
    noise = 1.01 * max(1e-6, -values[0]) / (2 * 12**0.5)
    one, other = denoised(matrix, noise)[0], denoised_transitions(matrix, noise)[0]
    np.fill_diagonal(other, 0.0)
    assert np.allclose(one, other, atol=1e-6 * np.abs(matrix).max())


@pytest.mark.parametrize("private", [False, True])
def test_the_score_is_another_than_the_documented_one(private: bool) -> None:  # noqa: FBT001
    size, rank = 20, 2
    pairs = released(two_groups(300, size), size, private=private)
    universe = universe_of(size)
    limit = 2 * pairs.noise * size**0.5
    outer = np.outer(universe.popularity * universe.relative**-0.2, universe.popularity * universe.relative**-0.2)
    np.fill_diagonal(outer, 0.0)
    raw = symmetric(pairs.reals, size)
    popular = outer * max(0.0, (raw * outer).sum() / (outer**2).sum()) if private else 0.0
    matrix = denoised(raw - popular, pairs.noise)[0] + popular
    values, vectors = np.linalg.eigh(matrix)
    values, vectors = values[-rank:], vectors[:, -rank:]
    strength = values / (values + 0.3 * limit + 0.5 * values[0])
    weighed = universe.relative**0.2
    expected = (vectors * strength) @ vectors.T * weighed / weighed[:, None]
    trained = trained_from(pairs, universe, rank, scorer="spectral")
    assert np.all(values > 0)
    assert np.allclose(table(trained), expected)
    assert np.allclose(trained.similarity.dense(), expected)


def test_the_triangle_is_unfolded_otherwise_than_it_was_folded() -> None:
    matrix = np.random.default_rng(0).normal(size=(7, 7))
    matrix = np.triu(matrix, 1) + np.triu(matrix, 1).T
    assert np.array_equal(symmetric(matrix[np.triu_indices(7, 1)], 7), matrix)


@pytest.mark.parametrize("dimensions", [1, 2, 3, 500])
def test_more_dimensions_are_made_than_asked_for_or_there_are(dimensions: int) -> None:
    component = trained_from(released(two_groups(100, 20), 20), universe_of(20), dimensions).component
    assert component.size == 20
    assert 1 <= component.dimensions <= min(dimensions, 19)


@pytest.mark.parametrize(
    ("baskets", "size"),
    [
        ([[0, 1]], 2),
        ([[0, 1]], 3),
        ([[0, 1, 2]] * 50, 3),
        ([[3, 4, 5, 6]], 10),
        ([[2, 7]] * 1000, 10),
        ([list(range(200))], 200),
    ],
    ids=["two items", "three items", "identical", "one user", "one pair", "one user of everything"],
)
@pytest.mark.parametrize("scorer", SCORERS)
@pytest.mark.parametrize("private", [False, True])
def test_a_small_or_uniform_fleet_breaks_the_algebra(
    baskets: list[list[int]],
    size: int,
    private: bool,  # noqa: FBT001
    scorer: Scorer,
) -> None:
    pairs = released([np.array(basket) for basket in baskets], size, private=private)
    trained = trained_from(pairs, universe_of(size), 64, scorer=scorer)
    assert np.isfinite(trained.similarity.dense()).all()
    basket = np.array(baskets[0])
    found = scores(trained, basket[:1])
    assert np.isfinite(found).all()
    if not private and basket.size < size and scorer == "spectral":
        outside = np.setdiff1d(np.arange(size), basket)
        assert found[basket[1:]].min() > found[outside].max()


def test_nobody_likes_two_items_and_a_model_is_made() -> None:
    with pytest.raises(TrainingError, match="nobody likes two items"):
        trained_from(released([np.array([1])] * 5, 10), universe_of(10), 8)


@pytest.mark.parametrize("scorer", SCORERS)
def test_pure_noise_is_called_a_taste(scorer: Scorer) -> None:
    pairs = noisy(np.zeros(4950, np.int64), paired, rho=1e-3)
    try:
        trained = trained_from(pairs, universe_of(100), 8, scorer=scorer)
    except TrainingError as error:
        assert "no item speaks" in str(error)  # noqa: PT017 - either is right
        return
    # The seventh eigenvalue of pure noise never gets this far; the first does now and then.
    assert trained.directions <= 6
    assert np.isfinite(table(trained)).all()


def test_the_noise_is_counted_in_another_unit_than_the_sums() -> None:
    pairs = noisy(pairs_sum(two_groups(600, 20), 20).values, paired, rho=50.0)
    assert pairs.noise == pairs.sigma / GRID
    assert np.allclose(pairs.reals, pairs.values / GRID)


def test_the_model_has_other_items_or_forgets_where_it_comes_from() -> None:
    pairs = released(two_groups(200, 20), 20, private=True)
    universe = public(universe_of(20), "a test")
    hints = public(Hints(people=50_000.0), "the annual report")
    trained = train_collaborative(pairs, universe, fixed(8), hints)
    model = collaborative_model(trained, universe)
    assert model.value.items.tolist() == list(range(20))
    assert model.value.learned == 20
    assert model.releases == (pairs,)
    assert model.public == ("a test", "the annual report")
    assert trained.value.scorer == "inverse"
