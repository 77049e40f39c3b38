"""Tables that no one expects have a defined sum, or one clear error."""

import math
import random
from collections.abc import Sequence
from pathlib import Path

import duckdb
import numpy as np
import pytest

from homespun.protocol.statistics import standard
from homespun.protocol.statistics.declaration import Statistic, universe_of
from homespun.protocol.statistics.grid import GRID
from homespun_server.errors import DataError
from homespun_server.statistics.cohort import Cohort
from homespun_server.statistics.interactions import Interactions
from homespun_server.statistics.items import Items
from homespun_server.statistics.population import Population
from homespun_server.statistics.sums import UserSum, sum_over_people
from tests.server.statistics.people import SECRET, Deed, population_of
from tests.server.support import catalogue, squared_norm

ITEMS = catalogue(6)
EVERYBODY = Cohort.everybody()
LAST_SECOND = 253_402_300_799.0


def statistics(items: Items) -> tuple[Statistic, ...]:
    universe = universe_of(items.ids)
    weights = [1024] * len(items)
    return (
        standard.people(),
        standard.item_counts(universe),
        standard.item_trend(universe, [0, 1000, 253_402_300_800]),
        standard.item_pairs(universe, weights) if len(items) > 1 else standard.repeats(universe),
        standard.transitions(universe),
        standard.outcomes(universe, ("view",)),
    )


def sums(folder: Path, deeds: Sequence[Deed], items: Items = ITEMS) -> dict[str, UserSum]:
    with population_of(folder, deeds, items) as population:
        found = sum_over_people(statistics(items), population, EVERYBODY)
    return {total.statistic.name: total for total in found}


def test_there_is_one_user_who_did_one_thing(tmp_path: Path) -> None:
    found = sums(tmp_path, [Deed("u", "item-2", 5.0, None, "view")])
    assert found["people"].values.tolist() == [GRID]
    assert found["item-counts"].values.tolist() == [0, 0, GRID, 0, 0, 0]
    assert found["item-trend"].values.tolist() == [0, 0, GRID] + [0] * 9
    assert found["outcomes"].values.tolist() == [0, 0, GRID, 0, 0, 0]
    for nothing in ("item-pairs", "transitions"):
        assert not found[nothing].values.any()
        assert (found[nothing].contributors, found[nothing].kept) == (0, 1.0)


def test_there_is_one_item(tmp_path: Path) -> None:
    found = sums(tmp_path, [Deed(f"u{n}", "item-0", float(n)) for n in range(9)] * 3, catalogue(1))
    assert found["people"].values.tolist() == found["item-counts"].values.tolist() == [9 * GRID]
    assert found["transitions"].values.tolist() == [0]
    assert found["repeats"].contributors == 9


def test_all_rows_are_the_same(tmp_path: Path) -> None:
    found = sums(tmp_path, [Deed("u", "item-1", 7.0, 3.0, "view")] * 5000)
    assert found["item-counts"].values.tolist() == [0, GRID, 0, 0, 0, 0]
    assert not found["transitions"].values.any()
    assert found["people"].contributors == 1


def test_everything_happened_in_one_instant(tmp_path: Path) -> None:
    draw = random.Random("instant")
    deeds = [Deed(f"u{draw.randrange(50)}", draw.choice(ITEMS.ids), 1e9) for _ in range(3000)]
    found = sums(tmp_path, deeds)
    # The order is the table's, and so is that of the same events without a time.
    untimed = sums(tmp_path, [deed._replace(time=None) for deed in deeds])
    for name in ("people", "item-counts", "item-pairs", "transitions"):
        assert np.array_equal(found[name].values, untimed[name].values), name
    assert found["transitions"].values.any()
    assert not untimed["item-trend"].values.any()


def test_things_happened_in_the_future(tmp_path: Path) -> None:
    times = [4e9, LAST_SECOND, LAST_SECOND - 0.5]
    found = sums(tmp_path, [Deed("u", f"item-{n}", time) for n, time in enumerate(times)])
    assert np.flatnonzero(found["item-trend"].values).tolist() == [6, 7, 8]
    assert np.flatnonzero(found["transitions"].values).tolist() == [1, 2, 2 * 6 + 1]
    with pytest.raises(DataError, match="time"):
        sums(tmp_path, [Deed("u", "item-0", LAST_SECOND + 1)])


@pytest.mark.parametrize("weight", [math.inf, -math.inf, math.nan, -1.0])
def test_a_weight_is_no_number_or_negative(weight: float, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="weight"):
        sums(tmp_path, [Deed("u", "item-0", 1.0, weight)])


def test_weights_at_the_ends_of_the_range(tmp_path: Path) -> None:
    found = sums(tmp_path, [Deed("u", f"item-{n}", 1.0, w) for n, w in enumerate([5e-324, 1.7976931348623157e308, 0])])
    assert np.flatnonzero(found["item-counts"].values).tolist() == [0, 1, 2]


def test_one_user_has_a_million_events(tmp_path: Path) -> None:
    path = tmp_path / "million.parquet"
    with duckdb.connect() as connection:
        connection.sql(
            "SELECT CASE WHEN i < 1000000 THEN 'robot' ELSE 'u' || (i % 500) END AS user, 'item-' || (i * 31 % 6) AS "
            "item, (i % 100003)::DOUBLE AS time, 'view' AS kind FROM range(1010000) numbers(i)"
        ).write_parquet(str(path))
    with Interactions.read(path, items=ITEMS) as read:
        population = Population(read, SECRET, kinds=("view",))
        sizes = [(batch.people, batch.items.size) for batch in population.histories(EVERYBODY, 1 << 14)]
        found = sum_over_people(statistics(ITEMS), population, EVERYBODY, batch_events=1 << 14)
    assert sum(events for _, events in sizes) == 1_010_000
    assert sum(people for people, _ in sizes) == 501
    assert sorted(events for _, events in sizes)[-2:][0] <= 1 << 14 < 1_000_000 <= sizes[0][1] < 1_020_000
    assert found[0].values.tolist() == [501 * GRID]
    assert squared_norm(found[1].values) <= (501 * GRID) ** 2


def test_hardly_any_of_a_million_items_is_used(tmp_path: Path) -> None:
    ids = [f"item-{number}" for number in range(1_000_000)]
    items = Items(ids, ids, [()] * len(ids), [""] * len(ids))
    used = random.Random("used").sample(range(1_000_000), 100)
    deeds = [Deed(f"u{n}", ids[item], float(n)) for n, item in enumerate(used)]
    counts = standard.item_counts(universe_of(ids))
    with population_of(tmp_path, deeds, items) as population:
        (total,) = sum_over_people([counts], population, EVERYBODY)
    assert total.values.shape == (1_000_000,)
    assert np.flatnonzero(total.values).tolist() == sorted(used)
    assert set(total.values[used].tolist()) == {GRID}


def test_nobody_is_in_the_cohort(tmp_path: Path) -> None:
    with population_of(tmp_path, [Deed("u", "item-0")], ITEMS) as population:
        sides = [sum_over_people(statistics(ITEMS), population, Cohort.held_out(share)) for share in (1e-9, 0.99999)]
    empty = sides[0] if sides[1][0].contributors else sides[1]
    assert not any(total.values.any() or total.contributors for total in empty)
    assert {total.kept for total in empty} == {1.0}
