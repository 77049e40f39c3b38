"""What a catalogue's fields say of an item, as tokens, and how tokens are weighed: TF-IDF, one block a field.

Title and text are cut into words, tags are tokens as they are, a text attribute is one token, and a number is the bin
that it falls into: bins hold equally many items each, on two grids of which one is shifted by half a bin, so that
numbers on two sides of an edge still share one of two tokens.

Every field is a unit vector times its weight, whatever its length.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfVectorizer

from homespun_server.statistics.items import Items
from homespun_server.training.tables import Floats

FIELD_WEIGHTS: Mapping[str, float] = {"title": 0.5, "tags": 1.0, "text": 1.0, "category": 1.0, "number": 0.5}
"""How much a field's cosine counts; titles less, because their words say little, and numbers, being coarse."""

BINS = 10
"""Bins of a number on each grid, if so many items differ."""

Kind = Literal["title", "tags", "text", "category", "number"]
Value = str | float | Sequence[str] | None


@dataclass(frozen=True)
class Field:
    """A field of a catalogue and how its values become tokens.

    Attributes:
        kind: What it is.
        name: The attribute's name; else the kind.
        grids: Inner edges of the bins on each grid, ascending, for a number.
    """

    kind: Kind
    name: str
    grids: tuple[tuple[float, ...], ...] = ()

    @property
    def weight(self) -> float:
        """How much its cosine counts."""
        return FIELD_WEIGHTS[self.kind]

    def tokens(self, value: Value) -> list[str]:
        """Return a value's tokens; none if there is no value."""
        match self.kind:
            case "title" | "text":
                return words(value) if isinstance(value, str) else []
            case "tags":
                return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else []
            case "category":
                return [value.casefold()] if isinstance(value, str) and value else []
            case "number":
                return self._bins(value) if isinstance(value, int | float) else []

    def _bins(self, value: float) -> list[str]:
        return [f"{grid}:{np.searchsorted(edges, value, side='right')}" for grid, edges in enumerate(self.grids)]


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """A field's tokens that two items or more have.

    Attributes:
        field: The field.
        words: Its tokens, ascending.
        rarity: float64 [words], the inverse document frequency ln((1 + n) / (1 + n_word)) + 1.
        features: float64 [N, words], unit rows of (1 + ln tf) · rarity; zero rows where an item has none of them.
    """

    field: Field
    words: tuple[str, ...]
    rarity: Floats
    features: csr_matrix


def words(text: str) -> list[str]:
    """Return a text's words: runs of letters and digits, case folded."""
    cleaned = "".join(character if character.isalnum() else " " for character in text.casefold())
    return cleaned.split()


def columns_of(items: Items) -> list[tuple[Field, Sequence[Value]]]:
    """Return the catalogue's fields with their values, one an item."""
    columns: list[tuple[Field, Sequence[Value]]] = [
        (Field("title", "title"), items.titles),
        (Field("tags", "tags"), items.tags),
        (Field("text", "text"), items.texts),
    ]
    for name, values in items.attributes.items():
        numbers = [value for value in values if isinstance(value, float)]
        columns.append((Field("number", name, grids_of(numbers)) if numbers else Field("category", name), values))
    return columns


def grids_of(numbers: Sequence[float]) -> tuple[tuple[float, ...], ...]:
    """Return the inner edges of two grids of bins that hold equally many of the numbers, as far as they differ."""
    shares = (np.arange(1, BINS) / BINS, (np.arange(BINS) + 0.5) / BINS)
    # Edges are numbers that occur, so a computed one between two of them never depends on rounding.
    return tuple(tuple(np.unique(np.quantile(numbers, grid, method="higher")).tolist()) for grid in shares)


def vocabularies(items: Items, most: int | None = None) -> tuple[Vocabulary, ...]:
    """Return the vocabulary of every field in which two items share a token.

    Args:
        items: The catalogue.
        most: Most words of all fields together: those are kept that make up most of the features. None: all.
    """
    documents = [(field, [field.tokens(value) for value in values]) for field, values in columns_of(items)]
    shared = [(field, tokens) for field, tokens in documents if _anything_shared(tokens)]
    found = [_vocabulary(field, tokens, None) for field, tokens in shared]
    if most is None or sum(len(part.words) for part in found) <= most:
        return tuple(found)
    kept = _most_useful(found, most)
    limited = [(field, tokens, chosen) for (field, tokens), chosen in zip(shared, kept, strict=True) if chosen]
    return tuple(_vocabulary(*one) for one in limited)


def field_features(items: Items) -> tuple[csr_matrix, ...]:
    """Return each field's unit rows, float64 [N, words]."""
    return tuple(part.features for part in vocabularies(items))


def _vocabulary(field: Field, tokens: list[list[str]], chosen: list[str] | None) -> Vocabulary:
    # A token that only one item has cannot make it similar to another.
    least = 2 if chosen is None else 1
    vectorizer = TfidfVectorizer(analyzer=_as_is, min_df=least, sublinear_tf=True, vocabulary=chosen)
    features: csr_matrix = vectorizer.fit_transform(tokens)
    return Vocabulary(field, tuple(vectorizer.get_feature_names_out().tolist()), vectorizer.idf_, features)


def _most_useful(found: Sequence[Vocabulary], most: int) -> list[list[str]]:
    """Return each field's words among those with the largest share in the squares of all features; ties by order."""
    energies = np.concatenate(
        [part.field.weight**2 * np.asarray(part.features.multiply(part.features).sum(axis=0)).ravel() for part in found]
    )
    kept = np.zeros(energies.size, bool)
    kept[np.argsort(-energies, kind="stable")[:most]] = True
    starts = np.cumsum([0, *(len(part.words) for part in found)])
    return [
        [word for word, chosen in zip(part.words, kept[start:], strict=False) if chosen]
        for part, start in zip(found, starts.tolist(), strict=False)
    ]


def _as_is(tokens: list[str]) -> list[str]:
    return tokens


def _anything_shared(tokens: list[list[str]]) -> bool:
    seen: set[str] = set()
    for document in tokens:
        unique = set(document)
        if unique & seen:
            return True
        seen |= unique
    return False
