"""The attributes of a bundle's items with what the application says of items on top."""

import threading
from collections.abc import Mapping
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from homespun.model.attribute_rows import Reals, Texts, sealed
from homespun.model.attributes import Attributes
from homespun.model.local_items import LocalItems

Own = Mapping[int, str | float]


class LocalAttributes:
    """Attributes as ``Attributes`` has them, of N + L items. Safe to use from several threads at once.

    What the application says counts in place of the bundle's value: a text where that has a number too, and an empty
    text says that the item has none.
    """

    def __init__(self, below: Attributes, local: LocalItems) -> None:
        """Put ``local`` on top of ``below``."""
        self._below = below
        self._local = local
        self._lock = threading.Lock()
        self._numbers: dict[str, Reals] = {}
        self._texts: dict[str, Texts] = {}

    @property
    def names(self) -> frozenset[str]:
        """Every attribute's name; raises what ``Attributes.names`` does."""
        return self._below.names.union(self._local.attributes)

    def numbers(self, name: str) -> Reals:
        """See ``Attributes.numbers``; float64 [N + L]."""
        below, own = self._below.numbers(name), self._local.attributes.get(name)
        if own is None and not self._local.ids:
            return below
        if own is None and name not in self._below.names:
            return self._no_numbers
        with self._lock:
            if name not in self._numbers:
                self._numbers[name] = self._with_numbers(below, own or {})
            return self._numbers[name]

    def texts(self, name: str) -> Texts:
        """See ``Attributes.texts``; int32 [N + L]."""
        below, own = self._below.texts(name), self._local.attributes.get(name)
        if own is None and not self._local.ids:
            return below
        if own is None and name not in self._below.names:
            return self._no_texts
        with self._lock:
            if name not in self._texts:
                self._texts[name] = self._with_texts(*below, own or {})
            return self._texts[name]

    def of(self, position: int) -> dict[str, str | float]:
        """See ``Attributes.of``."""
        found = self._below.of(position) if position < self._local.first else {}
        for name, values in self._local.attributes.items():
            if position in values:
                found[name] = values[position]
        return {name: found[name] for name in sorted(found) if found[name] != ""}

    def _with_numbers(self, below: Reals, own: Own) -> Reals:
        found = np.concatenate([below, np.full(len(self._local.ids), np.nan)])
        for position, value in own.items():
            found[position] = value if isinstance(value, float) else np.nan
        return sealed(found)

    def _with_texts(self, texts: tuple[str, ...], codes: NDArray[np.int32], own: Own) -> Texts:
        known = {text: place for place, text in enumerate(texts)}
        found = np.concatenate([codes, np.full(len(self._local.ids), -1, np.int32)])
        for position, value in own.items():
            place = known.setdefault(value, len(known)) if isinstance(value, str) and value else -1
            found[position] = place
        return tuple(known), sealed(found)

    @cached_property
    def _no_numbers(self) -> Reals:
        return self._with_numbers(np.full(self._local.first, np.nan), {})

    @cached_property
    def _no_texts(self) -> Texts:
        return self._with_texts((), np.full(self._local.first, -1, np.int32), {})
