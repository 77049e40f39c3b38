"""The content component: TF-IDF over all fields of the catalogue, reduced by SVD. Public data, no privacy cost.

Items that share rare words, tags and attributes are close. An item's vector is made from its fields by one formula
(``ContentEncoder``), the same for the catalogue's items and for one that appears later.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy.sparse import csr_matrix, hstack
from sklearn.utils.extmath import randomized_svd

from homespun.protocol.content import ContentEncoder, normalised
from homespun_server.errors import TrainingError
from homespun_server.privacy.provenance import Sourced, derive, non_private, public
from homespun_server.statistics.items import Items
from homespun_server.statistics.raw import Raw
from homespun_server.training.content_encoder import PUBLISHED_WORDS, encoder_of, most_useful
from homespun_server.training.content_fields import Vocabulary, vocabularies
from homespun_server.training.model import LEVELS, STEADY, Component, Model, Prior
from homespun_server.training.tables import Floats, LowRank

MAX_WORDS = 1 << 15
"""Most words of the encoder, where nobody says otherwise: two megabytes at 64 dimensions in 8 bits."""

_SEED = 0
_ITERATIONS = 5


@dataclass(frozen=True, eq=False)
class Content:
    """What the catalogue says of its items.

    Attributes:
        vectors: float64 [N, d], unit rows; an item without any word that another item shares is a zero row.
        encoder: The formula that they were made by.
    """

    vectors: Floats = field(repr=False)
    encoder: ContentEncoder = field(repr=False)

    def table(self, rows: slice | Floats | None = None) -> LowRank:
        """Return the low-rank table of all items, or of these rows: the cosine of two items' vectors."""
        vectors = self.vectors if rows is None else self.vectors[rows]
        size, dimensions = vectors.shape
        return LowRank("content", vectors, np.ones(size), np.ones(size), np.ones(dimensions))


def train_content(items: Items, dimensions: int, max_words: int = MAX_WORDS) -> Content:
    """Train the content component over the whole catalogue.

    Args:
        items: The catalogue.
        dimensions: Largest rank; a small catalogue gets fewer.
        max_words: Most words of the encoder, of all fields together; the most useful ones are kept.

    Raises:
        TrainingError: If no two items share a word, a tag or an attribute.
    """
    found = vocabularies(items, max_words)
    features = _joined(found)
    rank = min(dimensions, *features.shape)
    if rank < 1:
        raise TrainingError(
            "no two items of the catalogue share a word, a tag or an attribute, so nothing is similar to anything. "
            "Map a column to tags, text or an attribute, or add more items."
        )
    _, _, words = randomized_svd(features, rank, n_iter=_ITERATIONS, random_state=_SEED)
    vectors = np.ascontiguousarray(words.T)
    return Content(normalised(features @ vectors), encoder_of(found, vectors))


def content_model(items: Sourced[Items], dimensions: Sourced[int], max_words: int = PUBLISHED_WORDS) -> Sourced[Model]:
    """Return a model of the content component alone; without a history it knows no order.

    Args:
        items: The catalogue.
        dimensions: Largest rank.
        max_words: Most words that devices get.
    """
    return derive(lambda listed, rank: _model(listed, rank, max_words), items, dimensions)


def catalogue(items: Items) -> Sourced[Items]:
    """State a catalogue: it is public, unless its ids were collected from what people used."""
    if items.derived:
        return non_private(Raw(items), "a catalogue that was collected from what people used")
    return public(items, "the catalogue")


def _model(items: Items, dimensions: int, max_words: int) -> Model:
    count, steady = len(items), (1.0,) * LEVELS
    content = train_content(items, dimensions)
    component = Component("content", content.table(), None, STEADY, steady)
    prior = Prior("popularity", np.zeros(count), steady)
    return Model(np.arange(count), 0, (component,), (prior,), words=most_useful(content.encoder, max_words))


def _joined(found: tuple[Vocabulary, ...]) -> csr_matrix:
    if not found:
        return csr_matrix((0, 0))
    return hstack([part.field.weight * part.features for part in found], format="csr")
