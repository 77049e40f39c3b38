"""Figures that a report states are those of the definitions it cites."""

import math

import numpy as np
import pytest

from homespun_server.training.metrics import bootstrap, ndcg, recall


def test_recall_is_divided_by_more_than_can_be_found() -> None:
    assert recall(["a", "b", "c"], {"a", "c", "x", "y"}, 2) == 0.5
    assert recall(["a", "b", "c"], {"c"}, 2) == 0.0
    assert recall([], {"c"}, 2) == 0.0
    assert recall(["a", "b"], {"a", "b"}, 20) == 1.0


def test_gain_is_discounted_otherwise() -> None:
    best = 1 + 1 / math.log2(3)
    assert ndcg(["x", "a", "b"], {"a", "b"}, 3) == pytest.approx((1 / math.log2(3) + 0.5) / best)
    assert ndcg(["a", "b", "x"], {"a", "b"}, 3) == pytest.approx(1.0)
    assert ndcg(["a"], {"a", "b", "c"}, 1) == 1.0
    assert ndcg(["x", "y", "a"], {"a"}, 2) == 0.0
    assert ndcg([], {"a"}, 100) == 0.0


def test_an_interval_misses_its_mean_or_changes_between_runs() -> None:
    values = np.random.default_rng(0).normal(1.0, 2.0, 400)
    interval = bootstrap(values)
    assert interval == bootstrap(values)
    assert interval.low < interval.mean < interval.high
    assert interval.mean == pytest.approx(values.mean())
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.1)


def test_equal_figures_have_a_width() -> None:
    interval = bootstrap(np.full(7, 0.25))
    assert (interval.low, interval.mean, interval.high) == (0.25, 0.25, 0.25)
