"""The collaborative component, from one release of item pairs.

Released pairs are weighted by d^-b, d being the relative popularity; they are denoised (see ``denoising``), with what
the catalogue alone explains taken out before and put back after (``content_prior``), and scored in one of two ways
(``scorers``). What comes out is symmetric between two scalings, so one table serves a history and its candidates.
"""

from dataclasses import dataclass, field

from homespun_server.privacy.provenance import Sourced, derive, fixed, released
from homespun_server.privacy.release import Release
from homespun_server.training.content_prior import Features, explained
from homespun_server.training.denoising import denoised, standing_out_of, symmetric
from homespun_server.training.model import LEVELS, STEADY, Component, Model, Prior
from homespun_server.training.popularity import Universe, prior
from homespun_server.training.scorers import (
    Scorer,
    WeightedPairs,
    choose_scorer,
    effective_people,
    nothing_learned,
    score_by,
)
from homespun_server.training.similarity import Similarity
from homespun_server.training.tables import LowRank

POPULARITY_POWER = 0.2
"""b: how strongly popular items are down-weighted in the pairs, fixed a priori."""


@dataclass(frozen=True)
class Hints:
    """What the training may know beyond its releases.

    Attributes:
        people: How many people took part, if that was declared or released; None: estimated from the releases.
        scorer: How pairs are scored; None: by the rule of ``choose_scorer``.
        features: What the catalogue says of the universe's items, one entry a field; empty: nothing.
    """

    people: float | None = None
    scorer: Scorer | None = None
    features: Features = ()


@dataclass(frozen=True, eq=False)
class Trained:
    """The component.

    Attributes:
        similarity: The whole of it, rows in the universe's order.
        component: Its low-rank table.
        directions: How many patterns of taste, popularity among them, stood out from the noise in the released
            pairs; without noise, how many were kept.
        scorer: How pairs were scored.
    """

    similarity: Similarity = field(repr=False)
    component: LowRank = field(repr=False)
    directions: int
    scorer: Scorer


def train_collaborative(
    pairs: Release,
    universe: Sourced[Universe],
    dimensions: Sourced[int],
    hints: Sourced[Hints] | None = None,
) -> Sourced[Trained]:
    """Train the collaborative component from released pairs.

    Args:
        pairs: Released item pairs over ``universe``.
        universe: The items and their released popularity.
        dimensions: Largest rank of the low-rank table.
        hints: What else is known; see ``content_prior.features_of``.

    Raises:
        TrainingError: If the pairs hold nothing: nobody likes two items.
        MisuseError: If the pairs were not released, or an argument does not say where it comes from.
    """
    settings = derive(lambda rank, found: (rank, found or Hints()), dimensions, fixed(None) if hints is None else hints)
    return derive(_trained, universe, released(pairs), settings)


def collaborative_model(trained: Sourced[Trained], universe: Sourced[Universe]) -> Sourced[Model]:
    """Return a model of the collaborative component alone; an empty history is ranked by popularity."""
    return derive(_model, universe, trained)


def _model(universe: Universe, trained: Trained) -> Model:
    steady = (1.0,) * LEVELS
    component = Component("collaborative", trained.component, None, STEADY, steady)
    return Model(universe.items, universe.items.size, (component,), (Prior("popularity", prior(universe), steady),))


def _trained(universe: Universe, pairs: Release, settings: tuple[int, Hints]) -> Trained:
    dimensions, hints = settings
    weights = universe.relative**-POPULARITY_POWER
    raw = symmetric(pairs.reals, universe.items.size)
    if not raw.any():
        raise nothing_learned()
    expected = explained(raw, universe.popularity * weights, hints.features) if pairs.noise else 0.0
    rest, _ = denoised(raw - expected, pairs.noise)
    weighted = WeightedPairs(rest + expected, pairs.noise, float(raw.sum()) / 2, universe.popularity, weights)
    people = effective_people(weighted) if hints.people is None else hints.people
    scorer = hints.scorer or choose_scorer(people)
    similarity = score_by(scorer, weighted, dimensions)
    component = similarity.factored("collaborative", dimensions)
    directions = standing_out_of(raw, pairs.noise) if pairs.noise else component.dimensions
    return Trained(similarity, component, directions, scorer)
