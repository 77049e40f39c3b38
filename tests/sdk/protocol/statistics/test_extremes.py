"""Parameters as large as they may be and one person with a million events: nothing wraps or takes for ever."""

import time
import tracemalloc
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from math import isqrt
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from homespun.protocol.statistics import standard
from homespun.protocol.statistics.cells import Cells
from homespun.protocol.statistics.declaration import (
    MAX_CENTROID,
    MAX_ITEM_WEIGHT,
    MAX_LAG_WEIGHT,
    MAX_PAIRED,
    MAX_TAKEN,
    LikeRule,
    Statistic,
    validated,
)
from homespun.protocol.statistics.encoding import Contributions, Encoder
from homespun.protocol.statistics.grid import MAX_BOUND, MAX_WEIGHT, ceiling_root
from homespun.protocol.statistics.histories import Histories
from tests.sdk.protocol.statistics import reference
from tests.sdk.protocol.statistics.declarations import VALUES, universe
from tests.sdk.protocol.statistics.people import FEATURE, KINDS, LATEST, Did, histories, integers, person

MILLION = 1 << 20
RULE = LikeRule(min_weight=Decimal("0.3"), negative_kinds=("dismiss",))


@cache
def largest() -> dict[str, Statistic]:
    """One declaration of each form, with the largest parameters, of which a person can use most."""
    most, edges = universe(MILLION), [0, 1000, 10_000, 253_402_300_800]
    declared = (
        standard.people(),
        standard.item_counts(most, RULE, max_items=MILLION),
        standard.item_trend(most, edges, RULE, max_cells=MILLION),
        standard.item_pairs(universe(MAX_PAIRED), [MAX_ITEM_WEIGHT] * MAX_PAIRED, RULE, max_items=MAX_TAKEN),
        standard.transitions(
            universe(1 << 15),
            RULE,
            lags=[MAX_LAG_WEIGHT] * 64,
            gaps=[(253_402_300_800, MAX_LAG_WEIGHT)],
            max_events=1 << 14,
        ),
        standard.item_context(most, FEATURE, VALUES, RULE, max_count=MILLION, max_cells=MILLION),
        standard.repeats(most, RULE, thresholds=range(1, 65), max_cells=MILLION),
        standard.outcomes(most, KINDS, RULE, max_cells=MILLION),
        standard.archetypes(most, [[MAX_CENTROID] * MILLION, [1] * MILLION], RULE, max_items=MILLION),
    )
    return {one.name: msgspec.structs.replace(one, l2_bound=MAX_BOUND) for one in declared}


def someone(items: Any, times: Any = None) -> Histories:
    """A person with a million events."""
    draw = np.random.default_rng(1)
    return Histories(
        starts=integers([0, MILLION]),
        items=np.broadcast_to(np.asarray(items, np.int64), MILLION).copy(),
        times=np.zeros(MILLION, np.int64) if times is None else times,
        kinds=draw.integers(-1, 3, MILLION),
        weights=np.full(MILLION, 1.7e308),
        secrets=[bytes(32)],
        kind_names=KINDS,
        contexts={FEATURE: draw.integers(-1, 4, MILLION)},
    )


def one_item(items: int) -> Histories:
    return someone(0)


def two_items_in_turn(items: int) -> Histories:
    return someone(np.arange(MILLION) % 2, np.sort(np.random.default_rng(2).integers(-1, LATEST, MILLION)))


def all_items(items: int) -> Histories:
    return someone(np.arange(MILLION) % items, np.arange(MILLION))


def any_items(items: int) -> Histories:
    return someone((items * np.random.default_rng(3).random(MILLION) ** 3).astype(np.int64), np.arange(MILLION) // 60)


def counted(values: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Return the distinct values, as Python's integers, which do not wrap, and how often they occur."""
    distinct, counts = np.unique(values, return_counts=True)
    return list(zip(distinct.tolist(), counts.tolist(), strict=True))


def check_clipped(statistic: Statistic, cells: Cells, found: Contributions) -> None:
    """Beside the values, which are computed in 64 bits."""
    weights = np.minimum(cells.weights, MAX_WEIGHT)
    assert int(weights.min()) > 0
    norm = ceiling_root(sum(weight * weight * count for weight, count in counted(weights)) << 32)
    for weight, count in counted(weights):
        assert counted(found.values[weights == weight]) == [((statistic.l2_bound * weight << 16) // norm, count)]


@pytest.mark.parametrize("who", [one_item, two_items_in_turn, all_items, any_items])
@pytest.mark.parametrize(
    "name", [one.name for one in standard.STANDARD if one.name not in {"metric-sums", "experiment"}]
)
def test_a_million_events_exceed_the_bound_or_wrap(name: str, who: Callable[[int], Histories]) -> None:
    statistic = largest()[name]
    million = who(max(1, min(statistic.universe.items, MILLION)))
    encoder = Encoder(statistic)
    cells = encoder.cells(million)
    found = encoder.clip(cells, 1)
    assert sum(value * value * count for value, count in counted(found.values)) <= MAX_BOUND**2
    if found.cells.size:
        check_clipped(statistic, cells, found)
    assert found.cells.size <= MAX_TAKEN * (MAX_TAKEN - 1) // 2
    assert (np.diff(found.cells) > 0).all()


@pytest.mark.parametrize("name", ["item-pairs", "transitions", "archetypes", "item-context"])
def test_a_million_events_take_for_ever_or_all_memory(name: str) -> None:
    statistic = largest()[name]
    million = any_items(min(statistic.universe.items, MILLION))
    encoder = Encoder(statistic)
    tracemalloc.start()
    try:
        begun = time.process_time()
        encoder.encode(million)
        taken, (_, peak) = time.process_time() - begun, tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken < 20
    assert peak < 256 << 20


def test_the_heaviest_pairs_differ_from_the_definition() -> None:
    statistic = standard.item_pairs(universe(40), [MAX_ITEM_WEIGHT] * 39 + [1], RULE, max_items=MAX_TAKEN)
    everything = person(*(Did(item, 1, "like", 1.7e308) for item in range(40)))
    found = Encoder(statistic).encode(histories([everything]))
    added = dict(zip(found.cells.tolist(), found.values.tolist(), strict=True))
    assert added == reference.contribution(statistic, everything)
    assert len(set(added.values())) == 2


def test_the_heaviest_transitions_differ_from_the_definition() -> None:
    statistic = msgspec.structs.replace(
        standard.transitions(
            universe(2), RULE, lags=[MAX_LAG_WEIGHT] * 64, gaps=[(60, MAX_LAG_WEIGHT)], max_events=1 << 12
        ),
        l2_bound=MAX_BOUND,
    )
    back_and_forth = person(*(Did(place % 2, 0) for place in range(1 << 12)))
    cells = Encoder(statistic).cells(histories([back_and_forth]))
    exact = reference.weights(statistic, back_and_forth)
    assert dict(zip(cells.cells.tolist(), cells.weights.tolist(), strict=True)) == exact
    assert min(exact.values()) > MAX_WEIGHT
    found = Encoder(statistic).encode(histories([back_and_forth]))
    assert found.values.tolist() == [isqrt(MAX_BOUND**2 // 2)] * 2


@pytest.mark.parametrize(("first", "nearest"), [(MAX_CENTROID, 0), (MAX_CENTROID - 1, 1)])
def test_the_largest_inner_products_are_rounded(first: int, nearest: int) -> None:
    tastes = [[first] + [MAX_CENTROID] * (MILLION - 1), [MAX_CENTROID] * MILLION]
    statistic = standard.archetypes(universe(MILLION), tastes, RULE, max_items=MILLION)
    cells = Encoder(statistic).cells(all_items(MILLION))
    assert cells.cells.size == MILLION + 1
    assert set((cells.cells // (MILLION + 1)).tolist()) == {nearest}


def test_the_largest_declarations_are_not_valid() -> None:
    for statistic in largest().values():
        assert validated(statistic) == statistic
