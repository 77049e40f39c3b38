"""From an item's fields to its content vector, by one formula on servers and on devices: words, weights, vectors.

    vector = Σ_f weight_f · Σ_{w in f} n_w v_w / √(Σ_{w in f} n_w²),   n_w = (1 + ln tf_w) · rarity_w,

over the words w of the encoder that the item's field f has, tf_w times each, then divided by its norm. So every
field is a unit vector times its weight, whatever its length.

Title and text are cut into words, tags are words as they are, a text attribute is one word, and a number has the
words of the intervals that it lies in.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from homespun.protocol.bundle import one_line

FIELD_WEIGHTS: Mapping[str, float] = {"title": 0.5, "tags": 1.0, "text": 1.0, "category": 1.0, "number": 0.5}
"""How much a field's cosine counts; titles less, because their words say little, and numbers, being coarse."""

Kind = Literal["title", "tags", "text", "category", "number"]
Value = str | float | Sequence[str] | None
Reals = NDArray[np.float64]

_ZERO = 1e-6
"""Below this norm a vector is none: rounding must not be blown up to a direction."""

_KEY = re.compile(r"title|tags|text|(?:category|number):(.+)")


class Field(NamedTuple):
    """A field of a catalogue: a kind, and the attribute's name (else the kind once more)."""

    kind: Kind
    name: str

    @property
    def weight(self) -> float:
        """How much its cosine counts."""
        return FIELD_WEIGHTS[self.kind]

    @property
    def is_attribute(self) -> bool:
        """Whether it is one of an item's attributes."""
        return self.kind in {"category", "number"}

    @property
    def key(self) -> str:
        """Its name in a bundle, for instance ``title`` or ``number:year``."""
        return f"{self.kind}:{self.name}" if self.is_attribute else self.kind

    @classmethod
    def of(cls, key: str) -> "Field":
        """Return the field of a key.

        Raises:
            ValueError: If no field has it.
        """
        if not _KEY.fullmatch(key):
            raise ValueError(f"no field is called {key!r}")
        kind, _, name = key.partition(":")
        return cls(next(known for known in get_args(Kind) if known == kind), name or kind)

    def words(self, value: Value) -> list[str]:
        """Return the words of a value that is no number; none if there is no value."""
        match self.kind:
            case "title" | "text":
                return words(value) if isinstance(value, str) else []
            case "tags":
                is_list = isinstance(value, Iterable) and not isinstance(value, str)
                return [tag for tag in map(one_line, value) if tag] if is_list else []  # type: ignore[arg-type]
            case "category":
                return [one_line(value).casefold()] if isinstance(value, str) and value else []
            case "number":
                return []


class Interval(NamedTuple):
    """The numbers from ``lower`` to below ``upper``, on one of several grids."""

    grid: int
    lower: float
    upper: float

    @property
    def word(self) -> str:
        """The interval as a word of an encoder."""
        return f"{self.grid}:{self.lower!r}:{self.upper!r}"

    @classmethod
    def of(cls, word: str) -> "Interval":
        """Return the interval of a word.

        Raises:
            ValueError: If it is none.
        """
        grid, lower, upper = word.split(":")
        found = cls(int(grid), float(lower), float(upper))
        if not found.lower < found.upper:
            raise ValueError(f"the interval {word!r} holds no number")
        return found

    def __contains__(self, value: object) -> bool:
        return isinstance(value, int | float) and self.lower <= value < self.upper


def interval(grid: int, edges: Sequence[float], value: float) -> Interval:
    """Return the interval between neighbouring edges (ascending, of the grid) that a value lies in."""
    bounds = (-math.inf, *edges, math.inf)
    place = int(np.searchsorted(edges, value, side="right"))
    return Interval(grid, bounds[place], bounds[place + 1])


def words(text: str) -> list[str]:
    """Return a text's words: runs of letters and digits, case folded."""
    cleaned = "".join(character if character.isalnum() else " " for character in text.casefold())
    return cleaned.split()


@dataclass(frozen=True, eq=False)
class ContentEncoder:
    """The formula with its words.

    Attributes:
        fields: The fields that have words.
        words: Field by field, each once in its field.
        owners: int64 [W], each word's place in ``fields``, ascending.
        rarity: float64 [W], positive.
        vectors: float64 or float32 [W, d].
    """

    fields: tuple[Field, ...]
    words: tuple[str, ...]
    owners: NDArray[np.int64]
    rarity: Reals
    vectors: NDArray[Any]

    def encode(
        self,
        *,
        title: str = "",
        tags: Sequence[str] = (),
        text: str = "",
        attributes: Mapping[str, float | str | None] | None = None,
    ) -> Reals:
        """Return an item's vector: float64 [d], of norm 1, or 0 if it has none of the encoder's words."""
        own: dict[str, Value] = {"title": title, "tags": tags, "text": text}
        total = np.zeros(self.vectors.shape[1])
        for owner, field in enumerate(self.fields):
            value = (attributes or {}).get(field.name) if field.is_attribute else own[field.name]
            total += self._part(field, self._rows(owner, value))
        vector: Reals = normalised(total[None])[0]
        return vector

    def _rows(self, owner: int, value: Value) -> Counter[int]:
        """Return the rows of a field's words that a value has, with how often."""
        if self.fields[owner].kind == "number":
            return Counter([row for held, row in self._intervals[owner] if value in held])
        places = self._places[owner]
        return Counter([places[word] for word in self.fields[owner].words(value) if word in places])

    def _part(self, field: Field, rows: Counter[int]) -> Reals:
        if not rows:
            return np.zeros(self.vectors.shape[1])
        found = np.array([*rows])
        numbers = (1 + np.log([*rows.values()])) * self.rarity[found]
        part: Reals = field.weight / np.sqrt((numbers**2).sum()) * (numbers @ self.vectors[found])
        return part

    @cached_property
    def _places(self) -> tuple[dict[str, int], ...]:
        places: tuple[dict[str, int], ...] = tuple({} for _ in self.fields)
        for row, (owner, word) in enumerate(zip(self.owners.tolist(), self.words, strict=True)):
            places[owner][word] = row
        return places

    @cached_property
    def _intervals(self) -> tuple[list[tuple[Interval, int]], ...]:
        return tuple(
            [(Interval.of(word), row) for word, row in places.items()] if field.kind == "number" else []
            for field, places in zip(self.fields, self._places, strict=True)
        )


def normalised(vectors: Reals) -> Reals:
    """Return rows of norm 1; rows that are next to 0 become 0."""
    norms = np.sqrt((vectors * vectors).sum(axis=1, keepdims=True))
    result: Reals = np.divide(vectors, norms, out=np.zeros_like(vectors), where=norms > _ZERO)
    return result
