"""What a catalogue's fields say of an item, as tokens, and how tokens are weighed: TF-IDF, one block a field.

Tokens are the words of ``homespun.protocol.content``. The bins of a number hold equally many items each, on two grids
of which one is shifted by half a bin, so that numbers on two sides of an edge still share one of two tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfVectorizer

from homespun.protocol.content import Field, Value, interval
from homespun_server.statistics.items import Items
from homespun_server.training.tables import Floats

BINS = 10
"""Bins of a number on each grid, if so many items differ."""


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


def columns_of(items: Items) -> list[tuple[Field, Sequence[Value]]]:
    """Return the catalogue's fields with their values, one an item."""
    columns: list[tuple[Field, Sequence[Value]]] = [
        (Field("title", "title"), items.titles),
        (Field("tags", "tags"), items.tags),
        (Field("text", "text"), items.texts),
    ]
    for name, values in items.attributes.items():
        is_number = any(isinstance(value, float) for value in values)
        columns.append((Field("number" if is_number else "category", name), values))
    return columns


def tokens_of(field: Field, values: Sequence[Value]) -> list[list[str]]:
    """Return the tokens of a field's values, one list an item: words, or the bins of two grids for a number."""
    if field.kind != "number":
        return [field.words(value) for value in values]
    grids = grids_of([value for value in values if isinstance(value, float)])
    return [
        [interval(grid, edges, value).word for grid, edges in enumerate(grids)] if isinstance(value, float) else []
        for value in values
    ]


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
    documents = [(field, tokens_of(field, values)) for field, values in columns_of(items)]
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
