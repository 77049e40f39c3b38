"""The declaration of a statistic: what is summed over people, how each is bounded, and what for.

One declaration drives the sum over a table, the encoder on a device, and the documentation. It is data:
it names one of the transformations below with published parameters, all integers or text, and has a digest.
"""

import hashlib
import math
import sys
from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Literal

import msgspec

from homespun.errors import MisuseError
from homespun.protocol.canonical import canonical
from homespun.protocol.events import check_item
from homespun.protocol.statistics.grid import GRID, MAX_BOUND
from homespun.protocol.statistics.variants import Variants

MAX_UNIVERSE = 1 << 22
"""Most items of a universe that is counted item by item."""

MAX_PAIRED = 1 << 15
"""Most items of a universe whose pairs are counted."""

MAX_SIZE = 1 << 31
"""Most numbers of one statistic."""

MAX_TAKEN = 1 << 11
"""Most items or cells of one person that may be taken into pairs; two million pairs."""

MAX_ITEM_WEIGHT = 1 << 15
"""Largest published weight of an item."""

MAX_LAG_WEIGHT = 1 << 10
"""Largest published weight of a lag or of a gap."""

MAX_CENTROID = 1 << 20
"""Largest published coordinate of a centroid."""

_SHARE = Annotated[int, msgspec.Meta(ge=1, le=MAX_TAKEN)]
_CELLS = Annotated[int, msgspec.Meta(ge=1, le=1 << 20)]
_ITEM_WEIGHT = Annotated[int, msgspec.Meta(ge=1, le=MAX_ITEM_WEIGHT)]
_LAG_WEIGHT = Annotated[int, msgspec.Meta(ge=0, le=MAX_LAG_WEIGHT)]
_SECONDS = Annotated[int, msgspec.Meta(ge=0, le=253_402_300_800)]
_WORD = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
_TEXT = Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Common to everything here: immutable, and nothing unknown."""


class ItemCounts(_Part, frozen=True, kw_only=True, tag="item-counts"):
    """1 for each liked item.

    Attributes:
        max_items: At most so many of a person's items, sampled.
    """

    max_items: _CELLS

    def shape(self, items: int) -> tuple[int, ...]:
        """Return the shape of the sum over a universe of so many items."""
        return (items,)


class ItemTrend(_Part, frozen=True, kw_only=True, tag="item-trend"):
    """1 for each (stretch of time, item) with an event in favour.

    Attributes:
        edges: Where stretches begin and the last one ends: seconds since 1970, ascending; each begins at its
            edge and ends before the next.
        max_cells: At most so many of a person's cells, sampled.
    """

    edges: Annotated[tuple[_SECONDS, ...], msgspec.Meta(min_length=2, max_length=1025)]
    max_cells: _CELLS

    def shape(self, items: int) -> tuple[int, ...]:
        """Return the shape of the sum over a universe of so many items."""
        return (len(self.edges) - 1, items)


class ItemPairs(_Part, frozen=True, kw_only=True, tag="item-pairs"):
    """q_i · q_j for each pair of liked items i < j.

    Attributes:
        weights: The published weight q of every item of the universe.
        max_items: At most so many of a person's items, sampled.
    """

    weights: Annotated[tuple[_ITEM_WEIGHT, ...], msgspec.Meta(min_length=2, max_length=MAX_PAIRED)]
    max_items: _SHARE

    def shape(self, items: int) -> tuple[int, ...]:
        """Return the shape of the sum over a universe of so many items."""
        _check_items(len(self.weights), items)
        return (items * (items - 1) // 2,)


class Gap(_Part, frozen=True, kw_only=True):
    """A weight for what is at most so many seconds apart."""

    seconds: _SECONDS
    weight: _LAG_WEIGHT


class Transitions(_Part, frozen=True, kw_only=True, tag="transitions"):
    """The weight of the lag, times that of the gap, for each item that follows another, in order.

    Of the person's events in favour of items of the universe. An item that follows itself is left to ``Repeats``.

    Attributes:
        lag_weights: The weight of the next item, the one after it, and so on.
        gaps: Weights by real time between the two, ascending; what is further apart counts nothing. Where a time
            is unknown, the first weight is taken. Without any, time does not matter.
        max_events: Only so many of a person's latest events.
    """

    lag_weights: Annotated[tuple[_LAG_WEIGHT, ...], msgspec.Meta(min_length=1, max_length=64)]
    gaps: Annotated[tuple[Gap, ...], msgspec.Meta(max_length=16)] = ()
    max_events: Annotated[int, msgspec.Meta(ge=2, le=1 << 14)]

    def shape(self, items: int) -> tuple[int, ...]:
        """Return the shape of the sum over a universe of so many items."""
        return (items, items)


class ItemContext(_Part, frozen=True, kw_only=True, tag="item-context"):
    """For each (value of a context feature, item): how many events in favour, at most ``max_count``.

    Attributes:
        feature: The context's name.
        values: The values that are told apart, published; others are not counted.
        max_count: Most that one cell counts for one person.
        max_cells: At most so many of a person's cells, sampled.
    """

    feature: _WORD
    values: Annotated[tuple[_WORD, ...], msgspec.Meta(min_length=1, max_length=1024)]
    max_count: Annotated[int, msgspec.Meta(ge=1, le=1 << 20)]
    max_cells: _CELLS

    def shape(self, items: int) -> tuple[int, ...]:
        """Return the shape of the sum over a universe of so many items."""
        return (len(self.values), items)


class Repeats(_Part, frozen=True, kw_only=True, tag="repeats"):
    """1 for each (threshold, item) if the person has at least so many events in favour of the item.

    Attributes:
        thresholds: Numbers of events, ascending from 1.
        max_cells: At most so many of a person's cells, sampled.
    """

    thresholds: Annotated[
        tuple[Annotated[int, msgspec.Meta(ge=1, le=1 << 20)], ...], msgspec.Meta(min_length=1, max_length=64)
    ]
    max_cells: _CELLS

    def shape(self, items: int) -> tuple[int, ...]:
        """Return the shape of the sum over a universe of so many items."""
        return (len(self.thresholds), items)


class Outcomes(_Part, frozen=True, kw_only=True, tag="outcomes"):
    """1 for each (kind of event, item) that occurs.

    Attributes:
        kinds: The kinds that are told apart, published; others are not counted.
        max_cells: At most so many of a person's cells, sampled.
    """

    kinds: Annotated[tuple[_WORD, ...], msgspec.Meta(min_length=1, max_length=100)]
    max_cells: _CELLS

    def shape(self, items: int) -> tuple[int, ...]:
        """Return the shape of the sum over a universe of so many items."""
        return (len(self.kinds), items)


class Archetypes(_Part, frozen=True, kw_only=True, tag="archetypes"):
    """The liked items, added to the nearest published centroid's row, whose last cell counts people.

    Nearest is the centroid with the largest inner product with the 0/1 vector of liked items, the first of equals.
    Items get one half of the squared norm, the count of people the other.

    Attributes:
        centroids: One list of coordinates a centroid, one coordinate an item.
        max_items: At most so many of a person's items, sampled.
    """

    centroids: Annotated[
        tuple[tuple[Annotated[int, msgspec.Meta(ge=0, le=MAX_CENTROID)], ...], ...],
        msgspec.Meta(min_length=1, max_length=1024),
    ]
    max_items: _CELLS

    def shape(self, items: int) -> tuple[int, ...]:
        """Return the shape of the sum over a universe of so many items."""
        for centroid in self.centroids:
            _check_items(len(centroid), items)
        return (len(self.centroids), items + 1)


class Metrics(_Part, frozen=True, kw_only=True, tag="metrics"):
    """1 for the person, and each of their metrics, which lie in 0..1; all divided by √(metrics + 1).

    Attributes:
        names: The metrics' names.
    """

    names: Annotated[tuple[_WORD, ...], msgspec.Meta(min_length=1, max_length=256)]

    def shape(self, items: int) -> tuple[int, ...]:
        """Return the shape of the sum over a universe of so many items."""
        _check_items(0, items)
        return (len(self.names) + 1,)


class People(_Part, frozen=True, kw_only=True, tag="people"):
    """1 for each person with an event."""

    def shape(self, items: int) -> tuple[int, ...]:
        """Return the shape of the sum over a universe of so many items."""
        _check_items(0, items)
        return (1,)


Transformation = (
    ItemCounts
    | ItemTrend
    | ItemPairs
    | Transitions
    | ItemContext
    | Repeats
    | Outcomes
    | Archetypes
    | Metrics
    | People
    | Variants
)


class Universe(_Part, frozen=True, kw_only=True):
    """The items that are counted, used or not.

    Attributes:
        items: How many there are.
        digest: SHA-256 of their ids in order, each followed by a line feed: ``universe_of``. None where a
            statistic counts no items.
    """

    items: Annotated[int, msgspec.Meta(ge=0, le=MAX_UNIVERSE)]
    digest: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")] | None


class LikeRule(_Part, frozen=True, kw_only=True):
    """Which events are in favour of their item, and which items a person likes.

    An event is in favour unless its kind is negative or its weight is below ``min_weight``. An item is liked
    if its last event is of no negative kind and its last weight, if it has any, is at least ``min_weight``.

    Attributes:
        min_weight: Least weight of a like; None: weights do not matter.
        negative_kinds: Kinds that speak against an item.
    """

    min_weight: Decimal | None = None
    negative_kinds: Annotated[tuple[_WORD, ...], msgspec.Meta(max_length=100)] = ()


class Statistic(_Part, frozen=True, kw_only=True):
    """One declared sum over people.

    Attributes:
        schema: Version of this structure.
        name: In ledgers, cards and documentation.
        counts: What is summed, in a few words.
        universe: The items that are counted.
        shape: Shape of the sum; vectors and tables of cells, and for pairs one number a pair i < j, row by row.
        transformation: What one person adds, before it is clipped.
        rule: Which events count in favour.
        l2_bound: Largest L2 norm of what one person adds, in grid steps: the sensitivity for adding or removing
            one person.
        grid: Steps in 1.0.
        width: Bits of the integers that sums are carried in.
        max_people: Most people whose contributions are added up.
        purpose: What the released sum is used for.
        retention: How long the un-noised sum exists.
        description: The same for the person, in plain words.

    Raises:
        MisuseError: On construction, if the parts contradict each other or the largest sum does not fit.
    """

    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9-]{0,63}$(?!\n)")]
    counts: _TEXT
    universe: Universe
    shape: Annotated[tuple[Annotated[int, msgspec.Meta(ge=1)], ...], msgspec.Meta(min_length=1, max_length=2)]
    transformation: Transformation
    rule: LikeRule
    purpose: _TEXT
    retention: _TEXT
    description: _TEXT
    l2_bound: Annotated[int, msgspec.Meta(ge=1, le=MAX_BOUND)] = GRID
    grid: Annotated[int, msgspec.Meta(ge=1, le=MAX_BOUND)] = GRID
    width: Literal[32, 64] = 64
    max_people: Annotated[int, msgspec.Meta(ge=1, le=1 << 40)] = 1 << 32
    schema: Literal[1] = 1

    def __post_init__(self) -> None:
        """Check that what a declaration says about itself is so."""
        expected = self.transformation.shape(self.universe.items)
        if self.shape != expected:
            raise MisuseError(f"{self.name}: the shape {self.shape} is not that of its cells, {expected}.")
        if not 1 <= self.size <= MAX_SIZE:
            raise MisuseError(f"{self.name}: {self.size:,} numbers; 1 to {MAX_SIZE:,} can be summed and released.")
        if (self.universe.digest is None) != (self.universe.items == 0):
            raise MisuseError(f"{self.name}: a universe is known by the digest of its items: use universe_of.")
        _check_order(self)
        _check_least(self)
        self.check_capacity()

    @property
    def size(self) -> int:
        """How many numbers are summed."""
        return math.prod(self.shape)

    @property
    def digest(self) -> str:
        """SHA-256 of the declaration's canonical JSON, in hexadecimal."""
        return hashlib.sha256(canonical(msgspec.to_builtins(self))).hexdigest()

    def noise_tail(self, sigma: int) -> int:
        """Return what all numbers of the sum's noise together exceed with a probability of at most 2⁻⁶⁴.

        The discrete Gaussian is sub-Gaussian with parameter σ (Canonne, Kamath, Steinke 2020), so that probability is
        at most 2·size·e^{−t²/2σ²}.

        Args:
            sigma: Noise parameter in grid steps.
        """
        return math.ceil(sigma * math.sqrt(2 * (math.log(2 * self.size) + 64 * math.log(2))))

    def check_capacity(self, sigma: int = 0) -> None:
        """Refuse a sum that could wrap the integers it is carried in.

        Args:
            sigma: Noise parameter in grid steps. Noise is counted with its ``noise_tail``.

        Raises:
            MisuseError: If the largest sum and the tail of the noise do not fit.
        """
        tail = self.noise_tail(sigma)
        largest = self.max_people * self.l2_bound + tail
        if largest >= 1 << (self.width - 1):
            raise MisuseError(
                f"{self.name}: {self.max_people:,} people with up to {self.l2_bound} steps each and noise up to "
                f"{tail:,} make {largest:,}, which wraps integers of {self.width} bits. Declare fewer people or a "
                "greater width."
            )


def validated(statistic: Statistic) -> Statistic:
    """Return the declaration, every one of its parameters checked against the ranges above.

    Raises:
        MisuseError: If a parameter is out of range or of the wrong type.
    """
    try:
        return msgspec.convert(msgspec.to_builtins(statistic), Statistic)
    except (msgspec.ValidationError, TypeError) as error:
        raise MisuseError(f"the declaration of {statistic.name} is not valid: {error}.") from error


def universe_of(ids: Sequence[str]) -> Universe:
    """Return the universe of these item ids, in this order.

    Raises:
        InvalidEventError: If no item can have an id: a line feed in one would make two universes look alike.
    """
    digest = hashlib.sha256()
    for identity in ids:
        digest.update(check_item(identity).encode() + b"\n")
    return Universe(items=len(ids), digest=digest.hexdigest())


NO_ITEMS = Universe(items=0, digest=None)
"""For statistics that count no items."""


def _check_items(given: int, items: int) -> None:
    if given != items:
        raise MisuseError(f"{given} published parameters an item, or none, for a universe of {items} items.")


def _check_order(statistic: Statistic) -> None:
    match statistic.transformation:
        case ItemTrend(edges=order) | Repeats(thresholds=order):
            _check_ascending(statistic.name, order)
        case Transitions(gaps=gaps):
            _check_ascending(statistic.name, tuple(gap.seconds for gap in gaps))
        case ItemContext(values=names) | Outcomes(kinds=names) | Metrics(names=names) if len(set(names)) < len(names):
            raise MisuseError(f"{statistic.name}: a name stands twice among {', '.join(names)}.")


def _check_least(statistic: Statistic) -> None:
    least = statistic.rule.min_weight
    if least is not None and not (Decimal(least).is_finite() and 0 <= least <= sys.float_info.max):
        raise MisuseError(f"{statistic.name}: the least weight, {least}, must be finite and not negative.")


def _check_ascending(name: str, order: tuple[int, ...]) -> None:
    if any(second <= first for first, second in pairwise(order)):
        raise MisuseError(f"{name}: {order} must ascend, without repetition.")
