"""The borders of what is counted: stretches of time, contexts, kinds, numbers of events, nearest tastes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.protocol.statistics import standard
from homespun.protocol.statistics.cells import triangle_index
from homespun.protocol.statistics.declaration import MAX_PAIRED, LikeRule, Statistic
from homespun.protocol.statistics.encoding import Encoder
from tests.sdk.protocol.statistics.declarations import universe
from tests.sdk.protocol.statistics.people import FEATURE, Did, Person, histories, integers, person

AGAINST = LikeRule(negative_kinds=("dismiss",))
ITEMS = 3


def found(statistic: Statistic, *events: Did) -> dict[int, int]:
    """Return weights before clipping by cell."""
    cells = Encoder(statistic).cells(histories([person(*events)]))
    return dict(zip(cells.cells.tolist(), cells.weights.tolist(), strict=True))


@pytest.mark.parametrize(
    ("time", "stretch"), [(-1, None), (0, None), (9, None), (10, 0), (19, 0), (20, 1), (29, 1), (30, None), (31, None)]
)
def test_an_event_is_counted_in_another_stretch_of_time(time: int, stretch: int | None) -> None:
    statistic = standard.item_trend(universe(ITEMS), [10, 20, 30], AGAINST)
    assert found(statistic, Did(2, time)) == ({} if stretch is None else {stretch * ITEMS + 2: 1})


def test_an_unknown_time_is_in_a_stretch_that_begins_with_1970() -> None:
    statistic = standard.item_trend(universe(ITEMS), [0, 20], AGAINST)
    assert found(statistic, Did(2, -1)) == {}
    assert found(statistic, Did(2, 0)) == {2: 1}


def test_a_stretch_counts_an_item_twice_or_an_event_against_it() -> None:
    statistic = standard.item_trend(universe(ITEMS), [0, 20], AGAINST)
    assert found(statistic, Did(1, 1), Did(1, 2), Did(0, 3, "dismiss")) == {1: 1}


def test_a_context_that_is_not_declared_is_counted() -> None:
    statistic = standard.item_context(universe(ITEMS), FEATURE, ["night", "day"], AGAINST, max_count=2)
    events = [Did(1, 1, None, 1.0, context) for context in (-1, 0, 1, 1, 1, 2, 3)]
    assert found(statistic, *events) == {1: 1, ITEMS + 1: 2}
    assert found(statistic, Did(1, 1, "dismiss", 1.0, 0)) == {}


def test_a_kind_that_is_not_declared_is_counted() -> None:
    statistic = standard.outcomes(universe(ITEMS), ["dismiss", "unheard-of", "view"], AGAINST)
    events = [Did(1, 1, kind) for kind in (None, "view", "view", "like", "dismiss")]
    assert found(statistic, *events) == {1: 1, 2 * ITEMS + 1: 1}
    assert found(statistic, Did(-1, 1, "view")) == {}


@pytest.mark.parametrize(("count", "levels"), [(1, 0), (2, 1), (4, 1), (5, 2), (50, 2)])
def test_an_item_reaches_another_threshold(count: int, levels: int) -> None:
    statistic = standard.repeats(universe(ITEMS), AGAINST, thresholds=[2, 5])
    events = [Did(1, time) for time in range(count)] + [Did(1, 60, "dismiss")] * 9 + [Did(0)]
    assert found(statistic, *events) == {level * ITEMS + 1: 1 for level in range(levels)}


def archetype(centroids: list[list[int]], *events: Did) -> int | None:
    cells = found(standard.archetypes(universe(ITEMS), centroids, AGAINST), *events)
    rows = {cell // (ITEMS + 1) for cell in cells}
    assert len(rows) <= 1
    return rows.pop() if rows else None


def test_a_tie_does_not_go_to_the_first_taste() -> None:
    assert archetype([[0, 0, 1], [1, 1, 0], [2, 0, 0]], Did(0), Did(1)) == 1
    assert archetype([[0, 0, 0], [0, 0, 0]], Did(0)) == 0
    assert archetype([[1, 0, 1], [1, 1, 0]], Did(0), Did(2, 1, "dismiss")) == 0


def test_a_longer_taste_is_not_nearer() -> None:
    assert archetype([[5, 5, 0], [0, 0, 11]], Did(0), Did(1)) == 0
    assert archetype([[5, 5, 0], [0, 0, 11]], Did(0), Did(1), Did(2)) == 1


def test_somebody_without_likes_has_a_taste() -> None:
    assert archetype([[1, 1, 1]], Did(0, 1, "dismiss"), Did(-1)) is None


def test_the_person_has_another_share_than_half_of_the_squared_norm() -> None:
    statistic = standard.archetypes(universe(4), [[1] * 4], AGAINST)
    assert found(statistic, Did(0), Did(1), Did(2), Did(3)) == {0: 4096, 1: 4096, 2: 4096, 3: 4096, 4: 8192}
    assert found(statistic, Did(2)) == {2: 4096, 4: 4096}


def test_two_people_with_different_tastes_are_taken_for_one() -> None:
    statistic = standard.archetypes(universe(ITEMS), [[1, 0, 0], [0, 0, 1]], AGAINST)
    cells = Encoder(statistic).cells(histories([person(Did(2)), Person(()), person(Did(0), Did(1))]))
    assert cells.owners.tolist() == [0, 0, 2, 2, 2]
    assert cells.cells.tolist() == [6, 7, 0, 1, 3]


def test_somebody_whose_items_are_all_unknown_is_nobody() -> None:
    assert found(standard.people(), Did(-1)) == {0: 1}
    assert found(standard.people(), Did(7), Did(7)) == {0: 1}


@given(st.data(), st.integers(2, MAX_PAIRED))
def test_a_pair_is_counted_in_another_place(data: st.DataObject, size: int) -> None:
    column = data.draw(st.integers(1, size - 1))
    row = data.draw(st.integers(0, column - 1))
    before = sum(size - 1 - above for above in range(min(row, 50))) if row < 50 else None
    index = int(triangle_index(integers([row]), integers([column]), size)[0])
    assert 0 <= index < size * (size - 1) // 2
    assert before is None or index == before + column - row - 1
    if column + 1 < size:
        assert int(triangle_index(integers([row]), integers([column + 1]), size)[0]) == index + 1
    elif row + 2 < size:
        assert int(triangle_index(integers([row + 1]), integers([row + 2]), size)[0]) == index + 1


def test_a_pair_needs_two_items() -> None:
    statistic: Any = standard.item_pairs(universe(ITEMS), [2, 3, 5], AGAINST)
    assert found(statistic, Did(1), Did(1)) == {}
    assert found(statistic, Did(0), Did(1), Did(2)) == {0: 6, 1: 10, 2: 15}
