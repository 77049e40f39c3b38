"""What a device adds differs from what a table adds for the same events, or breaks the bound."""

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.contribute.vectors import check_vector, context_text, is_of_events, vector_of_events
from homespun.errors import CollectionError
from homespun.protocol.events import Event
from homespun.protocol.statistics import standard
from homespun.protocol.statistics.declaration import LikeRule, Statistic, universe_of
from homespun.protocol.statistics.encoding import Encoder
from homespun.protocol.statistics.histories import Histories
from tests.sdk.protocol.collection.support import narrow, task

IDS = tuple(f"item {number}" for number in range(7))
OTHERS = (*IDS, "elsewhere", "another")
UNIVERSE = universe_of(IDS)
RULE = LikeRule(min_weight=Decimal(3), negative_kinds=("hide", "dislike"))
PLACES = ("home", "7", "true")
DAY = 86_400
SECRET = bytes(range(32))
STATISTICS = (
    standard.people(),
    standard.item_counts(UNIVERSE, RULE, max_items=3),
    standard.item_trend(UNIVERSE, [0, 8, DAY, 2 * DAY], RULE, max_cells=4),
    standard.item_pairs(UNIVERSE, [1, 1024, 5, 1 << 15, 7, 9, 11], RULE, max_items=4),
    standard.transitions(UNIVERSE, RULE, gaps=[(10, 3), (DAY, 1)], max_events=6),
    standard.item_context(UNIVERSE, "place", PLACES, RULE, max_count=2, max_cells=4),
    standard.repeats(UNIVERSE, RULE, thresholds=(1, 2, 4), max_cells=4),
    standard.outcomes(UNIVERSE, ("dislike", "view"), RULE, max_cells=4),
    standard.archetypes(UNIVERSE, [[1, 0, 2, 0, 0, 3, 4], [0, 5, 0, 1, 0, 0, 0]], RULE, max_items=3),
)
CONTEXTS = st.none() | st.fixed_dictionaries(
    {}, optional={"place": st.sampled_from(["home", "work", 7, True, False, 2.5]), "other": st.just("home")}
)
EVENTS = st.lists(
    st.builds(
        Event,
        item=st.sampled_from(OTHERS),
        kind=st.sampled_from(["view", "buy", "hide", "dislike"]),
        time=st.none() | st.sampled_from([0.0, 7.25, 7.75, 86_400.0]) | st.floats(0, 3 * DAY),
        weight=st.none() | st.sampled_from([0.0, 2.9, 3.0, 1e300]),
        context=CONTEXTS,
    ),
    max_size=25,
)


def as_a_table_reads_them(statistic: Statistic, events: Sequence[Event]) -> Histories:
    """Return the history as the table path numbers it: kinds and values by codes of its own, rows sorted by time."""
    rows = sorted(events, key=lambda event: -math.inf if event.time is None else event.time)
    kinds = ("view", "buy", "hide", "dislike")

    def place(event: Event) -> int:
        value: Any = (event.context or {}).get("place")
        text = {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)
        return PLACES.index(text) if value is not None and text in PLACES else -1

    return Histories(
        starts=np.array([0, len(rows)]),
        items=np.array([IDS.index(e.item) if e.item in IDS and statistic.universe.items else -1 for e in rows], int),
        times=np.array([-1 if event.time is None else int(event.time) for event in rows], int),
        kinds=np.array([kinds.index(event.kind) for event in rows], int),
        weights=np.array([math.nan if event.weight is None else event.weight for event in rows], float),
        secrets=[SECRET],
        kind_names=kinds,
        contexts={"place": np.array([place(event) for event in rows], int)},
    )


@given(EVENTS, st.sampled_from(STATISTICS))
def test_a_device_adds_something_else_than_a_table(events: list[Event], statistic: Statistic) -> None:
    made = task(narrow(statistic))
    ids = IDS if statistic.universe.items else ()
    vector = vector_of_events(made, ids, events, SECRET)
    found = Encoder(statistic).encode(as_a_table_reads_them(statistic, events))
    expected = np.zeros(statistic.size, np.int64)
    expected[found.cells] = found.values
    assert vector.tolist() == expected.tolist()
    assert check_vector(made, vector) is vector


@given(EVENTS, st.sampled_from(STATISTICS), st.integers(0, DAY), st.integers(DAY + 1, 3 * DAY))
def test_events_outside_the_window_count(events: list[Event], statistic: Statistic, since: int, until: int) -> None:
    ids = IDS if statistic.universe.items else ()
    made = task(narrow(statistic), events_from=since, events_until=until)
    within = [event for event in events if event.time is not None and since <= math.floor(event.time) < until]
    whole = task(narrow(statistic))
    expected = vector_of_events(whole, ids, within, SECRET)
    assert vector_of_events(made, ids, events, SECRET).tolist() == expected.tolist()


@pytest.mark.parametrize("statistic", STATISTICS, ids=lambda each: each.name)
def test_nobody_with_nothing_to_say_adds_something(statistic: Statistic) -> None:
    ids = IDS if statistic.universe.items else ()
    assert not vector_of_events(task(narrow(statistic)), ids, [], SECRET).any()


def test_metrics_are_computed_from_events() -> None:
    made = task(narrow(standard.metric_sums(("ndcg",))))
    assert not is_of_events(made.statistic)
    with pytest.raises(CollectionError, match="cannot be computed"):
        vector_of_events(made, (), [], SECRET)


def test_other_items_are_counted() -> None:
    with pytest.raises(CollectionError):
        vector_of_events(task(narrow(STATISTICS[1])), IDS[:-1], [], SECRET)


@pytest.mark.parametrize(
    "vector",
    [
        np.zeros(6, np.int64),
        np.zeros(7, np.int32),
        np.full(7, 8192, np.int64),
        np.full(7, -(1 << 62), np.int64),
        [0] * 7,
    ],
)
def test_a_source_adds_more_than_its_share(vector: Any) -> None:
    made = task(narrow(STATISTICS[1]))
    with pytest.raises(CollectionError, match="nothing is sent"):
        check_vector(made, vector)


def test_what_is_sampled_is_the_same_for_everybody() -> None:
    events = [Event(identity, "view", float(place), 5.0) for place, identity in enumerate(IDS)]
    statistic = narrow(msgspec.structs.replace(STATISTICS[1]))
    vectors = {tuple(vector_of_events(task(statistic), IDS, events, bytes([n]) * 32).tolist()) for n in range(20)}
    assert len(vectors) > 1
    assert all(sum(value > 0 for value in vector) == 3 for vector in vectors)


@pytest.mark.parametrize(("value", "text"), [("a", "a"), (7, "7"), (True, "true"), (False, "false"), (2.5, "2.5")])
def test_a_context_is_told_apart_otherwise_than_in_a_table(value: Any, text: str) -> None:
    assert context_text(value) == text
