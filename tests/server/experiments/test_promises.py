"""Intervals that miss the truth more often than they say, alarms that looking raises, and power that is not there.

A share of simulated experiments strays by chance. Each is given 3.3 standard errors, so that one of a thousand right
ones would be refused; the seeds are fixed.
"""

from collections.abc import Iterator
from math import sqrt

import numpy as np
import pytest

from homespun_server.experiments import trials as simulated
from homespun_server.experiments.looks import Method, Sums, look_after
from homespun_server.experiments.ratios import interval
from homespun_server.experiments.trials import BOUGHT, CLICKS, IMPRESSIONS, World, simulate
from homespun_server.experiments.verification import (
    ALPHA,
    POWER,
    Setting,
    Share,
    alarms,
    coverage,
    excludes_none,
    looking,
    mismatches,
    power_shown,
)
from tests.conftest import Runs

ERRORS = 3.3
SETTINGS = [(1200, None), (4000, None), (1200, 8.0), (4000, 2.0), (4000, 0.5), (1000, 1.0)]


def trials(runs: Runs, total: int = 15_000) -> int:
    return sum(1 for _ in runs("simulated experiment", total))


def allowed(promised: float, share: Share) -> float:
    return ERRORS * sqrt(promised * (1 - promised) / share.trials)


def rng_of(*seeds: object) -> np.random.Generator:
    return np.random.default_rng([ord(letter) for letter in str(seeds)])


@pytest.mark.parametrize(("people", "epsilon"), SETTINGS)
def test_an_interval_misses_the_truth_too_often(people: int, epsilon: float | None, runs: Runs) -> None:
    setting = Setting(people=people, epsilon=epsilon, trials=trials(runs))
    for share in coverage(setting, rng_of(people, epsilon)):
        assert share.share >= 1 - ALPHA - allowed(1 - ALPHA, share), share
        # Nor is it needlessly wide, but where the noise allowed some experiments none at all.
        assert share.without or share.share <= 1 - ALPHA + allowed(1 - ALPHA, share), share


def test_intervals_that_forget_the_noise_would_pass(runs: Runs) -> None:
    # What the tests above would find.
    made = simulate(World(), people=4000, windows=1, trials=trials(runs, 3000), epsilon=1.0, rng=rng_of("forget"))
    sums = Sums(made.sums[:, 0], made.sums[:, 1], np.zeros(1))
    look = look_after(sums, BOUGHT, 0, look=1, alpha=ALPHA, method=Method.FIXED, planned=1)
    assert np.mean(excludes_none(look.difference)) > 3 * ALPHA


def test_rounding_of_small_squares_makes_intervals_narrow(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    # A cap far above what people have: the square of 1 in 100 is a third of a step.
    world = World(impressions=2.0, clicks=(0.3, 0.3), cap=100)

    def missed() -> float:
        made = simulate(world, people=4000, windows=1, trials=trials(runs, 3000), epsilon=None, rng=rng_of("rounding"))
        sums = Sums(made.sums[:, 0], made.sums[:, 1], made.noise)
        look = look_after(sums, CLICKS, IMPRESSIONS, look=1, alpha=ALPHA, method=Method.FIXED, planned=1)
        treated = interval(look.treated, look.factor)
        return float(np.mean((treated.low > 0.3) | (treated.high < 0.3)))

    assert missed() <= ALPHA
    monkeypatch.setattr(simulated, "with_half_steps", lambda sums, halves: sums)
    assert missed() > 1.5 * ALPHA


def found_by(setting: Setting, *, returning: bool) -> Iterator[tuple[str, Share]]:
    shares = list(looking(setting, rng_of(setting.people, setting.epsilon)))
    half = shares[3:] if returning else shares[:3]
    return zip(("fixed", "mixture", "spending"), half, strict=True)


@pytest.mark.parametrize(("people", "epsilon"), [(3000, None), (3000, 4.0), (6000, 1.0)])
def test_looking_at_every_window_finds_what_is_not_there(people: int, epsilon: float | None, runs: Runs) -> None:
    setting = Setting(people=people, epsilon=epsilon, windows=8, trials=trials(runs, 8000))
    others = dict(found_by(setting, returning=False))
    for valid in ("mixture", "spending"):
        assert others[valid].share <= ALPHA + allowed(ALPHA, others[valid]), others[valid]
    # And it would be noticed: intervals of one look, looked at eight times, find far too much.
    assert others["fixed"].share > ALPHA + 2 * allowed(ALPHA, others["fixed"])
    same = dict(found_by(setting, returning=True))
    assert same["spending"].share <= ALPHA + allowed(ALPHA, same["spending"]), same["spending"]


def test_people_who_return_are_no_danger_to_a_mixture(runs: Runs) -> None:
    # Why a definition says who is counted in a window: with the same people it is wrong.
    made = simulate(
        World(), people=8000, windows=8, trials=trials(runs, 8000), epsilon=None, rng=rng_of("same"), returning=True
    )
    sums = Sums(made.sums[:, 0], made.sums[:, 1], made.noise)
    assert np.mean(alarms(sums, Method.MIXTURE, 8)) > 2 * ALPHA


@pytest.mark.parametrize(("people", "epsilon"), [(2000, None), (2000, 1.0)])
def test_a_mismatch_is_found_by_chance(people: int, epsilon: float | None, runs: Runs) -> None:
    setting = Setting(people=people, epsilon=epsilon, trials=trials(runs))
    right, wrong = mismatches(setting, rng_of("mismatch", epsilon))
    assert abs(right.share - ALPHA) <= allowed(ALPHA, right), right
    assert wrong.share > 0.75, wrong


@pytest.mark.parametrize(("people", "epsilon"), SETTINGS)
def test_a_planned_effect_is_not_shown_as_often_as_planned(people: int, epsilon: float | None, runs: Runs) -> None:
    setting = Setting(people=people, epsilon=epsilon, trials=trials(runs))
    (share,) = power_shown(setting, rng_of("power", people, epsilon))
    # The formula is the normal distribution's, and noise in the variances makes a difference of a percent or two.
    assert abs(share.share - POWER) <= allowed(POWER, share) + 0.02, share


def test_an_effect_is_found_later_by_looking_earlier(runs: Runs) -> None:
    made = simulate(
        World(bought=(0.1, 0.16)), people=8000, windows=4, trials=trials(runs, 2000), epsilon=4.0, rng=rng_of("early")
    )
    sums = Sums(made.sums[:, 0], made.sums[:, 1], made.noise)
    found = [
        np.mean(
            look_after(sums, BOUGHT, 0, look=look, alpha=ALPHA, method=Method.MIXTURE, planned=4).difference.low > 0
        )
        for look in (1, 2, 3, 4)
    ]
    assert found == sorted(found)
    assert found[-1] > 0.95
