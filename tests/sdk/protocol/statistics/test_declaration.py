"""A declaration that is not valid, contradicts itself, or could wrap is refused; any change of it shows."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.errors import InvalidEventError, MisuseError
from homespun.protocol.statistics import standard
from homespun.protocol.statistics.declaration import (
    MAX_PAIRED,
    NO_ITEMS,
    Archetypes,
    Gap,
    ItemContext,
    ItemCounts,
    ItemPairs,
    ItemTrend,
    LikeRule,
    Metrics,
    Outcomes,
    People,
    Repeats,
    Statistic,
    Transitions,
    Universe,
    universe_of,
    validated,
)
from homespun.protocol.statistics.encoding import Encoder
from homespun.protocol.statistics.grid import GRID, MAX_BOUND
from homespun.protocol.statistics.standard import STANDARD
from homespun.protocol.statistics.variants import Measure, Variants
from tests.sdk.protocol.statistics.declarations import DIGEST, FORMS, HALF, Declare, declared, universe

COUNTS = standard.item_counts(universe(3))
replace = msgspec.structs.replace


def read(statistic: Statistic, **changes: Any) -> Statistic:
    """Read the declaration from JSON, some members changed."""
    text = msgspec.json.encode(msgspec.to_builtins(statistic) | changes)
    return msgspec.json.decode(text, type=Statistic)


@pytest.mark.parametrize("form", FORMS)
@HALF
@given(st.data())
def test_a_declaration_is_another_after_reading_it(form: Declare, data: st.DataObject) -> None:
    statistic = data.draw(declared(form))
    assert read(statistic) == validated(statistic) == statistic
    assert read(statistic).digest == statistic.digest


def test_a_standard_declaration_is_not_valid() -> None:
    assert len({statistic.name for statistic in STANDARD}) == len(STANDARD)
    assert len({type(statistic.transformation) for statistic in STANDARD}) == 11
    for statistic in STANDARD:
        assert read(statistic) == statistic
        assert statistic.l2_bound == statistic.grid == GRID


@pytest.mark.parametrize(
    "transformation",
    [
        ItemCounts(max_items=0),
        ItemCounts(max_items=(1 << 20) + 1),
        ItemTrend(edges=(1, 1 << 40), max_cells=1),
        ItemTrend(edges=(-1, 5), max_cells=1),
        ItemPairs(weights=(1, 0, 1), max_items=5),
        ItemPairs(weights=(1, (1 << 15) + 1, 1), max_items=5),
        ItemPairs(weights=(1, 1, 1), max_items=(1 << 11) + 1),
        Transitions(lag_weights=(), max_events=5),
        Transitions(lag_weights=(1025,), max_events=5),
        Transitions(lag_weights=(-1,), max_events=5),
        Transitions(lag_weights=(1,) * 65, max_events=5),
        Transitions(lag_weights=(1,), max_events=1),
        Transitions(lag_weights=(1,), max_events=(1 << 14) + 1),
        Transitions(lag_weights=(1,), gaps=(Gap(seconds=-1, weight=1),), max_events=5),
        Transitions(lag_weights=(1,), gaps=(Gap(seconds=1, weight=1025),), max_events=5),
        ItemContext(feature="", values=("a",), max_count=1, max_cells=1),
        ItemContext(feature="f", values=("a",), max_count=0, max_cells=1),
        ItemContext(feature="f", values=("",), max_count=1, max_cells=1),
        Repeats(thresholds=(0, 1), max_cells=1),
        Outcomes(kinds=("a",), max_cells=0),
        Archetypes(centroids=((1, -1, 0),), max_items=1),
        Archetypes(centroids=((1, 1 << 21, 0),), max_items=1),
    ],
    ids=str,
)
def test_a_published_parameter_is_out_of_range(transformation: Any) -> None:
    shape = transformation.shape(3)
    with pytest.raises(MisuseError, match="is not valid"):
        Encoder(replace(COUNTS, transformation=transformation, shape=shape))
    with pytest.raises(msgspec.ValidationError):
        read(COUNTS, transformation=transformation, shape=shape)


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Item counts"},
        {"name": "item-counts\n"},
        {"name": ""},
        {"counts": ""},
        {"description": "x" * 2001},
        {"l2_bound": 0},
        {"l2_bound": MAX_BOUND + 1},
        {"l2_bound": 1.5},
        {"grid": 0},
        {"width": 16},
        {"max_people": 0},
        {"max_people": 1 << 41},
        {"schema": 2},
        {"universe": Universe(items=3, digest="0" * 63)},
        {"universe": Universe(items=3, digest="A" * 64)},
        {"universe": Universe(items=3, digest="0" * 64 + "\n")},
        {"rule": LikeRule(negative_kinds=("",))},
        {"rule": LikeRule(negative_kinds=("skip",) * 101)},
    ],
    ids=str,
)
def test_a_field_is_out_of_range(changes: dict[str, Any]) -> None:
    with pytest.raises(MisuseError):
        Encoder(replace(COUNTS, **changes))
    with pytest.raises(msgspec.ValidationError):
        read(COUNTS, **changes)


def test_a_field_that_nobody_knows_or_a_missing_one_is_read() -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown field `secret`"):
        read(COUNTS, secret=1)
    text = msgspec.json.encode({"name": "item-counts"})
    with pytest.raises(msgspec.ValidationError, match="missing required field"):
        msgspec.json.decode(text, type=Statistic)
    with pytest.raises(msgspec.ValidationError, match="Invalid value 'eval'"):
        read(COUNTS, transformation={"type": "eval"})


def contradictions() -> Iterator[tuple[dict[str, Any], str]]:
    yield {"shape": (2,)}, r"the shape \(2,\) is not that of its cells, \(3,\)"
    yield {"shape": (3, 1)}, "is not that of its cells"
    yield {"universe": NO_ITEMS, "shape": (0,)}, "0 numbers"
    yield {"universe": Universe(items=3, digest=None)}, "known by the digest"
    yield {"universe": Universe(items=0, digest=DIGEST), "transformation": People(), "shape": (1,)}, "digest"
    yield {"universe": NO_ITEMS, "transformation": People(), "shape": (2,)}, "is not that of its cells"
    yield {"transformation": People(), "shape": (1,)}, "universe of 3 items"
    yield {"transformation": Metrics(names=("a",)), "shape": (2,)}, "universe of 3 items"
    yield {"transformation": ItemPairs(weights=(1, 1), max_items=2)}, "2 published parameters an item"
    yield {"transformation": Archetypes(centroids=((1, 1, 1), (1, 1)), max_items=2)}, "2 published parameters an item"
    clicks = Variants(variants=("a",), measures=(Measure(name="clicks", cap=1),))
    yield {"transformation": clicks, "shape": (1, 3)}, "universe of 3"
    yield {"transformation": clicks, "universe": NO_ITEMS, "shape": (3,)}, "is not that of its cells"
    for least in ("NaN", "sNaN", "Infinity", "-Infinity", "-0.1", "1e309"):
        yield {"rule": LikeRule(min_weight=Decimal(least))}, "the least weight"
    wide = {"universe": universe(1 << 22), "transformation": ItemTrend(edges=tuple(range(514)), max_cells=1)}
    yield wide | {"shape": (513, 1 << 22)}, "2,151,677,952 numbers"


def repetitions() -> Iterator[tuple[dict[str, Any], str]]:
    for edges in ((5, 5), (6, 5), (1, 3, 2)):
        shape = (len(edges) - 1, 3)
        yield {"transformation": ItemTrend(edges=edges, max_cells=1), "shape": shape}, "must ascend"
    yield {"transformation": Repeats(thresholds=(2, 2), max_cells=1), "shape": (2, 3)}, "must ascend"
    gaps = (Gap(seconds=5, weight=1), Gap(seconds=5, weight=2))
    yield {"transformation": Transitions(lag_weights=(1,), gaps=gaps, max_events=2), "shape": (3, 3)}, "must ascend"
    twice = ("a", "a")
    yield {"transformation": Outcomes(kinds=twice, max_cells=1), "shape": (2, 3)}, "stands twice"
    context = ItemContext(feature="f", values=twice, max_count=1, max_cells=1)
    yield {"transformation": context, "shape": (2, 3)}, "stands twice"
    yield {"transformation": Metrics(names=twice), "universe": NO_ITEMS, "shape": (3,)}, "stands twice"


@pytest.mark.parametrize(("changes", "problem"), [*contradictions(), *repetitions()], ids=str)
def test_a_declaration_contradicts_itself(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(MisuseError, match=problem):
        replace(COUNTS, **changes)
    with pytest.raises(msgspec.ValidationError):
        read(COUNTS, **changes)


def test_two_universes_look_alike() -> None:
    assert universe_of(["a", "b"]) != universe_of(["b", "a"])
    assert universe_of(["ab"]) != universe_of(["a", "b"])
    assert universe_of([]).items == 0
    for identity in ("a\nb", "", "\ud800", "x" * 513):
        with pytest.raises(InvalidEventError):
            universe_of(["c", identity])


def test_the_largest_universe_of_pairs_does_not_fit() -> None:
    largest = validated(standard.item_pairs(universe(MAX_PAIRED), [1] * MAX_PAIRED))
    assert largest.size == MAX_PAIRED * (MAX_PAIRED - 1) // 2
    with pytest.raises(MisuseError, match="is not valid"):
        validated(standard.item_pairs(universe(MAX_PAIRED + 1), [1] * (MAX_PAIRED + 1)))
