"""The collaborative component: a spectral low-rank model from one release of item pairs.

With d the relative popularity and b the power by which popular items were down-weighted, the score of a
0/1 history x is (x·d^-b) V diag(θ/(θ+λ)) Vᵀ d^b over the leading eigenpairs (θ, V) of the denoised pair
matrix. Denoising shrinks eigenvalues as spiked-matrix theory asks (Gavish and Donoho 2017: √(λ² − R²)
above the noise's edge R = 2s√M) and keeps single entries of the rest that stand out from the noise.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from homespun_server.errors import TrainingError
from homespun_server.privacy.provenance import Sourced, derive, released
from homespun_server.privacy.release import Release
from homespun_server.training.model import LowRank, Model
from homespun_server.training.popularity import Universe, prior

POPULARITY_POWER = 0.2
"""b: how strongly popular items are down-weighted in the pairs, fixed a priori."""

NOISE_REGULARISATION = 0.3
"""λ as a share of the noise's spectral edge R."""

TAIL_REGULARISATION = 0.5
"""λ as a share of the smallest eigenvalue kept; dominates where there is little or no noise."""

RESIDUAL_THRESHOLD = 4.0
"""Residual entries are shrunk by e³/(e² + (4s)²): those below four deviations nearly vanish."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Trained:
    """The component, and how many patterns of taste stood out from the noise."""

    component: LowRank
    directions: int


def train_collaborative(pairs: Release, universe: Sourced[Universe], dimensions: Sourced[int]) -> Sourced[Trained]:
    """Train the collaborative component from released pairs.

    Args:
        pairs: Released item pairs over ``universe``.
        universe: The items and their released popularity.
        dimensions: Largest rank.

    Returns:
        Encoder and decoder with at most ``dimensions`` columns, rows in the universe's order; and the number
        of eigenvalues of the released pairs above the noise's edge (without noise: of all that are kept).

    Raises:
        TrainingError: If the pairs hold nothing: nobody likes two items.
        MisuseError: If the pairs were not released, or an argument does not say where it comes from.
    """
    return derive(_trained, universe, released(pairs), dimensions)


def collaborative_model(trained: Sourced[Trained], universe: Sourced[Universe]) -> Sourced[Model]:
    """Return a model of the collaborative component alone; an empty history is ranked by popularity."""
    return derive(lambda chosen, part: Model(chosen.items, (part.component,), prior(chosen)), universe, trained)


def _trained(universe: Universe, pairs: Release, dimensions: int) -> Trained:
    noise = pairs.noise
    edge = 2 * noise * np.sqrt(universe.items.size)
    matrix, directions = denoised(symmetric(pairs.reals, universe.items.size), noise, edge)
    values, vectors = leading_eigenpairs(matrix, dimensions)
    if not values.size:
        raise TrainingError(
            "the released pairs hold nothing: nobody likes two items of the universe, so no taste can be learned. "
            "Check the least weight of a like, use more users, or make a bundle from the catalogue alone."
        )
    regularisation = NOISE_REGULARISATION * edge + TAIL_REGULARISATION * values[-1]
    # The square root on both sides gives both tables the same range, which quantizes best.
    factors = vectors * np.sqrt(values / (values + regularisation))
    scale = (universe.relative**POPULARITY_POWER)[:, None]
    component = LowRank("collaborative", encoder=factors / scale, decoder=factors * scale)
    return Trained(component, values.size if directions is None else directions)


def symmetric(upper: Floats, size: int) -> Floats:
    """Unfold a strict upper triangle of M(M−1)/2 values to a symmetric [M, M] with a zero diagonal."""
    matrix = np.zeros((size, size))
    matrix[np.triu_indices(size, 1)] = upper
    return matrix + matrix.T


def denoised(matrix: Floats, noise: float, edge: float) -> tuple[Floats, int | None]:
    """Return the matrix with the noise shrunk away, and how many eigenvalues stood out from the noise.

    Without noise the matrix comes back unchanged, and None: nothing was counted.
    """
    if noise == 0:
        return matrix, None
    values, vectors = eigh(matrix, subset_by_value=(edge, np.inf))
    structure = (vectors * np.sqrt(values**2 - edge**2)) @ vectors.T
    rest = matrix - structure
    result: Floats = structure + rest**3 / (rest**2 + (RESIDUAL_THRESHOLD * noise) ** 2)
    np.fill_diagonal(result, 0.0)
    return result, values.size


def leading_eigenpairs(matrix: Floats, count: int) -> tuple[Floats, Floats]:
    """Return the ``count`` largest positive eigenvalues, descending, with their vectors as columns.

    The sign of each vector is fixed (its largest entry is positive), so that training is reproducible.
    """
    size = matrix.shape[0]
    values, vectors = eigh(matrix, subset_by_index=(max(0, size - count), size - 1))
    values, vectors = values[::-1], vectors[:, ::-1]
    positive = values > np.finfo(float).eps * max(1.0, float(np.abs(values).max(initial=0.0))) * size
    values, vectors = values[positive], vectors[:, positive]
    largest = np.abs(vectors).argmax(axis=0)
    signs = np.where(vectors[largest, np.arange(values.size)] < 0, -1.0, 1.0)
    return values, vectors * signs
