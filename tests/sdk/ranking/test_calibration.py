import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from homespun.ranking.calibration import ALPHA, calibrated, divergence, shares_of

COMEDIES, DRAMAS = [1.0, 0.0], [0.0, 1.0]
SCORES = np.array([10.0, 9.0, 8.0, 7.0, 6.0, 5.0])
TAGS = np.array([COMEDIES, COMEDIES, COMEDIES, COMEDIES, DRAMAS, DRAMAS])


def test_a_person_of_two_tastes_sees_only_one() -> None:
    target = np.array([0.5, 0.5])
    assert calibrated(SCORES, TAGS, target, 0.0, 4).tolist() == [0, 1, 2, 3]
    assert sorted(calibrated(SCORES, TAGS, target, 0.9, 4).tolist()) == [0, 1, 4, 5]


def test_a_lopsided_list_is_not_further_away() -> None:
    target = np.array([0.7, 0.3])
    found = divergence(target, np.array([[0.7, 0.3], [1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]))
    assert found[0] == pytest.approx(0)
    assert 0 < found[1] < found[2] < found[3]
    expected = 0.7 * math.log(0.7 / (1 - ALPHA + ALPHA * 0.7)) + 0.3 * math.log(0.3 / (ALPHA * 0.3))
    assert found[1] == pytest.approx(expected)


def test_somebody_without_tastes_changes_the_order() -> None:
    assert calibrated(SCORES, TAGS, np.zeros(2), 1.0, 9).tolist() == [0, 1, 2, 3, 4, 5]
    assert shares_of(np.zeros(2)).tolist() == [0.0, 0.0]
    assert shares_of(np.array([3.0, 1.0])).tolist() == [0.75, 0.25]


def test_an_empty_pool_or_equal_scores_are_errors() -> None:
    assert calibrated(np.zeros(0), np.zeros((0, 2)), np.array([1.0, 0.0]), 0.5, 3).tolist() == []
    assert calibrated(np.ones(6), TAGS, np.array([0.0, 1.0]), 0.5, 2).tolist() == [4, 5]


def gain(listed: list[int], scores: Any, tags: Any, target: list[float], level: float) -> float:
    """What the last of some items is worth behind the others: the module's formula, written out tag by tag."""
    rank = 1 + sum(float(score) > float(scores[listed[-1]]) for score in scores)
    far = 0.0
    for tag, wanted in enumerate(target):
        share = sum(float(tags[item][tag]) for item in listed) / len(listed)
        if wanted:
            far += wanted * math.log(wanted / ((1 - ALPHA) * share + ALPHA * wanted))
    return (1 - level) / rank - level * far


@given(
    arrays(np.float64, 7, elements=st.integers(0, 20).map(float)),
    arrays(np.int64, (7, 3), elements=st.integers(0, 1)),
    arrays(np.float64, 3, elements=st.integers(0, 5).map(float)),
    st.sampled_from([0.1, 0.3, 0.5, 0.77, 1.0]),
    st.integers(1, 9),
)
def test_a_greedy_choice_is_not_the_best(scores: Any, tags: Any, counts: Any, level: float, length: int) -> None:
    scores = -np.sort(-scores)
    rows = tags / np.maximum(tags.sum(axis=1, keepdims=True), 1)
    target = shares_of(counts)
    found = calibrated(scores, rows, target, level, length).tolist()
    assert len(set(found)) == len(found) == min(length, 7)
    for number in range(len(found) if target.any() else 0):
        before = found[:number]
        gains = {
            item: gain([*before, item], scores, rows, target.tolist(), level) for item in range(7) if item not in before
        }
        assert gains[found[number]] == pytest.approx(max(gains.values()), abs=1e-9)
