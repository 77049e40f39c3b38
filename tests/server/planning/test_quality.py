"""A prediction that is better than what was measured, or that says less noise or more people make things worse."""

import itertools
import math
from collections.abc import Iterator

import numpy as np
import pytest

from benchmarks.planning_curves import Fitted, fit_pairs, fit_transitions
from homespun.errors import MisuseError
from homespun_server.planning.curve import (
    CURVES,
    MEASURED_LIKES,
    MEASURED_UNIVERSES,
    MEASURED_USERS,
    POPULARITY_SHARE,
    Curve,
    Kept,
    Matrix,
    extrapolated,
    kept,
    with_popularity,
)
from homespun_server.planning.fleet import Fleet
from homespun_server.planning.measured import Point, points
from homespun_server.planning.universe import UNIVERSE_ERROR, expected_universe

MATRICES: tuple[Matrix, ...] = ("pairs", "transitions")
COUNTS_SHARE = 0.06
"""Of the budget of a fit; the points give what the rest is."""


def of(matrix: Matrix) -> list[Point]:
    return [point for point in points() if point.matrix == matrix]


@pytest.fixture(scope="module")
def fitted() -> dict[Matrix, Fitted]:
    return {"pairs": fit_pairs(of("pairs")), "transitions": fit_transitions(of("transitions"))}


@pytest.mark.parametrize("matrix", MATRICES)
def test_more_than_a_tenth_of_what_was_measured_lies_outside_the_interval(matrix: Matrix) -> None:
    inside = [left.low <= point.kept <= left.high for point, left in predicted(matrix)]
    assert len(inside) > 50
    assert np.mean(inside) >= 0.9


def predicted(matrix: Matrix) -> Iterator[tuple[Point, Kept]]:
    for point in of(matrix):
        yield point, kept(matrix, point.fleet, point.rho)


def test_pairs_are_predicted_no_better_than_by_their_mean() -> None:
    left = np.array([(point.kept, found.share) for point, found in predicted("pairs")])
    assert np.sqrt(np.mean((left[:, 0] - left[:, 1]) ** 2)) < 0.35 * left[:, 0].std()


@pytest.mark.parametrize("matrix", MATRICES)
def test_the_constants_are_not_those_that_the_points_give(matrix: Matrix, fitted: dict[Matrix, Fitted]) -> None:
    again, shipped = fitted[matrix].curve, CURVES[matrix]
    for name in ("constant", "users", "noise", "likes", "universe"):
        assert math.isclose(getattr(again, name), getattr(shipped, name), abs_tol=0.01), name


@pytest.mark.parametrize("matrix", MATRICES)
def test_the_stated_error_is_smaller_than_on_unseen_data_sets(matrix: Matrix, fitted: dict[Matrix, Fitted]) -> None:
    assert fitted[matrix].curve.error <= CURVES[matrix].error <= fitted[matrix].curve.error + 0.01
    assert set(fitted[matrix].unseen) == {point.data for point in of(matrix)}


@pytest.mark.parametrize("matrix", MATRICES)
def test_popularity_has_another_share_than_is_stated(matrix: Matrix) -> None:
    shares = [point.popularity / point.exact for point in of(matrix)]
    assert (round(min(shares), 2), round(max(shares), 2)) == POPULARITY_SHARE[matrix]


def test_the_measured_ranges_are_not_those_of_the_points() -> None:
    every = points()
    for values, (low, high) in (
        ([point.users for point in every], MEASURED_USERS),
        ([point.likes for point in every], MEASURED_LIKES),
        ([point.fleet.largest_universe for point in every], MEASURED_UNIVERSES),
    ):
        assert low <= min(values) < 1.02 * low
        assert high >= max(values) > 0.98 * high


def test_a_universe_is_predicted_worse_than_is_stated() -> None:
    found = [point for point in of("pairs") if 200 < point.universe < point.fleet.largest_universe]
    assert len(found) > 20
    for point in found:
        counts = point.rho / (1 - COUNTS_SHARE) * COUNTS_SHARE
        ratio = expected_universe(point.fleet, counts) / point.universe
        assert 1 / UNIVERSE_ERROR <= ratio <= UNIVERSE_ERROR, point


@pytest.mark.parametrize("matrix", MATRICES)
def test_more_people_more_likes_or_less_noise_are_said_to_keep_less(matrix: Matrix) -> None:
    curve: Curve = CURVES[matrix]
    for users, likes, rho in itertools.product((1, 500, 20_000, 10**9), (1.0, 8.0, 90.0), (1e-9, 0.02, 1.0, 100.0)):
        here = curve.kept(Fleet(users, 5000, likes), rho)
        assert 0 <= here <= 1
        assert here <= curve.kept(Fleet(2 * users, 5000, likes), rho)
        assert here <= curve.kept(Fleet(users, 5000, likes), 2 * rho)
        assert here <= curve.kept(Fleet(users, 5000, 1.5 * likes), rho)
        assert here >= curve.kept(Fleet(users, 5000, likes, max_items=3000), rho)


def test_the_whole_quality_is_less_than_what_popularity_has() -> None:
    for share in (0.0, 0.3, 1.0):
        least, most = with_popularity("pairs", Kept(share, share, share))
        assert POPULARITY_SHARE["pairs"][0] <= least <= most <= 1
    assert with_popularity("pairs", Kept(1.0, 1.0, 1.0)) == (1.0, 1.0)


def test_a_fleet_beyond_the_measurements_is_not_told() -> None:
    assert extrapolated(Fleet(10_000, 5000)) == ()
    far = extrapolated(Fleet(10**9, 5000, likes=1.0, max_items=100))
    assert [text.partition(" (")[0] for text in far] == [
        "1,000,000,000 users",
        "1 items a person",
        "100 items in the model at most",
    ]


@pytest.mark.parametrize(
    ("figures", "problem"),
    [
        ({"users": 0}, "0 users"),
        ({"users": 10**13}, "users"),
        ({"items": 1}, "at least two items"),
        ({"items": 1 << 23}, "are counted"),
        ({"likes": 0.5}, "--events-per-user"),
        ({"likes": math.nan}, "--events-per-user"),
        ({"likes": 101.0}, "no more than there are items"),
        ({"max_items": 1}, "pair"),
    ],
)
def test_a_fleet_that_cannot_be_is_planned_for(figures: dict[str, float], problem: str) -> None:
    with pytest.raises(MisuseError, match=problem):
        Fleet(**{"users": 10, "items": 100, **figures})  # type: ignore[arg-type]
