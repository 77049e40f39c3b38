"""How much of a model's quality survives the noise: two curves, fitted to measurements.

What is predicted is L = (quality − popularity) / (quality without noise − popularity), in NDCG on users whom
training never saw: the share that is left of what the statistic adds to recommending what is popular. Both
qualities are of the same recipe on the same people with the same largest universe, at the δ that ε is stated for.

Random-matrix theory says what L can depend on: a pattern of taste survives if its eigenvalue, which grows with
users and with items a person, stands above the noise's edge 2√M/μ, where μ = √(2ρ). So

    z = c + a ln(users / 10,000) + b ln(μ / 0.2) + n ln(likes / 20) + m ln(M / 1000),
    L = 1 − (1 + e^{4z})^{−1/4},

which falls to nothing quickly where little stands out, and approaches 1 as a power of the signal where much does.
The constants are least squares over the points in ``measured``. Users and μ have exponents of their own: more
people improve the model without noise too, against which L is held.

Below its threshold a fit can be *worse* than popularity, by far; L is then counted as 0.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from homespun_server.planning.fleet import Fleet

_SHARPNESS = 4.0
"""How suddenly the curve begins; chosen among 1, 2, 4 and 8 by the error on unseen data sets, which hardly differs."""

Matrix = Literal["pairs", "transitions"]


@dataclass(frozen=True)
class Curve:
    """The constants of one curve, and what is known of its error.

    Attributes:
        constant: c.
        users: a, the exponent of users.
        noise: b, the exponent of μ.
        likes: n, the exponent of likes a person.
        universe: m, the exponent of the largest universe.
        error: Half of the interval: nine in ten points of data sets that the constants had not seen lie within.
    """

    constant: float
    users: float
    noise: float
    likes: float
    universe: float
    error: float

    def kept(self, fleet: Fleet, rho: Fraction | float) -> float:
        """Return L, in (0, 1), for a fleet and the zCDP that the statistic may cost."""
        z = (
            self.constant
            + self.users * math.log(fleet.users / 10_000)
            + self.noise * math.log(math.sqrt(2 * float(rho)) / 0.2)
            + self.likes * math.log(fleet.likes / 20)
            + self.universe * math.log(fleet.largest_universe / 1000)
        )
        # ln(1 + e^x) without overflow.
        grown = max(_SHARPNESS * z, 0.0) + math.log1p(math.exp(-abs(_SHARPNESS * z)))
        return -math.expm1(-grown / _SHARPNESS)


PAIRS = Curve(constant=-0.256, users=0.828, noise=1.091, likes=0.367, universe=-0.393, error=0.16)

TRANSITIONS = Curve(constant=-0.947, users=0.761, noise=1.073, likes=0.0, universe=-0.438, error=0.46)
"""The constant is the mean of the data sets' own ones, which differ much: hence the wide interval."""

CURVES: dict[Matrix, Curve] = {"pairs": PAIRS, "transitions": TRANSITIONS}


@dataclass(frozen=True)
class Kept:
    """A predicted share with its interval, each in [0, 1]."""

    share: float
    low: float
    high: float


def kept(matrix: Matrix, fleet: Fleet, rho: Fraction | float) -> Kept:
    """Predict what is left of what a statistic adds to popularity.

    Args:
        matrix: Which statistic.
        fleet: The population.
        rho: zCDP that this statistic may cost.
    """
    curve = CURVES[matrix]
    share = curve.kept(fleet, rho)
    return Kept(share, max(share - curve.error, 0.0), min(share + curve.error, 1.0))


POPULARITY_SHARE: dict[Matrix, tuple[float, float]] = {"pairs": (0.34, 0.86), "transitions": (0.13, 0.86)}
"""What popularity alone has of the quality without noise: the least and the most of the measured populations."""


def with_popularity(matrix: Matrix, kept: Kept) -> tuple[float, float]:
    """Return the least and the most that is left of the whole quality, popularity included.

    L leaves popularity out. With a, the share of popularity alone, what is left of the whole is a + (1 − a)·L, and
    a is not known beforehand.
    """
    least, most = POPULARITY_SHARE[matrix]
    return least + (1 - least) * kept.low, most + (1 - most) * kept.high


MEASURED_USERS = (474, 69_734)
MEASURED_LIKES = (5.2, 95.8)
MEASURED_UNIVERSES = (300, 3000)


def extrapolated(fleet: Fleet) -> tuple[str, ...]:
    """Name in plain words which figures of a fleet lie outside what was measured."""
    found = (
        ("users", fleet.users, MEASURED_USERS),
        ("items a person", fleet.likes, MEASURED_LIKES),
        ("items in the model at most", fleet.largest_universe, MEASURED_UNIVERSES),
    )
    return tuple(
        f"{value:,.10g} {what} (measured: {low:,g} to {high:,g})"
        for what, value, (low, high) in found
        if not low <= value <= high
    )
