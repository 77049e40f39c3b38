"""How much likelier something is with an item than in general, as far as sums and noise allow to say.

Empirical Bayes: a ratio is drawn towards 1 by as much as noise and small numbers explain its deviation, and how much
ratios really differ is learned from the same release. Nothing is tuned.
"""

import numpy as np
from scipy.optimize import nnls

from homespun_server.training.tables import Floats

LARGEST_RATIO = 20.0
"""Ratios are kept within a twentieth and twenty times: beyond that they would drown everything else."""

_BALANCE = 1.5

_LARGEST_SHARE = 1.0
"""What one person adds is scaled to a norm of 1, so no cell gets more from them, and u is no larger."""


def log_ratios(sums: Floats, totals: Floats, shares: Floats, by_noise: Floats) -> Floats:
    """Return log[n_cj / (π_c n_j)] with shrinkage.

    With D = n_cj − π_c n_j, E D² is taken to be v_c + u·π_c n_j + τ²·(π_c n_j)²: what noise adds, what chance adds to
    sums of people who each add about u, and how much ratios really differ. u and τ² are fitted by least squares, not
    negative; the best linear estimate of the ratio is then 1 + D/(π_c n_j) · τ²(π_c n_j)² / E D².

    Args:
        sums: float64 [V, m], n_cj, in the unit in which nobody adds more than 1.
        totals: float64 [m], n_j: the sum over c, or what the sums are shares of.
        shares: float64 [V], π_c in (0, 1].
        by_noise: float64 [V], v_c: the variance of the noise in n_cj − π_c n_j.

    Returns:
        float64 [V, m]; 0 where nothing is known.
    """
    expected = shares[:, None] * np.maximum(totals, 0.0)
    deviation = np.where(expected > 0, sums - shares[:, None] * totals, 0.0)
    by_chance, differing = _fitted(deviation**2 - by_noise[:, None], expected)
    signal = differing * expected**2
    variance = signal + by_chance * expected + by_noise[:, None]
    known = (expected > 0) & (variance > 0)
    excess = np.divide(deviation * signal, variance * expected, out=np.zeros_like(expected), where=known)
    logs: Floats = np.log(np.clip(1 + excess, 1 / LARGEST_RATIO, LARGEST_RATIO))
    return logs


def _fitted(squares: Floats, expected: Floats) -> tuple[float, float]:
    """Return u and τ² ≥ 0 with squares ≈ u·expected + τ²·expected².

    The square of a sum that n people make scatters like n, or like n² where ratios differ. Cells are divided by a
    power of n in between, so that neither a few large cells nor many small ones decide alone, and no cell counts as
    smaller than the typical one.
    """
    used = expected > 0
    if not used.any():
        return 0.0, 0.0
    size, square = expected[used], squares[used]
    scale = (size + float(np.median(size))) ** _BALANCE
    terms = np.column_stack([size, size**2]) / scale[:, None]
    spread = np.linalg.norm(terms, axis=0)
    target = square / scale
    (chance, differing), _ = nnls(terms / spread, target)
    if chance / spread[0] <= _LARGEST_SHARE:
        return float(chance / spread[0]), float(differing / spread[1])
    # Ratios that differ more for one c than for another look like chance; there is never so much of that.
    left = target - _LARGEST_SHARE * terms[:, 0]
    return _LARGEST_SHARE, max(0.0, float(left @ terms[:, 1]) / float(spread[1] ** 2))
