"""One threshold for all rows keeps exactly the largest entries, however the rows are cut up."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.sparse import csr_matrix

from homespun_server.training import largest
from homespun_server.training.largest import largest_entries, largest_of_rows

# Few values, so that many are equal.
squares = st.integers(1, 9).flatmap(
    lambda size: arrays(np.float64, (size, size), elements=st.integers(-3, 3).map(float))
)


def expected(matrix: np.ndarray, count: int) -> np.ndarray:
    """By sorting all entries, one by one."""
    size = matrix.shape[0]
    places = [(row, column) for row in range(size) for column in range(size) if matrix[row, column]]
    places.sort(key=lambda place: (-abs(matrix[place]), place))
    found = np.zeros_like(matrix)
    for place in places[:count]:
        found[place] = matrix[place]
    return found


@settings(deadline=None)
@given(matrix=squares, count=st.integers(0, 90), at_once=st.integers(1, 100))
def test_another_entry_is_kept(matrix: np.ndarray, count: int, at_once: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(largest, "ENTRIES_AT_ONCE", at_once)
        dense = largest_of_rows(lambda first, last: matrix[first:last], matrix.shape[0], count)
    sparse = largest_entries(csr_matrix(matrix), count)
    for found in (dense, sparse):
        np.testing.assert_array_equal(found.toarray(), expected(matrix, count))
        assert found.has_canonical_format
        assert found.nnz == np.count_nonzero(expected(matrix, count))


def test_rows_are_looked_at_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(largest, "ENTRIES_AT_ONCE", 64)
    asked = []

    def rows(first: int, last: int) -> np.ndarray:
        asked.append((first, last))
        return np.random.default_rng(first).normal(size=(last - first, 30))

    largest_of_rows(rows, 30, 5)
    assert asked == [(first, first + 2) for first in range(0, 30, 2)]
