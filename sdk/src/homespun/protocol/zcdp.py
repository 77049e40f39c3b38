"""Zero-concentrated differential privacy of the discrete Gaussian, and its conversion to (ε, δ).

The mechanism is the discrete Gaussian on integers, whose proven guarantee is ρ-zCDP with
ρ = Δ₂² / (2σ²) (Canonne, Kamath, Steinke 2020, "The Discrete Gaussian for Differential Privacy",
Theorem 14); ρ adds up under composition. The conversion to (ε, δ) is their Proposition 12. Tighter
accounting of the continuous Gaussian is not claimed, because it is not proven for this sampler.

The server plans and accounts with these formulas, and a device checks with the same ones that a task's noise
keeps what the task promises. Pure; who may spend how much is decided elsewhere.
"""

import math
from fractions import Fraction

from homespun.errors import MisuseError

SMALLEST_RHO = 1e-12
"""Smallest ρ that is told apart from none."""

_ORDER_RANGE = (-20.0, 30.0)
"""Natural logarithms of α − 1 between which the best order is sought."""


def delta_of(rho: float, epsilon: float) -> float:
    """Return a δ for which ρ-zCDP implies (ε, δ)-DP.

    δ = inf_{α>1} e^{(α−1)(αρ−ε)} (1 − 1/α)^α / (α − 1), Canonne, Kamath, Steinke 2020, Prop. 12. Every α
    gives a valid δ, so a search that misses the optimum errs on the safe side.
    """
    low, high = _ORDER_RANGE
    # The logarithm of δ is convex in α, with the slope (2α − 1)ρ − ε + log(1 − 1/α).
    while low < (middle := (low + high) / 2) < high:
        excess = math.exp(middle)
        slope = (2 * excess + 1) * rho - epsilon - math.log1p(1 / excess)
        low, high = (middle, high) if slope < 0 else (low, middle)
    excess = math.exp(low)
    log_delta = excess * ((1 + excess) * rho - epsilon) - (1 + excess) * math.log1p(1 / excess) - low
    return math.exp(min(0.0, log_delta))


def rho_for(epsilon: float, delta: float) -> float:
    """Return the largest ρ (rounded down) whose zCDP implies (ε, δ)-DP by ``delta_of``.

    Raises:
        MisuseError: If ε is not finite and positive, δ is not in (0, 1), or both are too small to spend anything.
    """
    if not (math.isfinite(epsilon) and epsilon > 0):
        raise MisuseError(f"ε is {epsilon}; it must be finite and positive.")
    _check_delta(delta)
    if delta_of(SMALLEST_RHO, epsilon) > delta:
        raise MisuseError(f"ε = {epsilon} with δ = {delta} leaves no budget that can be spent; choose a larger ε or δ.")
    low, high = SMALLEST_RHO, max(1.0, 2 * epsilon)
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if delta_of(middle, epsilon) <= delta else (low, middle)
    return low


def epsilon_of(rho: float, delta: float) -> float:
    """Return the smallest ε (rounded up) for which ρ-zCDP implies (ε, δ)-DP by ``delta_of``.

    Raises:
        MisuseError: If ρ is not finite and at least 0 or δ is not in (0, 1).
    """
    if not (math.isfinite(rho) and rho >= 0):
        raise MisuseError(f"ρ is {rho}; a loss that was spent is finite and not negative.")
    _check_delta(delta)
    low, high = 0.0, rho + 2 * math.sqrt(-rho * math.log(delta)) + 1e-9
    while low < (middle := (low + high) / 2) < high:
        low, high = (low, middle) if delta_of(rho, middle) <= delta else (middle, high)
    return high


def stated_epsilon(rho: Fraction, delta: float) -> float:
    """Return the ε to state for an exact ρ: ``epsilon_of``, never below what was spent; 0 for nothing.

    Raises:
        MisuseError: If ρ is negative or δ is not in (0, 1).
    """
    # The exact sum may be a touch above its float.
    return epsilon_of(float(rho) * (1 + 1e-12), delta) if rho else 0.0


def gaussian_rho(l2_bound: int, sigma: int) -> Fraction:
    """Return the exact zCDP of the discrete Gaussian: Δ² / (2σ²)."""
    return Fraction(l2_bound * l2_bound, 2 * sigma * sigma)


def sigma_for(l2_bound: int, rho: Fraction) -> int:
    """Return the smallest integer σ whose discrete Gaussian costs at most ρ.

    Raises:
        MisuseError: If ρ is not positive: no noise is enough for a budget of nothing.
    """
    if rho <= 0:
        raise MisuseError(
            f"ρ is {rho}, and no amount of noise costs so little: the budget is spent, or its share is 0."
        )
    needed = Fraction(l2_bound * l2_bound) / (2 * rho)
    whole = -(-needed.numerator // needed.denominator)
    root = math.isqrt(whole)
    return root if root * root >= whole else root + 1


def rho_of_installations(rho: Fraction, installations: int) -> Fraction:
    """Return what a person loses who takes part in one task with several installations: k²·ρ.

    Their reports are added up, so that leaving all of them out changes the sum by up to k times the bound of one:
    the sensitivity is k·Δ, and ρ = (k·Δ)²/2σ² (group privacy of zCDP: Bun, Steinke 2016, "Concentrated Differential
    Privacy", Proposition 1.9). It is σ/Δ that scales with k: a Gaussian with μ = Δ/σ has k·μ. The ε grows faster than
    k times, too. Installations in different tasks add up as always.

    Args:
        rho: What one report costs.
        installations: k, how many of one person's installations report to the task.

    Raises:
        MisuseError: If there is none.
    """
    if installations < 1:
        raise MisuseError(f"{installations} installations report nothing; give at least one.")
    return rho * installations * installations


def _check_delta(delta: float) -> None:
    if not 0 < delta < 1:
        raise MisuseError(f"δ is {delta}; it must lie between 0 and 1, well below 1/users.")
