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
        others: What an item that was not chosen was counted on average, positive; None: nobody counted any. One alone
            is lost in the noise, but of all together it is known well how popular they are.
    """

    items: NDArray[np.int64]
    popularity: NDArray[np.float64]
    others: float | None = None

    @property
    def relative_of_others(self) -> float:
        """Popularity of an item that was not chosen, relative to the most popular one, in (0, 1]."""
        least = float(self.popularity.min())
        return (least if self.others is None else min(self.others, least)) / float(self.popularity.max())

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
    rest = values[order[size:]]
    least = max(counts.noise / np.sqrt(max(rest.size, 1)), 1 / counts.statistic.grid)
    others = max(float(rest.mean()), least) if rest.size else None
    return Universe(chosen, np.maximum(values[chosen], floor), others)


def prior(universe: Universe) -> NDArray[np.float64]:
    """Return the additive prior of each item: a small multiple of log relative popularity, at most 0."""
    return PRIOR_WEIGHT * np.log(universe.relative)
