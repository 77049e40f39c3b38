"""Figures about people on a card, each with what it may be wrong by.

A figure gets onto a card as ``Sourced`` only: released, declared public, or exact and marked non-private.

Non-goals: a figure without its uncertainty, and intervals that hold for several metrics at once.
"""

import math
from statistics import NormalDist
from typing import TypeVar

import msgspec
import numpy as np

from homespun.errors import MisuseError
from homespun.protocol.statistics.declaration import Metrics, People
from homespun_server.privacy.provenance import Sourced, derive, released
from homespun_server.privacy.release import Release
from homespun_server.statistics.cohort import HELD_OUT
from homespun_server.training.model import Model

T = TypeVar("T")

_QUANTILE = NormalDist().inv_cdf(0.975)
_DIGITS = 10_000
"""Means are stated to so many parts of 1, and their intervals are rounded up to them."""


class Figure(msgspec.Struct, frozen=True):
    """A figure.

    Attributes:
        name: What it is.
        value: The estimate.
        half_width: Half the width of its 95% interval, noise included; 0 for what is known exactly.
    """

    name: str
    value: float
    half_width: float


class Quality(msgspec.Struct, frozen=True):
    """How good a model is for people.

    Attributes:
        people: How many people it was measured on.
        cohort: Which people.
        metrics: Mean of each metric over these people.
        note: How the intervals were computed.
    """

    people: Figure
    cohort: str
    metrics: tuple[Figure, ...]
    note: str


def number_of_users(users: int) -> Figure:
    """Return a number of users that is known exactly."""
    return Figure("users", float(users), 0.0)


def released_users(people: Release) -> Sourced[Figure]:
    """Return a released number of users.

    Args:
        people: A release of the number of people.

    Raises:
        MisuseError: If something else was released.
    """
    return derive(lambda release: _people(release, _transformation(release, People)), released(people))


def released_quality(metrics: Release, model: Sourced[Model]) -> Sourced[Quality]:
    """Return a model's quality from released sums of people's metrics.

    The mean of a metric is its noisy sum Ŝ over the noisy number N̂ of people, both in units of one person, with
    noise of deviation s. Its interval holds every mean μ in 0..1 that explains both (Fieller 1954): those with

        (Ŝ − μN̂)² ≤ z² · (s²(1 + μ²) + N·μ(1 − μ)),    z the 97.5% quantile of the normal distribution.

    The second term is the sampling error at the greatest variance that values in 0..1 with mean μ can have
    (Bhatia, Davis 2000), and N the upper end of the interval of N̂: nothing is estimated from exact data.

    Args:
        metrics: A release of sums of metrics.
        model: Whose quality it is; the figures come from all that the model comes from, and from the release.

    Raises:
        MisuseError: If something else was released.
    """
    return derive(lambda _, quality: quality, model, released_means(metrics))


def released_means(metrics: Release) -> Sourced[Quality]:
    """Return how good something is that is no model of this process, from released sums; see ``released_quality``.

    Args:
        metrics: A release of sums of metrics.

    Raises:
        MisuseError: If something else was released.
    """
    return derive(lambda release: _quality(release, _transformation(release, Metrics)), released(metrics))


def shown(figure: Figure) -> str:
    """Return a figure with its uncertainty, for people."""
    digits = 0 if figure.value.is_integer() and figure.half_width.is_integer() else 4
    value = f"{figure.value:,.{digits}f}"
    return f"{value} ± {figure.half_width:,.{digits}f}" if figure.half_width else value


def _transformation(release: Release, expected: type[T]) -> T:
    form = release.statistic.transformation
    if not isinstance(form, expected):
        raise MisuseError(f"{release.statistic.name} is no release of {expected.__name__.lower()}; give one.")
    return form


def _people(release: Release, _: People) -> Figure:
    return _count(release, release.statistic.l2_bound)


def _count(release: Release, unit: int) -> Figure:
    half_width = math.ceil(_QUANTILE * release.sigma / unit + 0.5 * (release.sigma > 0))
    return Figure("users", max(0.0, float(round(int(release.values[0]) / unit))), float(half_width))


def _quality(release: Release, form: Metrics) -> Quality:
    # What the encoder adds for the person themself; a metric of 1 adds the same.
    unit = math.isqrt(release.statistic.l2_bound**2 // (len(form.names) + 1))
    people, *sums = (release.values / unit).tolist()
    noise = release.sigma / unit
    means = (_mean(people, total, noise, 1 / unit) for total in sums)
    metrics = tuple(Figure(name, *mean) for name, mean in zip(form.names, means, strict=True))
    return Quality(_count(release, unit), _cohort(release), metrics, _NOTE)


def _mean(people: float, total: float, noise: float, rounding: float) -> tuple[float, float]:
    """Return a mean and half the width of its interval; 0.5 ± 0.5 where nothing is known of it."""
    low, high = _interval(people, total, noise)
    estimate = min(1.0, max(0.0, total / people)) if people > 0 else 0.5
    value = round(min(high, max(low, estimate)) * _DIGITS) / _DIGITS
    half_width = max(high + rounding - value, value - low)
    return value, min(1.0, math.ceil(half_width * _DIGITS) / _DIGITS)


def _interval(people: float, total: float, noise: float) -> tuple[float, float]:
    if people <= _QUANTILE * noise:
        return 0.0, 1.0  # perhaps there is nobody
    squared = _QUANTILE**2
    most = people + _QUANTILE * noise
    leading = people**2 - squared * noise**2 + squared * most
    middle = -2 * total * people - squared * most
    discriminant = middle**2 - 4 * leading * (total**2 - squared * noise**2)
    if discriminant < 0:
        return 0.0, 1.0  # no mean explains so improbable a draw of the noise
    root = math.sqrt(discriminant)
    low, high = np.clip([(-middle - root) / (2 * leading), (-middle + root) / (2 * leading)], 0.0, 1.0).tolist()
    return low, high


def _cohort(release: Release) -> str:
    if any(membership.cell == HELD_OUT for membership in release.path):
        return "users who were kept aside and are not in training"
    return "users who are in training too, which flatters the model"


_NOTE = (
    "Noisy sums over people, released: see the privacy statement. Each interval holds with 95% what the noise and, at "
    "its worst, the choice of people do to the mean. Another draw of the noise in training would give another model, "
    "which they leave out."
)
