"""A habit is seen where there is none, is everybody's, or does not go away with the events that it is made of."""

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.model.bundle import Bundle
from homespun.model.habits import own_odds
from homespun.protocol.bundle import HABIT_SHRINKAGE
from homespun.protocol.events import ContextValue, Event
from tests.sdk import bundles
from tests.sdk.deciding import decide
from tests.sdk.models import Model, favoured_items, own_log_odds

SIZE = 30
DEVICES = ("tv", "phone", "3")
KNOWN = {f"item-{place}": place for place in range(SIZE)}

GIVEN: st.SearchStrategy[dict[str, ContextValue] | None] = st.none() | st.dictionaries(
    st.sampled_from(["device", "evening", "elsewhere"]),
    st.sampled_from(["tv", "phone", 3, 3.0, "3", "3.0", "radio", True, "true", False]),
)
EVENTS = st.lists(
    st.builds(
        Event,
        item=st.integers(0, SIZE + 2).map("item-{}".format),
        kind=st.sampled_from(["view", "hide"]),
        time=st.none() | st.integers(0, 99).map(float),
        weight=st.none() | st.sampled_from([2.0, 3.0]),
        context=GIVEN,
    ),
    max_size=60,
)


@pytest.fixture(scope="module")
def habitual(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Bundle, Model]]:
    model = bundles.full_model(SIZE, seed=4, density=0.3)
    with Bundle.open(bundles.write(tmp_path_factory.mktemp("habits") / "bundle", model)) as opened:
        yield opened, model


def at(item: int, device: ContextValue | None, times: int = 1) -> list[Event]:
    return [Event(f"item-{item}", context=None if device is None else {"device": device})] * times


def test_the_odds_are_not_those_of_the_formula() -> None:
    events = [*at(1, "tv", 3), *at(1, "phone"), *at(2, 3.0, 2), *at(2, "radio", 7), *at(4, None, 5), *at(5, "radio")]
    share = (3 + 1) / (6 + 3)
    expected = {1: math.log((3 + 5 * share) / (9 * share)), 2: math.log(5 * share / (7 * share))}
    found = own_odds(events, KNOWN, "device", DEVICES, "tv")
    assert found == pytest.approx(expected, rel=1e-14)
    assert list(found) == [1, 2]
    assert found[1] > 0 > found[2]
    assert own_odds(at(4, None, 5), KNOWN, "device", DEVICES, "tv") == {}
    assert own_odds([], KNOWN, "device", DEVICES, "tv") == {}


def test_one_event_says_as_much_as_fifty() -> None:
    others = at(9, "phone", 50)
    odds = [own_odds([*at(1, "tv", times), *others], KNOWN, "device", DEVICES, "tv")[1] for times in (1, 5, 50)]
    surprise = [math.log((50 + times + 3) / (times + 1)) for times in (1, 5, 50)]
    told = [found / most for found, most in zip(odds, surprise, strict=True)]
    assert HABIT_SHRINKAGE == 5
    assert told == sorted(told)
    assert told[0] < 0.6
    assert told[2] > 0.9


def test_who_does_everything_anywhere_has_a_habit() -> None:
    events = [event for item, device in product(range(4), DEVICES) for event in at(item, device, 6)]
    for device in DEVICES:
        found = own_odds(events, KNOWN, "device", DEVICES, device)
        assert list(found.values()) == pytest.approx([0.0] * 4, abs=1e-15)


@given(events=EVENTS, device=st.sampled_from([*DEVICES, "radio", None]), evening=st.sampled_from(["true", "x", None]))
def test_habits_add_something_else_to_the_score(
    habitual: tuple[Bundle, Model], events: list[Event], device: str | None, evening: str | None
) -> None:
    bundle, model = habitual
    context = {name: value for name, value in (("device", device), ("evening", evening)) if value is not None}
    history = bundle.history(events, context)
    everywhere = np.arange(SIZE)
    plain = replace(history, repeats=bundle.history(events).repeats, habits=())
    with_habits, without = (bundle.scorer.score(each, everywhere).scores for each in (history, plain))
    expected = model.habits(history.level, context, favoured_items(events, SIZE, 3.0))
    np.testing.assert_allclose(with_habits - without, expected, rtol=0, atol=1e-10 * (1 + np.abs(without).max()))
    for habit in history.habits:
        values = dict(zip(("device", "evening"), (each[1] for each in model.contexts), strict=True))[habit.feature]
        told = own_log_odds(favoured_items(events, SIZE, 3.0), habit.feature, values, habit.value)
        assert dict(habit.odds) == pytest.approx(told, rel=1e-12, abs=1e-12)


@given(events=EVENTS)
def test_a_habit_outlives_its_events_or_shows_without_circumstances(
    habitual: tuple[Bundle, Model], events: list[Event]
) -> None:
    bundle, _ = habitual
    erased = [Event(event.item, event.kind, event.time, event.weight) for event in events]
    context: dict[str, ContextValue] = {"device": "tv", "evening": True}
    others: list[dict[str, ContextValue]] = [{}, {"device": "radio", "elsewhere": "tv"}]
    for given_context, before in (*((other, events) for other in others), (context, erased)):
        assert all(not habit.odds for habit in bundle.history(before, given_context).habits)
        found = decide(bundle, before, k=SIZE, now=0.0, context=given_context, exclude_seen=False).ranked
        expected = decide(bundle, erased, k=SIZE, now=0.0, context=given_context, exclude_seen=False).ranked
        assert found.positions.tolist() == expected.positions.tolist()
        assert found.scores.tolist() == expected.scores.tolist()
    # What is not counted is erased without a trace: what speaks against an item, and unknown items.
    counted = [event for event in events if event.kind != "hide" and event.item in KNOWN and event.weight != 2.0]
    for habit in bundle.history(events, context).habits:
        values = DEVICES if habit.feature == "device" else ("true", "false")
        assert dict(habit.odds) == own_odds(counted, KNOWN, habit.feature, values, habit.value)


@given(events=EVENTS, seed=st.integers(0, 99))
def test_the_order_of_events_changes_a_habit(events: list[Event], seed: int) -> None:
    known = KNOWN | {"item-30": 30, "item-31": 31, "item-32": 32}
    shuffled = [events[place] for place in np.random.default_rng(seed).permutation(len(events)).tolist()]
    found, expected = (own_odds(each, known, "device", DEVICES, "tv") for each in (shuffled, events))
    assert list(found.items()) == list(expected.items())


def test_the_evening_s_item_is_listed_in_the_morning(tmp_path: Path) -> None:
    model = bundles.full_model(SIZE, seed=4, density=0.3)
    model = replace(model, own=(None, (100.0,) * 6), repeats=((1.0,) * 6, (50.0,) * 6))
    events = [Event(f"item-{6 + evening}", time=9.0, context={"evening": bool(evening)}) for evening in (0, 1) * 8]
    with Bundle.open(bundles.write(tmp_path / "bundle", model)) as bundle:
        for evening in (False, True):
            first = bundle.rank(events, 1, context={"evening": evening}, exclude_seen=False)
            assert first[0].item == f"item-{6 + evening}"
        refused = decide(bundle, None, k=SIZE, now=0.0, context={"evening": True}, exclude_seen=False)
        assert not any(habit.odds for habit in refused.history.habits)
        assert not refused.history.repeats


@pytest.mark.parametrize("own", [None, (0.0,) * 6], ids=["without", "zero"])
def test_a_bundle_without_habits_looks_at_them(tmp_path: Path, own: tuple[float, ...] | None) -> None:
    model = replace(bundles.full_model(SIZE, seed=4, density=0.3), own=(own, None))
    with Bundle.open(bundles.write(tmp_path / "bundle", model)) as bundle:
        history = bundle.history(at(1, "tv", 9), {"device": "tv", "evening": True})
        assert history.habits == ()
        assert dict(history.repeats) == dict(bundle.history(at(1, "tv", 9)).repeats)
