"""The content encoder as it is trained, and as it is published: the most useful words, in 8 bits."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from homespun.protocol.content import ContentEncoder
from homespun_server.training.content_fields import Vocabulary
from homespun_server.training.tables import Floats

PUBLISHED_WORDS = 4000
"""Words that devices get, where nobody says otherwise: 400 kilobytes at 64 dimensions."""

_LARGEST = 127


def encoder_of(vocabularies: Sequence[Vocabulary], vectors: Floats) -> ContentEncoder:
    """Return the encoder of these vocabularies, whose words' vectors are the rows of ``vectors`` in order."""
    return ContentEncoder(
        fields=tuple(part.field for part in vocabularies),
        words=tuple(word for part in vocabularies for word in part.words),
        owners=np.repeat(np.arange(len(vocabularies)), [len(part.words) for part in vocabularies]),
        rarity=np.concatenate([part.rarity for part in vocabularies]),
        vectors=vectors,
    )


def most_useful(encoder: ContentEncoder, most: int = PUBLISHED_WORDS) -> ContentEncoder:
    """Return the encoder with at most so many words: those that move most items furthest.

    A word's use is the number of items that have it, which is proportional to e^(−rarity), times the square of what it
    adds to one: its field's weight, its rarity and its vector's norm. Of equals the first is kept.
    """
    if len(encoder.words) <= most:
        return encoder
    weights = np.array([field.weight for field in encoder.fields])[encoder.owners]
    added = (weights * encoder.rarity) ** 2 * (encoder.vectors**2).sum(axis=1)
    kept = np.sort(np.argsort(-added * np.exp(-encoder.rarity), kind="stable")[:most])
    owners, places = np.unique(encoder.owners[kept], return_inverse=True)
    return ContentEncoder(
        fields=tuple(encoder.fields[owner] for owner in owners.tolist()),
        words=tuple(encoder.words[row] for row in kept.tolist()),
        owners=places.astype(np.int64),
        rarity=encoder.rarity[kept],
        vectors=encoder.vectors[kept],
    )


def quantized(encoder: ContentEncoder) -> tuple[NDArray[np.int8], Floats]:
    """Return the words' vectors in 8 bits: int8 [W, d] in −127..127, and float64 [W], by which to multiply them."""
    steps = np.abs(encoder.vectors).max(axis=1, initial=0.0) / _LARGEST
    integers = np.rint(encoder.vectors / np.where(steps > 0, steps, 1.0)[:, None])
    return np.clip(integers, -_LARGEST, _LARGEST).astype(np.int8), steps
