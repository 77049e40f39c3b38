"""The rows of items that are in no table: what the content component says of what an application adds.

Such an item with the vector u has the decoder row u and the encoder row u·s, with the content table's spectrum s, and
nothing else: no priors, no entries, no row of another table.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from homespun.model.session import Floats, Positions


@dataclass(frozen=True, eq=False)
class OwnRows:
    """The rows of L items.

    Attributes:
        table: The content table.
        part: The content component's place among the components.
        encoder: float32 [L, d].
        decoder: float32 [L, d].
        first: The first of their positions.
    """

    table: str
    part: int
    encoder: Floats
    decoder: Floats
    first: int

    @property
    def size(self) -> int:
        """L."""
        return int(self.decoder.shape[0])

    @cached_property
    def reals(self) -> NDArray[np.float64]:
        """The decoder's rows, float64 [L, d], which every list multiplies."""
        return self.decoder.astype(np.float64)

    def beside(
        self,
        rows: Mapping[str, Floats],
        positions: Positions,
        known: NDArray[np.bool_],
        own: Floats | None = None,
    ) -> dict[str, Floats]:
        """Return the model's rows (float32 [k, d] by table) with these items' among them; float32 [p, d] by table.

        Args:
            rows: Of the k items that are known.
            positions: int64 [p], of all.
            known: Truth values [p], which ones the model has.
            own: Which rows of these items; the encoder's, if None.
        """
        if known.all():
            return dict(rows)
        found = {table: scattered(part, known) for table, part in rows.items()}
        found[self.table][~known] = (self.encoder if own is None else own)[positions[~known] - self.first]
        return found


def scattered(rows: Floats, places: NDArray[np.bool_]) -> Floats:
    """Return rows (float32 [k, d]) at the places that are true, and zeros elsewhere; float32 [p, d]."""
    found = np.zeros((places.size, rows.shape[1]), np.float32)
    found[places] = rows
    return found
