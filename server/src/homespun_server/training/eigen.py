"""Eigenpairs of symmetric matrices of which a few are needed: by block Lanczos, from a start that is always the same.

A block Krylov space with full reorthogonalization (Golub and Underwood 1977; Musco and Musco 2015) is nearly all
products of matrices, so 64 to 128 eigenpairs of 3,700 take half of the time of taking the whole matrix apart or less,
and a third of ARPACK's or less, which multiplies one vector at a time. Small matrices are taken apart wholly.
"""

from typing import NamedTuple

import numpy as np
from scipy.linalg import eigh
from scipy.sparse import csr_matrix

from homespun_server.training.tables import Floats

_SEED = 0
_SMALL = 500
"""Matrices of so many rows are taken apart wholly."""

_PART = 10
"""So are larger ones if more than a tenth of all eigenpairs are wanted."""

_TOLERANCE = 1e-3
"""Largest residual of an eigenpair, relative to its eigenvalue. The error of the eigenvalue is about its square."""

_NOTHING = 1e-6
"""An eigenvalue of so small a share of the largest one is as good as none, and need not be told from others such."""

_FIRST = 32
_BLOCK = 32
_DIMENSIONS_AT_LEAST, _BLOCKS_BETWEEN = 4, 4
"""Convergence is looked at from four times as many dimensions as eigenpairs are wanted, and every four blocks."""


def leading_eigenpairs(matrix: Floats | csr_matrix, count: int) -> tuple[Floats, Floats]:
    """Return the ``count`` largest positive eigenvalues, descending, with their vectors as columns.

    The sign of each vector is fixed (its largest entry is positive), so that training is reproducible.
    """
    size = matrix.shape[0]
    values, vectors = _largest(matrix, min(count, size))
    positive = values > np.finfo(float).eps * max(1.0, float(np.abs(values).max(initial=0.0))) * size
    values, vectors = values[positive], vectors[:, positive]
    largest = np.abs(vectors).argmax(axis=0)
    signs = np.where(vectors[largest, np.arange(values.size)] < 0, -1.0, 1.0)
    return values, vectors * signs


def eigenpairs_above(matrix: Floats, limit: float) -> tuple[Floats, Floats]:
    """Return the eigenvalues above a limit, descending, with their vectors as columns."""
    size, count = matrix.shape[0], min(_FIRST, matrix.shape[0])
    values, vectors = _largest(matrix, count)
    while values[-1] > limit and count < size:
        count = min(4 * count, size)
        values, vectors = _largest(matrix, count)
    above = values > limit
    return values[above], vectors[:, above]


def _largest(matrix: Floats | csr_matrix, count: int) -> tuple[Floats, Floats]:
    """Return the largest eigenvalues, descending, of whatever sign."""
    size = matrix.shape[0]
    if size > _SMALL and count <= size // _PART:
        found = _by_blocks(matrix, count)
        if found is not None:
            return found.values, found.vectors
    dense: Floats = matrix if isinstance(matrix, np.ndarray) else matrix.toarray()
    values, vectors = eigh(dense, subset_by_index=(size - count, size - 1))
    return values[::-1], vectors[:, ::-1]


class _Eigenpairs(NamedTuple):
    values: Floats
    vectors: Floats


def _by_blocks(matrix: Floats | csr_matrix, count: int) -> _Eigenpairs | None:
    """Return the largest eigenpairs by block Lanczos; None if they have not converged in half of all dimensions."""
    size = matrix.shape[0]
    most = size // 2
    basis = np.empty((size, most), order="F")
    projected = np.zeros((most, most))
    block = np.linalg.qr(np.random.default_rng(_SEED).normal(size=(size, _BLOCK)))[0]
    steps = most // _BLOCK
    for step in range(1, steps + 1):
        before, used = (step - 1) * _BLOCK, step * _BLOCK
        basis[:, before:used] = block
        product = matrix @ block
        onto = basis[:, :used].T @ product
        projected[:used, before:used], projected[before:used, :used] = onto, onto.T
        block, beyond = _orthogonal(product - basis[:, :used] @ onto, basis[:, :used])
        if (used >= _DIMENSIONS_AT_LEAST * count and step % _BLOCKS_BETWEEN == 0) or step == steps:
            values, within = eigh(projected[:used, :used], subset_by_index=(used - count, used - 1))
            residual = np.linalg.norm(beyond @ within[before:used], axis=0)
            if (residual <= _TOLERANCE * np.maximum(np.abs(values), _NOTHING * np.abs(values).max())).all():
                return _Eigenpairs(values[::-1], (basis[:, :used] @ within)[:, ::-1])
    return None


def _orthogonal(block: Floats, basis: Floats) -> tuple[Floats, Floats]:
    """Return an orthonormal basis of a block, orthogonal to ``basis``, and the block in terms of it.

    Twice, because a block with little in it beside ``basis`` keeps some of ``basis`` through rounding.
    """
    block = block - basis @ (basis.T @ block)
    directions, beyond = np.linalg.qr(block)
    directions = np.linalg.qr(directions - basis @ (basis.T @ directions))[0]
    return directions, beyond
