"""From right guesses to a lower bound on ε.

Steinke, Nasr, Jagielski 2023, "Privacy Auditing with One (1) Training Run".

Each of m canaries is in the data by a fair coin. Somebody who sees only the output guesses r of the coins, and v
guesses are right. Theorem 5.2: if the mechanism is (ε, δ)-DP for adding or removing one person, then

    P[at least v right] ≤ β + 2 m δ α,    α = max_{1≤i≤v} P[v > B ≥ v − i] / i,    β = P[B ≥ v],

with B ~ Binomial(r, e^ε / (e^ε + 1)). So many right guesses that this is below 5% contradict the claim at 95%
confidence. One run is enough because the coins are independent; nothing is assumed of the canaries or of how the
guesses are made, except that their number is fixed beforehand.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import binom

from homespun.errors import MisuseError

SIGNIFICANCE = 0.05
"""A bound is right with a confidence of 1 − this."""

_BISECTIONS = 50
_LARGEST_EPSILON = 64.0
"""Beyond it one right guess less would still be surprising for any number of guesses that is ever made."""

Reals = NDArray[np.float64]


def p_value(*, canaries: int, guesses: int, correct: int, epsilon: float, delta: float) -> float:
    """Return the largest probability of at least ``correct`` right guesses under (ε, δ)-DP, by Theorem 5.2.

    Args:
        canaries: m, each in the data by a fair coin.
        guesses: r, how many coins were guessed.
        correct: v, how many guesses were right.
        epsilon: ε, at least 0.
        delta: δ, in [0, 1].

    Raises:
        MisuseError: If not 0 ≤ v ≤ r ≤ m, or ε or δ is out of range.
    """
    if not (0 <= correct <= guesses <= canaries and epsilon >= 0 and 0 <= delta <= 1):
        raise MisuseError(
            f"{correct} right of {guesses} guesses of {canaries} canaries at ε = {epsilon}, δ = {delta}: counts must "
            "ascend from 0, ε must not be negative, and δ lie in [0, 1]."
        )
    return _p_value(_tails(guesses, epsilon), correct, 2 * canaries * delta)


def critical_count(*, canaries: int, guesses: int, epsilon: float, delta: float) -> int:
    """Return the least number of right guesses that contradicts (ε, δ)-DP at 95% confidence.

    It is ``guesses`` + 1 if not even all of them do.
    """
    tails = _tails(guesses, epsilon)
    low, high = 0, guesses + 1
    while low < high:
        middle = (low + high) // 2
        if _p_value(tails, middle, 2 * canaries * delta) <= SIGNIFICANCE:
            high = middle
        else:
            low = middle + 1
    return low


def lower_bound(*, canaries: int, guesses: int, correct: int, delta: float) -> float:
    """Return an ε such that (ε', δ)-DP is contradicted at 95% confidence for every ε' below it; 0 if none is.

    Args:
        canaries: m.
        guesses: r.
        correct: v.
        delta: δ, for which the bound holds.

    Raises:
        MisuseError: As ``p_value``.
    """

    def contradicted(epsilon: float) -> bool:
        found = p_value(canaries=canaries, guesses=guesses, correct=correct, epsilon=epsilon, delta=delta)
        return found <= SIGNIFICANCE

    if not contradicted(0.0):
        return 0.0
    low, high = 0.0, _LARGEST_EPSILON
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if contradicted(middle) else (low, middle)
    return low


def _tails(guesses: int, epsilon: float) -> Reals:
    """Return P[B ≥ v] for v = 0..guesses."""
    tails: Reals = binom.sf(np.arange(guesses + 1) - 1, guesses, expit(epsilon))
    return tails


def _p_value(tails: Reals, correct: int, weight: float) -> float:
    beta = float(tails[correct])
    missed_by = np.arange(1, correct + 1)
    alpha = float(((tails[correct - missed_by] - beta) / missed_by).max(initial=0.0))
    return min(1.0, beta + weight * alpha)
