"""A plan: everything that can be said about a fit before anybody's data is read."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from homespun_server.errors import PrivacyParameterError
from homespun_server.planning.costs import Cost, costs
from homespun_server.planning.curve import Kept, Matrix, extrapolated, with_popularity
from homespun_server.planning.fleet import MOST_USERS, Fleet
from homespun_server.planning.kinds import DEFAULT_WORDS
from homespun_server.planning.loss import Loss, Period, loss
from homespun_server.planning.shares import Share, split
from homespun_server.planning.universe import expected_universe
from homespun_server.planning.verdict import LARGEST_EPSILON, Verdict, is_weak, predictions, too_small
from homespun_server.privacy.zcdp import DEFAULT_DELTA, rho_for

EPSILON_FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
USER_FACTORS = (0.1, 0.3, 1.0, 3.0, 10.0)

SOME_DEVICES = 2
"""Somebody with so many devices or ids is told of in every plan."""


@dataclass(frozen=True)
class Request:
    """What is planned.

    Attributes:
        fleet: The population.
        epsilon: ε of one period.
        delta: δ of one period, and of all together.
        words: The statistics, as the command line calls them.
        period: How often the budget is spent.
        devices: Devices or ids of one person that are looked at.
    """

    fleet: Fleet
    epsilon: float
    delta: float = DEFAULT_DELTA
    words: tuple[str, ...] = DEFAULT_WORDS
    period: Period = field(default_factory=Period)
    devices: int = 1


@dataclass(frozen=True)
class Predicted:
    """What is left of one statistic.

    Attributes:
        matrix: The statistic.
        kept: Of what it adds to popularity.
        least_quality: Of the whole quality, popularity included, at worst.
        most_quality: The same, at best.
    """

    matrix: Matrix
    kept: Kept
    least_quality: float
    most_quality: float


@dataclass(frozen=True)
class Alternative:
    """What would be left at another ε or with other users: L by statistic."""

    epsilon: float
    users: int
    kept: dict[Matrix, float]


@dataclass(frozen=True)
class Plan:
    """What a fit is expected to keep and to cost.

    Attributes:
        request: What was planned.
        rho: zCDP of one period, exact.
        universe: How many items are expected to stand out.
        shares: The split of the budget.
        predicted: What is left of each statistic whose quality can be predicted.
        costs: The cost of each statistic.
        losses: ε for one period and for the lifetime, for one id and for several.
        by_epsilon: The same fleet at other ε.
        by_users: Other fleets at the same ε.
        too_small: What is not worth its budget here; none if all is well.
        weak_delta: Whether δ allows somebody's data to be published whole.
        extrapolated: What lies outside the measurements, in plain words.
    """

    request: Request
    rho: Fraction
    universe: int
    shares: tuple[Share, ...]
    predicted: tuple[Predicted, ...]
    costs: tuple[Cost, ...]
    losses: tuple[Loss, ...]
    by_epsilon: tuple[Alternative, ...]
    by_users: tuple[Alternative, ...]
    too_small: tuple[Verdict, ...]
    weak_delta: bool
    extrapolated: tuple[str, ...]


def make_plan(request: Request) -> Plan:
    """Plan.

    Raises:
        PrivacyParameterError: If (ε, δ) promises nothing.
        MisuseError: If the request contradicts itself.
    """
    fleet, words = request.fleet, request.words
    rho = Fraction(rho_for(request.epsilon, request.delta))
    shares = split(words, fleet, rho)
    universe = _universe(fleet, shares)
    return Plan(
        request=request,
        rho=rho,
        universe=universe,
        shares=shares,
        predicted=tuple(_predicted(matrix, kept) for matrix, kept in predictions(words, fleet, rho).items()),
        costs=costs(words, fleet, universe),
        losses=_losses(request, float(rho)),
        by_epsilon=_by_epsilon(request),
        by_users=_by_users(request, rho),
        too_small=too_small(fleet, request.epsilon, request.delta, words),
        weak_delta=is_weak(request.delta, fleet.users),
        extrapolated=extrapolated(fleet),
    )


def _universe(fleet: Fleet, shares: Sequence[Share]) -> int:
    # Without item counts there is no universe to choose: statistics are then about the largest.
    counts = next((share.rho for share in shares if share.word == "counts"), None)
    return fleet.largest_universe if counts is None else expected_universe(fleet, float(counts))


def _predicted(matrix: Matrix, kept: Kept) -> Predicted:
    return Predicted(matrix, kept, *with_popularity(matrix, kept))


def _losses(request: Request, rho: float) -> tuple[Loss, ...]:
    devices = sorted({1, SOME_DEVICES, request.devices})
    lifetimes = sorted({1, request.period.periods})
    return tuple(
        loss(rho, request.delta, periods=periods, devices=several) for periods in lifetimes for several in devices
    )


def _by_epsilon(request: Request) -> tuple[Alternative, ...]:
    tried = (request.epsilon * factor for factor in EPSILON_FACTORS)
    rhos = {epsilon: _rho(epsilon, request.delta) for epsilon in tried if epsilon <= LARGEST_EPSILON}
    return tuple(
        _alternative(request.words, request.fleet, epsilon, rho) for epsilon, rho in rhos.items() if rho is not None
    )


def _rho(epsilon: float, delta: float) -> Fraction | None:
    try:
        return Fraction(rho_for(epsilon, delta))
    except PrivacyParameterError:  # smaller than what was asked for, and too small to be spent
        return None


def _by_users(request: Request, rho: Fraction) -> tuple[Alternative, ...]:
    tried = dict.fromkeys(math.ceil(request.fleet.users * factor) for factor in USER_FACTORS)
    fleets = (replace(request.fleet, users=users) for users in tried if users <= MOST_USERS)
    return tuple(_alternative(request.words, fleet, request.epsilon, rho) for fleet in fleets)


def _alternative(words: Sequence[str], fleet: Fleet, epsilon: float, rho: Fraction) -> Alternative:
    kept = {matrix: found.share for matrix, found in predictions(words, fleet, rho).items()}
    return Alternative(epsilon, fleet.users, kept)
