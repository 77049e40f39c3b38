"""The tags of a few items as numbers, so that they can be counted in arrays.

An item's tags are read when they are first asked for, and kept as numbers. Tags are numbered in the order in which they
are met, so a number means nothing to another object of this class.
"""

import threading
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int32]
Positions = NDArray[np.int64]

Read = Callable[[Sequence[int]], list[tuple[str, ...]]]
"""Reads the tags of the items at some positions."""


class TagCodes:
    """Numbered tags of items. Safe to use from several threads at once."""

    def __init__(self, read: Read, items: int) -> None:
        """Read tags with ``read``.

        Args:
            read: Reads the tags of items.
            items: How many items there are, N.
        """
        self._read = read
        self._lock = threading.Lock()
        self._numbers: dict[str, int] = {}
        self._flat: Integers = np.zeros(0, np.int32)
        self._count = 0
        # One more than the place in the flat array; 0: not read yet. Zeros cost no memory before they are touched.
        self._first: Positions = np.zeros(items, np.int64)
        self._lengths: Integers = np.zeros(items, np.int32)

    @property
    def names(self) -> tuple[str, ...]:
        """The tags by their numbers, as far as they were met."""
        with self._lock:
            return tuple(self._numbers)

    def number(self, tag: str) -> int:
        """Return a tag's number; one that was not met yet is given the next."""
        with self._lock:
            return self._numbers.setdefault(tag, len(self._numbers))

    def of(self, positions: Positions) -> tuple[Integers, Integers]:
        """Return the tags that items carry, each once an item: places in ``positions`` and the tags' numbers.

        Args:
            positions: int64 [p], each in 0..N − 1.

        Returns:
            int32 [e], ascending, and int32 [e].

        Raises:
            ModelContractError: If tags are not a JSON array of text, or hold a control character.
            ClosedError: If the catalogue was closed before they were read.
        """
        first = self._first[positions]
        if not first.all():
            self._learn(positions[first == 0])
            first = self._first[positions]
        lengths = self._lengths[positions]
        ends = lengths.cumsum(dtype=np.int64)
        places = np.arange(positions.size, dtype=np.int32).repeat(lengths)
        within = np.arange(places.size, dtype=np.int64)
        within += (first - 1 - ends + lengths).repeat(lengths)
        return places, self._flat[within]

    def _learn(self, positions: Positions) -> None:
        wanted = np.sort(positions).tolist()
        read = self._read(wanted)
        with self._lock:
            for position, tags in zip(wanted, read, strict=True):
                if not self._first[position]:
                    self._add(position, dict.fromkeys(tags))

    def _add(self, position: int, tags: Iterable[str]) -> None:
        numbers = [self._numbers.setdefault(tag, len(self._numbers)) for tag in tags]
        end = self._count + len(numbers)
        if end > self._flat.size:
            # Copied, because another thread may be looking at the old one.
            self._flat = np.concatenate([self._flat, np.zeros(max(end, 1024), np.int32)])
        self._flat[self._count : end] = numbers
        self._lengths[position] = len(numbers)
        # Last: from now on others take it for read.
        self._first[position] = self._count + 1
        self._count = end
