"""How much local learning may do. Plain numbers, which were chosen on people of whom none is in a reported figure."""

import math
from dataclasses import dataclass

from homespun.errors import MisuseError

_LEAST = {"weight": 0.0, "grade": 0.0, "dislike": 0.0, "bound": 0.0, "return_weight": 0.0}


@dataclass(frozen=True)
class LearningRule:
    """Settings of local learning.

    A spread is the standard deviation of the scores of a pool.

    Attributes:
        weight: Spreads of the lasting taste's term over the pool, once all of it counts; at least 0.
        least_events: Distinct liked items below which nothing is learned; at least 1.
        full_events: Distinct liked items from which on the lasting taste counts in full; at least ``least_events``.
        forgetting: Items after which one counts 1/e; above 0.
        grade: How much more an item counts for each standard deviation that its weight is above the person's mean.
        dislike: How much a disliked item counts against what is like it, beside a liked one.
        bound: Most spreads that the term may add or take away.
        return_weight: Spreads for each unit of the log ratio by which the person comes back to things.

    Raises:
        MisuseError: On construction, if a number is outside these bounds.
    """

    weight: float = 0.2
    least_events: int = 50
    full_events: int = 100
    forgetting: float = 1000.0
    grade: float = 1.0
    dislike: float = 0.3
    bound: float = 2.0
    return_weight: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what would make a term that is not finite, or that grows as less is known."""
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if not math.isfinite(value) or value < least:
                raise MisuseError(f"{name} is {value}; use a finite number from {least:g} up.")
        if not self.forgetting > 0:
            raise MisuseError(f"forgetting is {self.forgetting}; use a number of items above 0, or infinity for none.")
        if not 1 <= self.least_events <= self.full_events:
            raise MisuseError(
                f"least_events is {self.least_events} and full_events {self.full_events}; use whole numbers, 1 or "
                "more, of which the second is not the smaller."
            )

    def share(self, liked: int) -> float:
        """Return how much of the lasting taste counts for somebody with so many distinct liked items, 0 to 1."""
        if liked < self.least_events:
            return 0.0
        return min(1.0, (liked - self.least_events + 1) / (self.full_events - self.least_events + 1))
