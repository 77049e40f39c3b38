"""Random policies, people and requests: what must hold of every list, whatever they say."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.explain.explaining import explain, reasons
from homespun.explain.recording import inputs_of, items_of, record_of
from homespun.model.bundle import Bundle
from homespun.protocol.events import Event, in_order
from homespun.protocol.policy import Policy
from homespun.protocol.policy import rules as actions
from homespun.protocol.policy.stages import Candidates, Caps, Rules
from homespun.protocol.records import parse_record
from homespun.ranking.decision import Decision, decide
from homespun.ranking.request import Inputs, Request
from homespun.ranking.surfaces import Compiled
from tests.sdk.ranking import engine_strategies as drawn

LISTABLE = [*(f"item-{number}" for number in range(drawn.ITEMS)), "new-0"]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bundle]:
    with drawn.shop(tmp_path_factory.mktemp("engine")) as opened:
        yield opened


@dataclass(frozen=True)
class Asked:
    """One list to make."""

    policy: Policy
    inputs: Inputs
    request: dict[str, Any]

    def made(self, bundle: Bundle, inputs: Inputs | None = None, **changes: Any) -> Decision:
        asked = self.request | changes
        return decide(Compiled(bundle, self.policy), inputs or self.inputs, Request.of(**asked))


asked = st.builds(Asked, drawn.policies(), drawn.people, drawn.requests(LISTABLE))


def listed(decision: Decision) -> list[str]:
    return [decision.bundle.items[position] for position in decision.ranked.positions.tolist()]


def last_kinds(events: list[Event]) -> dict[str, str]:
    return {event.item: event.kind for event in in_order(events)}


def forbidden(bundle: Bundle, one: Asked, decision: Decision) -> set[str]:
    """What must not stand in the list, told again."""
    inputs, steering = one.inputs, one.inputs.steering
    known = list(inputs.events or ()) if inputs.allowed else []
    stage = decision.plan.stage(Candidates)
    negative = set(bundle.manifest.history.negative_kinds)
    found = set(one.request["exclude"]) | set(steering.hidden_items) | set(() if stage is None else stage.exclude)
    found |= {item for item in LISTABLE if steering.hidden_tags & set(bundle.tags(item))}
    found |= {drawn.GONE, drawn.LATER, "new-1"}
    found |= {item for item, kind in last_kinds(known).items() if kind in negative}
    if one.request["exclude_seen"]:
        found |= {event.item for event in known}
    if one.request["item"]:
        found.add(one.request["item"])
    return found | {item for item in LISTABLE if filtered(decision, item)}


def filtered(decision: Decision, item: str) -> bool:
    if decision.plan.stage(Rules) is None or not decision.compiled.policy.rules:
        return False
    firing = decision.compiled.rules.firing(decision.situation)
    position = np.array([decision.bundle.position(item)], np.int64)
    filters = [rule for rule in firing.rules if isinstance(rule.then, actions.Filter)]
    return bool(firing.masks(filters, position).any())


@given(one=asked)
def test_something_is_listed_that_must_not_be(shop: Bundle, one: Asked) -> None:
    decision = one.made(shop)
    found = listed(decision)
    assert len(set(found)) == len(found) <= one.request["k"]
    assert forbidden(shop, one, decision).isdisjoint(found)
    if one.request["ids"] is not None:
        assert set(found) <= set(one.request["ids"])
    if decision.plan.source == "history":
        known = (one.inputs.events or ()) if one.inputs.allowed else ()
        assert set(found) <= {event.item for event in known}


def caps_of(decision: Decision) -> list[tuple[int, set[str]]]:
    """The caps of rules and of the stage, each with the items that it is about."""
    bundle, found = decision.bundle, []
    everything = np.arange(bundle.size, dtype=np.int64)
    for rule in () if decision.firing is None else decision.firing.rules:
        if isinstance(rule.then, actions.Cap):
            fits = decision.firing.masks([rule], everything)[0]  # type: ignore[union-attr]
            found.append((rule.then.at_most, {bundle.items[place] for place in np.flatnonzero(fits).tolist()}))
    stage = decision.plan.stage(Caps)
    if stage is not None:
        for tag in {tag for item in LISTABLE for tag in bundle.tags(item)}:
            most = stage.tags.get(tag, stage.each)
            if most is not None:
                found.append((most, {item for item in LISTABLE if tag in bundle.tags(item)}))
    return found


@given(one=asked)
def test_a_cap_is_exceeded_or_a_list_is_short_without_need(shop: Bundle, one: Asked) -> None:
    decision = one.made(shop)
    found = set(listed(decision))
    caps = caps_of(decision)
    for most, items in caps:
        assert len(found & items) <= most
    if len(found) == one.request["k"]:
        return
    assert decision.complete
    wanted = {
        "all": LISTABLE,
        "similar": LISTABLE,
        "given": [item for item in one.request["ids"] or () if item in shop],
        "history": [shop.items[position] for position in decision.person.seen.positions.tolist()],
    }[decision.plan.source]
    left = [item for item in wanted if item not in found and not decision.bars.of(item)]
    full = [items for most, items in caps if len(found & items) == most]
    assert all(any(item in items for items in full) for item in left)


@given(one=asked)
def test_a_pin_does_not_hold_and_is_not_told(shop: Bundle, one: Asked) -> None:
    decision = one.made(shop)
    if decision.firing is None:
        return
    places = decision.assembled.places
    taken = {placed.rule: number for number, placed in enumerate(places, 1) if placed.cause == "pin"}
    pins = {number: rule for number, rule in enumerate(decision.firing.rules) if isinstance(rule.then, actions.Pin)}
    assert set(taken) == set(pins) - decision.assembled.unmet
    for number, rule in pins.items():
        fits = decision.firing.masks([rule], decision.ranked.positions)[0].tolist()
        if number in taken:
            assert fits[taken[number] - 1]
            wanted = rule.then.at  # type: ignore[union-attr]
            # Another pin may have come first, and a list may end before.
            others = {place for other, place in taken.items() if other != number}
            assert taken[number] == wanted or set(range(wanted, taken[number])) <= others or len(places) < wanted
        elif rule.then.at <= len(places) and len(pins) == 1 and not caps_of(decision):  # type: ignore[union-attr]
            assert not any(fits)


@given(one=asked)
def test_the_same_inputs_make_another_list(shop: Bundle, one: Asked) -> None:
    first, second = one.made(shop), one.made(shop)
    assert listed(second) == listed(first)
    assert second.ranked.scores.tolist() == first.ranked.scores.tolist()
    assert second.assembled == first.assembled
    assert reasons(second) == reasons(first)
    propensities = [placed.propensity for placed in first.assembled.places]
    assert all(0 < each <= 1 for each in propensities)
    record = record_of(first, {})
    inputs, request = inputs_of(parse_record(msgspec.json.encode(record)))
    again = decide(first.compiled, inputs, request)
    assert items_of(again) == record.items


@given(one=asked)
def test_parts_do_not_add_up_to_the_score_that_ranked(shop: Bundle, one: Asked) -> None:
    decision = one.made(shop)
    scores = dict(zip(listed(decision), decision.ranked.scores.tolist(), strict=True))
    by_candidate = dict(zip(decision.pool.positions.tolist(), decision.scores.tolist(), strict=True))
    told = reasons(decision)
    for place, (item, score) in enumerate(list(scores.items())[:6]):
        explanation = explain(decision, item)
        assert explanation.score == score == by_candidate[shop.position(item)]
        values = [part.value for part in explanation.attributions]
        assert abs(score - sum(values)) <= 1e-5 * sum(map(abs, values))
        assert explanation.exact
        assert explanation.place == place + 1
        assert explanation.reason == told[place]
        assert explanation.stages[-1].after == place + 1
    if len(decision.steps) == 1:
        usual = [
            score
            for score, placed in zip(scores.values(), decision.assembled.places, strict=True)
            if placed.cause == "order"
        ]
        assert usual == sorted(usual, reverse=True)


@given(one=asked, item=st.sampled_from(LISTABLE))
def test_asking_about_an_item_changes_the_list_or_gives_it_another_score(shop: Bundle, one: Asked, item: str) -> None:
    plain, decision = one.made(shop), one.made(shop, asked=item)
    assert listed(decision) == listed(plain)
    assert decision.asked is not None
    explanation = explain(decision, item)
    magnitude = sum(abs(part.value) for part in explanation.attributions)
    if item in listed(plain):
        score = plain.ranked.scores[listed(plain).index(item)]
        assert decision.asked.scores[0] == pytest.approx(score, rel=1e-9, abs=1e-9 * magnitude)
        assert explanation.place == listed(plain).index(item) + 1
    else:
        barred = bool(decision.bars.barred(decision.asked.positions)[0])
        assert bool(explanation.moves) is barred is bool(decision.bars.of(item))
    assert abs(explanation.residual) <= 1e-5 * magnitude


@given(one=asked, events=drawn.events, refusal=st.sampled_from(["non_profiled", "restricted", "objected", None]))
def test_a_list_without_personal_data_depends_on_it(
    shop: Bundle, one: Asked, events: list[Event], refusal: str | None
) -> None:
    steering = one.inputs.steering
    general = Inputs(
        None, replace(steering.without_personal_data(), non_profiled=False, restricted=False, objected=False)
    )
    refused = steering if refusal is None else replace(steering, **{refusal: True})  # type: ignore[arg-type]
    inputs = Inputs(None if refusal is None else events, refused, {"device": "tv", "mood": "calm"})
    wanted, found = one.made(shop, general, shown={}), one.made(shop, inputs)
    assert listed(found) == listed(wanted)
    assert found.ranked.scores.tolist() == wanted.ranked.scores.tolist()
    assert (found.allowed, found.personalized) == (False, False)
    assert not any(part.event for item in listed(found)[:2] for part in explain(found, item).attributions)
