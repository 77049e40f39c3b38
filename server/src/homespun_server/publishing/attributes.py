"""The attributes of a catalogue as rows of the bundle's table, which devices read column by column.

What devices refuse is left out and counted, instead of failing: a bundle is written after the budget was spent.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from homespun.protocol.bundle import (
    CONTROL_CHARACTERS,
    MAX_ATTRIBUTE_ITEMS,
    MAX_ATTRIBUTE_NAME,
    MAX_ATTRIBUTE_TEXT,
    MAX_ATTRIBUTES,
    one_line,
)
from homespun_server.statistics.items import Items

_MAX_VOCABULARY = 1 << 18
"""Bytes of a row's texts, about: devices read none that are much longer."""

Row = tuple[str, int, str | None, bytes]
"""Name, first, texts and items, as the table has them."""


@dataclass(frozen=True)
class Attributes:
    """What is written, and what is not.

    Attributes:
        rows: The rows, in the table's order.
        names: The attributes in it, in the catalogue's order: those of which something is known.
        left_out: How many others there are, because they are too many or their names are none.
        long_texts: How many texts are left out, because they are too long.
    """

    rows: tuple[Row, ...]
    names: tuple[str, ...]
    left_out: int
    long_texts: int


def attributes_of(items: Items, positions: NDArray[np.int64]) -> Attributes:
    """Return the attributes of the chosen items, the first ``MAX_ATTRIBUTES`` of them.

    Texts lose their control characters; what is no finite number, and no text, is unknown.

    Args:
        items: The whole catalogue.
        positions: int64 [N], catalogue positions in the order of the model's rows.
    """
    chosen = positions.tolist()
    columns = {name: _Column([values[item] for item in chosen]) for name, values in items.attributes.items()}
    known = {name: column for name, column in columns.items() if column.is_known}
    names = [name for name in known if _is_plain(name)][:MAX_ATTRIBUTES]
    return Attributes(
        rows=tuple((name, *rest) for name in sorted(names) for rest in known[name].rows()),
        names=tuple(names),
        left_out=len(known) - len(names),
        long_texts=sum(known[name].long_texts for name in names),
    )


class _Column:
    """One attribute's values, as devices accept them: numbers, or texts if there is any."""

    def __init__(self, values: Sequence[str | float | None]) -> None:
        shown = [one_line(value) if isinstance(value, str) else None for value in values]
        self.long_texts = sum(text is not None and len(text) > MAX_ATTRIBUTE_TEXT for text in shown)
        self._texts = [text if text and len(text) <= MAX_ATTRIBUTE_TEXT else None for text in shown]
        self._is_text = any(text is not None for text in shown)
        self._numbers = [_number(value) for value in values]
        self.is_known = any(self._texts) if self._is_text else not all(map(math.isnan, self._numbers))

    def rows(self) -> Iterator[tuple[int, str | None, bytes]]:
        """Yield the rows, without the name."""
        if self._is_text:
            yield from _text_rows(self._texts)
            return
        numbers = np.array(self._numbers, "<f8")
        for first in range(0, numbers.size, MAX_ATTRIBUTE_ITEMS):
            yield first, None, numbers[first : first + MAX_ATTRIBUTE_ITEMS].tobytes()


def _text_rows(texts: Sequence[str | None]) -> Iterator[tuple[int, str, bytes]]:
    first, size, places, codes = 0, 0, dict[str, int](), list[int]()
    for position, text in enumerate(texts):
        if len(codes) == MAX_ATTRIBUTE_ITEMS or size > _MAX_VOCABULARY:
            yield first, *_encoded(places, codes)
            first, size, places, codes = position, 0, {}, []
        if text is not None and text not in places:
            places[text] = len(places)
            size += len(msgspec.json.encode(text))
        codes.append(-1 if text is None else places[text])
    yield first, *_encoded(places, codes)


def _encoded(places: dict[str, int], codes: list[int]) -> tuple[str, bytes]:
    return msgspec.json.encode(list(places)).decode(), np.array(codes, "<i2").tobytes()


def _number(value: str | float | None) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    return math.nan


def _is_plain(name: str) -> bool:
    return 0 < len(name) <= MAX_ATTRIBUTE_NAME and not CONTROL_CHARACTERS.search(name)
