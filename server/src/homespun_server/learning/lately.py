"""What is popular lately, summed again for another moment over the items that a model has: without privacy.

For measuring what a refresh is worth, and for learning a blend where the model will be refreshed. An operator who
refreshes a private model releases the trend anew (``refreshing``).
"""

from collections.abc import Mapping, Sequence

import numpy as np

from homespun_server.learning.data import FitData
from homespun_server.learning.moments import stretches
from homespun_server.learning.options import FitOptions
from homespun_server.learning.releasing import trend_release
from homespun_server.learning.terms import Terms, trends
from homespun_server.privacy.provenance import Sourced, derive, non_private
from homespun_server.statistics.cohort import Cohort, Window
from homespun_server.statistics.raw import Raw
from homespun_server.training.content import catalogue
from homespun_server.training.item_prior import ItemPrior
from homespun_server.training.placement import placement
from homespun_server.training.popularity import Universe
from homespun_server.training.scaling import scaled_values
from homespun_server.training.tables import Floats


class Lately:
    """Sums trends for any moment."""

    def __init__(self, data: FitData, terms: Sourced[Terms], options: FitOptions) -> None:
        """Prepare to sum.

        Args:
            data: The people, with all events up to the last moment.
            terms: The model's terms.
            options: The fit's: half-lives.
        """
        self._data, self._terms, self._options = data, terms, options
        self._items = catalogue(data.interactions.items)
        self._universe = derive(lambda found: Universe(found.items, np.ones(found.items.size)), terms)
        everything = derive(lambda found: found.items, terms)
        self._place = placement(everything, everything)

    def priors(self, moment: int) -> Sourced[tuple[ItemPrior, ...]]:
        """Return the trends as of a moment, from training users' events before it; seconds since 1970.

        They are scaled by the items that were learned from people, as the weights of a blend are: new ones then stand
        out and do not shift the others.
        """
        trend = trend_release(
            self._data,
            self._items,
            self._universe,
            budget=None,
            edges=stretches(moment, self._options.half_lives),
            cohort=Cohort.training(self._options.test_share).within(Window("refresh", 0, 1, 0, moment)),
            observer=lambda _step, _done, _of: None,
        )
        as_of = non_private(Raw(moment), "a moment at which somebody asked")
        return derive(_scaled, trends(trend, self._place, as_of, self._options), self._terms)

    def values(self, moments: Sequence[int]) -> Mapping[str, Floats]:
        """Return the trends at several moments: float64 [moments, N] by name."""
        found = [self.priors(moment).value for moment in moments]
        names = [prior.name for prior in found[0]] if found else []
        return {name: np.stack([each[place].values for each in found]) for place, name in enumerate(names)}


def _scaled(priors: tuple[ItemPrior, ...], terms: Terms) -> tuple[ItemPrior, ...]:
    return tuple(ItemPrior(prior.name, scaled_values(prior.values, terms.learned)) for prior in priors)
