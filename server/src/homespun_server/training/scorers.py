"""Two ways from a denoised pair matrix to a score of items, and the rule by which one is chosen.

*spectral*: the leading eigenvectors, regularised. *inverse*: EASE (Steck 2019, "Embarrassingly Shallow Autoencoders
for Sparse Data") with the diagonal of EDLAE (Steck 2020, "Autoencoders that don't overfit towards the Identity").
Both work on pairs that were weighted by d^-b, so the score of a 0/1 history x is (x·d^-b) K d^b.

Releases of pairs hold no diagonal, and a person's pairs are scaled, so inverse needs to know how large the diagonal
would be in their unit. It follows from what both releases hold: a person with n items adds n/√2 in all to the pairs,
√n to the counts, and would add √2/n on the diagonal where they add 1/√n to a count.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.linalg import eigh, lapack

from homespun_server.errors import TrainingError
from homespun_server.training.denoising import edge
from homespun_server.training.eigen import leading_eigenpairs
from homespun_server.training.similarity import Similarity
from homespun_server.training.tables import Floats

Scorer = Literal["spectral", "inverse"]

MANY_PEOPLE = 30_000
"""From so many people on the inverse ranks better, with or without noise."""

NOISE_REGULARISATION = 0.3
"""λ as a share of the noise's spectral edge R, for either scorer."""

TAIL_REGULARISATION = 0.5
"""λ of spectral as a share of the smallest eigenvalue kept; dominates where there is little or no noise."""

DIAGONAL_SCALE = 3.0
"""How many times the expected diagonal is taken by inverse: the part beyond 1 is EDLAE's dropout."""

DIAGONAL_FLOOR = 0.1
"""Added by inverse to every item's diagonal, as a share of the median one."""

LEAST_EIGENVALUE = 0.05
"""Least eigenvalue of the matrix that is inverted, in its correlation form: noise must not make it singular."""


@dataclass(frozen=True, eq=False)
class WeightedPairs:
    """Pairs to score by.

    Attributes:
        matrix: float64 [M, M], denoised, symmetric, zero diagonal.
        noise: Deviation of the noise before it was taken out.
        total: ΣG over pairs i < j as released: noise hardly shows in so large a sum, and shrinking would.
        popularity: float64 [M], p: released counts, positive.
        weights: float64 [M], q = d^-b: what an item weighed in pairs.
    """

    matrix: Floats
    noise: float
    total: float
    popularity: Floats
    weights: Floats

    @property
    def edge(self) -> float:
        """R, the largest eigenvalue of pure noise."""
        return edge(self.noise, self.matrix.shape[0])


def effective_people(pairs: WeightedPairs) -> float:
    """Estimate from releases alone how many people they come from: (Σp)² / (√2·ΣG) over pairs i < j.

    By Cauchy and Schwarz (Σ√n)² ≤ N·Σn, so people who like much and little together count as fewer. Measured: 5,570
    of 4,831 on one data set, 63,600 of 85,800 on another, and with noise of ε = 1 still 2,200 and 54,800, because
    fewer items stand out.
    """
    return float(pairs.popularity.sum() ** 2 / (np.sqrt(2) * pairs.total)) if pairs.total > 0 else 0.0


def choose_scorer(people: float) -> Scorer:
    """Return the better scorer for about so many people.

    Measured without noise, at ε = 8 and at ε = 1, NDCG@100, spectral of rank 64 against inverse: 4,800 people with 95
    items each .433/.427, .363/.359, .276/.268; 86,000 people with 9 items each .132/.138, .130/.137, .108/.110; 18,000
    people with 5 items each .212/.213, .212/.211. Small fleets have too few people for an inverse of all pairs at
    once; the low rank is what holds it together.

    Args:
        people: Declared, or ``effective_people`` of the releases.
    """
    return "inverse" if people >= MANY_PEOPLE else "spectral"


def score_by(scorer: Scorer, pairs: WeightedPairs, dimensions: int) -> Similarity:
    """Return the similarity that the scorer makes of pairs.

    Args:
        scorer: Which.
        pairs: The pairs.
        dimensions: Rank of spectral; for inverse, how many eigenpairs will be asked for.

    Raises:
        TrainingError: If the pairs hold nothing.
    """
    return spectral(pairs, dimensions) if scorer == "spectral" else inverse(pairs, dimensions)


def spectral(pairs: WeightedPairs, dimensions: int) -> Similarity:
    """Return V diag(θ/(θ+λ)) Vᵀ over at most ``dimensions`` leading eigenpairs, λ = .3R + .5·θ_min.

    Raises:
        TrainingError: If the pairs hold nothing.
    """
    values, vectors = leading_eigenpairs(pairs.matrix, dimensions)
    if not values.size:
        raise nothing_learned()
    regularisation = NOISE_REGULARISATION * pairs.edge + TAIL_REGULARISATION * values[-1]
    weighed = values / (values + regularisation)
    core = (vectors * weighed) @ vectors.T
    return Similarity((core + core.T) / 2, pairs.weights, 1 / pairs.weights, (weighed, vectors))


def inverse(pairs: WeightedPairs, dimensions: int | None = None) -> Similarity:
    """Return EASE's −P_ij / P_jj with a zero diagonal, P = (G + diagonal)⁻¹, in the form of a correlation.

    −P_ij / √(P_ii P_jj) is symmetric; the roots are the scalings.

    Args:
        pairs: The pairs.
        dimensions: How many eigenpairs will be asked for; None: nobody knows.

    Raises:
        TrainingError: If the pairs hold nothing.
    """
    if not pairs.matrix.any():
        raise nothing_learned()
    precision = inverted(_conditioned(pairs.matrix, diagonal_of(pairs)))
    root = np.sqrt(np.diag(precision))
    core = -precision / root[:, None] / root
    np.fill_diagonal(core, 0.0)
    known = None if dimensions is None else leading_eigenpairs(core, dimensions)
    return Similarity(core, pairs.weights * root, 1 / (pairs.weights * root), known)


def diagonal_of(pairs: WeightedPairs) -> Floats:
    """Return the diagonal that inverse takes: float64 [M], positive.

    Expected is κ·p·q², κ = Σp / (ΣG · mean q²), with the mean over p; see the module. Taken is three times that, a
    tenth of its median, and .3R.
    """
    p, q = pairs.popularity, pairs.weights
    mean_square = float((p * q**2).sum() / p.sum())
    expected = p * q**2 * (float(p.sum()) / (pairs.total * mean_square) if pairs.total > 0 else 1.0)
    diagonal: Floats = DIAGONAL_SCALE * expected + DIAGONAL_FLOOR * np.median(expected)
    return diagonal + NOISE_REGULARISATION * pairs.edge


def inverted(matrix: Floats) -> Floats:
    """Invert a symmetric positive definite matrix by its Cholesky factor: half the work of a general inverse.

    Raises:
        TrainingError: If it is not positive definite.
    """
    factor, failed = lapack.dpotrf(matrix, lower=True)
    if failed:
        raise TrainingError("the pairs cannot be inverted: their noise is larger than anything in them. Raise ε.")
    lower, _ = lapack.dpotri(factor, lower=True, overwrite_c=True)
    lower = np.tril(lower)
    result: Floats = lower + np.tril(lower, -1).T
    return result


def nothing_learned() -> TrainingError:
    """Return the error that there are no pairs to learn from."""
    return TrainingError(
        "the released pairs hold nothing: nobody likes two items of the universe, so no taste can be learned. "
        "Check the least weight of a like, use more users, or make a bundle from the catalogue alone."
    )


def _conditioned(matrix: Floats, diagonal: Floats) -> Floats:
    """Return the matrix with this diagonal, enlarged by one factor until no direction is near singular."""
    root = np.sqrt(diagonal)
    correlation = matrix / root[:, None] / root
    # Far cheaper than an eigenvalue, and enough where there is little noise.
    np.fill_diagonal(correlation, 1 - LEAST_EIGENVALUE)
    if not lapack.dpotrf(correlation, lower=True)[1]:
        enough: Floats = matrix + np.diag(diagonal)
        return enough
    np.fill_diagonal(correlation, 0.0)
    least = float(eigh(correlation, eigvals_only=True, subset_by_index=(0, 0))[0])
    # With a diagonal of t, the least eigenvalue of the correlation is (least + t) / t.
    factor = max(1.0, -least / (1 - LEAST_EIGENVALUE))
    result: Floats = matrix + np.diag(factor * diagonal)
    return result
