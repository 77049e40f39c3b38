"""A few typical tastes: centroids to sort people by, from released pairs, and what people of each taste like.

Two steps, two statistics. First, items that go together in released pairs are grouped, and every group becomes a
published centroid, whose coordinates are how much likelier an item is in it than in general, as logarithms: the sum
over what a person likes is then a naive Bayes classifier of groups. Second, from the release of what the people
nearest to each centroid like, the same log-odds again, now as people made them. They can be centroids of another
round.

Everything is seeded by the releases alone; there is no randomness.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from homespun.errors import MisuseError
from homespun.protocol.statistics.declaration import Archetypes as Form
from homespun_server.errors import TrainingError
from homespun_server.privacy.provenance import Sourced, derive, released
from homespun_server.privacy.release import Release
from homespun_server.training.collaborative import POPULARITY_POWER
from homespun_server.training.content_prior import explained
from homespun_server.training.context import odds_of_rows
from homespun_server.training.denoising import denoised, symmetric
from homespun_server.training.eigen import leading_eigenpairs
from homespun_server.training.model import Archetypes, Weights
from homespun_server.training.placement import Placement
from homespun_server.training.popularity import Universe
from homespun_server.training.ratios import log_ratios
from homespun_server.training.tables import Floats

STEPS = 256
"""Integer steps of a centroid in one unit of the natural logarithm."""

_ROUNDS = 100

Centroids = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, eq=False)
class LearnedArchetypes:
    """Tastes without their weights.

    Attributes:
        log_odds: float64 [K, N]: log[p(item | taste) / p(item)], 0 where nothing is known.
    """

    log_odds: Floats

    def weighted(self, weights: Weights) -> Archetypes:
        """Return them with their weights, one per activity level."""
        return Archetypes(self.log_odds, weights)


def first_centroids(pairs: Release, universe: Sourced[Universe], count: Sourced[int]) -> Sourced[Centroids]:
    """Return centroids for the declaration of archetypes over the same universe.

    Args:
        pairs: Released item pairs over ``universe``.
        universe: The items and their released popularity.
        count: Most tastes; fewer if fewer patterns stand out.

    Raises:
        TrainingError: If there are no two tastes: fewer patterns stand out from what is popular and from the noise.
    """
    return derive(_centroids, universe, released(pairs), count)


def next_centroids(learned: Sourced[LearnedArchetypes], placement: Sourced[Placement]) -> Sourced[Centroids]:
    """Return the learned tastes as centroids of another round, over the items that were placed."""
    return derive(lambda found, place: published(found.log_odds[:, place.rows]), learned, placement)


def train_archetypes(archetypes: Release, placement: Sourced[Placement]) -> Sourced[LearnedArchetypes]:
    """Train tastes from the release of what people nearest to each centroid like.

    Args:
        archetypes: Released sums, over a part of the model's items.
        placement: Which.

    Raises:
        TrainingError: If fewer than two tastes stand out from the noise.
        MisuseError: If it is a release of something else, or over other items.
    """
    return derive(_trained, released(archetypes), placement)


def _trained(release: Release, placement: Placement) -> LearnedArchetypes:
    if not isinstance(release.statistic.transformation, Form):
        raise MisuseError(f"{release.statistic.name} sums no tastes; give a release of archetypes.")
    placement.check(release)
    sums = release.reals.reshape(release.statistic.shape)[:, :-1]
    odds = odds_of_rows(sums, release.noise)
    if odds is None:
        raise _no_taste()
    return LearnedArchetypes(placement.spread(odds))


def _centroids(universe: Universe, pairs: Release, count: int) -> Centroids:
    size = universe.items.size
    weights = universe.popularity * universe.relative**-POPULARITY_POWER
    raw = symmetric(pairs.reals, size)
    # What goes together because it is popular is no taste.
    expected = explained(raw, weights, ())
    rest, _ = denoised(raw - expected, pairs.noise)
    values, vectors = leading_eigenpairs(rest, count)
    if min(values.size, count) < 2:  # noqa: PLR2004 - one taste has no other to be told from
        raise _no_taste()
    groups = grouped(vectors * np.sqrt(values), universe.popularity, min(count, values.size))
    return published(_log_odds(np.maximum(rest + expected, 0.0), groups, pairs.noise))


def grouped(points: Floats, importance: Floats, count: int) -> NDArray[np.int64]:
    """Group points by direction (spherical k-means), seeded by what is important and far from other seeds.

    Args:
        points: float64 [M, d].
        importance: float64 [M], positive: popularity. Its root weighs a point, for seeds and for means.
        count: How many groups, at most M.

    Returns:
        int64 [M], each point's group; some groups may be empty.
    """
    norms = np.linalg.norm(points, axis=1, keepdims=True)
    units = np.divide(points, norms, out=np.zeros_like(points), where=norms > 0)
    weights = np.sqrt(importance)
    centres = _seeds(units, weights * (norms[:, 0] > 0), count)
    groups = np.full(points.shape[0], -1)
    for _ in range(_ROUNDS):
        nearest = (units @ centres.T).argmax(axis=1)
        if np.array_equal(nearest, groups):
            break
        groups = nearest
        sums = np.zeros_like(centres)
        np.add.at(sums, groups, units * weights[:, None])
        length = np.linalg.norm(sums, axis=1, keepdims=True)
        centres = np.where(length > 0, sums / np.where(length > 0, length, 1.0), centres)
    return groups


def published(log_odds: Floats) -> Centroids:
    """Return log-odds as the integers that are declared.

    A number that all tastes share in an item changes no comparison, so each item's least becomes 0.
    """
    steps = np.rint(STEPS * (log_odds - log_odds.min(axis=0))).astype(np.int64)
    return tuple(tuple(row) for row in steps.tolist())


def _seeds(units: Floats, weights: Floats, count: int) -> Floats:
    chosen = [int(weights.argmax())]
    nearest = units @ units[chosen[0]]
    while len(chosen) < count:
        chosen.append(int((weights * (1 - nearest)).argmax()))
        nearest = np.maximum(nearest, units @ units[chosen[-1]])
    return units[chosen]


def _log_odds(pairs: Floats, groups: NDArray[np.int64], noise: float) -> Floats:
    """Return how much likelier an item goes with a group's items than with any: float64 [groups in use, M]."""
    used, members = np.unique(groups, return_counts=True)
    if used.size < 2:  # noqa: PLR2004
        raise _no_taste()
    sums = np.array([pairs[groups == group].sum(axis=0) for group in used])
    shares = sums.sum(axis=1) / sums.sum()
    if not (shares > 0).all():
        raise _no_taste()
    by_noise = noise**2 * (members * (1 - shares) ** 2 + (members.sum() - members) * shares**2)
    return log_ratios(sums, sums.sum(axis=0), shares, by_noise)


def _no_taste() -> TrainingError:
    return TrainingError(
        "no two tastes stand out from what everybody likes and from the noise, so people cannot be sorted by taste. "
        "More people, more likes each or a larger ε would change that; otherwise leave archetypes out."
    )
