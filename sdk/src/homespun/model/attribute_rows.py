"""What the rows of a catalogue's table of attributes hold; every one of them is checked before it is used."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from homespun.errors import ModelContractError
from homespun.protocol.bundle import (
    CONTROL_CHARACTERS,
    MAX_ATTRIBUTE_ITEMS,
    MAX_ATTRIBUTE_NAME,
    MAX_ATTRIBUTE_TEXT,
)

T = TypeVar("T", bound=np.generic)

Reals = NDArray[np.float64]
Texts = tuple[tuple[str, ...], NDArray[np.int32]]
"""Distinct texts, and each item's place in them; int32 [N], −1 where it has none."""

_TEXTS = msgspec.json.Decoder(tuple[str, ...])


@dataclass(frozen=True, eq=False)
class Piece:
    """A checked row.

    Attributes:
        first: Position of the first item that it is about.
        texts: Distinct texts; None: the attribute is of numbers.
        items: One entry an item: float64 numbers, NaN where there is none; or int16 places in the texts, −1 for none.
    """

    first: int
    texts: tuple[str, ...] | None
    items: NDArray[Any]

    @property
    def end(self) -> int:
        """The first position behind it."""
        return self.first + self.items.size

    def value(self, position: int) -> str | float | None:
        """Return one item's value; None if it has none."""
        found = self.items[position - self.first].item()
        if self.texts is None:
            return None if math.isnan(found) else float(found)
        return None if found < 0 else self.texts[found]


def column_of(name: str, rows: Sequence[tuple[Any, ...]], items: int) -> Reals | Texts:
    """Return an attribute of all items, read-only.

    Args:
        name: Its name, for messages.
        rows: Its rows: first, texts and items, by first.
        items: How many items there are.

    Raises:
        ModelContractError: If a row is not as the contract says, or they are not about every item once.
    """
    parts = [piece_of(name, row) for row in rows]
    if [part.first for part in parts] != [0, *(part.end for part in parts[:-1])] or parts[-1].end != items:
        raise gap(name)
    if len({part.texts is None for part in parts}) > 1:
        raise ModelContractError(f"the catalogue's attribute {name!r} is of numbers and of text.")
    if parts[0].texts is None:
        return sealed(np.concatenate([part.items for part in parts], dtype=np.float64))
    known: dict[str, int] = {}
    codes = []
    for part in parts:
        # One more at the end, which −1 finds.
        places = np.array([*(known.setdefault(text, len(known)) for text in part.texts or ()), -1], np.int32)
        codes.append(places[part.items])
    return tuple(known), sealed(np.concatenate(codes))


def piece_of(name: str, row: tuple[Any, ...]) -> Piece:
    """Return one row of an attribute; raises what ``column_of`` does."""
    # Types too, although the table declares them: a forged file need not keep to it.
    first, texts, items = row
    if not isinstance(first, int) or not (texts is None or isinstance(texts, str)) or not isinstance(items, bytes):
        raise ModelContractError(f"the catalogue's attribute {name!r} has a row that is none.")
    dtype = np.dtype("<f8" if texts is None else "<i2")
    if len(items) % dtype.itemsize or not 0 < len(items) // dtype.itemsize <= MAX_ATTRIBUTE_ITEMS:
        raise ModelContractError(
            f"the catalogue's attribute {name!r} has a row that is not about 1 to {MAX_ATTRIBUTE_ITEMS:,} items."
        )
    values = np.frombuffer(items, dtype)
    if texts is None:
        if np.isinf(values).any():
            raise ModelContractError(f"the catalogue's attribute {name!r} has a number that is not finite.")
        return Piece(first, None, values)
    known = _decoded(name, texts)
    if values.min() < -1 or values.max() >= len(known):
        raise ModelContractError(f"the catalogue's attribute {name!r} names a text that is not there.")
    return Piece(first, known, values)


def _decoded(name: str, raw: str) -> tuple[str, ...]:
    try:
        texts = _TEXTS.decode(raw)
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError) as error:
        raise ModelContractError(f"the catalogue's attribute {name!r} has texts that are none.") from error
    if len(set(texts)) != len(texts) or not all(0 < len(text) <= MAX_ATTRIBUTE_TEXT for text in texts):
        raise ModelContractError(
            f"the catalogue's attribute {name!r} has texts that are not distinct, of 1 to {MAX_ATTRIBUTE_TEXT:,} "
            "characters each."
        )
    if any(map(CONTROL_CHARACTERS.search, texts)):
        raise ModelContractError(f"the catalogue's attribute {name!r} holds a control character.")
    return texts


def checked_name(name: object) -> str:
    """Return an attribute's name.

    Raises:
        ModelContractError: If it is no plain text, or too long.
    """
    if not isinstance(name, str) or not 0 < len(name) <= MAX_ATTRIBUTE_NAME or CONTROL_CHARACTERS.search(name):
        raise ModelContractError(
            f"the catalogue has an attribute whose name is no plain text of 1 to {MAX_ATTRIBUTE_NAME} characters."
        )
    return name


def gap(name: str) -> ModelContractError:
    """Return the error that an attribute's rows are not about every item once."""
    return ModelContractError(f"the catalogue's attribute {name!r} is not about every item once.")


def sealed(values: NDArray[T]) -> NDArray[T]:
    """Return an array that nobody can change any more."""
    values.setflags(write=False)
    return values
