"""The search finds weights that nobody planted, reports a quality that nobody gets, or mistakes chance for a level."""

import numpy as np
import pytest

from homespun_server.training.model import LEVELS
from homespun_server.tuning import search
from homespun_server.tuning.search import LEAST_CASES, Judge, ascend, by_level, subset, weighted
from tests.conftest import Runs
from tests.server.tuning.support import Floats, asked, planted, slow_gain, some_levels

DEPTH = 10


def everywhere(strength: float, count: int) -> Floats:
    return np.full(count, strength, np.float32)


def nothing() -> None:
    """Observe nothing."""


def test_gains_are_not_those_of_the_sorted_list(runs: Runs) -> None:
    for number in runs("gains", 50):
        draw = np.random.default_rng(number)
        size, depth = int(draw.integers(1, 30)), int(draw.integers(1, 12))
        targets = [draw.choice(size, int(draw.integers(1, size + 1)), replace=False).tolist() for _ in range(5)]
        found = asked([0] * 5, targets, size)
        # Few different numbers, so that many are equal.
        scores = draw.integers(0, 1 + number % 7, (5, size)).astype(np.float32)
        gains = Judge(found, depth).gains(scores)
        assert gains == pytest.approx(
            [slow_gain(row.tolist(), own, (), depth) for row, own in zip(scores, targets, strict=True)]
        ), number


def test_many_targets_are_judged_otherwise_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(0)
    found = asked([0] * 40, draw.integers(0, 50, (40, 3)).tolist(), 50)
    scores = draw.normal(size=(40, 50)).astype(np.float32)
    at_once = Judge(found, DEPTH).gains(scores)
    monkeypatch.setattr(search, "_PAIRS_AT_ONCE", 120)
    assert np.array_equal(Judge(found, DEPTH).gains(scores), at_once)


def test_a_score_that_tells_nothing_apart_looks_good() -> None:
    judge = Judge(asked([0], [[3]], 20), DEPTH)
    assert judge.gains(np.zeros((1, 20), np.float32)).tolist() == [0.0]


def test_what_must_not_be_recommended_is_found() -> None:
    found = asked([0, 0], [[3], [4]], 20)
    object.__setattr__(found, "left_out_rows", np.array([0]))
    object.__setattr__(found, "left_out_columns", np.array([3]))
    judge = Judge(found, 20)
    scores = judge.barred()
    scores[:, 3:5] += 1
    assert judge.gains(scores)[0] == 0
    # The other case may have it, and so it stands before or beside the one that is wanted.
    assert judge.gains(scores)[1] == pytest.approx(1 / np.log2(3))


def test_a_planted_blend_is_not_recovered() -> None:
    draw = np.random.default_rng(1)
    count, size = 1500, 300
    strong, weak = everywhere(2.0, count), everywhere(1.0, count)
    found, features = planted(draw, np.zeros(count, np.int64), size, {"strong": strong, "weak": weak, "none": 0 * weak})
    judge = Judge(found, DEPTH)
    bars = judge.barred()
    # The likeliest target is where 2·strong + 1·weak is largest: noise of deviation 1 around both.
    best = judge.gains(weighted(features, {"strong": 2.0, "weak": 1.0}, bars)).mean()
    learned = ascend(judge, features, {"strong": 0.3, "none": 0.3}, bars)
    assert learned.gains.mean() > best - 0.01
    assert 1.25 < learned.weights["strong"] / learned.weights["weak"] < 3.2
    assert abs(learned.weights["none"]) < 0.25 * learned.weights["strong"]
    assert learned.gains == pytest.approx(judge.gains(weighted(features, learned.weights, bars)), abs=0.02)
    assert learned.gains.mean() == pytest.approx(
        judge.gains(weighted(features, learned.weights, bars)).mean(), abs=1e-3
    )


def test_chance_gives_a_level_weights_of_its_own() -> None:
    """Everybody is alike, so weights of one's own are wrong, however good they look on the cases at hand."""
    own = 0
    for seed in range(8):
        draw = np.random.default_rng(seed)
        levels = some_levels(150)
        signals = {f"signal-{number}": everywhere(1.0, levels.size) for number in range(2)}
        noises = {f"noise-{number}": everywhere(0.0, levels.size) for number in range(4)}
        found, features = planted(draw, levels, 150, signals | noises)
        judge = Judge(found, DEPTH)
        bars = judge.barred()
        pooled = ascend(judge, features, dict.fromkeys(signals, 1.0), bars).weights
        weights = by_level(judge, features, pooled, bars, nothing)
        own += sum(any(weights[term][level] != pooled[term] for term in features) for level in range(LEVELS))
    assert own <= 4  # of 48; judged on the cases that they were learned from, half of them would be


def test_a_level_that_differs_gets_the_weights_of_all() -> None:
    draw = np.random.default_rng(3)
    levels = some_levels(200)
    few = levels < 3
    strengths = {
        "prior": np.where(few, 3.0, 0.3).astype(np.float32),
        "history": np.where(few, 0.3, 3.0).astype(np.float32),
    }
    found, features = planted(draw, levels, 150, strengths)
    judge = Judge(found, DEPTH)
    bars = judge.barred()
    pooled = ascend(judge, features, dict.fromkeys(features, 1.0), bars).weights
    told: list[int] = []
    weights = by_level(judge, features, pooled, bars, lambda: told.append(1))
    assert len(told) == LEVELS
    for level in range(LEVELS):
        larger, smaller = ("prior", "history") if level < 3 else ("history", "prior")
        assert weights[larger][level] > 1.5 * weights[smaller][level], level


def test_a_handful_of_cases_gets_weights_of_its_own() -> None:
    draw = np.random.default_rng(4)
    levels = np.repeat([0, 5], [LEAST_CASES - 1, 800])
    strength = np.where(levels == 0, 0.0, 3.0).astype(np.float32)
    found, features = planted(draw, levels, 100, {"one": strength, "other": strength[::-1] * 0 + 3 - strength})
    judge = Judge(found, DEPTH)
    pooled = {"one": 1.0, "other": 0.2}
    weights = by_level(judge, features, pooled, judge.barred(), nothing)
    # The others of the 99 would be far better off with the second feature.
    assert (weights["one"][0], weights["other"][0]) == (1.0, 0.2)
    assert all(weights["one"][level] == 1.0 for level in range(1, LEVELS - 1))


def test_a_part_of_the_cases_is_judged_as_other_cases() -> None:
    draw = np.random.default_rng(5)
    found = asked(draw.integers(0, LEVELS, 60), draw.integers(0, 30, (60, 2)).tolist(), 30)
    object.__setattr__(found, "left_out_rows", np.sort(draw.integers(0, 60, 80)))
    object.__setattr__(found, "left_out_columns", draw.integers(0, 30, 80))
    scores = draw.normal(size=(60, 30)).astype(np.float32)
    whole, chosen = Judge(found, DEPTH), np.flatnonzero(found.levels == 2)
    part = Judge(subset(found, chosen), DEPTH)
    assert np.array_equal(part.barred(), whole.barred()[chosen])
    assert part.gains(scores[chosen] + part.barred()) == pytest.approx(whole.gains(scores + whole.barred())[chosen])
