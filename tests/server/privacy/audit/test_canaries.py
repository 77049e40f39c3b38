"""What would let canaries hide each other, or hide a fault."""

import math
from collections import Counter
from itertools import combinations

import numpy as np
import pytest

from homespun.protocol.statistics.encoding import Encoder
from homespun.protocol.statistics.histories import Histories
from homespun_server.privacy.audit.canaries import CANARIES, Canaries, triple_system
from homespun_server.privacy.audit.design import FACTOR

UNITS = {"item-counts": 1, "item-pairs": 1 << 20, "transitions": 1 << 10}
"""Weight before clipping of what counts 1.0."""


def histories(canaries: Canaries) -> Histories:
    people, events = canaries.items.shape
    return Histories(
        starts=np.arange(people + 1) * events,
        items=canaries.items.ravel(),
        times=np.tile(canaries.times, people),
        kinds=np.full(people * events, -1),
        weights=np.full(people * events, np.nan),
        secrets=[bytes(32)] * people,
    )


@pytest.mark.parametrize("statistic", CANARIES)
@pytest.mark.parametrize("number", [100, 101, 937])
def test_two_canaries_share_a_cell(statistic: str, number: int) -> None:
    canaries = CANARIES[statistic](number)
    assert canaries.number == number
    assert np.unique(canaries.cells).size == canaries.cells.size
    assert 0 <= canaries.cells.min() <= canaries.cells.max() < canaries.statistic.size


@pytest.mark.parametrize("statistic", CANARIES)
def test_a_canary_adds_to_other_cells_than_it_owns(statistic: str) -> None:
    canaries = CANARIES[statistic](150)
    added = Encoder(canaries.statistic).encode(histories(canaries))
    cells = added.cells.reshape(canaries.cells.shape)
    assert np.array_equal(cells, np.sort(canaries.cells, axis=1))
    assert np.unique(added.values).size == 1
    bound = canaries.statistic.l2_bound
    assert 0.999 * bound < math.sqrt(canaries.cells.shape[1]) * added.values[0] <= bound


@pytest.mark.parametrize("statistic", CANARIES)
def test_a_canary_needs_no_clipping(statistic: str) -> None:
    canaries = CANARIES[statistic](150)
    found = Encoder(canaries.statistic).cells(histories(canaries))
    norm = math.sqrt(int((found.weights[found.owners == 3] ** 2).sum())) / UNITS[statistic]
    assert norm == pytest.approx(canaries.unclipped)
    assert canaries.unclipped >= FACTOR


@pytest.mark.parametrize("number", [1, 2, 12, 13, 35, 100, 1000])
def test_two_items_are_together_twice(number: int) -> None:
    size, triples = triple_system(number)
    assert triples.shape == (number, 3)
    assert 0 <= triples.min() <= triples.max() < size
    pairs = Counter(pair for triple in triples.tolist() for pair in combinations(triple, 2))
    assert set(pairs.values()) == {1}
    assert all(first < second for first, second in pairs)


@pytest.mark.parametrize("size", [9, 15, 33])
def test_a_full_system_leaves_pairs_out(size: int) -> None:
    found, triples = triple_system(size * (size - 1) // 6)
    assert found == size
    assert len({pair for triple in triples.tolist() for pair in combinations(triple, 2)}) == size * (size - 1) // 2
