"""Metrics are sums like all others: bounded whatever anybody says they are."""

import math
from math import isqrt

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from homespun.errors import MisuseError
from homespun.protocol.statistics.declaration import Statistic
from homespun.protocol.statistics.encoding import encode_metrics
from homespun.protocol.statistics.grid import GRID
from homespun.protocol.statistics.standard import item_counts, metric_sums
from tests.sdk.protocol.statistics.declarations import universe

TINY, ALMOST = 5e-324, math.nextafter(1.0, 0.0)
metric = st.sampled_from([0.0, -0.0, 1.0, ALMOST, TINY, -TINY, -1e308, 1e308, math.inf, -math.inf, 0.5]) | st.floats(
    -1, 2
)


@st.composite
def tables(draw: st.DrawFn) -> tuple[Statistic, list[list[float]]]:
    names = draw(st.integers(1, 5))
    rows = draw(st.lists(st.lists(metric, min_size=names, max_size=names), max_size=5))
    return metric_sums([f"metric-{number}" for number in range(names)]), rows


def encoded(statistic: Statistic, rows: list[list[float]]) -> list[list[int]]:
    table = np.array(rows, np.float64).reshape(len(rows), statistic.size - 1)
    found = encode_metrics(statistic, table)
    assert found.owners.tolist() == [person for person in range(len(rows)) for _ in range(statistic.size)]
    assert found.cells.tolist() == [cell for _ in rows for cell in range(statistic.size)]
    assert found.values.dtype == np.int64
    values: list[list[int]] = found.values.reshape(len(rows), statistic.size).tolist()
    return values


@given(tables())
@example((metric_sums(["ndcg"]), [[1e308], [-0.0], [math.inf]]))
def test_metrics_exceed_the_bound_or_differ_from_the_definition(case: tuple[Statistic, list[list[float]]]) -> None:
    statistic, rows = case
    unit = isqrt(GRID**2 // statistic.size)
    values = encoded(statistic, rows)
    for own, row in zip(values, rows, strict=True):
        assert own == [unit, *(math.floor(min(max(value, 0.0), 1.0) * unit) for value in row)]
        assert sum(value**2 for value in own) <= GRID**2
    assert values == [encoded(statistic, [row])[0] for row in rows]


@pytest.mark.parametrize("names", [1, 2, 3, 8, 255, 256])
def test_the_best_person_exceeds_the_bound_or_wastes_it(names: int) -> None:
    statistic = metric_sums([f"m{number}" for number in range(names)])
    (best,) = encoded(statistic, [[math.inf] * names])
    assert len(set(best)) == 1
    assert sum(value**2 for value in best) <= GRID**2 < statistic.size * (best[0] + 1) ** 2


@pytest.mark.parametrize(
    ("statistic", "metrics", "problem"),
    [
        (metric_sums(["a", "b"]), [[0.1]], "one column a declared metric"),
        (metric_sums(["a", "b"]), [0.1, 0.2], "one row a person"),
        (metric_sums(["a"]), [[0.1, 0.2]], "one column a declared metric"),
        (item_counts(universe(3)), [[0.1]], "one column a declared metric"),
        (metric_sums(["a"]), [[0.1], [math.nan]], "not a number"),
    ],
)
def test_metrics_of_another_kind_or_none_are_summed(statistic: Statistic, metrics: list[object], problem: str) -> None:
    with pytest.raises(MisuseError, match=problem):
        encode_metrics(statistic, np.array(metrics, np.float64))
