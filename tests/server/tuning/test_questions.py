"""A blend is learned for other weights of a history than those that devices give it."""

from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal

import msgspec
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from homespun.model.bundle import Bundle
from homespun.protocol.bundle import NEGATIVE_KINDS, HistoryRule, activity_level
from homespun.protocol.events import Event
from homespun_server.evaluation.cases import Case
from homespun_server.tuning.questions import Questions, ask
from tests.server.publishing.support import model_of, publish
from tests.server.tuning.support import EVERYTHING

SIZE = 60
MODEL = model_of(SIZE)
LATEST = 5
"""How many liked items a device remembers here."""

RULE = HistoryRule(Decimal(3), SIZE, NEGATIVE_KINDS)
SHORT = HistoryRule(Decimal(3), LATEST, NEGATIVE_KINDS)

EVENTS = st.lists(
    st.builds(
        Event,
        item=st.integers(0, SIZE + 3).map("item-{}".format),
        kind=st.sampled_from(["view", "buy", "dismiss"]),
        time=st.none() | st.integers(0, 5000).map(float) | st.floats(0, 5000),
        weight=st.none() | st.sampled_from([1.0, 2.9, 3.0, 5.0]),
        context=st.sampled_from([None, {"daytime": "morning"}, {"daytime": "night"}, {"daytime": "noon"}, {"x": 1}]),
    ),
    max_size=70,
).map(tuple)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bundle]:
    folder = tmp_path_factory.mktemp("questions") / "bundle"
    publish(folder, MODEL)
    with closing(Bundle.open(folder)) as opened:
        yield opened


def position_of(bundle: Bundle) -> dict[str, int]:
    return {item: place for place, item in enumerate(bundle.items)}


def question(bundle: Bundle, events: tuple[Event, ...], rule: HistoryRule, *, repeats: bool = False) -> Questions:
    case = Case("somebody", events, frozenset({bundle.items[0]}))
    return ask([case], position_of(bundle), rule, most=9, repeats=repeats)


@pytest.mark.parametrize("rule", [RULE, SHORT])
@given(events=EVENTS)
@example(events=())
@example(events=(Event("item-1"),))
@example(events=(Event("item-1", time=0.0), Event("item-2", time=5000.0), Event("item-3")))
def test_histories_levels_or_repeats_are_not_those_of_a_device(
    rule: HistoryRule, events: tuple[Event, ...], bundle: Bundle
) -> None:
    bundle.manifest = msgspec.structs.replace(bundle.manifest, history=rule)
    found, history = question(bundle, events, rule), bundle.history(events)
    assert found.levels.tolist() == [history.level]
    assert found.columns.tolist() == history.positions.tolist()
    for component, weights in zip(MODEL.components, history.weights, strict=True):
        expected = np.zeros(SIZE)
        expected[history.positions] = weights / component.weights[history.level]
        dense = found.histories(component.kernel).toarray()[0]
        assert dense == pytest.approx(expected, rel=1e-5, abs=1e-7)
        # What counts as nothing on a device counts as nothing here.
        assert np.array_equal(dense > 0, expected > 0)
    repeats = MODEL.repeats
    assert repeats is not None
    count, seen = repeats.count_weights[history.level], repeats.seen_weights[history.level]
    added = {
        item: count * (np.log(times + 0.1) - np.log(0.1)) + seen
        for item, times in zip(found.chosen_columns.tolist(), found.chosen.tolist(), strict=True)
    }
    assert added == pytest.approx(dict(history.repeats))
    known = {bundle.position(event.item) for event in events if event.item in bundle}
    assert set(found.left_out_columns.tolist()) == known
    assert question(bundle, events, rule, repeats=True).left_out_columns.size == 0


DAYTIMES = {"daytime": ("morning", "night")}


@given(events=EVENTS, daytime=st.sampled_from(["morning", "night", "noon", None]))
def test_habits_are_not_those_of_a_device(events: tuple[Event, ...], daytime: str | None, bundle: Bundle) -> None:
    bundle.manifest = msgspec.structs.replace(bundle.manifest, history=RULE)
    told = {} if daytime is None else {"daytime": daytime}
    cases = [Case("somebody", events, frozenset({bundle.items[0]}), context=told), Case("b", (), frozenset({"item-1"}))]
    found = ask(cases, position_of(bundle), RULE, most=9, repeats=True, contexts=DAYTIMES)
    assert found.habits["daytime"].shape == found.chosen.shape
    said = dict(zip(found.chosen_columns.tolist(), found.habits["daytime"].tolist(), strict=True))
    habits = bundle.history(events, told).habits
    assert len(habits) == (daytime in DAYTIMES["daytime"])
    odds = habits[0].odds if habits else {}
    # To the last bit: one function says it for both.
    assert said == {item: odds.get(item, 0.0) for item in said}
    assert odds.keys() <= said.keys()
    assert not ask(cases, position_of(bundle), RULE, most=9, repeats=False, contexts=DAYTIMES).habits


def test_cases_run_into_each_other(bundle: Bundle) -> None:
    first = (Event("item-1", time=1.0), Event("item-2", time=2.0))
    second = (Event("item-3", time=9.0),)
    cases = [
        Case("a", first, frozenset({"item-7", "item-8"}), context={"daytime": "night"}),
        Case("b", (), frozenset({"item-9", "unknown"}), context={"daytime": "noon"}),
        Case("c", (), frozenset({"unknown"})),
        Case("d", second, frozenset({"item-5"})),
    ]
    known = position_of(bundle)
    found = ask(cases, known, EVERYTHING, most=9, repeats=False, contexts={"daytime": ("morning", "night")})
    # The third is about nothing that could be found.
    assert found.count == 3
    assert found.levels.tolist() == [activity_level(n) for n in (2, 0, 1)]
    assert found.rows.tolist() == [0, 0, 2]
    assert [bundle.items[place] for place in found.columns] == ["item-1", "item-2", "item-3"]
    assert found.target_rows.tolist() == [0, 0, 1, 2]
    assert {bundle.items[place] for place in found.target_columns} == {"item-7", "item-8", "item-9", "item-5"}
    assert found.contexts["daytime"].tolist() == [1, -1, -1]
    assert ask(cases, known, EVERYTHING, most=2, repeats=False).count == 2


def test_nobody_is_asked(bundle: Bundle) -> None:
    found = ask([], position_of(bundle), EVERYTHING, most=9, repeats=False)
    assert (found.count, found.items) == (0, SIZE)
    assert found.histories(MODEL.components[0].kernel).shape == (0, SIZE)
