"""How many guesses to make and at which δ: fixed before anything is drawn, by computing what would be caught.

The matched filter's score of a canary is normal: with the claimed noise and nothing wrong its mean is μ = √(2ρ)
higher, in standard deviations, if the canary is in. A fault that makes people weigh twice as much against the noise
makes it 2μ. The power against a fault is the probability that the audit contradicts the claim under it. Claims are
zCDP, hence a whole curve ε(δ), and one run shows most where δ is about one in the number of canaries.

These figures are computed, not measured; they plan an audit and say what its silence is worth. Its verdict does
not rest on them.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from scipy.optimize import brentq
from scipy.special import ndtr
from scipy.stats import binom

from homespun.errors import MisuseError
from homespun_server.privacy.audit.bound import critical_count
from homespun_server.privacy.zcdp import epsilon_of

FACTOR = 2.0
"""The fault that an audit is designed to catch: one person weighs this many times what is claimed."""

SHARES = (0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.12, 0.2)
"""Shares of the canaries that may be guessed."""

DELTAS = tuple(float(f"{step}e-{power}") for power in (6, 5, 4, 3) for step in (1, 2, 3, 5))
"""δ that may be audited at."""

MIN_CANARIES = 100

_TAIL = 40.0


@dataclass(frozen=True)
class Design:
    """One audit, before it is run.

    Attributes:
        rho: The claim, in zCDP.
        canaries: m.
        guesses: r, half of them "in" and half "out".
        delta: δ at which the claim is audited.
        epsilon: ε that the claim amounts to at this δ.
        critical: So many right guesses contradict the claim at 95% confidence; ``guesses`` + 1: none do.
    """

    rho: float
    canaries: int
    guesses: int
    delta: float
    epsilon: float
    critical: int

    def power(self, factor: float) -> float:
        """Return how probably a fault is caught by which everybody weighs ``factor`` times what is claimed."""
        return float(binom.sf(self.critical - 1, self.guesses, self._accuracy(factor)))

    def log_miss(self, factor: float) -> float:
        """Return the logarithm of how probably it is missed."""
        return float(binom.logcdf(self.critical - 1, self.guesses, self._accuracy(factor)))

    def _accuracy(self, factor: float) -> float:
        """Return how probably a guess is right: scores are N(±h, 1), and the outermost of m are guessed."""
        half = factor * math.sqrt(2 * self.rho) / 2
        share = self.guesses / self.canaries

        def surplus(threshold: float) -> float:
            return float(ndtr(half - threshold) + ndtr(-half - threshold)) - share

        threshold = brentq(surplus, 0.0, half + _TAIL)
        right, wrong = ndtr(half - threshold), ndtr(-half - threshold)
        return float(right / (right + wrong))


def design_for(rho: float, canaries: int, *, delta: float | None = None) -> Design:
    """Return the design that most probably catches a fault of ``FACTOR``.

    Args:
        rho: The claim, in zCDP.
        canaries: How many there are.
        delta: δ to audit at; None: the best of ``DELTAS``.

    Raises:
        MisuseError: If there are too few canaries to show anything.
        PrivacyParameterError: If ρ or δ promises nothing.
    """
    if canaries < MIN_CANARIES:
        raise MisuseError(f"{canaries} canaries show nothing; use {MIN_CANARIES} at the very least, better 40,000.")
    return min(
        _designs(rho, canaries, DELTAS if delta is None else (delta,)), key=lambda design: design.log_miss(FACTOR)
    )


def _designs(rho: float, canaries: int, deltas: tuple[float, ...]) -> Iterator[Design]:
    claims = {delta: epsilon_of(rho, delta) for delta in deltas}
    for delta, share in product(deltas, SHARES):
        guesses = max(2, 2 * round(canaries * share / 2))
        critical = critical_count(canaries=canaries, guesses=guesses, epsilon=claims[delta], delta=delta)
        yield Design(rho, canaries, guesses, delta, claims[delta], critical)
