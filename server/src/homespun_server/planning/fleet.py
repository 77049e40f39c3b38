"""The public facts about a population that a plan is made from."""

import math
from dataclasses import dataclass

from homespun.errors import MisuseError

MOST_USERS = 10**12
MOST_ITEMS = 1 << 22
SMALLEST_UNIVERSE = 200
"""A fit keeps so many items even where fewer stand out from the noise."""


@dataclass(frozen=True)
class Fleet:
    """A population, in figures that the operator knows or estimates without looking at anybody's data.

    Attributes:
        users: How many people take part.
        items: How many items the catalogue has.
        likes: How many different items a person likes on average, in the period that a fit is about.
        max_items: Largest universe of a fit.

    Raises:
        MisuseError: On construction, if a figure means nothing.
    """

    users: int
    items: int
    likes: float = 40.0
    max_items: int = 1000

    def __post_init__(self) -> None:
        """Refuse figures that no population has."""
        if not 1 <= self.users <= MOST_USERS:
            raise MisuseError(f"{self.users:,} users cannot be planned for; give a number from 1 to {MOST_USERS:,}.")
        if not 2 <= self.items <= MOST_ITEMS:  # noqa: PLR2004 - something to choose from
            raise MisuseError(
                f"a catalogue of {self.items:,} items cannot be planned for: a model needs at least two items to "
                f"choose from, and at most {MOST_ITEMS:,} are counted."
            )
        if not (math.isfinite(self.likes) and 1 <= self.likes <= self.items):
            raise MisuseError(
                f"{self.likes:g} different items a person, of {self.items:,}, is not possible; give at least 1 "
                "(--events-per-user), and no more than there are items."
            )
        if self.max_items < 2:  # noqa: PLR2004 - a pair
            raise MisuseError(f"max_items is {self.max_items}; a pair needs at least two.")

    @property
    def largest_universe(self) -> int:
        """M: the most items that a model of this fleet can be about."""
        return min(self.items, self.max_items)
