"""What the catalogue alone explains of released pairs: popular items, and items with like features, go together.

Pairs are regressed on outer products of popularity, times how alike two items are in each field of the catalogue, with
coefficients that are not negative (least squares is right, as noise is alike everywhere). A handful of numbers is
fitted to millions of noisy ones, so noise hardly touches them, and features are public: this costs no budget.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import nnls
from scipy.sparse import csr_matrix

from homespun_server.privacy.provenance import Sourced, derive
from homespun_server.statistics.items import Items
from homespun_server.training.content_fields import field_features
from homespun_server.training.tables import Floats

Features = tuple[csr_matrix, ...]
"""One float64 [M, words] of unit rows a field."""

_ROWS = 256
"""Rows of a pair matrix that are held at once, for each field."""


def features_of(items: Sourced[Items], chosen: Sourced[NDArray[np.int64]]) -> Sourced[Features]:
    """Return the fields' features of chosen items: unit rows, or zero rows where an item says nothing.

    Args:
        items: The catalogue.
        chosen: int64 [M], positions in it.
    """
    return derive(lambda catalogue, rows: tuple(part[rows] for part in field_features(catalogue)), items, chosen)


def explained(pairs: Floats, popularity: Floats, features: Features) -> Floats:
    """Return what popularity and features explain of pairs: float64 [M, M], symmetric, zero diagonal.

    Args:
        pairs: float64 [M, M], symmetric, zero diagonal, with noise.
        popularity: float64 [M], in the unit in which pairs are products.
        features: One matrix of unit rows a field; may be none.
    """
    coefficients = _fitted(pairs, popularity, features)
    result = np.empty_like(pairs)
    for rows, templates in _templates(popularity, features):
        result[rows] = np.tensordot(coefficients, templates, axes=1)
    return (result + result.T) / 2


def _fitted(pairs: Floats, popularity: Floats, features: Features) -> Floats:
    count = 1 + len(features)
    products, target = np.zeros((count, count)), np.zeros(count)
    for rows, templates in _templates(popularity, features):
        flat = templates.reshape(count, -1)
        products += flat @ flat.T
        target += flat @ pairs[rows].ravel()
    coefficients = np.zeros(count)
    scale = np.sqrt(np.diag(products))
    used = np.flatnonzero(scale > 0)
    if used.size:
        unit = scale[used]
        # The small ridge keeps fields apart that say the very same of every pair.
        normal = products[np.ix_(used, used)] / np.outer(unit, unit) + 1e-9 * np.eye(used.size)
        root = cholesky(normal, lower=True)
        found, _ = nnls(root.T, solve_triangular(root, target[used] / unit, lower=True))
        coefficients[used] = found / unit
    return coefficients


def _templates(popularity: Floats, features: Features) -> Iterator[tuple[slice, Floats]]:
    """Yield rows of the regressors, float64 [fields + 1, rows, M], zero on the diagonal."""
    size = popularity.size
    for start in range(0, size, _ROWS):
        rows = slice(start, min(start + _ROWS, size))
        outer = np.outer(popularity[rows], popularity)
        outer[np.arange(outer.shape[0]), np.arange(rows.start, rows.stop)] = 0.0
        alike = [np.asarray((part[rows] @ part.T).todense()) * outer for part in features]
        yield rows, np.array([outer, *alike])
