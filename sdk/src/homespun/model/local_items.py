"""What an application says of items on the device, as one unchanging whole: new items, and the bundle's own.

New items have positions behind the bundle's, in the order in which they were first given. Those without any word
that the bundle knows have no score and no position.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property

import msgspec
import numpy as np
from numpy.typing import NDArray

from homespun.model.new_item import NewItem

Positions = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class LocalItems:
    """The items.

    Attributes:
        first: The first position behind the bundle's.
        ids: The new ones' ids, in the order of their positions.
        vectors: float32 [L, d], their content vectors, of norm 1.
        unscored: Ids of the new ones that have no position.
        titles: Titles by position, of new ones and of the bundle's that got another one.
        tags: Tags likewise.
        attributes: By name and position, what counts in place of the bundle's values; an empty text: none.
        limited: int64 [w], ascending: positions of those that cannot always be had.
        since: float64 [w], from when on they can, seconds since 1970.
        until: float64 [w], until when.
        given: What was said, in the order in which items were first given.
    """

    first: int
    ids: tuple[str, ...]
    vectors: NDArray[np.float32]
    unscored: frozenset[str]
    titles: Mapping[int, str]
    tags: Mapping[int, tuple[str, ...]]
    attributes: Mapping[str, Mapping[int, str | float]]
    limited: Positions
    since: NDArray[np.float64]
    until: NDArray[np.float64]
    given: tuple[NewItem, ...] = ()

    @cached_property
    def identity(self) -> str:
        """SHA-256 of everything that the application says of items."""
        said = [
            {field.name: value for field in fields(item) if (value := getattr(item, field.name)) is not None}
            for item in self.given
        ]
        return hashlib.sha256(msgspec.json.encode(said, order="deterministic")).hexdigest()

    def unavailable(self, now: float) -> Positions:
        """Return the positions of what cannot be had at a time (int64, ascending)."""
        # Not the other way round, for a time that is no number.
        found: Positions = self.limited[~((self.since <= now) & (now < self.until))]
        return found


_ALWAYS = NewItem(id="-").window

Entry = tuple[NewItem, NDArray[np.float32] | None]
"""An item, and its vector; None if it has none, or is the bundle's."""


def local_items(entries: Iterable[Entry], known: Mapping[str, int], first: int) -> LocalItems:
    """Put items together.

    Args:
        entries: The items with their vectors, float32 [d], each id once.
        known: Positions of those that the bundle has.
        first: The first position behind the bundle's.
    """
    given = list(entries)
    new = [(item, vector) for item, vector in given if item.id not in known]
    scored = [(item, vector) for item, vector in new if vector is not None]
    positions = {item.id: first + place for place, (item, _) in enumerate(scored)}
    placed = {positions.get(item.id, known.get(item.id, -1)): item for item, _ in given}
    placed.pop(-1, None)
    windows = sorted((position, *item.window) for position, item in placed.items() if item.window != _ALWAYS)
    limits = np.array(windows, np.float64).reshape(len(windows), 3)
    return LocalItems(
        first=first,
        ids=tuple(positions),
        vectors=np.array([vector for _, vector in scored], np.float32).reshape(len(scored), -1 if scored else 0),
        unscored=frozenset(item.id for item, vector in new if vector is None),
        titles=_titles(placed, first),
        tags={at: tuple(item.tags or ()) for at, item in placed.items() if at >= first or item.tags is not None},
        attributes=_attributes(placed),
        limited=limits[:, 0].astype(np.int64),
        since=limits[:, 1],
        until=limits[:, 2],
        given=tuple(item for item, _ in given),
    )


def _titles(placed: Mapping[int, NewItem], first: int) -> dict[int, str]:
    titles = {}
    for position, item in placed.items():
        if item.title is not None:
            titles[position] = item.title
        elif position >= first:
            titles[position] = item.id
    return titles


def _attributes(placed: Mapping[int, NewItem]) -> dict[str, dict[int, str | float]]:
    found: dict[str, dict[int, str | float]] = defaultdict(dict)
    for position, item in placed.items():
        for name, value in item.facts.items():
            found[name][position] = value
    return dict(found)


def carriers(tags: Mapping[int, tuple[str, ...]]) -> dict[str, list[int]]:
    """Return the positions that carry each tag, ascending."""
    found: dict[str, list[int]] = defaultdict(list)
    for position in sorted(tags):
        for tag in dict.fromkeys(tags[position]):
            found[tag].append(position)
    return dict(found)
