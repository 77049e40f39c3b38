"""What is popular lately: log priors of decayed counts, from a release of counts by stretches of time.

For a half-life H and a moment T, an item has x_j = Σ_s 2^{−(T − t_s)/H} · count_sj, t_s being the middle of the
stretch, and the prior log((ε + x_j) / (ε + max x)), at most 0. With noise, x_j is first shrunk by how much it stands
out from the noise that is in it (``standing_out``), of deviation s, so that an item nobody used gets next to nothing;
ε, where the logarithm levels off, is then .3s. Without noise ε is what one person added in the typical cell, decayed
like the rest.

T is an argument, not a clock: the same release, read later, is a trend of that later moment, weaker and not wrong.
Stretches that begin after T do not count.
"""

from dataclasses import dataclass

import numpy as np

from homespun.errors import MisuseError
from homespun.protocol.statistics.declaration import ItemTrend
from homespun_server.errors import TrainingError
from homespun_server.privacy.provenance import Sourced, derive, released
from homespun_server.privacy.release import Release
from homespun_server.training.denoising import standing_out
from homespun_server.training.item_prior import ItemPrior
from homespun_server.training.placement import Placement
from homespun_server.training.tables import Floats

FADED = 40.0
"""Half-lives after which a trend is none: 2⁻⁴⁰ of a person is not even one person of everybody."""

FLOOR = 0.3
"""ε as a share of the noise's deviation."""

_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


@dataclass(frozen=True)
class TrendRecipe:
    """When it is, and how fast things are forgotten.

    Attributes:
        now: T, seconds since 1970.
        half_lives: H, seconds, each once; one prior each.

    Raises:
        MisuseError: On construction, if there is no half-life, or one is not positive or stands twice.
    """

    now: int
    half_lives: tuple[int, ...]

    def __post_init__(self) -> None:
        """Refuse what means nothing."""
        if not self.half_lives or min(self.half_lives) <= 0 or len(set(self.half_lives)) < len(self.half_lives):
            raise MisuseError(f"half-lives of {self.half_lives} seconds; give positive ones, each once.")


def train_trend(
    trend: Release, placement: Sourced[Placement], recipe: Sourced[TrendRecipe]
) -> Sourced[tuple[ItemPrior, ...]]:
    """Return one prior a half-life, named like ``trend-7d``, in the recipe's order.

    Args:
        trend: Released counts by stretches of time, over a part of the model's items; others get the least value.
        placement: Which.
        recipe: Moment and half-lives; a moment that was read off people's data is not fixed or public.

    Raises:
        TrainingError: If no stretch lies before the moment, all were forgotten by then, or they hold nothing.
        MisuseError: If it is a release of something else, or over other items.
    """
    return derive(_trained, released(trend), placement, recipe)


def _trained(release: Release, placement: Placement, recipe: TrendRecipe) -> tuple[ItemPrior, ...]:
    form = release.statistic.transformation
    if not isinstance(form, ItemTrend):
        raise MisuseError(f"{release.statistic.name} counts no stretches of time; give a release of item-trend.")
    placement.check(release)
    counts = release.reals.reshape(release.statistic.shape)
    return tuple(
        ItemPrior(name_of(half_life), _prior(counts, release.noise, decays(form, recipe.now, half_life), placement))
        for half_life in recipe.half_lives
    )


def decays(form: ItemTrend, now: int, half_life: int) -> Floats:
    """Return what a stretch's counts weigh: float64 [stretches], 2^{−age/half-life}, 0 after ``now``.

    A stretch that is not over is as old as its middle, and 0 at least.
    """
    edges = np.array(form.edges, float)
    ages = np.maximum(now - (edges[:-1] + edges[1:]) / 2, 0.0) / half_life
    weights: Floats = np.where((edges[:-1] > now) | (ages > FADED), 0.0, 0.5 ** np.minimum(ages, FADED))
    return weights


def name_of(half_life: int) -> str:
    """Return the prior's name, in the largest unit that gives a whole number: ``trend-7d``, ``trend-36h``."""
    unit, seconds = next((unit, seconds) for unit, seconds in _UNITS if half_life % seconds == 0)
    return f"trend-{half_life // seconds}{unit}"


def _prior(counts: Floats, noise: float, weights: Floats, placement: Placement) -> Floats:
    if noise:
        deviation = noise * float(np.sqrt((weights**2).sum()))
        decayed = standing_out(weights @ counts, deviation) if deviation else np.zeros(counts.shape[1])
        floor = FLOOR * deviation
    else:
        decayed, floor = weights @ counts, _typical(counts, weights)
    decayed = np.maximum(decayed, 0.0)
    if not (decayed.any() and floor > 0):
        raise TrainingError(
            "the released trend holds nothing as of the moment that was given: its stretches lie later, are "
            "forgotten, or nobody chose anything in them. Give the moment when the last stretch ended, a longer "
            "half-life, or leave the trend out."
        )
    largest = floor + float(decayed.max())
    return placement.spread(np.log((floor + decayed) / largest), float(np.log(floor / largest)))


def _typical(counts: Floats, weights: Floats) -> float:
    """Return the median of the cells that hold anything, times the mean weight of such a cell."""
    used = counts > 0
    return float(np.median(counts[used]) * (weights @ used.sum(axis=1)) / used.sum()) if used.any() else 0.0
