"""Released sums as the second moments that the analysis works with: one symmetric matrix a variant and window."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from homespun.errors import MisuseError
from homespun.protocol.statistics.variants import Variants
from homespun_server.experiments.question import Question
from homespun_server.experiments.ratios import with_half_steps
from homespun_server.privacy.release import Release, digest_of

Reals = NDArray[np.float64]


@dataclass(frozen=True)
class Windows:
    """What was released of every window, in order.

    Attributes:
        sums: float64 [variants, windows, k, k]: Σzzᵀ with z = (1, measures), without what rounding took; NaN for
            products not counted.
        noise: float64 [windows], variance of the noise in each number, in people squared.
        rho: zCDP of each window's release; None: no guarantee.
    """

    sums: Reals
    noise: Reals
    rho: tuple[Fraction | None, ...]


def read_windows(releases: Sequence[Release], question: Question) -> Windows:
    """Return what releases of an experiment's windows hold.

    Args:
        releases: One a window, in the order of the windows.
        question: What was counted.

    Raises:
        MisuseError: If there is none, or one is of another experiment.
    """
    if not releases:
        raise MisuseError(f"{question.name}: there is no release to analyse. Collect a window first.")
    for release in releases:
        _check(release, question)
    if len({digest_of(release.values) for release in releases}) < len(releases):
        raise MisuseError(
            f"{question.name}: a release was named twice, and its people would count twice. Name each window once."
        )
    units = [question.declared.unit(release.statistic.l2_bound) for release in releases]
    rounded = np.array([0.0, *(float(measure.cap > 1) for measure in question.measures)])
    found = [
        with_half_steps(
            moments(release.values.reshape(release.statistic.shape) / unit, question.declared), rounded / (2 * unit)
        )
        for release, unit in zip(releases, units, strict=True)
    ]
    noise = [(release.sigma / unit) ** 2 for release, unit in zip(releases, units, strict=True)]
    return Windows(np.stack(found, axis=1), np.array(noise), tuple(release.rho for release in releases))


def moments(rows: Reals, declared: Variants) -> Reals:
    """Return released rows as symmetric matrices.

    Args:
        rows: float64 [variants, cells], in people: 1, each measure, each measure's square, each product.
        declared: What each row and cell is.

    Returns:
        float64 [variants, k, k] with k = 1 + measures.
    """
    names = [measure.name for measure in declared.measures]
    count = len(names)
    found = np.full((len(rows), count + 1, count + 1), np.nan)
    found[:, 0, 0] = rows[:, 0]
    for place in range(1, count + 1):
        found[:, 0, place] = found[:, place, 0] = rows[:, place]
        found[:, place, place] = rows[:, count + place]
    for number, (one, other) in enumerate(declared.products):
        row, column = names.index(one) + 1, names.index(other) + 1
        found[:, row, column] = found[:, column, row] = rows[:, 1 + 2 * count + number]
    return found


def _check(release: Release, question: Question) -> None:
    if release.statistic.transformation != question.declared:
        raise MisuseError(
            f"{question.name}: {release.statistic.name} does not count these variants and measures, so it is the "
            "release of something else. Name this experiment's releases."
        )
