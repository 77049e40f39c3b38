"""The universe and the prior, from the released item counts."""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from homespun_server.errors import TrainingError
from homespun_server.privacy.provenance import Sourced, derive, released
from homespun_server.privacy.release import Release
from homespun_server.statistics.items import Items

SIGNIFICANCE = 4.0
"""An item enters the universe if its noisy count exceeds so many standard deviations of the noise."""

SMALLEST_UNIVERSE = 200
"""Even under heavy noise so many items are kept: below this nothing useful can be learned."""

PRIOR_WEIGHT = 0.005
"""Weight of log popularity beside the collaborative score, fixed a priori.

It orders the list when there is no history and weighs less the longer the history is. Chosen on two public
data sets; from .002 to .02 hardly anything changes (see the decision record on the first model).
"""


@dataclass(frozen=True)
class Universe:
    """The items that a model is about, most popular first.

    Attributes:
        items: int64 [M], catalogue positions.
        popularity: float64 [M], released counts, floored at the noise so that all are positive.
        counts: float64 [catalogue], about how often every item was counted, positive; None: known of the chosen alone.
            Those that were not chosen are near the noise, so each is drawn towards their mean.
    """

    items: NDArray[np.int64]
    popularity: NDArray[np.float64]
    counts: NDArray[np.float64] | None = None

    def relative_of(self, items: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return popularity relative to the most popular item, in (0, 1].

        Args:
            items: int64 [N], catalogue positions; where only the chosen ones are known, others are like the least.
        """
        known = self.counts
        if known is None:
            known = np.full(int(max(items.max(), self.items.max())) + 1, self.popularity.min())
        known = known.copy()
        known[self.items] = self.popularity
        relative: NDArray[np.float64] = known[items] / self.popularity.max()
        return relative

    @property
    def relative(self) -> NDArray[np.float64]:
        """Popularity relative to the most popular item, in (0, 1]."""
        relative: NDArray[np.float64] = self.popularity / self.popularity.max()
        return relative


def choose_universe(counts: Release, items: Sourced[Items], max_items: Sourced[int]) -> Sourced[Universe]:
    """Choose the items whose released count stands out from the noise: post-processing, no further budget.

    Equal counts are ordered by the hash of the item's id, never by position, which may tell of time.

    Args:
        counts: Released item counts over the whole catalogue.
        items: The catalogue.
        max_items: Largest universe.

    Raises:
        TrainingError: If fewer than two items are left.
        MisuseError: If the counts were not released, or an argument does not say where it comes from.
    """
    return derive(_chosen, items, released(counts), max_items)


def _chosen(items: Items, counts: Release, max_items: int) -> Universe:
    values = counts.reals
    tie_break = [hashlib.sha256(identity.encode()).digest() for identity in items.ids]
    order = np.array(sorted(range(len(items)), key=lambda item: (-values[item], tie_break[item])), np.int64)
    significant = int((values > SIGNIFICANCE * counts.noise).sum())
    fewest = SMALLEST_UNIVERSE if counts.private else 0
    size = min(max(significant, fewest), max_items, len(items))
    if size < 2:  # noqa: PLR2004 - a pair
        raise TrainingError(
            f"only {size} item of the catalogue is liked by anybody; a model needs at least two. Check that the "
            "interactions' item ids are the catalogue's, and --min-weight."
        )
    chosen = order[:size]
    floor = max(counts.noise, 1 / counts.statistic.grid)
    return Universe(chosen, np.maximum(values[chosen], floor), _shrunk(values, order[size:], counts))


def _shrunk(values: NDArray[np.float64], rest: NDArray[np.int64], counts: Release) -> NDArray[np.float64]:
    """Return counts with those of the rest drawn towards their mean, as much as noise makes them differ.

    m + (p̃ − m) · max(v − σ², 0) / v with their mean m and variance v (Efron and Morris 1973, "Stein's estimation rule
    and its competitors"), between the least that the mean can be known by and what the chosen have.
    """
    shrunk = values.copy()
    if not rest.size:
        return shrunk
    found, spread = values[rest], float(values[rest].var())
    kept = max(spread - counts.noise**2, 0.0) / spread if spread else 0.0
    least = max(counts.noise / np.sqrt(rest.size), 1 / counts.statistic.grid)
    mean = max(float(found.mean()), least)
    shrunk[rest] = np.clip(mean + kept * (found - mean), min(least, mean), max(float(found.max()), mean))
    return shrunk


def prior(universe: Universe) -> NDArray[np.float64]:
    """Return the additive prior of each item: a small multiple of log relative popularity, at most 0."""
    return PRIOR_WEIGHT * np.log(universe.relative)
