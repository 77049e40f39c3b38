"""Sizes that a model can be made to, how good each is, and which one fits a budget of bytes."""

from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

from homespun_server.errors import TrainingError

Bits = Literal[4, 8]


class SizePoint(NamedTuple):
    """How small tables are made.

    Attributes:
        rank: Dimensions of the low-rank table of pairs; 0: none.
        residual_entries: Entries that are kept of what it leaves over.
        transition_entries: Entries that are kept of each table of transitions.
        bits: Bits of an entry.
        bytes: What all of them take in a bundle, exactly.
    """

    rank: int
    residual_entries: int
    transition_entries: int
    bits: Bits
    bytes: int


class Measured(NamedTuple):
    """A size, and how good what it leaves is; more is better."""

    point: SizePoint
    quality: float


def curve(points: Iterable[SizePoint], quality: Callable[[SizePoint], float]) -> tuple[Measured, ...]:
    """Measure how good each size is."""
    return tuple(Measured(point, quality(point)) for point in points)


def choose(points: Iterable[SizePoint], budget: int) -> SizePoint:
    """Return the last size within a budget of bytes, of sizes from the least to the greatest effort.

    Raises:
        TrainingError: If none is.
    """
    return best([Measured(point, place) for place, point in enumerate(points)], budget).point


def best(measured: Iterable[Measured], budget: int) -> Measured:
    """Return the best size within a budget of bytes; of equals the smallest.

    Raises:
        TrainingError: If none is.
    """
    found = sorted(measured, key=lambda each: (-each.quality, each.point.bytes))
    fitting = [each for each in found if each.point.bytes <= budget]
    if not fitting:
        least = min((each.point.bytes for each in found), default=0)
        raise TrainingError(
            f"no size of the model fits {budget:,} bytes; the smallest takes {least:,}. Allow more, or learn fewer "
            "items (--max-items)."
        )
    return fitting[0]
