"""Eigenpairs by blocks against those of the whole matrix."""

import numpy as np
import pytest
from scipy.linalg import eigh
from scipy.sparse import csr_matrix

from homespun_server.training.eigen import eigenpairs_above, leading_eigenpairs
from homespun_server.training.tables import Floats

SIZE = 700
"""More than is taken apart wholly."""


def matrix_of(values: Floats, seed: int = 0) -> Floats:
    """Return a symmetric matrix with these eigenvalues."""
    vectors = np.linalg.qr(np.random.default_rng(seed).normal(size=(values.size, values.size)))[0]
    made: Floats = (vectors * values) @ vectors.T
    half: Floats = (made + made.T) / 2
    return half


SPECTRA = {
    "slow": 1 / np.arange(1, SIZE + 1) ** 0.7,
    "noise": np.random.default_rng(1).normal(size=SIZE),
    "few": np.concatenate([np.arange(10, 0, -1.0), np.zeros(SIZE - 10)]),
    "equal": np.concatenate([np.full(40, 5.0), np.full(SIZE - 40, 1.0)]),
    "negative": np.concatenate([np.arange(30, 0, -1.0), -100 * np.ones(SIZE - 30)]),
}


@pytest.mark.parametrize("name", SPECTRA)
@pytest.mark.parametrize("sparse", [False, True])
def test_blocks_find_other_eigenpairs_than_the_whole_matrix_has(name, sparse) -> None:
    matrix = matrix_of(SPECTRA[name])
    expected = eigh(matrix, eigvals_only=True)[::-1][:60]
    expected = expected[expected > 1e-9]
    values, vectors = leading_eigenpairs(csr_matrix(matrix) if sparse else matrix, 60)
    assert np.allclose(values[: expected.size], expected, rtol=1e-4, atol=1e-9)
    assert values[expected.size :].max(initial=0.0) < 1e-9
    found = vectors[:, : expected.size]
    assert np.allclose(found.T @ found, np.eye(expected.size), atol=1e-8)
    assert np.linalg.norm(matrix @ found - found * expected, axis=0).max() < 2e-3 * expected.max()


def test_a_second_run_finds_other_vectors() -> None:
    matrix = matrix_of(SPECTRA["slow"])
    one, other = leading_eigenpairs(matrix, 20), leading_eigenpairs(matrix.copy(), 20)
    assert (one[0] == other[0]).all()
    assert (one[1] == other[1]).all()


def test_a_matrix_of_nothing_has_eigenpairs() -> None:
    assert leading_eigenpairs(np.zeros((SIZE, SIZE)), 20)[0].size == 0


def test_an_eigenvalue_above_the_limit_is_lost() -> None:
    matrix = matrix_of(SPECTRA["noise"])
    expected = eigh(matrix, eigvals_only=True)
    for limit in (3.5, 1.5, 0.5, -10.0):
        assert eigenpairs_above(matrix, limit)[0].size == int((expected > limit).sum())
