"""A sparse table comes out of its blocks as it went in, but for the rounding to levels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from homespun_server.publishing.sparse import encode, levels, nearest
from homespun_server.training.blocks import blocks
from homespun_server.training.model import SparseRows
from homespun_server.training.sizes import sparse_bytes
from tests.server.publishing import decoding
from tests.server.publishing.support import sparse_of


def table_of(size: int, entries: dict[tuple[int, int], float], bits: int = 4) -> SparseRows:
    places = sorted(entries)
    rows, columns = ([place[side] for place in places] for side in (0, 1))
    matrix = csr_matrix(([entries[place] for place in places], (rows, columns)), shape=(size, size), dtype=float)
    return SparseRows("t", matrix, bits)  # type: ignore[arg-type]


def decoded(table: SparseRows) -> np.ndarray:
    arrays = {f"t.{name}": array for name, array in encode(table).arrays.items()}
    return decoding.sparse(arrays, "t")


def rounded(table: SparseRows) -> np.ndarray:
    """What the decoder must find: every entry other than 0 at the nearest of the levels, all else 0."""
    fitted = np.array(decoding.floats(levels(table.matrix.data[table.matrix.data != 0], 2**table.bits - 1)))
    dense: np.ndarray = table.matrix.toarray()
    for row, column in zip(*np.nonzero(dense), strict=True):
        dense[row, column] = fitted[np.abs(fitted - dense[row, column]).argmin()]
    return dense


values = st.integers(-20, 20).map(lambda step: step / 8)


@st.composite
def tables(draw: st.DrawFn) -> SparseRows:
    """Few columns far apart and many close together, on the borders of a gap, of a block and of the matrix."""
    size = draw(st.sampled_from([1, 2, 17, 255, 256, 257, 512, 600]))
    near = st.integers(0, size - 1)
    borders = st.sampled_from([0, 254, 255, 256, 257, 510, 511, 512, size - 1]).map(lambda place: min(place, size - 1))
    entries = draw(st.dictionaries(st.tuples(near, near | borders), values, max_size=60))
    run = draw(st.integers(0, min(40, size)))
    entries |= {(size - 1, place): 0.5 for place in range(size - run, size)}
    return table_of(size, entries, draw(st.sampled_from([4, 8])))


@settings(deadline=None)
@given(table=tables())
def test_an_entry_is_lost_moved_or_doubled(table: SparseRows) -> None:
    np.testing.assert_array_equal(decoded(table), rounded(table))


@settings(deadline=None)
@given(table=tables())
def test_the_size_is_estimated_wrongly(table: SparseRows) -> None:
    arrays = encode(table).arrays.values()
    assert sparse_bytes(table) == sum(-(-array.nbytes // 64) * 64 for array in arrays)


@pytest.mark.parametrize("bits", [4, 8])
def test_random_tables_come_out_otherwise(bits: int) -> None:
    for seed, (size, entries) in enumerate([(1, 1), (2, 3), (40, 400), (700, 900), (300, 9000)]):
        table = sparse_of("t", size, entries, np.random.default_rng(seed), bits=bits)
        assert np.abs(decoded(table) - rounded(table)).max() < 1e-6


@pytest.mark.parametrize("gap", [1, 254, 255, 256, 257, 509, 510, 511, 766, 4000])
def test_a_wide_gap_leads_elsewhere(gap: int) -> None:
    table = table_of(gap + 1, {(0, 0): 1.0, (0, gap): 2.0, (gap, gap): 3.0})
    found = decoded(table)
    assert {(int(row), int(column)): found[row, column] for row, column in zip(*np.nonzero(found), strict=True)} == {
        (0, 0): 1.0,
        (0, gap): 2.0,
        (gap, gap): 3.0,
    }
    # Up to 15 fillers cost less than another block.
    assert len(encode(table).bases) == (2 if gap < 4000 else 3)


def test_an_empty_table_is_an_empty_tensor() -> None:
    encoded = encode(table_of(5, {}))
    assert encoded.starts.tolist() == [0, 0, 0, 0, 0, 1]
    assert encoded.bases.tolist() == [0]
    assert not encoded.codes.any()
    assert not encoded.gaps.any()
    assert encoded.levels.tolist() == [0.0] * 16


def test_stored_zeros_become_the_smallest_level() -> None:
    table = table_of(4, {(0, 1): 0.0, (0, 2): 1.0, (3, 3): 0.0})
    assert decoded(table).tolist() == [[0, 0, 1, 0], [0] * 4, [0] * 4, [0] * 4]


def test_full_rows_need_more_blocks_than_they_fill() -> None:
    table = table_of(33, {(7, column): 1.0 for column in range(33)})
    cut = blocks(table.matrix)
    assert np.diff(cut.starts).tolist() == [0] * 7 + [3] + [0] * 25
    assert np.bincount(cut.numbers).tolist() == [16, 16, 1]


def test_fewest_blocks_are_missed() -> None:
    """Against trying every way to cut a row."""
    draw = np.random.default_rng(5)
    for _ in range(60):
        columns = np.unique(draw.integers(0, 9000, 40))
        table = table_of(9000, {(0, int(column)): 1.0 for column in columns})
        costs = [1 + (gap - 1) // 255 for gap in np.diff(columns).tolist()]
        least = [0] * (columns.size + 1)
        for first in reversed(range(columns.size)):
            taken, best = 1, 1 + least[first + 1]
            for following in range(first + 1, columns.size):
                taken += costs[following - 1]
                if taken > 16:
                    break
                best = min(best, 1 + least[following + 1])
            least[first] = best
        assert blocks(table.matrix).firsts.size == least[0]


@pytest.mark.parametrize("count", [15, 255])
@pytest.mark.parametrize("signed", [False, True])
def test_levels_are_worse_than_evenly_spread_ones(count: int, *, signed: bool) -> None:
    draw = np.random.default_rng(count)
    for spread in (0.2, 1.0, 2.5):
        numbers = draw.lognormal(sigma=spread, size=5000) * (draw.choice((-1, 1), 5000) if signed else 1)
        fitted = levels(numbers, count)
        assert 0 < fitted.size <= count
        assert np.all(np.diff(fitted) > 0)
        even = np.linspace(numbers.min(), numbers.max(), count)
        error, other = (np.sum((numbers - found[nearest(numbers, found)]) ** 2) for found in (fitted, even))
        assert error < 0.8 * other


def test_few_values_are_rounded() -> None:
    numbers = np.repeat([0.1, -3.5, 7.25, 1e-9], 50)
    assert levels(numbers, 15).tolist() == [-3.5, 1e-9, 0.1, 7.25]
