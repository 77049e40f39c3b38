"""Directions of a catalogue's items, and what is known of tastes before anybody is."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from homespun.model.history import Reals

Floats = NDArray[np.float32]

LEAST = 1e-12
"""Below it a spread of directions, whose lengths are 1, is rounding."""


@dataclass(frozen=True, eq=False)
class Prior:
    """What a bundle's catalogue says of directions before anybody is known.

    Attributes:
        centre: float64 [d], the mean direction.
        inverse: float64 [d, d], (ρI + C)⁻¹.
        root: float64 [d, d], of which the product with its own transpose is ``inverse``.
    """

    centre: Reals
    inverse: Reals
    root: Reals


def prior_of(rows: Floats) -> Prior:
    """Return what decoder rows (float32 [n, d]) that stand for the catalogue say; rows of zeros are passed over."""
    real, inverses = with_inverse_lengths(rows)
    known = (real * inverses[:, None])[inverses > 0]
    size = real.shape[1]
    centre = known.mean(axis=0) if known.size else np.zeros(size)
    away = known - centre
    moment = away.T @ away / max(1, known.shape[0])
    ridge = max(float(np.trace(moment)) / size, LEAST)
    values, vectors = np.linalg.eigh(moment)
    root = vectors / np.sqrt(np.maximum(values, 0.0) + ridge)
    return Prior(centre, root @ root.T, root)


def with_inverse_lengths(rows: Floats) -> tuple[Reals, Reals]:
    """Return rows as float64 [p, d], and 1 / their lengths, 0 for a row of zeros; float64 [p]."""
    real = rows.astype(np.float64)
    lengths = np.sqrt(np.einsum("pd,pd->p", real, real))
    return real, np.divide(1.0, lengths, out=np.zeros(lengths.size), where=lengths > 0)
