"""Exact sums over users of bounded contributions. They never leave this process un-noised.

``UserSum`` is what a release is made from; it is not a release, and nothing that trains accepts it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from homespun.protocol.statistics import ITEM_COUNTS, ITEM_PAIRS, Statistic, encode_count, encode_pairs
from homespun_server.statistics.likes import Likes


@dataclass(frozen=True)
class UserSum:
    """An exact, un-noised sum over users: not to be shown, stored or trained from.

    Attributes:
        statistic: The declaration, whose bound each user's contribution respects.
        values: int64 of shape [n], in grid steps.
        users: How many users contributed.
        unbounded: What the sum of all values would be without bounding, in the real unit.
    """

    statistic: Statistic
    values: NDArray[np.int64] = field(repr=False)
    users: int
    unbounded: float

    @property
    def kept(self) -> float:
        """Share of the unbounded total that bounding kept, between 0 and 1."""
        bounded = float(self.values.sum()) / self.statistic.grid
        return bounded / self.unbounded if self.unbounded else 1.0


def item_counts(likes: Likes, items: int) -> UserSum:
    """Sum the training users' bounded item counts over the whole catalogue.

    Args:
        likes: The likes.
        items: Number of items in the catalogue, used or not: an item that nobody used is counted too,
            or its absence would tell.
    """
    values = np.zeros(items, np.int64)
    unbounded = 0
    for item, likes_of_user, users in likes.count_groups():
        sizes, which = np.unique(likes_of_user, return_inverse=True)
        contribution = np.array([encode_count(int(size)) for size in sizes], np.int64)[which]
        np.add.at(values, item, contribution * users)
        unbounded += int(users.sum())
    return UserSum(ITEM_COUNTS, values, likes.training_users(), float(unbounded))


def item_pairs(baskets: Iterable[NDArray[np.int64]], weights: NDArray[np.int64]) -> UserSum:
    """Sum the users' bounded item pairs over a universe.

    Args:
        baskets: Each user's distinct items as int64 indices into the universe, ascending.
        weights: int64 of shape [M], the universe's published item weights.

    Returns:
        M(M−1)/2 values: the rows of the strict upper triangle, one after another.
    """
    size = weights.size
    square = np.zeros((size, size), np.int64)
    users, pairs = 0, 0
    for basket in baskets:
        # Ascending indices put a basket's own upper triangle into the universe's.
        square[np.ix_(basket, basket)] += encode_pairs(weights[basket])
        users += 1
        pairs += basket.size * (basket.size - 1) // 2
    return UserSum(ITEM_PAIRS, square[np.triu_indices(size, 1)], users, float(pairs))
