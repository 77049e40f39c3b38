"""Items that nobody has been counted with: where they stand among tastes, judged by their content.

The learned items' factors are regressed on their content vectors, by ridge regression with the kernel
e^{(cos − 1)/.5}, and the regression is read off at the new items. How strongly it is regularised is chosen by how
well each learned item is predicted by all others, which has a closed form. Where content says little of taste,
predictions shrink, and new items rank low: that is why lists reserve places for them.

Non-goal: columns of transitions for such items. Factors rank them as well, at a fraction of the size.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from homespun.errors import MisuseError
from homespun_server.privacy.provenance import Sourced, derive
from homespun_server.training.content import Content
from homespun_server.training.tables import Floats, LowRank

KERNEL_WIDTH = 0.5
"""Of 1 − cosine, the distance over which the kernel falls to 1/e."""

MOST_EXAMPLES = 1500
"""Learned items that the regression is fitted to: the first, so the most popular ones, whose taste is known best."""

REGULARISATIONS: tuple[float, ...] = tuple(10.0 ** (step / 2) for step in range(-6, 7))
"""What is tried, from .001 to 1000."""


def place_cold(
    learned: Sourced[LowRank], content: Sourced[Content], items: Sourced[NDArray[np.int64]]
) -> Sourced[LowRank]:
    """Return a learned table with rows for items that were not learned.

    Args:
        learned: The table over the first M items.
        content: Vectors of the whole catalogue.
        items: int64 [N], catalogue positions of the model's items, the learned ones first.

    Returns:
        The table over N items. A new item gets the scalings of the rarer half of the learned items (their median),
        and one whose fields say nothing a zero row.

    Raises:
        MisuseError: If there are fewer items than were learned.
    """
    return derive(lambda table, found, rows: placed(table, found.vectors[rows]), learned, content, items)


def placed(learned: LowRank, content: Floats) -> LowRank:
    """Do the same for content vectors float64 [N, c], the learned items' first."""
    count = learned.size
    more = content.shape[0] - count
    if more < 0:
        raise MisuseError(f"{content.shape[0]} items with content for {count} learned ones; give all of them.")
    vectors = np.concatenate([learned.vectors, predicted(learned, content)])
    rare = np.argsort(learned.decoder, kind="stable")[: (count + 1) // 2]
    return LowRank(
        learned.name,
        vectors,
        np.concatenate([learned.encoder, np.full(more, np.median(learned.encoder[rare]))]),
        np.concatenate([learned.decoder, np.full(more, np.median(learned.decoder[rare]))]),
        learned.spectrum,
    )


def predicted(learned: LowRank, content: Floats) -> Floats:
    """Return vectors of the items behind the learned ones: float64 [N − M, d]."""
    count = learned.size
    own, new = content[: min(count, MOST_EXAMPLES)], content[count:]
    # What a factor is worth is its spectrum; its root on either side makes errors count as they do in scores.
    worth = np.sqrt(np.abs(learned.spectrum))
    values, basis = eigh(kernel(own, own))
    values = np.maximum(values, 0.0)  # rounding
    targets = basis.T @ (learned.vectors[: own.shape[0]] * worth)
    chosen = min(REGULARISATIONS, key=lambda strength: left_out_error(values, basis, targets, strength))
    coefficients = (basis / (values + chosen)) @ targets
    found = kernel(new, own) @ coefficients
    result: Floats = np.divide(found, worth, out=np.zeros_like(found), where=worth > 0)
    result[~new.any(axis=1)] = 0.0
    return result


def kernel(one: Floats, other: Floats) -> Floats:
    """Return e^{(cos − 1)/.5} between unit rows; rows of 0 are at a cosine of 0 to everything."""
    result: Floats = np.exp((one @ other.T - 1) / KERNEL_WIDTH)
    return result


def left_out_error(values: Floats, basis: Floats, targets: Floats, strength: float) -> float:
    """Return the squared error of predicting each row from all others, summed.

    With the smoother H = U diag(v/(v+λ)) Uᵀ the residual of a row that is left out is (y − Hy) / (1 − h), h being
    its diagonal entry (the PRESS statistic, Allen 1974).

    Args:
        values: float64 [M], eigenvalues v ≥ 0 of the kernel matrix.
        basis: float64 [M, M], its eigenvectors U as columns.
        targets: float64 [M, d], Uᵀy.
        strength: λ > 0.
    """
    kept = 1 - values / (values + strength)
    residuals = basis @ (kept[:, None] * targets)
    leverage = (basis**2) @ kept
    return float(((residuals / leverage[:, None]) ** 2).sum())
