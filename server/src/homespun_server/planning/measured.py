"""What the curves were fitted to: quality with and without noise, on parts of six real data sets.

Facts about data sets, no data. Every point is a fit by the recipe of ``fit`` (transitions: by a prototype), judged
by up to 2,500 people whom training never saw: pairs by NDCG@100 with a fifth of a person's items hidden, transitions
by NDCG@20 of a person's last item. Repeated by the benchmark ``planning``. The noise had the σ of a fit, drawn by a
seeded float sampler.

All pairs of a person's items were counted. Where at most 100 sampled items of a person are, as in a fit, nine points
that were measured again on three of the data sets moved by at most 0.01.
"""

from importlib.resources import files

import msgspec

from homespun_server.planning.curve import Matrix
from homespun_server.planning.fleet import Fleet


class Point(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One measured fit.

    Attributes:
        data: The data set.
        matrix: The statistic.
        users: People trained from.
        items: Items of the catalogue.
        likes: Different items a person, on average.
        max_items: Largest universe.
        epsilon: ε per person, at δ = 10⁻⁶.
        rho: zCDP that the statistic cost.
        universe: Items that stood out from the noise.
        popularity: Quality of what is popular.
        exact: Quality of the recipe without noise.
        noised: Quality of the recipe with noise.
    """

    data: str
    matrix: Matrix
    users: int
    items: int
    likes: float
    max_items: int
    epsilon: float
    rho: float
    universe: int
    popularity: float
    exact: float
    noised: float

    @property
    def fleet(self) -> Fleet:
        """The people as a plan would describe them."""
        return Fleet(self.users, self.items, self.likes, self.max_items)

    @property
    def kept(self) -> float:
        """L, counted as 0 where popularity is better, and as 1 where noise did no harm."""
        left = (self.noised - self.popularity) / (self.exact - self.popularity)
        return min(max(left, 0.0), 1.0)


def points() -> tuple[Point, ...]:
    """Read the points that come with the package."""
    data = files("homespun_server.planning").joinpath("measured.json").read_bytes()
    return msgspec.json.decode(data, type=tuple[Point, ...])
