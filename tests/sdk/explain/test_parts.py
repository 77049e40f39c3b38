"""Everything that a score is made of is told as what it is, and only where it is used."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from homespun.explain.explaining import explain, reasons
from homespun.explain.explanation import Attribution
from homespun.explain.recording import record_of
from homespun.explain.wording import DEFAULT
from homespun.model.bundle import Bundle
from homespun.protocol.controls import Steering
from homespun.protocol.events import ContextValue, Event
from homespun.protocol.records import SCHEMA_VERSION, parse_record
from homespun.ranking.decision import Decision
from tests.sdk import bundles
from tests.sdk.deciding import decide, decide_one
from tests.sdk.models import Model

EVENTS = [Event("item-3", time=10.0), Event("item-8", time=20.0), Event("item-21")]


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Bundle, Model]]:
    model = bundles.full_model(60, seed=3, density=0.4)
    with Bundle.open(bundles.write(tmp_path_factory.mktemp("parts") / "bundle", model)) as opened:
        yield opened, model


def parts_of(decision: Decision, item: str, source: str) -> list[Attribution]:
    return [part for part in explain(decision, item).attributions if part.source == source]


def test_a_part_has_another_value_than_its_own_table_says(full: tuple[Bundle, Model]) -> None:
    bundle, model = full
    decision = decide(bundle, EVENTS, k=60, now=0.0, context={"device": "phone"}, exclude_seen=False)
    level, taste = decision.history.level, decision.history.taste
    assert level == 2
    assert taste is not None
    assert model.archetypes is not None
    for position in decision.ranked.positions.tolist():
        item = f"item-{position}"
        priors = {part.component: part.value for part in parts_of(decision, item, "prior")}
        expected = {
            name: model.prior_weights[place][level] * float(model.priors[place, position])
            for place, name in enumerate(model.prior_names)
        }
        assert priors == pytest.approx(expected)
        (circumstance,) = parts_of(decision, item, "context")
        assert (circumstance.component, circumstance.target) == ("device", "phone")
        assert circumstance.value == pytest.approx(model.contexts[0][2][level] * model.context_row(1)[position])
        (kind,) = parts_of(decision, item, "archetype")
        assert (kind.component, kind.target) == (None, str(taste))
        assert kind.value == pytest.approx(model.archetypes[1][level] * model.context_row(5 + taste)[position])
        repeated = parts_of(decision, item, "repeat")
        assert [part.target for part in repeated] == ([item] if position in {3, 8, 21} else [])
        for place, part in enumerate(model.parts):
            by_item = {
                each.event.item: each.value
                for each in explain(decision, item).attributions
                if each.event and each.component == part.name
            }
            alone = model.matrix(part)[[21, 3, 8], position]
            weights = decision.history.weights[place]
            assert [by_item[name] for name in ("item-21", "item-3", "item-8")] == pytest.approx(
                (weights * alone).tolist()
            )


def test_a_circumstance_that_is_not_used_is_told(full: tuple[Bundle, Model]) -> None:
    bundle, _ = full
    for context in ({}, {"device": "radio"}, {"elsewhere": "tv"}):
        assert (
            parts_of(decide(bundle, [], k=1, now=0.0, context=context), bundle.items[first(bundle, context)], "context")
            == []
        )


def first(bundle: Bundle, context: dict[str, str]) -> int:
    return int(decide(bundle, [], k=1, now=0.0, context=context).ranked.positions[0])


def test_labels_are_alike_or_name_nothing(full: tuple[Bundle, Model]) -> None:
    bundle, _ = full
    steering = Steering(more_like=frozenset({"item-5"}), interests={"tag-1": 1.0})
    decision = decide(
        bundle,
        [*EVENTS, Event("item-8", "buy", 30.0)],
        k=60,
        now=0.0,
        context={"evening": True},
        exclude_seen=False,
        steering=steering,
    )
    told = {part.label for part in explain(decision, "item-8").attributions} | {
        part.label for part in explain(decision, "item-1").attributions
    }
    assert {
        "you viewed Title № 3 (sequential)",
        "you bought Title № 8 (session)",
        "you asked for more like Title № 5 (content)",
        "your interest in tag-1, as you set it",
        "popular with everybody, the same for everybody",
        "popular lately, the same for everybody",
        "evening: true",
        "the kind of taste that your choices show",
        "you chose it before",
    } <= told


def at(item: str, times: str) -> list[Event]:
    """Events of an item in the evening (e) and by day (d)."""
    return [Event(item, time=float(place), context={"evening": each == "e"}) for place, each in enumerate(times)]


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_habit_is_told_as_everybodys_or_the_wrong_way_round(tmp_path: Path, sign: float) -> None:
    """What somebody does more often stays that, also where a bundle takes it for a reason to show something else."""
    model = bundles.full_model(60, density=0.1)
    model = replace(model, own=(None, (sign * 500.0,) * 6), repeats=((0.0,) * 6, (0.0,) * 6))
    events = [*at("item-3", "eeed"), *at("item-8", "dd"), Event("item-21")]
    with Bundle.open(bundles.write(tmp_path / "bundle", model)) as bundle:
        decision = decide(bundle, events, k=60, now=0.0, context={"evening": True}, exclude_seen=False)
        told = dict(zip(decision.ranked.positions.tolist(), reasons(decision), strict=True))
        parts = {item: parts_of(decision, item, "context") for item in ("item-3", "item-8", "item-21", "item-4")}
        # Of the weight of repeats, 0, nothing is left when habits are taken away.
        assert not any(parts_of(decision, item, "repeat") for item in parts)
        (entries,) = [item.attributions for item in record_of(decision, {}).items if item.item == "item-3"]
    labels = {item: sorted(part.label for part in found) for item, found in parts.items()}
    assert labels == {
        "item-3": ["evening: true", "you choose it more often when evening is true"],
        "item-8": ["evening: true", "you choose it less often when evening is true"],
        "item-21": ["evening: true"],
        "item-4": ["evening: true"],
    }
    values = {item: sum(part.value for part in found if part.often is not None) for item, found in parts.items()}
    share = 4 / 8
    expected = {"item-3": np.log((3 + 5 * share) / (9 * share)), "item-8": np.log(5 * share / (7 * share))}
    assert values == pytest.approx({"item-21": 0.0, "item-4": 0.0} | {k: sign * 500 * v for k, v in expected.items()})
    shown, way = (3, "more") if sign > 0 else (8, "less")
    assert told[shown] == f"because you choose it {way} often when evening is true"
    assert sum("choose it" in reason for reason in told.values()) == 1
    kinds = {(entry.source, entry.component, entry.item, entry.choice) for entry in entries}
    assert {("context", "evening", None, "true"), ("context", "evening:own", None, "true")} <= kinds


def test_a_record_loses_what_a_part_is(full: tuple[Bundle, Model]) -> None:
    bundle, _ = full
    decision = decide(bundle, EVENTS, k=60, now=0.0, context={"evening": False}, exclude_seen=False)
    record = record_of(decision, {})
    assert record.schema == SCHEMA_VERSION == 3
    assert parse_record(msgspec.json.encode(record)) == record
    (told,) = [item for item in record.items if item.item == "item-8"]
    kinds = {(entry.source, entry.component, entry.item, entry.choice) for entry in told.attributions}
    assert {
        ("history", "session", "item-8", None),
        ("prior", "popularity", None, None),
        ("prior", "trend-7d", None, None),
        ("context", "evening", None, "false"),
        ("archetype", None, None, str(decision.history.taste)),
        ("repeat", None, "item-8", None),
    } <= kinds


def test_a_record_of_version_1_is_not_read() -> None:
    old: dict[str, Any] = {
        "schema": 1,
        "bundle": "0" * 64,
        "time": "1",
        "item": "item-1",
        "personalized": True,
        "score": "1.5",
        "attributions": [
            {
                "source": "history",
                "component": "collaborative",
                "item": "item-3",
                "value": "1",
                "control": None,
                "tag": None,
            },
            {"source": "prior", "component": None, "item": None, "value": "0.5"},
        ],
        "residual": "0",
        "moves": [],
    }
    (item,) = parse_record(msgspec.json.encode(old)).items
    assert [entry.choice for entry in item.attributions] == [None, None]


@pytest.mark.parametrize(
    ("prior", "words"),
    [
        ("popularity", "popular with everybody"),
        ("trend-7d", "popular lately"),
        ("trend", "popular lately"),
        ("again", "again of the item"),
    ],
)
def test_a_prior_is_told_as_another(prior: str, words: str) -> None:
    assert DEFAULT.prior(prior) == words


def test_what_is_popular_lately_is_called_popular_with_everybody(full: tuple[Bundle, Model]) -> None:
    bundle, model = full
    decision = decide(bundle, [], k=60, now=0.0)
    weighted = np.array([model.prior_weights[place][0] * model.priors[place].astype(float) for place in (0, 1)])
    for position, reason in zip(decision.ranked.positions.tolist(), reasons(decision), strict=True):
        words = ("popular with everybody", "popular lately")[int(weighted[:, position].argmax())]
        assert reason == f"{words}; nothing is known about you yet"


def test_what_was_chosen_before_has_another_reason(tmp_path: Path) -> None:
    model = replace(bundles.full_model(60, density=0.1), repeats=((500.0,) * 6, (500.0,) * 6))
    with Bundle.open(bundles.write(tmp_path / "bundle", model)) as bundle:
        decision = decide(bundle, EVENTS, k=60, now=0.0, exclude_seen=False)
        told = dict(zip(decision.ranked.positions.tolist(), reasons(decision), strict=True))
        assert decision.ranked.positions[:3].tolist() in (
            [3, 8, 21],
            [3, 21, 8],
            [8, 3, 21],
            [8, 21, 3],
            [21, 3, 8],
            [21, 8, 3],
        )
        assert {told[position] for position in (3, 8, 21)} == {"because you chose it before"}
        assert not any("before" in told[position] for position in told if position not in {3, 8, 21})


@pytest.fixture(scope="module")
def with_new(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bundle]:
    model = bundles.full_model(300, every=4, density=0.1)
    model.priors[:, 270:] -= 8.0
    with Bundle.open(bundles.write(tmp_path_factory.mktemp("new") / "bundle", model)) as opened:
        yield opened


@pytest.mark.parametrize("diversity", [0.0, 0.6])
def test_a_new_item_at_a_reserved_place_does_not_say_so_or_its_neighbours_do_not(
    with_new: Bundle, diversity: float
) -> None:
    steering = Steering(diversity=diversity)
    decision = decide(with_new, EVENTS, k=13, now=0.0, steering=steering)
    usual = [score for place, score in enumerate(decision.ranked.scores.tolist()) if place % 4 != 3]
    kept = {place for place, placed in enumerate(decision.assembled.places) if placed.cause == "kept"}
    assert kept == {3, 7, 11}
    order = decision.steps[-1].order.tolist()
    for place, position in enumerate(decision.ranked.positions.tolist()):
        explanation = explain(decision, f"item-{position}")
        spread = tuple(move for move in explanation.moves if move.endswith("so that unlike items stand side by side"))
        assert bool(spread) is bool(
            decision.steps[0].order.tolist().index(decision.places[place]) != order.index(decision.places[place])
        )
        moves = explanation.moves[len(spread) :]
        if place in kept:
            assert position >= 270
            assert moves == (f"at place {place + 1}, which is kept for items that are new",)
            assert explanation.reason == "new here, and a place is kept for what is new"
            assert decision.ranked.scores[place] < min(usual)
        elif order[place] == decision.places[place]:
            assert moves == ()
        else:
            before = order.index(decision.places[place]) + 1
            assert moves == (f"moved down from place {before} to {place + 1}, by the places of other items",)
    assert explain(decision, f"item-{int(decision.ranked.positions[0])}").moves == ()


def test_attributes_are_used_without_permission_or_not_called_personal(full: tuple[Bundle, Model]) -> None:
    bundle, _ = full
    attributes: dict[str, ContextValue] = {"device": "tv", "unknown": 3}

    def made(events: list[Event] | None, **more: Any) -> Decision:
        return decide(bundle, events, k=20, now=0.0, attributes=attributes, **more)

    allowed = made([])
    assert (allowed.personalized, dict(allowed.attributes)) == (True, {"device": "tv"})
    assert [part.target for part in parts_of(allowed, f"item-{int(allowed.ranked.positions[0])}", "context")] == ["tv"]
    for refused in (
        made(None),
        made([], steering=Steering(restricted=True)),
        made([], steering=Steering(non_profiled=True)),
    ):
        assert (refused.personalized, dict(refused.attributes)) == (False, {})
        assert refused.history.context.size == 0
    requested = made([], context={"device": "phone"})
    assert (requested.personalized, dict(requested.attributes)) == (False, {})
    assert requested.history.circumstances == (("device", "phone"),)
    assert made(None, context={"device": "phone"}).history.circumstances == (("device", "phone"),)
    assert decide(bundle, [], k=20, now=0.0, attributes={"unknown": 3}).personalized is False
    alone = decide_one(bundle, [], "item-1", now=0.0, attributes=attributes)
    assert (alone.personalized, alone.history.circumstances) == (True, (("device", "tv"),))
