"""Projections are exact, linear, small for short vectors, and not for others: at the rates that the proof says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.protocol.collection.constants import COLUMN_SUBSETS, MODULUS, PROJECTIONS, ROW_SUBSETS, TAIL
from homespun.protocol.collection.field import add_vectors, centre, of_integers
from homespun.protocol.collection.projections import MAX_NUMBERS, Projector
from homespun.protocol.statistics.grid import GRID
from tests.sdk.protocol.collection.reports import Integers

ROUNDS = 2000


def projected(projector: Projector, vector: Integers, seed: int) -> Integers:
    randomness = np.random.default_rng(seed).bytes(projector.randomness)
    return centre(projector.project(of_integers(vector).astype(np.uint32), randomness))


def by_definition(projector: Projector, vector: list[int], randomness: bytes) -> list[int]:
    """Add up in Python's integers, one entry at a time."""
    bits = [byte >> (7 - place) & 1 for byte in randomness for place in range(8)]
    rows, columns = projector.rows, projector.columns
    bytes_of_signs, bytes_of_columns = -(-rows * columns // 8), -(-columns * COLUMN_SUBSETS // 8)
    signs, of_columns = bits, bits[8 * bytes_of_signs :]
    of_rows = of_columns[8 * bytes_of_columns :]
    sums = [0] * PROJECTIONS
    for place, entry in enumerate(vector):
        row, column = divmod(place, columns)
        signed = -entry if signs[place] else entry
        for j in range(COLUMN_SUBSETS):
            if of_columns[column * COLUMN_SUBSETS + j]:
                for i in range(ROW_SUBSETS):
                    sums[j * ROW_SUBSETS + i] += signed * of_rows[(j * ROW_SUBSETS + i) * rows + row]
    return [total % MODULUS for total in sums]


@pytest.mark.parametrize("size", [129, 132, 143, 144, 145])
def test_a_projection_differs_from_the_definition(size: int) -> None:
    projector = Projector(size)
    draw = np.random.default_rng(size)
    vector = draw.integers(0, MODULUS, size)
    vector[:3] = MODULUS - 1
    randomness = draw.bytes(projector.randomness)
    found = projector.project(vector.astype(np.uint32), randomness)
    assert found.tolist() == by_definition(projector, vector.tolist(), randomness)


def test_the_largest_vector_is_rounded() -> None:
    projector = Projector(MAX_NUMBERS)
    largest = np.full(MAX_NUMBERS, MODULUS - 1, np.uint32)
    randomness = bytes(projector.randomness - 1) + b"\x00"
    everything = bytes(projector.rows * projector.columns // 8).ljust(projector.randomness, b"\xff")
    assert centre(projector.project(largest, randomness)).tolist() == [0] * PROJECTIONS
    assert centre(projector.project(largest, everything)).tolist() == [-MAX_NUMBERS] * PROJECTIONS


@given(st.integers(129, 2000), st.integers(0, 1 << 30))
def test_shares_of_a_vector_project_to_something_else(size: int, seed: int) -> None:
    projector, draw = Projector(size), np.random.default_rng(seed)
    vector, share = draw.integers(0, MODULUS, size), draw.integers(0, MODULUS, size)
    randomness = draw.bytes(projector.randomness)
    parts = [
        projector.project(one.astype(np.uint32), randomness) for one in (share, (vector - share) % MODULUS, vector)
    ]
    assert add_vectors(parts[0], parts[1]).tolist() == parts[2].tolist()


@pytest.mark.parametrize("spread", [1, 2, 4, 30, 900])
def test_a_short_vector_is_out_of_range(spread: int) -> None:
    projector, vector = Projector(900), np.zeros(900, np.int64)
    vector[:spread] = int(GRID / spread**0.5)
    largest = max(int(np.abs(projected(projector, vector, seed)).max()) for seed in range(200))
    assert largest <= TAIL * GRID
    # The bound of the tail is no loose one for a single entry, and the rest is well inside.
    assert largest == GRID if spread == 1 else largest < 4 * GRID


def passes(shape: list[tuple[int, int]], value: int) -> float:
    """Return how often the first projection of a vector with this value at these cells is in its range."""
    projector, vector = Projector(900), np.zeros(900, np.int64)
    for row, column in shape:
        vector[row * projector.columns + column] = value
    within = [abs(int(projected(projector, vector, seed)[0])) <= TAIL * GRID for seed in range(ROUNDS)]
    return float(np.mean(within))


ONE = [(3, 4)]
SAME_ROW = [(3, 4), (3, 9)]
DIAGONAL = [(3, 4), (5, 9)]
SQUARE = [(3, 4), (3, 9), (5, 4), (5, 9)]


# How often the random halves leave an equal sum of each shape out, or make it cancel.
CHANCES = [(ONE, 3 / 4), (SAME_ROW, 11 / 16), (DIAGONAL, 19 / 32), (SQUARE, (1 - (5 / 8) ** 2 + 9 / 16) / 2)]
LARGE = [1000 * GRID, (MODULUS + 1) // 2, MODULUS // 3, pow(12, -1, MODULUS)]


@pytest.mark.parametrize(("shape", "chance"), CHANCES, ids=["one", "row", "diagonal", "square"])
def test_something_large_cancels_more_often_than_counted(shape: list[tuple[int, int]], chance: float) -> None:
    assert abs(passes(shape, LARGE[0]) - chance) < 0.04


@pytest.mark.parametrize("value", LARGE[1:])
@pytest.mark.parametrize("shape", [ONE, SAME_ROW, DIAGONAL, SQUARE], ids=["one", "row", "diagonal", "square"])
def test_a_fraction_of_the_modulus_passes_more_often_than_the_proof_says(
    shape: list[tuple[int, int]], value: int
) -> None:
    # At most ¾: a random half of the columns and one of the rows both have to meet what is too large.
    assert passes(shape, value) < 0.75 + 0.04


@pytest.mark.parametrize("value", [8 * GRID + 1, *LARGE])
@pytest.mark.parametrize("shape", [ONE, SAME_ROW, DIAGONAL, SQUARE], ids=["one", "row", "diagonal", "square"])
def test_all_projections_of_something_large_pass(shape: list[tuple[int, int]], value: int) -> None:
    projector, vector = Projector(900), np.zeros(900, np.int64)
    for row, column in shape:
        vector[row * projector.columns + column] = value
    for seed in range(100):
        assert int(np.abs(projected(projector, vector, seed)).max()) > TAIL * GRID
