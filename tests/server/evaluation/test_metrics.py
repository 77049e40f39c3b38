"""A figure of accuracy is not what it is called: each is held against an independent implementation."""

import math
import os
import warnings
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.errors import MisuseError
from homespun_server.evaluation.cases import Case
from homespun_server.evaluation.metrics import ACCURACY, capped_recall_at, hits_of, ndcg

if find_spec("ranx") is None:
    pytest.skip("the other implementation of these metrics has no wheels for this system", allow_module_level=True)

# Compiling it would take minutes, and the lists are short.
with patch.dict(os.environ, {"NUMBA_DISABLE_JIT": "1"}), warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of the other implementation, about its own dependencies
    from ranx.metrics import average_precision, f1, hit_rate, precision, recall, reciprocal_rank
    from ranx.metrics import ndcg as other_ndcg

OTHERS: dict[str, Callable[..., np.ndarray]] = {
    "ndcg": other_ndcg,
    "recall": recall,
    "precision": precision,
    "f1": f1,
    "map": average_precision,
    "mrr": reciprocal_rank,
    "hit_rate": hit_rate,
}
DEPTH = 12
ITEMS = st.integers(0, 25)
LISTS = st.lists(ITEMS, max_size=DEPTH, unique=True)
RELEVANT = st.sets(ITEMS, min_size=1, max_size=15)


def expected(name: str, listed: Sequence[int], relevant: set[int], k: int) -> float:
    """Return what the other implementation says; it cannot take an empty list, which holds nothing right."""
    if not listed:
        return 0.0
    wanted = np.array([[item, 1] for item in sorted(relevant)], np.float64)
    run = np.array([[item, DEPTH - rank] for rank, item in enumerate(listed)], np.float64)
    (value,) = OTHERS[name]([wanted], [run], k)
    return float(value)


@pytest.mark.parametrize("name", OTHERS)
@given(listed=LISTS, relevant=RELEVANT, k=st.integers(1, DEPTH))
def test_a_metric_differs_from_another_implementation(name: str, listed: list[int], relevant: set[int], k: int) -> None:
    hits = hits_of([list(map(str, listed))], [set(map(str, relevant))], DEPTH)
    (found,) = ACCURACY[name](hits, k)
    assert found == pytest.approx(expected(name, listed, relevant, k), abs=1e-12)


def test_a_metric_is_held_against_nothing() -> None:
    assert set(ACCURACY) - set(OTHERS) == {"capped_recall"}


@given(lists=st.lists(st.tuples(LISTS, RELEVANT), max_size=6), k=st.integers(1, DEPTH))
def test_a_case_changes_the_figures_of_another(lists: list[tuple[list[int], set[int]]], k: int) -> None:
    ranked, wanted = [list(map(str, one)) for one, _ in lists], [set(map(str, own)) for _, own in lists]
    together = hits_of(ranked, wanted, DEPTH)
    for name, metric in ACCURACY.items():
        values = metric(together, k)
        assert values.shape == (len(lists),)
        assert ((values >= 0) & (values <= 1 + 1e-12)).all(), name
        for row, (one, own) in enumerate(zip(ranked, wanted, strict=True)):
            assert metric(hits_of([one], [own], DEPTH), k)[0] == pytest.approx(values[row], abs=1e-12)


def test_recall_is_divided_by_more_than_can_be_found() -> None:
    hits = hits_of([["a", "b", "c"], ["a", "b", "c"], []], [{"a", "c", "x", "y"}, {"c"}, {"c"}], 20)
    assert capped_recall_at(hits, 2).tolist() == [0.5, 0.0, 0.0]
    assert capped_recall_at(hits, 20).tolist() == [0.5, 1.0, 0.0]


def test_gain_is_discounted_otherwise() -> None:
    best = 1 + 1 / math.log2(3)
    assert ndcg(["x", "a", "b"], {"a", "b"}, 3) == pytest.approx((1 / math.log2(3) + 0.5) / best)
    assert ndcg(["a", "b", "x"], {"a", "b"}, 3) == pytest.approx(1.0)
    assert ndcg(["a"], {"a", "b", "c"}, 1) == 1.0
    assert ndcg(["x", "y", "a"], {"a"}, 2) == 0.0
    assert ndcg([], {"a"}, 100) == 0.0


@pytest.mark.parametrize("k", [0, 4])
def test_a_figure_is_of_more_ranks_than_are_known(k: int) -> None:
    with pytest.raises(MisuseError, match="ask for longer"):
        ACCURACY["precision"](hits_of([["a"]], [{"a"}], 3), k)


def test_a_case_where_nothing_is_right_is_measured() -> None:
    with pytest.raises(MisuseError, match="measures nothing"):
        Case("somebody", (), frozenset())
