"""What is taken of a person who has more than is looked at: so many, any with the same chance, always the same."""

from collections import Counter
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2

from homespun.protocol.statistics.declaration import Statistic
from homespun.protocol.statistics.encoding import Encoder
from homespun.protocol.statistics.sampling import sample
from homespun.protocol.statistics.standard import item_context, item_counts, item_pairs, outcomes, repeats
from tests.sdk.protocol.statistics.declarations import universe
from tests.sdk.protocol.statistics.people import FEATURE, Did, Person, histories, integers, person, secret

ITEMS, MOST = 6, 2
PAIRS = {pair: place for place, pair in enumerate(combinations(range(ITEMS), MOST))}
IMPROBABLE = 1e-6


def taken(entries: int, most: int, key: bytes, name: str = "item-counts") -> tuple[int, ...]:
    someone = histories([Person((Did(0),), key)])
    return tuple(sample(np.zeros(entries, np.int64), someone, most, name).tolist())


@given(st.integers(0, 40), st.integers(1, 20), st.binary(min_size=32, max_size=32))
def test_another_number_of_entries_is_taken(entries: int, most: int, key: bytes) -> None:
    found = taken(entries, most, key)
    assert len(found) == len(set(found)) == min(entries, most)
    assert list(found) == sorted(found)
    assert set(found) <= set(range(entries))


def test_some_entries_are_taken_more_often_than_others() -> None:
    draws = 3000
    counts = Counter(taken(ITEMS, MOST, secret(number)) for number in range(draws))
    expected = draws / len(PAIRS)
    statistic = sum((counts[pair] - expected) ** 2 / expected for pair in PAIRS)
    assert chi2.sf(statistic, len(PAIRS) - 1) > IMPROBABLE


def test_what_one_statistic_takes_tells_what_another_takes() -> None:
    draws = 4000
    table = np.zeros((len(PAIRS), len(PAIRS)))
    for number in range(draws):
        one, other = (taken(ITEMS, MOST, secret(number), name) for name in ("item-counts", "item-pairs"))
        table[PAIRS[one], PAIRS[other]] += 1
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / draws
    statistic = float(((table - expected) ** 2 / expected).sum())
    assert chi2.sf(statistic, (len(PAIRS) - 1) ** 2) > IMPROBABLE
    assert np.trace(table) < draws / 5  # equal samples would all be on the diagonal


def test_a_biased_sample_would_not_be_noticed() -> None:
    draws = 3000
    first = Counter(tuple(sorted((number % 5, 5))) for number in range(draws))
    expected = draws / len(PAIRS)
    statistic = sum((first[pair] - expected) ** 2 / expected for pair in PAIRS)
    assert chi2.sf(statistic, len(PAIRS) - 1) < IMPROBABLE


@given(st.permutations(range(20)), st.integers(0, 5))
def test_the_order_of_events_chooses_what_is_taken(order: list[int], place: int) -> None:
    statistic = item_counts(universe(20), max_items=5)
    expected = Encoder(statistic).encode(histories([person(*map(Did, range(20)))]))
    people = [person(*map(Did, range(7)), number=9)] * place
    found = Encoder(statistic).encode(histories([*people, person(*map(Did, order))]))
    assert found.cells[found.owners == place].tolist() == expected.cells.tolist()


@pytest.mark.parametrize(
    ("statistic", "cells"),
    [
        (item_counts(universe(9), max_items=4), 4),
        (item_pairs(universe(9), [1] * 9, max_items=4), 6),
        (item_context(universe(9), FEATURE, ["tv", "radio"], max_cells=4), 4),
        (repeats(universe(9), thresholds=[1, 2], max_cells=4), 4),
        (outcomes(universe(9), ["view", "like"], max_cells=4), 4),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_more_is_counted_than_is_declared(statistic: Statistic, cells: int) -> None:
    ways = product(range(9), ["view", "like"], [0, 1])
    everything = [Did(item, 1, kind, 1.0, context) for item, kind, context in ways]
    encoder = Encoder(statistic)
    chosen = set()
    for number in range(20):
        found = encoder.encode(histories([person(*everything, number=number)]))
        assert found.cells.size == cells
        chosen.add(tuple(found.cells.tolist()))
    assert len(chosen) > 10, "the secret chooses"


def test_somebody_with_little_is_sampled_because_another_has_much() -> None:
    starts = [0, 2, 12, 14]
    owners = integers([0, 0, *[1] * 10, 2, 2])
    people = histories([Person((Did(0),), secret(number)) for number in range(3)])
    found = sample(owners, people, 3, "item-counts").tolist()
    assert [entry for entry in found if entry < starts[1] or entry >= starts[2]] == [0, 1, 12, 13]
    assert len(found) == 7
