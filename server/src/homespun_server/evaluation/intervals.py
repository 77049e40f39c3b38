"""Means with 95% bootstrap intervals over users (Efron 1979; percentiles).

Users are drawn, never cases: the cases of one person are alike, and intervals over cases would be too narrow where
somebody has several. Draws are seeded, so equal figures give equal intervals, and a paired difference sees the same
users as its two sides.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]
Integers = NDArray[np.int64]

_RESAMPLES = 2000
SEED = 20_130_101
"""Of the draws: equal figures get equal intervals because it is fixed."""

_BATCH = 200
_MOST_DRAWN = 4_000_000
"""Draws that are held at once; 32 MB."""


@dataclass(frozen=True)
class Interval:
    """A mean with a 95% interval."""

    mean: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        """Half the interval's width."""
        return (self.high - self.low) / 2


def bootstrap(values: Reals) -> Interval:
    """Return the mean of per-user values and its percentile bootstrap interval.

    Args:
        values: float64 [users]; for a paired comparison, each user's difference.
    """
    rng = np.random.default_rng(SEED)
    means = []
    for start in range(0, _RESAMPLES, _BATCH):
        draws = rng.integers(0, values.size, (min(_BATCH, _RESAMPLES - start), values.size))
        means.append(values[draws].mean(axis=1))
    low, high = np.quantile(np.concatenate(means), [0.025, 0.975])
    return Interval(float(values.mean()), float(low), float(high))


def clustered(values: Reals, users: Integers) -> list[Interval | None]:
    """Return the mean over cases of several figures, each with an interval over users.

    All figures see the same draws. A resampled mean is a ratio of sums over the drawn users, of values and of cases
    (Field, Welsh 2007, "Bootstrapping clustered data").

    Args:
        values: float64 [cases, figures]; NaN where a case does not have a figure.
        users: int64 [cases], the user of each case, numbered in any way.

    Returns:
        One interval a figure; None where no case has it.
    """
    known = ~np.isnan(values)
    totals, counts = _by_user(np.where(known, values, 0.0), users), _by_user(known.astype(np.float64), users)
    resampled = []
    for drawn in _drawn(totals.shape[0]):
        with np.errstate(invalid="ignore"):  # a draw can miss everybody who has a rare figure
            resampled.append((drawn @ totals) / (drawn @ counts))
    means = np.concatenate(resampled) if resampled else np.zeros((0, values.shape[1]))
    return [
        _interval(totals[:, figure].sum(), counts[:, figure].sum(), means[:, figure])
        for figure in range(values.shape[1])
    ]


def ratio(own: Reals, other: Reals, users: Integers) -> Interval | None:
    """Return the ratio of two means over the same cases, with a paired interval over users.

    Args:
        own: float64 [cases], what the ratio is of.
        other: float64 [cases], what it is to.
        users: int64 [cases], the user of each case, numbered in any way.

    Returns:
        None where the other mean is 0: no ratio to it means anything.
    """
    if not other.any():
        return None
    totals = _by_user(np.column_stack([own, other]), users)
    resampled = np.concatenate([drawn @ totals for drawn in _drawn(totals.shape[0])])
    with np.errstate(invalid="ignore", divide="ignore"):  # a draw can miss everybody who has a figure
        ratios = resampled[:, 0] / resampled[:, 1]
    low, high = np.quantile(ratios[np.isfinite(ratios)], [0.025, 0.975])
    return Interval(float(own.sum() / other.sum()), float(low), float(high))


def _by_user(values: Reals, users: Integers) -> Reals:
    _, rows = np.unique(users, return_inverse=True)
    totals = np.zeros((int(rows.max(initial=-1)) + 1, values.shape[1]))
    np.add.at(totals, rows, values)
    return totals


def _drawn(users: int) -> Iterator[Reals]:
    """Yield batches of resamples: how often each user was drawn, float64 [resamples, users]."""
    rng = np.random.default_rng(SEED)
    batch = max(1, min(_BATCH, _MOST_DRAWN // max(1, users)))
    for start in range(0, _RESAMPLES if users else 0, batch):
        rows = min(batch, _RESAMPLES - start)
        draws = rng.integers(0, users, (rows, users)) + np.arange(rows)[:, None] * users
        yield np.bincount(draws.ravel(), minlength=rows * users).reshape(rows, users).astype(np.float64)


def _interval(total: float, count: float, means: Reals) -> Interval | None:
    if not count:
        return None
    low, high = np.quantile(means[~np.isnan(means)], [0.025, 0.975])
    return Interval(float(total / count), float(low), float(high))
