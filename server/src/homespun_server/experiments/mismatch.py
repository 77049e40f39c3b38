"""Sample-ratio mismatch: whether variants have the shares of people that they should have.

Where they have not, something else than chance decides who is counted (a variant that crashes before exposure is
written down, a filter that sees one variant alone), and no comparison means anything (Fabijan et al. 2019,
"Diagnosing Sample Ratio Mismatch in Online Controlled Experiments").

Pearson's test, with the noise in it. With shares π and noised counts n̂, the deviations d = n̂ − π·Σn̂ have mean 0 and
the covariance N·(diag π − ππᵀ) + τ²·PPᵀ, where P = I − π1ᵀ, the first part of the multinomial, the second of the
noise. dᵀC⁺d has a χ² distribution with one degree of freedom less than variants. For τ = 0 it is Pearson's statistic.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

Reals = NDArray[np.float64]


def mismatch_p(counts: Reals, shares: Reals, noise: Reals, *, repeating: bool = False) -> Reals:
    """Return the probability of deviations at least as large by chance and noise, for people of the stated shares.

    Args:
        counts: float64 [..., windows, variants], exposed people, noised.
        shares: float64 [variants], which add up to 1.
        noise: float64 [windows], variance of the noise in each count.
        repeating: Whether one person may be in several windows; then the windows' counts go together, and N is
            bounded by (Σ√N_w)².

    Returns:
        float64 [...]; small means mismatch. 1 where not a single person can be made out.
    """
    per_window = np.maximum(counts.sum(axis=-1), 0.0)
    people = np.sqrt(per_window).sum(axis=-1) ** 2 if repeating else np.maximum(counts.sum(axis=(-1, -2)), 0.0)
    counted = counts.sum(axis=-2)
    keep = slice(0, -1)  # deviations add up to 0, so that one of them says nothing new
    away = (counted - shares * counted.sum(axis=-1, keepdims=True))[..., keep]
    chance = (np.diag(shares) - np.outer(shares, shares))[keep, keep]
    taken = np.eye(shares.size) - np.outer(shares, np.ones(shares.size))
    added = (taken @ taken.T)[keep, keep] * noise.sum()
    covariance = people[..., None, None] * chance + added
    known = people + noise.sum() > 0
    covariance = np.where(known[..., None, None], covariance, np.eye(shares.size - 1))
    statistic = np.einsum("...i,...i->...", away, np.linalg.solve(covariance, away[..., None])[..., 0])
    return np.where(known, chi2.sf(statistic, shares.size - 1), 1.0)
