import math
import re
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import structs

from homespun.errors import UnknownItemError
from homespun.explain.explaining import explain, reasons
from homespun.explain.recording import inputs_of, items_of, record_of
from homespun.explain.rendering import additive_table
from homespun.model.bundle import Bundle
from homespun.protocol.controls import FrequencyCap, Steering
from homespun.protocol.events import Event
from homespun.protocol.records import MOST_PARTS, SCHEMA_VERSION, named_in, parse_record, real
from homespun.ranking.decision import decide as decide_again
from tests.sdk import bundles
from tests.sdk.deciding import decide

EVENTS = [Event("item-3", "rate", 1.0, 5.0), Event("item-8", "watch", 2.0), Event("item-21", "haul", 3.0)]


def test_parts_are_missing_repeated_or_belong_to_others(bundle: Bundle) -> None:
    decision = decide(bundle, EVENTS, k=40, now=9.0)
    for position in decision.ranked.positions.tolist():
        explanation = explain(decision, bundle.items[position])
        found = sorted(
            (part.component or "", part.event.item if part.event else "") for part in explanation.attributions
        )
        wanted = [(name, event.item) for name in bundles.BOTH for event in EVENTS]
        assert found == sorted([*wanted, ("popularity", "")])
        assert all(part.title == bundle.title(part.event.item) for part in explanation.attributions if part.event)
        magnitudes = [abs(part.value) for part in explanation.attributions]
        assert magnitudes == sorted(magnitudes, reverse=True)
        assert (explanation.time, explanation.bundle) == (9.0, bundle.id)


def test_what_an_item_adds_is_not_what_the_score_loses_without_it(bundle: Bundle) -> None:
    decision = decide(bundle, EVENTS, k=40, now=0.0, exclude_seen=False)
    for left_out in EVENTS:
        rest = [event for event in EVENTS if event is not left_out]
        without = {entry.item: entry.score for entry in bundle.rank(rest, 40, exclude_seen=False)}
        for position, score in zip(decision.ranked.positions.tolist(), decision.ranked.scores.tolist(), strict=True):
            item = bundle.items[position]
            parts = explain(decision, item).attributions
            added = sum(part.value for part in parts if part.event == left_out)
            assert score - without[item] == pytest.approx(added, rel=1e-9, abs=1e-9)


def test_without_a_history_something_else_than_the_prior_is_named(bundle: Bundle) -> None:
    decision = decide(bundle, [], k=3, now=0.0)
    for position, score in zip(decision.ranked.positions.tolist(), decision.ranked.scores.tolist(), strict=True):
        (prior,) = explain(decision, bundle.items[position]).attributions
        assert (prior.source, prior.component, prior.event, prior.title) == ("prior", "popularity", None, "")
        assert prior.value == score


@pytest.mark.parametrize("item", ["item-3", "item-40", ""])
def test_an_item_that_is_not_in_the_list_is_explained(bundle: Bundle, item: str) -> None:
    decision = decide(bundle, EVENTS, k=3, now=0.0)
    with pytest.raises(UnknownItemError):
        explain(decision, item)


def test_the_reason_of_a_list_differs_from_that_of_its_explanation(bundle: Bundle) -> None:
    for events in (None, [], EVENTS, EVENTS[:1], [Event("item-3", weight=0.0)], [Event("item-3", "hide")]):
        decision = decide(bundle, events, k=40, now=0.0)
        explained = [explain(decision, bundle.items[place]).reason for place in decision.ranked.positions.tolist()]
        assert reasons(decision) == explained


def test_the_named_item_does_not_speak_most_for_the_recommended_one(bundle: Bundle) -> None:
    decision = decide(bundle, EVENTS, k=40, now=0.0)
    named = 0
    for position in decision.ranked.positions.tolist():
        explanation = explain(decision, bundle.items[position])
        totals = {
            event.item: sum(part.value for part in explanation.attributions if part.event == event) for event in EVENTS
        }
        best = max(totals, key=lambda item: totals[item])
        if totals[best] > 0:
            named += 1
            verb = {"item-3": "rated", "item-8": "watched", "item-21": "chose"}[best]
            assert explanation.reason.startswith(f"because you {verb} {bundle.title(best)}")
        else:
            assert explanation.reason == "popular with everybody; nothing you did speaks for it"
    assert named > 10


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        (None, "popular with everybody; not personalized, because you did not allow it"),
        ([], "popular with everybody; nothing is known about you yet"),
        ([Event("item-3", weight=0.0)], "popular with everybody; nothing you did speaks for it"),
        ([Event("item-3", "dislike")], "popular with everybody; nothing you did speaks for it"),
        ([Event("not-in-this-bundle")], "popular with everybody; nothing you did speaks for it"),
    ],
)
def test_a_list_for_everybody_does_not_say_why(bundle: Bundle, events: list[Event] | None, reason: str) -> None:
    assert set(reasons(decide(bundle, events, k=5, now=0.0))) == {reason}


def test_a_bundle_without_popularity_claims_it(tmp_path: Path) -> None:
    opened = Bundle.open(bundles.write(tmp_path / "bundle", bundles.random_model(9, names=bundles.CONTENT)))
    assert set(reasons(decide(opened, [], k=5, now=0.0))) == {"from the catalogue; nothing is known about you yet"}
    opened.close()


def test_a_reason_names_what_was_done_after_the_rating(bundle: Bundle) -> None:
    events = [Event("item-3", "rate", 1.0, 5.0), Event("item-3", "view", 2.0)]
    told = set(reasons(decide(bundle, events, k=40, now=0.0)))
    assert "because you rated Title № 3" in told
    assert not any("viewed" in reason for reason in told)


@pytest.fixture
def alike(tmp_path: Path) -> Iterator[Bundle]:
    """A bundle in which every item speaks for every other one alike."""
    model = bundles.random_model(9)
    for table in model.low_rank.values():
        table.integers[:] = table.integers[0]
        table.encoder[:] = table.encoder[0]
        table.spectrum[:] = 1.0
    with Bundle.open(bundles.write(tmp_path / "bundle", model)) as opened:
        yield opened


def test_of_two_that_add_alike_the_later_one_is_named_first(alike: Bundle) -> None:
    events = [Event("item-4", time=1.0), Event("item-2", time=2.0), Event("item-7", time=3.0)]
    told = set(reasons(decide(alike, events, k=9, now=0.0)))
    assert "because you viewed Title № 4 and Title № 2" in told
    assert told <= {
        "because you viewed Title № 4 and Title № 2",
        "popular with everybody; nothing you did speaks for it",
    }


def test_reasons_differ_from_a_plain_search_for_the_two_strongest(bundle: Bundle) -> None:
    events = [Event(f"item-{number}", "view", float(number)) for number in range(20)]
    for size in (1, 2, 3, 20):
        decision = decide(bundle, events[:size], k=40, now=0.0)
        for position, reason in zip(decision.ranked.positions.tolist(), reasons(decision), strict=True):
            explanation = explain(decision, bundle.items[position])
            added = {event.item: 0.0 for event in decision.history.events}
            for part in explanation.attributions:
                if part.event:
                    added[part.event.item] += part.value
            first, *others = sorted(added, key=lambda item: -added[item])
            named = [first, *(item for item in others[:1] if added[item] >= 0.3 * added[first])]
            titles = " and ".join(bundle.title(item) for item in named)
            expected = f"because you viewed {titles}" if added[first] > 0 else "popular with everybody; nothing you did"
            assert reason.startswith(expected)


@pytest.mark.parametrize(
    ("kinds", "told"),
    [
        (["play"], "because you played Title № 0"),
        (["play", "play"], "because you played Title № 0 and Title № 1"),
        (["play", "watch"], "because you played Title № 0 and watched Title № 1"),
    ],
)
def test_a_verb_is_repeated_or_dropped(alike: Bundle, kinds: list[str], told: str) -> None:
    events = [Event(f"item-{number}", kind, float(number)) for number, kind in enumerate(kinds)]
    found = set(reasons(decide(alike, events, k=9, now=0.0)))
    assert told in found
    assert len({reason for reason in found if reason.startswith("because")}) == 1


def numbers(table: str) -> list[float]:
    return [float(match) for match in re.findall(r"  ([+-]\d+\.\d+(?:e[+-]\d+)?|0)$", table, re.MULTILINE)]


@pytest.mark.parametrize("rows", [1, 2, 3, 7, 100])
def test_a_table_does_not_add_up_or_hides_parts(bundle: Bundle, rows: int) -> None:
    decision = decide(bundle, EVENTS, k=5, now=0.0)
    explanation = explain(decision, bundle.items[int(decision.ranked.positions[0])])
    table = explanation.table(rows)
    *parts, score = numbers(table)
    assert score == pytest.approx(explanation.score, abs=1e-6)
    assert sum(parts) == pytest.approx(score, abs=1e-5)
    assert ("smaller parts" in table) is (rows < 7)
    assert len({len(line) for line in table.splitlines()}) <= 3  # columns line up
    assert str(explanation).startswith(f"{explanation.title}: {explanation.reason}\n\n")


def test_a_table_of_nothing() -> None:
    table = additive_table([], 0.0, 0.0, 12)
    assert numbers(table) == [0.0, 0.0]
    assert table.splitlines()[0].split()[-1] == "0"
    assert additive_table([], -2e-9, 0.0, 12).splitlines()[0].split()[-1] == "-2.0e-09"


def test_a_record_does_not_restore_the_numbers_or_survive_json(bundle: Bundle) -> None:
    decision = decide(bundle, EVENTS, k=5, now=1_700_000_000.123456)
    record = record_of(decision, {"personalization": 3})
    assert parse_record(msgspec.json.encode(record)) == record
    assert record.digest == record.computed_digest()
    assert (record.schema, record.personalized, record.time) == (SCHEMA_VERSION, True, decision.time)
    assert (record.bundle, record.policy) == (bundle.id, decision.compiled.identity)
    assert (record.candidates, record.consents) == (decision.pool.positions.size, {"personalization": 3})
    for position, item in zip(decision.ranked.positions.tolist(), record.items, strict=True):
        explanation = explain(decision, bundle.items[position])
        assert float(item.score) == explanation.score
        assert [float(part.value) for part in item.attributions] == [part.value for part in explanation.attributions]
        exact = sum((part.value for part in item.attributions), Decimal(0)) + item.others + item.residual
        assert float(exact) == pytest.approx(float(item.score), rel=1e-12)
        assert float(item.residual) == explanation.residual
        assert (item.item, item.reason) == (explanation.item, explanation.reason)
        assert item.moves == explanation.moves
        assert item.stages == tuple(stage.entry() for stage in explanation.stages)
        assert float(item.propensity) == explanation.propensity


def test_a_record_does_not_restore_what_the_list_was_a_function_of(bundle: Bundle) -> None:
    steering = Steering(hidden_items=frozenset({"item-1"}), interests={"tag-1": 0.7}, diversity=0.3)
    decision = decide(
        bundle,
        [Event("item-3", "rate", None, 5.0, {"device": "tv", "count": 3, "at": 1.5, "home": True}), *EVENTS],
        k=6,
        now=1_700_000_000.123456,
        steering=replace(steering, frequency_cap=FrequencyCap(2, 9)),
        attributes={"mood": "calm"},
        exclude=["item-2"],
        exclude_seen=False,
        shown={"item-7": 2},
        context={"evening": True},
        seed=77,
    )
    record = parse_record(msgspec.json.encode(record_of(decision, {})))
    inputs, request = inputs_of(record)
    assert inputs == decision.person.inputs
    assert request == decision.request
    assert items_of(decide_again(decision.compiled, inputs, request)) == record.items


def test_a_record_holds_what_might_not_be_used(bundle: Bundle) -> None:
    steering = Steering(more_like=frozenset({"item-5"}), hidden_items=frozenset({"item-1"}), restricted=True)
    decision = decide(bundle, EVENTS, k=3, now=0.0, steering=steering, attributes={"mood": "calm"}, shown={"item-7": 9})
    assert named_in(record_of(decision, {})) == {item.item for item in items_of(decision)} | {"item-1"}
    given = record_of(decision, {}).inputs
    assert given is not None
    assert (given.events, given.attributes, given.shown) == (None, {}, {})


def test_parts_that_a_record_does_not_list_are_lost(bundle: Bundle) -> None:
    events = [Event(f"item-{number}", "view", float(number)) for number in range(20)]
    decision = decide(bundle, events, k=5, now=0.0)
    for item in record_of(decision, {}).items:
        parts = explain(decision, item.item).attributions
        assert len(parts) > len(item.attributions) == MOST_PARTS
        assert float(item.others) == pytest.approx(sum(part.value for part in parts[MOST_PARTS:]), rel=1e-12)


def test_a_record_that_was_altered_keeps_its_digest(bundle: Bundle) -> None:
    record = record_of(decide(bundle, EVENTS, k=5, now=0.0), {})
    assert record.digest
    first = record.items[0]
    altered = [
        structs.replace(record, time=1.0),
        structs.replace(record, personalized=False),
        structs.replace(record, items=record.items[1:]),
        structs.replace(record, items=record.items[::-1]),
        structs.replace(record, items=(structs.replace(first, score=first.score + 1), *record.items[1:])),
        structs.replace(record, inputs=None),
        structs.replace(record, consents={"personalization": 1}),
        structs.replace(record, policy="0" * 64),
    ]
    for each in altered:
        assert each.computed_digest() != record.digest


@given(st.floats(allow_nan=False, allow_infinity=False))
@example(5e-324)
@example(-0.0)
@example(1.7976931348623157e308)
def test_a_real_is_not_restored_from_its_decimal(value: float) -> None:
    restored = float(Decimal(str(real(value))))
    assert restored == value
    assert math.copysign(1.0, restored) == math.copysign(1.0, value)
    assert float(real(float(np.float64(value)))) == value
