"""How many items will stand out from the noise on item counts.

Popularity is taken to be log-normal over the catalogue, with one spread for all fleets: with h the threshold
relative to the mean count of an item, the share of items above it is Φ(−(ln h + v²/2) / v). A person with n items
adds 1/√n to each, so the mean count of C items is users · √n / C.
"""

import math
from statistics import NormalDist

from homespun_server.planning.fleet import SMALLEST_UNIVERSE, Fleet

SIGNIFICANCE = 4.0
"""Standard deviations of the noise by which the count of an item must stand out; as in a fit."""

SPREAD = 1.6
"""v, the deviation of log popularity; least squares over the measured populations, weighted by data set."""

UNIVERSE_ERROR = 1.75
"""Factor within which every measured universe was predicted."""


def expected_universe(fleet: Fleet, counts_rho: float) -> int:
    """Return how many items a fit's universe will have.

    Args:
        fleet: The population.
        counts_rho: zCDP that item counts may cost.
    """
    noise = 1 / math.sqrt(2 * counts_rho)
    threshold = SIGNIFICANCE * noise * fleet.items / (fleet.users * math.sqrt(fleet.likes))
    share = NormalDist().cdf(-(math.log(threshold) + SPREAD**2 / 2) / SPREAD)
    return min(max(round(share * fleet.items), SMALLEST_UNIVERSE), fleet.largest_universe)
