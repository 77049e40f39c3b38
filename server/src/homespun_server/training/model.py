"""What training yields and publishing exports: additive low-rank components over one list of items.

These are plain arrays. Publishing takes a ``Sourced[Model]`` only, which says what they were derived from.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LowRank:
    """One component of the score: ⟨Σ_i w_i encoder[i], decoder[j]⟩.

    Attributes:
        name: The component's name in the bundle.
        encoder: float64 [N, d].
        decoder: float64 [N, d].
        weight: β.
    """

    name: Literal["collaborative", "content"]
    encoder: Floats
    decoder: Floats
    weight: float = 1.0


@dataclass(frozen=True)
class Model:
    """A trained model.

    Attributes:
        items: int64 [N], catalogue positions of the model's items, in the order of the rows.
        components: The additive components.
        bias: float64 [N], the prior: what an empty history is ranked by.
    """

    items: NDArray[np.int64]
    components: tuple[LowRank, ...]
    bias: Floats
