"""The content component: TF-IDF over title, tags and text, reduced by SVD. Public data, no privacy cost.

Items that share rare words and tags are close. The three fields are weighed alike whatever their length:
each is normalised before they are joined.
"""

import numpy as np
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.utils.extmath import randomized_svd

from homespun_server.errors import TrainingError
from homespun_server.privacy.provenance import Sourced, derive, non_private, public
from homespun_server.statistics.items import Items
from homespun_server.statistics.raw import Raw
from homespun_server.training.model import LowRank, Model

FIELD_WEIGHTS = {"title": 0.5, "tags": 1.0, "text": 1.0}
"""How much a field's cosine counts; titles least, because their words say little about the content."""

_SEED = 0
_ITERATIONS = 5


def train_content(items: Items, dimensions: int) -> LowRank:
    """Train the content component over the whole catalogue.

    Args:
        items: The catalogue.
        dimensions: Largest rank; a small catalogue gets fewer.

    Returns:
        A component whose encoder and decoder are the same unit vectors; an item without any word that
        another item shares is a zero row.

    Raises:
        TrainingError: If no two items share a word or a tag.
    """
    features = _features(items)
    rank = min(dimensions, *features.shape)
    if rank < 1:
        raise TrainingError(
            "no two items of the catalogue share a word or a tag, so nothing is similar to anything. Map a column "
            "to tags or text, or add more items."
        )
    left, strengths, _ = randomized_svd(features, rank, n_iter=_ITERATIONS, random_state=_SEED)
    reduced = left * strengths
    norms = np.linalg.norm(reduced, axis=1, keepdims=True)
    # Items that the leading dimensions do not reach stay at zero instead of being blown up from rounding.
    vectors = np.divide(reduced, norms, out=np.zeros_like(reduced), where=norms > 1e-6)  # noqa: PLR2004
    return LowRank("content", encoder=vectors, decoder=vectors)


def content_model(items: Sourced[Items], dimensions: Sourced[int]) -> Sourced[Model]:
    """Return a model of the content component alone; without a history it knows no order."""
    return derive(_model, items, dimensions)


def catalogue(items: Items) -> Sourced[Items]:
    """State a catalogue: it is public, unless its ids were collected from what people used."""
    if items.derived:
        return non_private(Raw(items), "a catalogue that was collected from what people used")
    return public(items, "the catalogue")


def _model(items: Items, dimensions: int) -> Model:
    count = len(items)
    return Model(np.arange(count), (train_content(items, dimensions),), np.zeros(count))


def _features(items: Items) -> csr_matrix:
    documents = {
        "title": [[*_words(title)] for title in items.titles],
        "tags": [list(tags) for tags in items.tags],
        "text": [[*_words(text)] for text in items.texts],
    }
    blocks = [FIELD_WEIGHTS[field] * _tfidf(tokens) for field, tokens in documents.items() if _anything_shared(tokens)]
    return hstack(blocks, format="csr") if blocks else csr_matrix((len(items.ids), 0))


def _tfidf(tokens: list[list[str]]) -> csr_matrix:
    # A token that only one item has cannot make it similar to another.
    matrix: csr_matrix = TfidfVectorizer(analyzer=_as_is, min_df=2, sublinear_tf=True).fit_transform(tokens)
    return matrix


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


def _words(text: str) -> list[str]:
    cleaned = "".join(character if character.isalnum() else " " for character in text.casefold())
    return cleaned.split()
