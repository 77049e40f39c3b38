"""Zero-concentrated differential privacy of the discrete Gaussian, as the server uses it.

The formulas are those of ``homespun.protocol.zcdp``, with which devices check what a task promises. Here they refuse
parameters that promise nothing, with the server's own error, before anything is planned or spent. Who may spend
how much is decided by the ledger, not here.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction

from homespun.errors import MisuseError
from homespun.protocol import zcdp
from homespun.protocol.zcdp import delta_of, gaussian_rho
from homespun_server.errors import PrivacyParameterError

__all__ = [
    "DEFAULT_DELTA",
    "check_parameters",
    "check_spendable",
    "delta_of",
    "epsilon_of",
    "gaussian_rho",
    "rho_for",
    "sigma_for",
    "stated_epsilon",
]

DEFAULT_DELTA = 1e-6
"""δ where none is given: well below one in the number of users of most fleets."""


def rho_for(epsilon: float, delta: float) -> float:
    """Return the largest ρ (rounded down) whose zCDP implies (ε, δ)-DP by ``delta_of``.

    Raises:
        PrivacyParameterError: If ε is not finite and positive or δ is not in (0, 1).
    """
    check_spendable(epsilon, delta)
    return zcdp.rho_for(epsilon, delta)


def epsilon_of(rho: float, delta: float) -> float:
    """Return the smallest ε (rounded up) for which ρ-zCDP implies (ε, δ)-DP by ``delta_of``.

    Raises:
        PrivacyParameterError: If ρ is not finite and at least 0 or δ is not in (0, 1).
    """
    with _as_parameters():
        return zcdp.epsilon_of(rho, delta)


def stated_epsilon(rho: Fraction, delta: float) -> float:
    """Return the ε to state for an exact ρ: ``epsilon_of``, never below what was spent; 0 for nothing.

    Raises:
        PrivacyParameterError: If ρ is negative or δ is not in (0, 1).
    """
    with _as_parameters():
        return zcdp.stated_epsilon(rho, delta)


def sigma_for(l2_bound: int, rho: Fraction) -> int:
    """Return the smallest integer σ whose discrete Gaussian costs at most ρ.

    Raises:
        PrivacyParameterError: If ρ is not positive: no noise is enough for a budget of nothing.
    """
    with _as_parameters():
        return zcdp.sigma_for(l2_bound, rho)


def check_parameters(epsilon: float, delta: float) -> None:
    """Refuse an (ε, δ) that promises nothing.

    Raises:
        PrivacyParameterError: If ε is not finite and positive or δ is not in (0, 1).
    """
    if not (math.isfinite(epsilon) and epsilon > 0):
        raise PrivacyParameterError(
            f"ε is {epsilon}; it must be finite and positive. For a model without a guarantee use --non-private."
        )
    _check_delta(delta)


def check_spendable(epsilon: float, delta: float) -> None:
    """Refuse an (ε, δ) that promises nothing, or leaves nothing that could be spent.

    Raises:
        PrivacyParameterError: If ε is not finite and positive, δ is not in (0, 1), or both are too small.
    """
    check_parameters(epsilon, delta)
    if delta_of(zcdp.SMALLEST_RHO, epsilon) > delta:
        raise PrivacyParameterError(
            f"ε = {epsilon} with δ = {delta} leaves no budget that can be spent; choose a larger ε or δ."
        )


def _check_delta(delta: float) -> None:
    if not 0 < delta < 1:
        raise PrivacyParameterError(f"δ is {delta}; it must lie between 0 and 1, well below 1/users.")


@contextmanager
def _as_parameters() -> Iterator[None]:
    try:
        yield
    except MisuseError as error:
        raise PrivacyParameterError(str(error)) from error
