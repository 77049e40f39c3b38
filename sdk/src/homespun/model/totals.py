"""What each item of a history adds to scores, over all components: for reasons, which need no more."""

import numpy as np

from homespun.model.history import History, Reals
from homespun.model.scoring import Pool
from homespun.protocol.contract import Layout


def history_totals(history: History, pool: Pool, layout: Layout) -> Reals:
    """Return what each history item adds to each item of a pool; float64 [h, p].

    It is the sum of ``parts_of`` over components, up to the rounding of float32 products: good for telling which is
    the largest, and never for a score.

    Args:
        history: The one that the pool was scored for.
        pool: The items.
        layout: The model's.
    """
    shape = (history.positions.size, pool.positions.size)
    totals = np.zeros(shape)
    for place, part in enumerate(layout.parts):
        weights = history.weights[place]
        if part.low_rank is not None:
            weighed = pool.encoder[part.low_rank] * weights[:, None].astype(np.float32)
            totals += weighed @ pool.decoder[part.low_rank].T
        if part.sparse is not None:
            found = pool.crossings[part.sparse]
            values = found.values * weights[found.rows]
            totals += np.bincount(found.rows * shape[1] + found.places, values, totals.size).reshape(shape)
    return totals
