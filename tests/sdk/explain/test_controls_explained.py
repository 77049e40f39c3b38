"""Controls are told as what they are: parts of the score where they add to it, moves where they do not."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from homespun.explain.explaining import explain, reasons
from homespun.explain.explanation import Attribution
from homespun.explain.recording import record_of
from homespun.model.bundle import Bundle
from homespun.protocol.controls import FrequencyCap, Steering
from homespun.protocol.events import Event
from homespun.protocol.records import parse_record
from homespun.ranking.decision import Decision
from tests.sdk.deciding import decide, decide_one

EVENTS = [Event("item-3", "rate", 1.0, 5.0), Event("item-8", "watch", 2.0), Event("item-21", "haul", 3.0)]
GENERAL = "popular with everybody"
names = st.integers(0, 42).map(lambda number: f"item-{number}")
tags = st.sampled_from(["tag-0", "tag-1", "tag-2", "каждый", "nowhere"])
steerings = st.builds(
    Steering,
    hidden_items=st.frozensets(names, max_size=3),
    hidden_tags=st.frozensets(tags.filter(lambda tag: tag != "каждый"), max_size=2),
    more_like=st.frozensets(names, max_size=4),
    less_like=st.frozensets(names, max_size=4),
    interests=st.dictionaries(tags, st.floats(0, 1)),
    frequency_cap=st.none() | st.builds(FrequencyCap, st.integers(1, 4), st.just(7)),
    diversity=st.just(0.0) | st.floats(0, 1),
    non_profiled=st.booleans(),
)
histories = st.none() | st.lists(
    st.builds(Event, names, st.sampled_from(["view", "hide"]), st.floats(0, 9), st.none() | st.floats(1, 5)), max_size=8
)


def items(decision: Decision) -> list[str]:
    return [decision.bundle.items[position] for position in decision.ranked.positions.tolist()]


@given(events=histories, steering=steerings, shown=st.dictionaries(names, st.integers(0, 5), max_size=5))
@hypothesis_settings(max_examples=200)
def test_parts_do_not_add_up_under_some_controls(
    bundle: Bundle, events: list[Event] | None, steering: Steering, shown: dict[str, int]
) -> None:
    decision = decide(bundle, events, k=12, now=0.0, steering=steering, shown=shown)
    told = reasons(decision)
    for item, score, reason in zip(items(decision), decision.ranked.scores.tolist(), told, strict=True):
        assert item not in steering.hidden_items
        assert not steering.hidden_tags & set(bundle.tags(item))
        for made in (decision, decide_one(bundle, events, item, now=0.0, steering=steering, shown=shown)):
            explanation = explain(made, item)
            values = [part.value for part in explanation.attributions]
            magnitude = sum(map(abs, values))
            assert explanation.score == pytest.approx(score, rel=1e-12, abs=1e-12 * magnitude)
            assert abs(explanation.score - sum(values)) <= 1e-5 * magnitude
            assert explanation.residual == pytest.approx(explanation.score - sum(values), abs=1e-12 * magnitude)
            assert explanation.reason == reason
            assert explanation.personalized == decision.personalized


def parts(decision: Decision, item: str, source: str) -> list[Attribution]:
    return [part for part in explain(decision, item).attributions if part.source == source]


def test_a_control_is_taken_for_an_event_or_goes_unnamed(bundle: Bundle) -> None:
    steering = Steering(
        more_like=frozenset({"item-5"}), less_like=frozenset({"item-3"}), interests={"tag-1": 1.0, "tag-2": 0.0}
    )
    decision = decide(bundle, EVENTS, k=40, now=0.0, steering=steering)
    for item in items(decision):
        control = parts(decision, item, "control")
        tags = sorted(part.target or "" for part in control if part.control == "interest")
        assert tags == [tag for tag in ("tag-1", "tag-2") if tag in bundle.tags(item)]
        wishes = {(part.control, part.target, part.component) for part in control if part.control != "interest"}
        assert wishes == {
            (wish, target, name)
            for wish, target in (("more_like", "item-5"), ("less_like", "item-3"))
            for name in ("collaborative", "content")
        }
        assert all(part.event is None for part in control)
        assert {part.event.item for part in parts(decision, item, "history") if part.event} == {"item-8", "item-21"}
    one = next(item for item in items(decision) if "tag-1" in bundle.tags(item))
    labels = {part.label for part in parts(decision, one, "control")}
    assert "your interest in tag-1, as you set it" in labels
    assert "you asked for more like Title № 5 (content)" in labels
    assert "you asked for less like Title № 3 (collaborative)" in labels


def test_what_an_interest_adds_differs_from_what_the_score_loses_without_it(bundle: Bundle) -> None:
    steering = Steering(interests={"tag-1": 0.9, "каждый": 0.2})
    with_it = decide(bundle, EVENTS, k=40, now=0.0, steering=steering)
    plain = decide(bundle, EVENTS, k=40, now=0.0, exclude_seen=False)
    without = dict(zip(items(plain), plain.ranked.scores.tolist(), strict=True))
    for item, score in zip(items(with_it), with_it.ranked.scores.tolist(), strict=True):
        added = sum(part.value for part in parts(with_it, item, "control"))
        assert score - without[item] == pytest.approx(added, rel=1e-9)


def test_the_reason_is_a_control_and_the_list_names_something_else(bundle: Bundle) -> None:
    more = decide(bundle, [], k=5, now=0.0, steering=Steering(more_like=frozenset({"item-5"})))
    assert reasons(more)[0] == "because you asked for more like Title № 5"
    interest = decide(bundle, [], k=5, now=0.0, steering=Steering(interests={"tag-1": 1.0}))
    assert reasons(interest)[0] == "because you set your interest in tag-1"
    two = decide(bundle, [], k=40, now=0.0, steering=Steering(interests={"tag-0": 0.2, "tag-2": 1.0}))
    for item, reason in zip(items(two), reasons(two), strict=True):
        tag = next((tag for tag in ("tag-0", "tag-2") if tag in bundle.tags(item)), None)
        assert reason == (
            f"because you set your interest in {tag}" if tag else f"{GENERAL}; nothing you did speaks for it"
        )
    vetoed = decide(bundle, EVENTS, k=40, now=0.0, steering=Steering(interests={"каждый": 0.0}))
    assert not any("interest" in reason for reason in reasons(vetoed))


@pytest.mark.parametrize(
    ("refusal", "why"),
    [
        ({"non_profiled": True}, "you chose lists without personal data"),
        ({"restricted": True}, "you restricted the use of your data"),
        ({"objected": True}, "you objected to it"),
        ({}, "you did not allow it"),
    ],
)
def test_a_list_without_personal_data_does_not_say_why(bundle: Bundle, refusal: dict[str, Any], why: str) -> None:
    steering = Steering(hidden_items=frozenset({"item-1"}), diversity=0.5, **refusal)
    decision = decide(bundle, EVENTS if refusal else None, k=5, now=0.0, steering=steering)
    assert set(reasons(decision)) == {f"popular with everybody; not personalized, because {why}"}
    alone = decide_one(bundle, EVENTS if refusal else None, "item-4", now=0.0, steering=steering)
    assert explain(alone, "item-4").reason == f"popular with everybody; not personalized, because {why}"


def test_an_item_that_was_moved_does_not_say_so_or_one_that_was_not_does(bundle: Bundle) -> None:
    plain = items(decide(bundle, EVENTS, k=40, now=0.0))
    decision = decide(bundle, EVENTS, k=15, now=0.0, steering=Steering(diversity=0.8))
    moved = 0
    for place, item in enumerate(items(decision)):
        explanation = explain(decision, item)
        before = plain.index(item)
        if before == place:
            assert explanation.moves == ()
        else:
            moved += 1
            direction = "up" if place < before else "down"
            (told,) = explanation.moves
            assert told.startswith(f"moved {direction} from place {before + 1} to {place + 1},")
            assert f"{explanation.reason}\n{told}\n\n" in str(explanation)
        assert explanation.score == pytest.approx(explain(decide_one(bundle, EVENTS, item, now=0.0), item).score)
    assert moved > 3


def test_an_item_that_is_kept_out_is_explained_as_if_it_could_be_listed(bundle: Bundle) -> None:
    steering = Steering(
        hidden_items=frozenset({"item-4"}), hidden_tags=frozenset({"tag-1"}), frequency_cap=FrequencyCap(1, 7)
    )

    def moves(item: str) -> tuple[str, ...]:
        shown = {"item-4": 3, "item-5": 1, "item-6": 0}
        return explain(decide_one(bundle, EVENTS, item, now=0.0, steering=steering, shown=shown), item).moves

    assert moves("item-4") == (
        "kept out of lists, because you hid it",
        "kept out of lists, because you hid everything tagged tag-1",
        "kept out of lists for now, because it was shown 3 times in 7 days",
    )
    assert moves("item-5") == ("kept out of lists for now, because it was shown 1 time in 7 days",)
    assert moves("item-6") == ()


@pytest.fixture(scope="module")
def steered(bundle: Bundle) -> Decision:
    steering = Steering(more_like=frozenset({"item-5"}), interests={"каждый": 0.5}, diversity=0.9)
    return decide(bundle, EVENTS, k=20, now=0.0, steering=steering)


def test_a_record_loses_the_controls_and_the_moves(steered: Decision) -> None:
    moved = 0
    record = record_of(steered, {})
    assert parse_record(msgspec.json.encode(record)) == record
    for item, told in zip(items(steered), record.items, strict=True):
        assert told.item == item
        assert told.moves == explain(steered, item).moves
        moved += len(told.moves)
        kinds = {(entry.source, entry.control, entry.component, entry.item, entry.tag) for entry in told.attributions}
        assert {
            ("control", "more_like", "content", "item-5", None),
            ("control", "interest", None, None, "каждый"),
            ("history", None, "content", "item-8", None),
            ("prior", None, "popularity", None, None),
        } <= kinds
    assert moved


def test_a_record_of_before_there_were_controls_is_not_read(bundle: Bundle) -> None:
    (item,) = record_of(decide(bundle, EVENTS, k=1, now=0.0), {}).items
    parts = [
        {"source": entry.source, "component": entry.component, "item": entry.item, "value": entry.value}
        for entry in item.attributions
    ]
    old = {
        "schema": 1,
        "bundle": bundle.id,
        "time": "1.5",
        "item": item.item,
        "personalized": True,
        "score": item.score,
        "attributions": parts,
        "residual": item.residual,
    }
    record = parse_record(msgspec.json.encode(old))
    assert (record.schema, record.time, record.personalized) == (1, 1.5, True)
    assert (record.policy, record.inputs) == (None, None)
    (read,) = record.items
    assert (read.item, read.score, read.residual, read.moves) == (item.item, item.score, item.residual, ())
    assert [(entry.value, entry.control, entry.tag) for entry in read.attributions] == [
        (entry.value, None, None) for entry in item.attributions
    ]
