"""From an item's fields to its content vector, by a formula that a device can carry: words, weights, vectors.

    vector = Σ_f weight_f · Σ_{w in f} n_w v_w / √(Σ_{w in f} n_w²),   n_w = (1 + ln tf_w) · rarity_w,

over the words w of the encoder that the item's field f has, tf_w times each, then divided by its norm.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from homespun_server.training.content_fields import Field, Value, Vocabulary
from homespun_server.training.tables import Floats

_ZERO = 1e-6
"""Below this norm a vector is none: rounding must not be blown up to a direction."""

_LARGEST = 127


@dataclass(frozen=True, eq=False)
class ContentEncoder:
    """The encoder.

    Attributes:
        fields: The fields that have words.
        words: Field by field, ascending within a field.
        owners: int64 [W], each word's place in ``fields``.
        rarity: float64 [W], positive.
        vectors: float64 [W, d]: right singular vectors of the catalogue's features.
    """

    fields: tuple[Field, ...]
    words: tuple[str, ...]
    owners: NDArray[np.int64]
    rarity: Floats
    vectors: Floats

    @classmethod
    def of(cls, vocabularies: Sequence[Vocabulary], vectors: Floats) -> "ContentEncoder":
        """Return the encoder of these vocabularies, whose words' vectors are the rows of ``vectors`` in order."""
        return cls(
            fields=tuple(part.field for part in vocabularies),
            words=tuple(word for part in vocabularies for word in part.words),
            owners=np.repeat(np.arange(len(vocabularies)), [len(part.words) for part in vocabularies]),
            rarity=np.concatenate([part.rarity for part in vocabularies]),
            vectors=vectors,
        )

    def encode(
        self,
        *,
        title: str = "",
        tags: Sequence[str] = (),
        text: str = "",
        attributes: Mapping[str, float | str | None] | None = None,
    ) -> Floats:
        """Return an item's vector: float64 [d], of norm 1, or 0 if it has none of the encoder's words."""
        own: dict[str, Value] = {"title": title, "tags": tags, "text": text}
        total = np.zeros(self.vectors.shape[1])
        for owner, field in enumerate(self.fields):
            attribute = field.kind in {"category", "number"}
            total += self._part(owner, (attributes or {}).get(field.name) if attribute else own[field.name])
        vector: Floats = normalised(total[None])[0]
        return vector

    def quantized(self) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
        """Return the words' vectors in 8 bits: int8 [W, d] in −127..127, and float32 [W], what 127 stands for."""
        largest = np.abs(self.vectors).max(axis=1, initial=0.0)
        steps = np.divide(_LARGEST, largest, out=np.zeros_like(largest), where=largest > 0)
        return np.rint(self.vectors * steps[:, None]).astype(np.int8), largest.astype(np.float32)

    def _part(self, owner: int, value: Value) -> Floats:
        field = self.fields[owner]
        start, stop = np.searchsorted(self.owners, [owner, owner + 1])
        places = {word: start + place for place, word in enumerate(self.words[start:stop])}
        counts = Counter(token for token in field.tokens(value) if token in places)
        if not counts:
            return np.zeros(self.vectors.shape[1])
        found = np.array([places[token] for token in counts])
        numbers = (1 + np.log([*counts.values()])) * self.rarity[found]
        part: Floats = field.weight / np.linalg.norm(numbers) * (numbers @ self.vectors[found])
        return part


def normalised(vectors: Floats) -> Floats:
    """Return rows of norm 1; rows that are next to 0 become 0."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    # Items that the leading dimensions do not reach stay at zero instead of being blown up from rounding.
    result: Floats = np.divide(vectors, norms, out=np.zeros_like(vectors), where=norms > _ZERO)
    return result
