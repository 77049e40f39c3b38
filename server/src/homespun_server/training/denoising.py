"""Taking noise out of a released matrix: singular values as spiked-matrix theory asks, then single entries.

Singular values below the edge R of a matrix of pure noise go; those above become √(y² − R²), which takes out what
noise added (Gavish and Donoho 2017, simplified). Of what is left, entries that stand out from the noise stay. Both
steps are needed: either alone is much worse. Without noise nothing is changed.
"""

import numpy as np

from homespun_server.training.eigen import eigenpairs_above
from homespun_server.training.tables import Floats

RESIDUAL_THRESHOLD = 4.0
"""Single values are shrunk by e³/(e² + (4s)²): those below four deviations nearly vanish."""


def edge(noise: float, size: int) -> float:
    """Return R = 2s√M, the largest singular value that [M, M] entries of pure noise with deviation s reach."""
    return float(2 * noise * np.sqrt(size))


def symmetric(upper: Floats, size: int) -> Floats:
    """Unfold a strict upper triangle of M(M−1)/2 values to a symmetric [M, M] with a zero diagonal."""
    matrix = np.zeros((size, size))
    matrix[np.triu_indices(size, 1)] = upper
    return matrix + matrix.T


def denoised(matrix: Floats, noise: float) -> tuple[Floats, int | None]:
    """Return a symmetric matrix with the noise shrunk away, and how many eigenvalues stood out from the noise.

    Args:
        matrix: float64 [M, M], symmetric, zero diagonal.
        noise: The deviation s of the noise in each entry of a triangle.

    Returns:
        The same shape, symmetric, zero diagonal. Without noise the matrix comes back unchanged, and None: nothing
        was counted.
    """
    if noise == 0:
        return matrix, None
    limit = edge(noise, matrix.shape[0])
    values, vectors = eigenpairs_above(matrix, limit)
    structure = (vectors * np.sqrt(values**2 - limit**2)) @ vectors.T
    result = structure + standing_out(matrix - structure, noise)
    np.fill_diagonal(result, 0.0)
    return result, int(values.size)


def standing_out_of(matrix: Floats, noise: float) -> int:
    """Return how many eigenvalues of a symmetric matrix stand out from the noise in its entries."""
    limit = edge(noise, matrix.shape[0])
    return int(eigenpairs_above(matrix, limit)[0].size)


def denoised_transitions(matrix: Floats, noise: float) -> tuple[Floats, int | None]:
    """Return any square matrix with the noise shrunk away, and how many singular values stood out from the noise.

    Args:
        matrix: float64 [M, M].
        noise: The deviation s of the noise in each entry.

    Returns:
        As ``denoised``, but the diagonal is left as it comes.
    """
    if noise == 0:
        return matrix, None
    limit = edge(noise, matrix.shape[0])
    # Singular vectors by the squares: only those above the edge are needed, and there squares lose nothing.
    squares, right = eigenpairs_above(matrix.T @ matrix, limit**2)
    structure = (matrix @ right * np.sqrt(1 - limit**2 / squares)) @ right.T
    return structure + standing_out(matrix - structure, noise), int(squares.size)


def standing_out(values: Floats, noise: float) -> Floats:
    """Return values x shrunk by x³/(x² + (4s)²): of 0 within the noise, nearly unchanged far beyond it.

    Args:
        values: float64 of any shape.
        noise: The deviation s of the noise in each, positive.
    """
    result: Floats = values**3 / (values**2 + (RESIDUAL_THRESHOLD * noise) ** 2)
    return result
