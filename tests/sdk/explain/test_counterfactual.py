"""What would take an item out of a list: true, small, and honest where nothing was found."""

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from homespun.errors import MisuseError, UnknownItemError
from homespun.explain.counterfactual import Change, changes_of, counterfactual, without
from homespun.explain.explaining import explain
from homespun.model.bundle import Bundle
from homespun.protocol.controls import Steering
from homespun.protocol.events import Event
from homespun.ranking.decision import Decision
from homespun.ranking.decision import decide as make
from homespun.ranking.default import DEFAULT
from homespun.ranking.surfaces import Compiled
from tests.sdk import bundles
from tests.sdk.deciding import decide

SIZE = 120


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bundle]:
    """A bundle of 120 items in which likes weigh more than what is popular."""
    model = bundles.random_model(SIZE, seed=5)
    model.priors[0][:] *= 0.1
    opened = Bundle.open(bundles.write(tmp_path_factory.mktemp("taught") / "bundle", model))
    yield opened
    opened.close()


def listed(decision: Decision) -> list[str]:
    return [decision.bundle.items[position] for position in decision.ranked.positions.tolist()]


def again(decision: Decision, changes: tuple[Change, ...]) -> list[str]:
    """Make the list again from the beginning, with nothing remembered of the person."""
    return listed(make(Compiled(decision.bundle, DEFAULT), *without(decision.person.inputs, decision.request, changes)))


@given(st.lists(st.integers(0, SIZE - 1), min_size=1, max_size=12, unique=True), st.integers(1, 10))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_counterfactual_is_not_true(taught: Bundle, liked: list[int], k: int) -> None:
    events = [Event(f"item-{number}", "like", time=float(at)) for at, number in enumerate(liked)]
    decision = decide(taught, events, k=k, now=1e6)
    for item in (listed(decision)[0], listed(decision)[-1]):
        found = counterfactual(decision, item)
        assert found.executed <= 12
        if found.found:
            assert item not in again(decision, found.changes)
            assert len(found.changes) <= 5
            assert found.item == item
            # Each change is needed.
            if len(found.changes) > 1 and found.executed < 12:
                for fewer in combinations(found.changes, len(found.changes) - 1):
                    assert item in again(decision, fewer)
        else:
            assert "none found within 5 changes" in str(found)


def test_one_change_is_enough_and_more_are_told(taught: Bundle) -> None:
    events = [Event(f"item-{number}", "like", time=float(number)) for number in (3, 17, 40)]
    decision = decide(taught, events, k=5, now=1e6)
    for item in listed(decision):
        singles = [event.item for event in events if item not in again(decision, (Change("event", event.item, ""),))]
        found = counterfactual(decision, item, executions=50)
        if singles:
            (change,) = found.changes
            assert change.target in singles


def test_settings_and_circumstances_are_never_the_reason(tmp_path: Path) -> None:
    folder = bundles.write(tmp_path / "bundle", bundles.full_model(60, seed=2, density=0.3))
    with Bundle.open(folder) as opened:
        kinds = set()
        for wanted in range(0, 60, 5):
            more = frozenset({f"item-{wanted}"}) if wanted % 2 else frozenset[str]()
            steering = Steering(more_like=more, interests={"tag-2": 1.0}, diversity=0.4)
            context = {"evening": True, "device": "tv"}
            decision = decide(opened, [Event("item-7", "like")], k=4, now=1e6, steering=steering, context=context)
            for item in listed(decision):
                found = counterfactual(decision, item, executions=30)
                kinds |= {change.kind for change in found.changes}
                if found.found:
                    assert item not in again(decision, found.changes)
        assert {"more_like", "interest"} <= kinds


def test_an_answer_is_made_up_where_nothing_is_known(taught: Bundle) -> None:
    decision = decide(taught, None, k=3, now=1e6)
    found = counterfactual(decision, listed(decision)[0])
    assert (found.found, found.executed, found.exhaustive) == (False, 0, True)
    assert str(found) == "none found within 5 changes: it would stay among the first 3"
    with pytest.raises(MisuseError, match="nothing was found"):
        changes_of(found)


def test_an_item_that_is_not_listed_is_answered_about(taught: Bundle) -> None:
    decision = decide(taught, [Event("item-3", "like")], k=3, now=1e6)
    other = next(item for item in taught.items if item not in listed(decision))
    with pytest.raises(UnknownItemError, match="not in the list"):
        counterfactual(decision, other)


def test_what_cannot_be_taken_away_is(taught: Bundle) -> None:
    decision = decide(taught, [Event("item-3", "like")], k=3, now=1e6)
    parts = explain(decision, listed(decision)[0]).attributions
    prior = next(part for part in parts if part.source == "prior")
    with pytest.raises(MisuseError, match="nothing that you did or set"):
        changes_of(prior)
    history = next(part for part in parts if part.source == "history")
    assert [(change.kind, change.target) for change in changes_of(history)] == [("event", "item-3")]
    with pytest.raises(MisuseError, match="give an attribution"):
        changes_of("item-3")  # type: ignore[arg-type]


def test_no_list_is_made_more_often_than_allowed(taught: Bundle) -> None:
    events = [Event(f"item-{number}", "like", time=float(number)) for number in range(0, 60, 3)]
    decision = decide(taught, events, k=10, now=1e6)
    for allowed in (0, 1, 3):
        for item in listed(decision):
            found = counterfactual(decision, item, executions=allowed)
            assert found.executed <= allowed
            assert not found.found or item not in again(decision, found.changes)
