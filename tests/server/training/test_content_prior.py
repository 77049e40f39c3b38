"""What would make the catalogue explain what it does not, or not explain what it does."""

import numpy as np
from scipy.sparse import csr_matrix, identity

from homespun_server.privacy.provenance import fixed, public
from homespun_server.privacy.release import Release
from homespun_server.statistics.items import Items
from homespun_server.training.collaborative import Hints, train_collaborative
from homespun_server.training.content_prior import explained, features_of
from homespun_server.training.denoising import symmetric
from homespun_server.training.popularity import Universe
from tests.server.support import noisy, paired, pairs_sum, two_groups

SIZE = 300


def groups(count: int) -> csr_matrix:
    return csr_matrix(np.eye(count)[np.arange(SIZE) % count])


def planted(*coefficients: float) -> tuple[np.ndarray, np.ndarray]:
    popularity = np.linspace(3.0, 1.0, SIZE)
    alike = [np.ones((SIZE, SIZE)), (groups(3) @ groups(3).T).toarray(), (groups(7) @ groups(7).T).toarray()]
    matrix = np.outer(popularity, popularity) * np.tensordot(coefficients, alike, axes=1)
    np.fill_diagonal(matrix, 0.0)
    return matrix, popularity


def test_planted_coefficients_are_not_found_in_noise() -> None:
    matrix, popularity = planted(0.2, 0.5, 0.0)
    noise = symmetric(np.random.default_rng(0).normal(0, 3.0, SIZE * (SIZE - 1) // 2), SIZE)
    found = explained(matrix + noise, popularity, (groups(3), groups(7)))
    assert np.linalg.norm(found - matrix) < 0.02 * np.linalg.norm(matrix)
    assert np.linalg.norm(found - matrix) < 0.02 * np.linalg.norm(noise)
    assert not np.diag(found).any()
    assert np.array_equal(found, found.T)


def test_what_items_have_in_common_counts_against_them() -> None:
    matrix, popularity = planted(0.5, -0.3, 0.0)
    found = explained(matrix, popularity, (groups(3),))
    assert np.allclose(found, explained(matrix, popularity, ()))


def test_fields_that_say_nothing_or_the_same_twice_break_the_regression() -> None:
    matrix, popularity = planted(0.2, 0.5, 0.0)
    features = (groups(3), groups(3), csr_matrix((SIZE, 4)), csr_matrix(identity(SIZE)))
    assert np.allclose(explained(matrix, popularity, features), matrix, rtol=1e-4)


def test_nothing_was_released_and_something_is_explained() -> None:
    assert not explained(np.zeros((4, 4)), np.ones(4), ()).any()
    assert not explained(np.ones((4, 4)) - np.eye(4), np.zeros(4), ()).any()


def test_features_do_not_help_where_noise_hides_the_pairs() -> None:
    size = 40
    baskets = two_groups(400, size)
    titles = [f"{'red' if item < size // 2 else 'blue'} {item}" for item in range(size)]
    items = public(Items([f"{n}" for n in range(size)], titles, [()] * size, [""] * size), "a catalogue")
    universe = public(Universe(np.arange(size), np.full(size, 50.0)), "a test")
    features = features_of(items, public(np.arange(size), "a test"))
    draws = [noisy(pairs_sum(baskets, size).values, paired, rho=0.02) for _ in range(8)]
    hints = public(Hints(features=features.value), "a catalogue")
    same = np.equal.outer(np.arange(size) < size // 2, np.arange(size) < size // 2)

    def contrast(pairs: Release, *, with_features: bool) -> float:
        found = train_collaborative(pairs, universe, fixed(8), hints if with_features else None).value
        scores = found.similarity.dense()
        return float((scores[same].mean() - scores[~same].mean()) / scores.std())

    gains = [contrast(pairs, with_features=True) - contrast(pairs, with_features=False) for pairs in draws]
    assert np.mean(gains) > 0.1
