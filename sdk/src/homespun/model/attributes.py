"""The attributes of a bundle's items, column by column.

Columns are read when they are first asked for, and kept: a bundle of which no attribute is asked costs nothing. A name
that the catalogue does not have is an attribute that no item has, because policies are written for many bundles.
"""

import threading
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from homespun.errors import ModelContractError
from homespun.model.attribute_rows import Reals, Texts, checked_name, column_of, gap, piece_of, sealed
from homespun.protocol.bundle import MAX_ATTRIBUTES

Read = Callable[..., list[tuple[Any, ...]]]
"""Runs a query with the given parameters."""

_NAMES = "SELECT DISTINCT name FROM attributes LIMIT ?"
_COLUMN = "SELECT first, texts, items FROM attributes WHERE name = ? ORDER BY first LIMIT ?"
_ONE = "SELECT first, texts, items FROM attributes WHERE name = ? AND first <= ? ORDER BY first DESC LIMIT 1"


class Attributes:
    """What a catalogue says of its items by name. Safe to use from several threads at once."""

    def __init__(self, read: Read | None, items: int) -> None:
        """Use ``read`` for the table; None: there is none.

        Args:
            read: Queries the catalogue.
            items: How many items it has.
        """
        self._read = read
        self._items = items
        self._lock = threading.Lock()
        self._numbers: dict[str, Reals] = {}
        self._texts: dict[str, Texts] = {}

    @cached_property
    def names(self) -> frozenset[str]:
        """Every attribute's name.

        Raises:
            ModelContractError: If there are too many, or one is not as the contract says.
            ClosedError: If the catalogue was closed.
        """
        rows = [] if self._read is None else self._read(_NAMES, MAX_ATTRIBUTES + 1)
        if len(rows) > MAX_ATTRIBUTES:
            raise ModelContractError(f"the catalogue has more than {MAX_ATTRIBUTES} attributes.")
        return frozenset(checked_name(row[0]) for row in rows)

    def numbers(self, name: str) -> Reals:
        """Return an attribute's numbers, read-only: float64 [N], NaN where an item has none.

        Raises:
            ModelContractError: If the attribute's rows are not as the contract says.
            ClosedError: If the catalogue was closed before they were read.
        """
        self._load(name)
        found = self._numbers.get(name)
        return self._no_numbers if found is None else found

    def texts(self, name: str) -> Texts:
        """Return an attribute's texts, read-only; raises what ``numbers`` does."""
        self._load(name)
        found = self._texts.get(name)
        return self._no_texts if found is None else found

    def of(self, position: int) -> dict[str, str | float]:
        """Return what is known of one item, by name; raises what ``numbers`` does."""
        values = {name: self._value(name, position) for name in sorted(self.names)}
        return {name: value for name, value in values.items() if value is not None}

    def _load(self, name: str) -> None:
        with self._lock:
            if name in self._numbers or name in self._texts or name not in self.names or self._read is None:
                return
            found = column_of(name, self._read(_COLUMN, name, self._items + 1), self._items)
            if isinstance(found, tuple):
                self._texts[name] = found
            else:
                self._numbers[name] = found

    def _value(self, name: str, position: int) -> str | float | None:
        rows = [] if self._read is None else self._read(_ONE, name, position)
        for row in rows:
            part = piece_of(name, row)
            if position < part.end:
                return part.value(position)
        raise gap(name)

    @cached_property
    def _no_numbers(self) -> Reals:
        return sealed(np.full(self._items, np.nan))

    @cached_property
    def _no_texts(self) -> Texts:
        return (), sealed(np.full(self._items, -1, np.int32))
