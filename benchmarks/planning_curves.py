"""Fits the curves of a plan to measured points, and says how far off they are on a data set they have not seen."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from homespun_server.planning.curve import Curve
from homespun_server.planning.measured import Point

Reals = NDArray[np.float64]

SHARPNESS = 4.0
COVERED = 0.9


@dataclass(frozen=True)
class Fitted:
    """A curve, and its error on each data set when fitted to the others.

    Attributes:
        curve: The constants; the error is the one within which nine in ten points of unseen sets lie.
        unseen: By data set: points, mean error, root mean square error.
    """

    curve: Curve
    unseen: dict[str, tuple[int, float, float]]


def fit_pairs(points: Sequence[Point]) -> Fitted:
    """Fit one constant for all data sets, which weigh alike, however many points they have."""
    return _fitted(points, _pooled)


def fit_transitions(points: Sequence[Point]) -> Fitted:
    """Fit a constant for each data set, and take their mean: the sets differ more than their sizes explain."""
    return _fitted(points, _constant_by_set)


def _fitted(points: Sequence[Point], solve: Callable[[Sequence[Point]], Curve]) -> Fitted:
    unseen, errors = {}, []
    for name in dict.fromkeys(point.data for point in points):
        curve = solve([point for point in points if point.data != name])
        missed = np.array([curve.kept(point.fleet, point.rho) - point.kept for point in points if point.data == name])
        unseen[name] = (missed.size, float(missed.mean()), float(np.sqrt((missed**2).mean())))
        errors.extend(np.abs(missed).tolist())
    whole = solve(points)
    error = float(np.quantile(errors, COVERED))
    return Fitted(Curve(whole.constant, whole.users, whole.noise, whole.likes, whole.universe, error), unseen)


def _pooled(points: Sequence[Point]) -> Curve:
    names = [point.data for point in points]
    weights = np.array([1 / np.sqrt(names.count(name)) for name in names])
    solution = _solve(_features(points, likes=True), np.ones((len(points), 1)), _kept(points), weights)
    return Curve(solution[0], solution[1], solution[2], solution[3], solution[4], error=0.0)


def _constant_by_set(points: Sequence[Point]) -> Curve:
    names = list(dict.fromkeys(point.data for point in points))
    which = np.array([[float(point.data == name) for name in names] for point in points])
    solution = _solve(_features(points, likes=False), which, _kept(points), np.ones(len(points)))
    constants, slopes = solution[: len(names)], solution[len(names) :]
    return Curve(float(constants.mean()), slopes[0], slopes[1], 0.0, slopes[2], error=0.0)


def _features(points: Sequence[Point], *, likes: bool) -> Reals:
    rows = [
        (
            point.users / 10_000,
            np.sqrt(2 * point.rho) / 0.2,
            *((point.likes / 20,) if likes else ()),
            point.fleet.largest_universe / 1000,
        )
        for point in points
    ]
    features: Reals = np.log(np.array(rows))
    return features


def _kept(points: Sequence[Point]) -> Reals:
    return np.array([point.kept for point in points])


def _solve(features: Reals, constants: Reals, kept: Reals, weights: Reals) -> Reals:
    design = np.hstack([constants, features])

    def missed(solution: Reals) -> Reals:
        grown = np.logaddexp(0.0, SHARPNESS * (design @ solution)) / SHARPNESS
        error: Reals = (-np.expm1(-grown) - kept) * weights
        return error

    start = np.concatenate([np.zeros(constants.shape[1]), [0.6, 0.6], np.zeros(features.shape[1] - 2)])
    found: Reals = least_squares(missed, start).x
    return found
