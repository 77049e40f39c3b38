"""Where the items of a released statistic stand among the model's: its universe may be a part of them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from homespun.errors import MisuseError
from homespun_server.privacy.provenance import Sourced, derive
from homespun_server.privacy.release import Release
from homespun_server.training.tables import Floats

Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Placement:
    """Which rows of the model the items of a statistic's universe are.

    Attributes:
        rows: int64 [m], the model's row of each item of the universe, in its order; each once.
        size: N, how many items the model has.

    Raises:
        MisuseError: On construction, if a row stands twice or is none of the model's.
    """

    rows: Integers
    size: int

    def __post_init__(self) -> None:
        """Refuse rows that would mix items up."""
        inside = self.rows.size == 0 or (int(self.rows.min()) >= 0 and int(self.rows.max()) < self.size)
        if not inside or np.unique(self.rows).size != self.rows.size:
            raise MisuseError(f"{self.rows.size} rows are not distinct ones of a model of {self.size} items.")

    def check(self, release: Release) -> None:
        """Refuse a release over another universe.

        Raises:
            MisuseError: If it is over another number of items.
        """
        items = release.statistic.universe.items
        if items != self.rows.size:
            raise MisuseError(
                f"{release.statistic.name} was released over {items} items, and {self.rows.size} were placed. Give "
                "the very items, in the order in which they were declared."
            )

    def spread(self, values: Floats, otherwise: float = 0.0) -> Floats:
        """Return values of the universe's items, float64 [..., m], as [..., N]; other items get ``otherwise``."""
        spread = np.full((*values.shape[:-1], self.size), otherwise)
        spread[..., self.rows] = values
        return spread

    def spread_square(self, matrix: Floats) -> csr_matrix:
        """Return the positive entries of a float64 [m, m] as a canonical [N, N] in compressed rows."""
        before, after = np.nonzero(matrix > 0)
        placed = (matrix[before, after], (self.rows[before], self.rows[after]))
        result = csr_matrix(placed, shape=(self.size, self.size))
        result.sum_duplicates()
        return result


def placement(universe: Sourced[Integers], items: Sourced[Integers]) -> Sourced[Placement]:
    """Find a statistic's items among the model's.

    Args:
        universe: int64 [m], catalogue positions of the statistic's items, in their order.
        items: int64 [N], catalogue positions of the model's items.

    Raises:
        MisuseError: If one of the statistic's items is not among the model's.
    """
    return derive(_placed, universe, items)


def _placed(universe: Integers, items: Integers) -> Placement:
    order = np.argsort(items, kind="stable")
    found = np.searchsorted(items, universe, sorter=order)
    rows = order[np.minimum(found, items.size - 1)] if items.size else np.empty(0, np.int64)
    if rows.size != universe.size or not np.array_equal(items[rows], universe):
        raise MisuseError("a statistic is about an item that the model does not have; choose the model's items first.")
    return Placement(rows, items.size)
