"""The statistics that can be planned: how many numbers each has, and which share of a budget it is given."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

Size = Callable[[int, int], int]
"""Number of released numbers from (items of the catalogue, items of the universe)."""

Basis = Literal["measured", "rule of thumb"]


@dataclass(frozen=True)
class Kind:
    """A statistic as a plan knows it.

    Attributes:
        word: What it is called on the command line.
        name: What it is called in ledgers and cards.
        size: How many numbers it releases.
        share: Share of the budget; None: an equal part of what the others leave.
        why: The reason for the share, in a few words.
        basis: Whether the share was measured.
    """

    word: str
    name: str
    size: Size
    share: Fraction | None
    why: str
    basis: Basis


def _percent(number: int) -> Fraction:
    return Fraction(number, 100)


_AS_COUNTS = "as much as item counts: single numbers an item, read in the same way"

KINDS: tuple[Kind, ...] = (
    Kind(
        "counts",
        "item-counts",
        lambda items, _: items,
        _percent(6),
        "best or near it at most ε, on three data sets",
        "measured",
    ),
    Kind(
        "pairs",
        "item-pairs",
        lambda _, universe: universe * (universe - 1) // 2,
        None,
        "all that is left: what noise hurts most; alike with transitions",
        "measured",
    ),
    Kind(
        "transitions",
        "transitions",
        lambda _, universe: universe**2,
        None,
        "as much as pairs: within .2 of the best sum of kept shares, four data sets",
        "measured",
    ),
    Kind("trend", "item-trend", lambda _, universe: 14 * universe, _percent(6), _AS_COUNTS, "rule of thumb"),
    Kind("context", "item-context", lambda _, universe: 4 * universe, _percent(6), _AS_COUNTS, "rule of thumb"),
    Kind("outcomes", "outcomes", lambda _, universe: 4 * universe, _percent(6), _AS_COUNTS, "rule of thumb"),
    Kind("repeats", "repeats", lambda _, universe: 5 * universe, _percent(4), "summed over items", "rule of thumb"),
    Kind(
        "archetypes",
        "archetypes",
        lambda _, universe: 16 * (universe + 1),
        _percent(4),
        "a few rows that sum over many people",
        "rule of thumb",
    ),
    Kind(
        "metrics",
        "metric-sums",
        lambda *_: 3,
        _percent(2),
        "three numbers; no cost to others if only of users kept aside",
        "rule of thumb",
    ),
    Kind("people", "people", lambda *_: 1, _percent(1), "one number over everybody", "rule of thumb"),
)
"""Windows, values, thresholds, kinds and centroids are taken to be as many as in the examples of the protocol: 14
stretches of time, 4 values, 4 kinds, 5 thresholds, 16 centroids, 2 metrics."""

BY_WORD = {kind.word: kind for kind in KINDS}

DEFAULT_WORDS = ("counts", "pairs")
"""What ``fit`` releases."""
