"""What rules need to know of a bundle's items: a part of what ``Bundle`` offers."""

from collections.abc import Iterable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from homespun.model.history import Positions, Reals


class Shelf(Protocol):
    """Items, by position: the bundle's and those that an application added; N + L of them."""

    @property
    def size(self) -> int:
        """How many items there are."""
        ...

    def __contains__(self, item: object) -> bool:
        """Return whether there is an item with this id."""
        ...

    def position(self, item: str) -> int:
        """Return the position of an item that there is."""
        ...

    def positions_of(self, items: Iterable[str]) -> Positions:
        """Return the distinct positions of those of ``items`` that there are, in any order (int64 [n])."""
        ...

    def tagged(self, tag: str) -> Positions:
        """Return the positions of the items that carry a tag, ascending (int64 [n])."""
        ...

    def numbers(self, name: str) -> Reals:
        """Return an attribute's numbers; float64 [N + L], NaN where an item has none."""
        ...

    def texts(self, name: str) -> tuple[tuple[str, ...], NDArray[np.int32]]:
        """Return an attribute's distinct texts, and which one each item has; int32 [N + L], −1 where it has none."""
        ...
