"""A plan that spends more than there is, hides what adds up, or calls enough what is not."""

import itertools
from dataclasses import replace
from fractions import Fraction

import pytest

from homespun.errors import MisuseError
from homespun_server.errors import PrivacyParameterError
from homespun_server.planning.costs import costs
from homespun_server.planning.fleet import Fleet
from homespun_server.planning.kinds import BY_WORD, KINDS
from homespun_server.planning.loss import Period, loss
from homespun_server.planning.plan import Request, make_plan
from homespun_server.planning.shares import ENOUGH, SMALL_COUNTS, split
from homespun_server.planning.verdict import LARGEST_EPSILON, predictions, too_small
from homespun_server.privacy.zcdp import epsilon_of, gaussian_rho, rho_for

DELTA = 1e-6
FLEET = Fleet(50_000, 20_000)
EVERYTHING = tuple(BY_WORD)


@pytest.mark.parametrize("epsilon", [1e-6, 0.5, 1.0, 8.0, 100.0])
@pytest.mark.parametrize("users", [1, 5000, 10**9])
def test_the_parts_cost_more_than_the_whole_or_leave_some_of_it(epsilon: float, users: int) -> None:
    rho = Fraction(rho_for(epsilon, DELTA))
    for words in (("counts",), ("counts", "pairs"), ("metrics", "people"), EVERYTHING):
        shares = split(words, Fleet(users, 2000), rho)
        assert sum(share.share for share in shares) == 1
        assert min(share.share for share in shares) > 0
        cost = sum(gaussian_rho(8192, share.sigma) for share in shares)
        assert cost <= rho
        # σ is a whole number of steps; beyond that nothing is lost.
        assert cost >= rho * Fraction(99, 100) or min(share.sigma for share in shares) < 1000


def test_a_statistic_is_given_nothing_where_all_are_planned() -> None:
    shares = {share.word: share.share for share in split(EVERYTHING, FLEET, Fraction(1))}
    assert shares["pairs"] == shares["transitions"] == Fraction(65, 200)
    assert min(shares.values()) == shares["people"] == Fraction(1, 100)


def test_what_was_never_measured_is_called_measured() -> None:
    assert {kind.word for kind in KINDS if kind.basis == "measured"} == {"counts", "pairs", "transitions"}


def test_a_small_fleet_is_given_the_counts_of_a_large_one() -> None:
    rho = Fraction(rho_for(1.0, DELTA))
    assert split(("counts", "pairs"), replace(FLEET, users=1000), rho)[0].share == SMALL_COUNTS
    assert split(("counts", "pairs"), FLEET, rho)[0].share == Fraction(6, 100)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ((), "nothing is no statistic"),
        (("counts", "weather"), "weather is no statistic"),
        (("counts", "counts"), "stands twice"),
        (("pairs",), "plan counts with them"),
        (("metrics", "transitions"), "plan counts with them"),
    ],
)
def test_statistics_that_contradict_each_other_are_planned(words: tuple[str, ...], problem: str) -> None:
    with pytest.raises(MisuseError, match=problem):
        make_plan(Request(FLEET, 1.0, words=words))


@pytest.mark.parametrize("users", [1, 1200, 9000])
@pytest.mark.parametrize("items", [50, 20_000])
@pytest.mark.parametrize("epsilon", [1e-4, 0.3, 1.0, 3.0])
@pytest.mark.parametrize("words", [("counts", "pairs"), ("counts", "pairs", "transitions", "trend")])
def test_what_is_said_to_be_enough_is_not(users: int, items: int, epsilon: float, words: tuple[str, ...]) -> None:
    fleet = Fleet(users, items)
    for verdict in too_small(fleet, epsilon, DELTA, words):
        assert verdict.kept.share < ENOUGH
        if verdict.users is not None:
            left = too_small(replace(fleet, users=verdict.users), epsilon, DELTA, words)
            assert verdict.matrix not in {other.matrix for other in left}
            fewer = too_small(replace(fleet, users=int(0.85 * verdict.users)), epsilon, DELTA, words)
            assert verdict.matrix in {other.matrix for other in fewer}
        if verdict.epsilon is not None:
            left = too_small(fleet, verdict.epsilon, DELTA, words)
            assert verdict.matrix not in {other.matrix for other in left}


def test_nobody_is_told_that_no_fleet_and_no_epsilon_would_do() -> None:
    fleet = Fleet(1, 20_000)
    pairs, transitions = too_small(fleet, 1e-9, DELTA, ("counts", "pairs", "transitions"))
    assert pairs.users is not None
    assert (transitions.users, transitions.epsilon) == (None, None)
    text = transitions.text(fleet, 1e-9)
    assert text.startswith("1 user is few for transitions at ε = 1e-09")
    assert "No number of users would be enough" in text
    assert f"no ε up to {LARGEST_EPSILON:g} would do" in text


def test_a_fleet_is_too_small_for_pairs_and_told_of_transitions_alone() -> None:
    both = too_small(Fleet(1000, 1000), 1.0, DELTA, ("counts", "pairs", "transitions"))
    assert [verdict.matrix for verdict in both] == ["pairs", "transitions"]
    assert "few for transitions at ε = 1" in both[1].text(Fleet(1000, 1000), 1.0)
    assert too_small(Fleet(1000, 1000), 1.0, DELTA, ("counts", "trend")) == ()


def test_a_larger_fleet_or_epsilon_is_predicted_to_keep_less() -> None:
    plan = make_plan(Request(FLEET, 1.0, words=("counts", "pairs", "transitions")))
    for rows in (plan.by_epsilon, plan.by_users):
        for one, next_one in itertools.pairwise(rows):
            assert (one.epsilon, one.users) < (next_one.epsilon, next_one.users)
            assert all(one.kept[matrix] < next_one.kept[matrix] for matrix in one.kept)
    assert [predicted.matrix for predicted in plan.predicted] == ["pairs", "transitions"]
    assert plan.predicted[0].kept == predictions(plan.request.words, FLEET, plan.rho)["pairs"]


def test_periods_and_devices_do_not_add_up() -> None:
    plan = make_plan(Request(FLEET, 1.0, period=Period("30", 12), devices=3))
    told = {(one.periods, one.devices): one.epsilon for one in plan.losses}
    assert set(told) == {(1, 1), (1, 2), (1, 3), (12, 1), (12, 2), (12, 3)}
    assert told[1, 1] == pytest.approx(1.0, rel=1e-6)
    assert told[12, 3] == pytest.approx(epsilon_of(float(plan.rho) * 12 * 9, DELTA))
    # Nine periods of one id cost what one period of three ids does.
    assert loss(0.01, DELTA, periods=9).epsilon == loss(0.01, DELTA, devices=3).epsilon
    assert 1 < told[12, 1] < 12
    assert plan.request.period.unit == "user, per 30 days"
    assert plan.request.period.after(12) == "after 360 days"


@pytest.mark.parametrize(
    ("per", "periods", "problem"),
    [
        ("week", 1, "a number of days"),
        ("0", 1, "a number of days"),
        ("-1", 1, "a number of days"),
        ("1e3", 1, "a number of days"),
        ("²", 1, "a number of days"),
        ("999999", 1, "a number of days"),
        ("month", 0, "1 to 10,000"),
        ("month", 10_001, "1 to 10,000"),
        ("once", 2, "1 for once"),
    ],
)
def test_a_period_that_is_none_is_planned(per: str, periods: int, problem: str) -> None:
    with pytest.raises(MisuseError, match=problem):
        Period(per, periods)


@pytest.mark.parametrize("devices", [0, -1, 1001])
def test_a_person_has_no_device_or_thousands(devices: int) -> None:
    with pytest.raises(MisuseError, match="devices a person"):
        make_plan(Request(FLEET, 1.0, devices=devices))


@pytest.mark.parametrize(
    ("epsilon", "delta"), [(0.0, DELTA), (-1.0, DELTA), (float("nan"), DELTA), (1.0, 0.0), (1.0, 1.0)]
)
def test_a_promise_of_nothing_is_planned(epsilon: float, delta: float) -> None:
    with pytest.raises(PrivacyParameterError):
        make_plan(Request(FLEET, epsilon, delta))


@pytest.mark.parametrize("epsilon", [1e-9, 1e-6, 100.0, 5000.0])
@pytest.mark.parametrize("fleet", [Fleet(1, 2, likes=1.0), Fleet(10**9, 4_000_000, likes=500.0, max_items=65_536)])
def test_an_extreme_plan_fails_or_says_what_cannot_be(fleet: Fleet, epsilon: float) -> None:
    plan = make_plan(Request(fleet, epsilon, words=EVERYTHING))
    assert 2 <= plan.universe <= fleet.largest_universe
    assert all(0 <= one.kept.low <= one.kept.share <= one.kept.high <= 1 for one in plan.predicted)
    assert all(cost.numbers >= 1 and cost.least_seconds <= cost.most_seconds for cost in plan.costs)
    assert plan.extrapolated
    assert plan.weak_delta == (fleet.users == 10**9)


def test_an_upload_or_the_noise_is_said_to_be_cheaper_than_it_is() -> None:
    counts, pairs, transitions = costs(("counts", "pairs", "transitions"), FLEET, 1000)
    assert (counts.numbers, pairs.numbers, transitions.numbers) == (20_000, 499_500, 1_000_000)
    assert pairs.upload_bytes == 1000 * 999 // 2 * 4
    assert pairs.least_seconds == pytest.approx(499_500 * 17e-6)
    assert pairs.memory_bytes > 8 * (499_500 + 1000**2)
