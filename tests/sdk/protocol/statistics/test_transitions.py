"""Which items follow each other, by how many steps and by how much time."""

from collections.abc import Sequence

import pytest

from homespun.protocol.statistics.declaration import LikeRule, Statistic
from homespun.protocol.statistics.encoding import Encoder
from homespun.protocol.statistics.standard import transitions
from tests.sdk.protocol.statistics.declarations import universe
from tests.sdk.protocol.statistics.people import Did, Person, histories, person

ITEMS = 4
MINUTE = [(60, 8)]
MINUTE_HOUR = [(60, 8), (3600, 2)]


def declared(lags: Sequence[int], gaps: Sequence[tuple[int, int]] = (), *, latest: int = 200) -> Statistic:
    rule = LikeRule(negative_kinds=("dismiss",))
    return transitions(universe(ITEMS), rule, lags=lags, gaps=gaps, max_events=latest)


def found(statistic: Statistic, *people: Person) -> dict[tuple[int, int, int], int]:
    """Return weights before clipping by (person, item before, item after)."""
    cells = Encoder(statistic).cells(histories(people))
    return {
        (owner, *divmod(cell, ITEMS)): weight
        for owner, cell, weight in zip(cells.owners.tolist(), cells.cells.tolist(), cells.weights.tolist(), strict=True)
    }


def walk(*items: int, times: Sequence[int] | None = None) -> Person:
    return person(*(Did(item, time) for item, time in zip(items, times or range(len(items)), strict=True)))


def test_a_lag_gets_another_lags_weight() -> None:
    assert found(declared([9, 5, 1]), walk(0, 1, 2, 3)) == {
        (0, 0, 1): 9,
        (0, 1, 2): 9,
        (0, 2, 3): 9,
        (0, 0, 2): 5,
        (0, 1, 3): 5,
        (0, 0, 3): 1,
    }


def test_the_same_step_again_is_not_added() -> None:
    assert found(declared([9, 5]), walk(0, 1, 0, 1)) == {(0, 0, 1): 18, (0, 1, 0): 9}


def test_an_item_follows_itself() -> None:
    assert found(declared([9, 5]), walk(0, 0, 0)) == {}
    assert found(declared([9, 5]), walk(0, 1, 0)) == {(0, 0, 1): 9, (0, 1, 0): 9}


def test_a_lag_without_weight_leaves_a_cell() -> None:
    assert found(declared([0, 5]), walk(0, 1, 2)) == {(0, 0, 2): 5}
    assert found(declared([0]), walk(0, 1, 2)) == {}


def test_more_lags_than_events_are_a_fault() -> None:
    assert found(declared([9] * 64), walk(0, 1)) == {(0, 0, 1): 9}


def test_one_person_is_followed_by_the_next() -> None:
    assert found(declared([9, 5, 1]), walk(0, 1), walk(2, 3), walk(1)) == {(0, 0, 1): 9, (1, 2, 3): 9}


@pytest.mark.parametrize(("apart", "weight"), [(0, 8), (60, 8), (61, 2), (3600, 2), (3601, 0)])
def test_a_gap_gets_another_gaps_weight(apart: int, weight: int) -> None:
    expected = {(0, 0, 1): 3 * weight} if weight else {}
    assert found(declared([3], MINUTE_HOUR), walk(0, 1, times=[1000, 1000 + apart])) == expected


@pytest.mark.parametrize("times", [[-1, -1], [-1, 0], [-1, 10**9]])
def test_an_unknown_time_is_taken_for_a_long_or_another_gap(times: list[int]) -> None:
    assert found(declared([3], [(0, 8), (3600, 2)]), walk(0, 1, times=times)) == {(0, 0, 1): 24}


def test_the_longest_time_that_there_is_wraps() -> None:
    assert found(declared([3], MINUTE), walk(0, 1, times=[0, (1 << 63) - 1])) == {}
    assert found(declared([3], MINUTE), walk(0, 1, times=[-1, (1 << 63) - 1])) == {(0, 0, 1): 24}


def test_events_against_an_item_or_outside_the_universe_count_as_steps() -> None:
    someone = person(Did(0, 1), Did(3, 2, "dismiss"), Did(-1, 3), Did(1, 4), Did(2, 5))
    assert found(declared([9]), someone) == {(0, 0, 1): 9, (0, 1, 2): 9}


def test_other_events_than_the_latest_are_looked_at() -> None:
    someone = person(Did(0, 1), Did(1, 2), Did(2, 3), Did(-1, 4), Did(3, 5), Did(0, 6, "dismiss"))
    assert found(declared([9], latest=2), someone) == {(0, 2, 3): 9}
    assert found(declared([9], latest=3), someone, walk(2), someone) == {
        (0, 1, 2): 9,
        (0, 2, 3): 9,
        (2, 1, 2): 9,
        (2, 2, 3): 9,
    }
