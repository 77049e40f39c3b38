"""A record is made again from the bundle, and nothing that was changed in it passes."""

import random
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from homespun.errors import RecordError
from homespun.explain.recording import inputs_of, record_of
from homespun.explain.verifying import Verifier
from homespun.model.bundle import Bundle
from homespun.person.items import Items
from homespun.protocol.controls import FrequencyCap, Steering
from homespun.protocol.events import Event
from homespun.protocol.policy import Policy, Surface
from homespun.protocol.policy.stages import Candidates, Diversity, Exploration, Learning, Rules, Seen
from homespun.protocol.records import ExplanationRecord, parse_record, real
from tests.sdk.deciding import decide

EVENTS = [Event(f"item-{n}", "rate", 100.0 * n, 4.0 + n % 2, {"device": "tv"}) for n in range(8)]
EXPLORING = Policy(
    schema=1,
    name="exploring",
    surfaces={
        "home": Surface(
            stages=(
                Candidates(),
                Seen(),
                Rules(),
                Learning(),
                Diversity(unlike=0.3, calibration=0.2),
                Exploration(method="epsilon", share=0.4, epsilon=0.7),
            )
        )
    },
)


@pytest.fixture(scope="module")
def opened(full_folder: Path) -> Any:
    with Bundle.open(full_folder) as bundle:
        yield bundle


def recorded(bundle: Bundle, **given: Any) -> ExplanationRecord:
    options: dict[str, Any] = {"k": 6, "now": 5000.0, "context": {"device": "tv"}} | given
    return record_of(decide(bundle, options.pop("events", EVENTS), **options), {"personalization": 3})


@given(
    liked=st.lists(st.integers(0, 39), max_size=10),
    steering=st.builds(
        Steering,
        hidden_items=st.frozensets(st.sampled_from(["item-1", "item-30"])),
        hidden_tags=st.frozensets(st.sampled_from(["tag-0"])),
        more_like=st.frozensets(st.sampled_from(["item-2", "item-9"])),
        ignored_items=st.frozensets(st.sampled_from(["item-3"])),
        interests=st.dictionaries(st.sampled_from(["tag-1", "tag-2"]), st.floats(0, 1)),
        frequency_cap=st.none() | st.just(FrequencyCap(2, 7)),
        diversity=st.sampled_from([0.0, 0.5]),
        non_profiled=st.booleans(),
    ),
    k=st.integers(1, 45),
    seed=st.integers(0, 100),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_true_record_does_not_come_out_again(
    opened: Bundle, liked: list[int], steering: Steering, k: int, seed: int
) -> None:
    events = [Event(f"item-{number}", "view", float(at)) for at, number in enumerate(liked)]
    for policy in (None, EXPLORING):
        options = {} if policy is None else {"policy": policy}
        record = recorded(opened, events=events, steering=steering, k=k, seed=seed, shown={"item-5": 3}, **options)
        read = parse_record(msgspec.json.encode(record))
        assert read == record
        Verifier(opened, [EXPLORING]).check(read)


CHANGES: list[Callable[[dict[str, Any]], object]] = [
    lambda raw: raw["items"].reverse(),
    lambda raw: raw["items"].pop(),
    lambda raw: raw["items"][0].update(item="item-39"),
    lambda raw: raw["items"][0].update(score=str(Decimal(raw["items"][0]["score"]) + Decimal("0.001"))),
    lambda raw: raw["items"][1].update(reason="because you asked for it"),
    lambda raw: raw["items"][1]["attributions"][0].update(value="0.5"),
    lambda raw: raw["items"][1]["attributions"].pop(),
    lambda raw: raw["items"][1].update(others="0.25"),
    lambda raw: raw["items"][1].update(residual="0.25"),
    lambda raw: raw["items"][2].update(propensity="0.5"),
    lambda raw: raw["items"][2].update(moves=["moved up, because it is good"]),
    lambda raw: raw["items"][2].update(stages=[]),
    lambda raw: raw.update(candidates=3),
    lambda raw: raw.update(personalized=False),
    lambda raw: raw.update(bundle="0" * 64),
    lambda raw: raw.update(policy="0" * 64),
    lambda raw: raw["inputs"].update(k=3),
    lambda raw: raw["inputs"].update(events=raw["inputs"]["events"][1:]),
    lambda raw: raw["inputs"]["events"][0].update(item="item-20"),
    lambda raw: raw["inputs"].update(exclude=[raw["items"][0]["item"]]),
    lambda raw: raw["inputs"].update(context={}),
    lambda raw: raw["inputs"].update(local_items="0" * 64),
    lambda raw: raw["inputs"].update(steering={"hidden_items": [raw["items"][0]["item"]]}),
]


@pytest.mark.parametrize("number", range(len(CHANGES)))
@pytest.mark.parametrize("clever", [False, True])
def test_a_changed_record_is_taken_for_true(opened: Bundle, number: int, *, clever: bool) -> None:
    raw = msgspec.json.decode(msgspec.json.encode(recorded(opened)))
    CHANGES[number](raw)
    record = msgspec.convert(raw, ExplanationRecord, strict=False)
    # Somebody who knows how digests are made makes another one.
    record = record.sealed() if clever else record
    with pytest.raises(RecordError, match=None if clever else "changed since it was made"):
        Verifier(opened).check(record)


def test_one_flipped_bit_anywhere_is_taken_for_true(opened: Bundle) -> None:
    text, draw = msgspec.json.encode(recorded(opened)), random.Random(7)
    for place in draw.sample(range(len(text)), 150):
        changed = bytearray(text)
        changed[place] ^= 1 << draw.randrange(7)
        try:
            record = parse_record(bytes(changed))
        except (msgspec.MsgspecError, UnicodeDecodeError):
            continue
        with pytest.raises(RecordError):
            Verifier(opened).check(record)


def test_a_record_of_another_policy_or_of_local_items_is_verified_without_them(opened: Bundle) -> None:
    with pytest.raises(RecordError, match="neither the bundle's nor the default one"):
        Verifier(opened).check(recorded(opened, policy=EXPLORING))
    items = Items(opened, 100)
    items.update([{"id": "item-4", "stock": 0}])
    record = recorded(items.view)
    with pytest.raises(RecordError, match="something else of items"):
        Verifier(opened).check(record)
    Verifier(items.view).check(record)


def test_an_earlier_record_is_said_to_be_verified(opened: Bundle) -> None:
    old = (
        b'{"schema":2,"bundle":"ab","time":"5","item":"item-1","personalized":true,"score":"1.5","attributions":'
        b'[{"source":"history","component":"content","item":"item-2","value":"1.5"}],"residual":"0","moves":[]}'
    )
    record = parse_record(old)
    item = record.items[0]
    assert (record.schema, item.item, item.score, record.inputs) == (2, "item-1", Decimal("1.5"), None)
    with pytest.raises(RecordError, match="version 2"):
        Verifier(opened).check(record)


def test_what_may_not_be_used_is_kept_in_a_record(opened: Bundle) -> None:
    for steering in (Steering(objected=True), Steering(restricted=True), Steering(non_profiled=True)):
        tastes = structs_of(steering)
        record = recorded(opened, steering=tastes, shown={"item-5": 3})
        assert record.inputs is not None
        assert (record.inputs.events, record.inputs.shown, record.personalized) == (None, {}, False)
        assert record.inputs.steering.more_like == ()
        Verifier(opened).check(record)


def structs_of(steering: Steering) -> Steering:
    return Steering(
        more_like=frozenset({"item-9"}),
        non_profiled=steering.non_profiled,
        restricted=steering.restricted,
        objected=steering.objected,
    )


def test_inputs_do_not_survive_a_record(opened: Bundle) -> None:
    record = recorded(opened, exclude=["item-11"], seed=9, exclude_seen=False)
    inputs, request = inputs_of(record)
    assert [(event.item, event.time, event.weight, event.context) for event in inputs.events or ()] == [
        (event.item, event.time, event.weight, event.context) for event in EVENTS
    ]
    assert (request.k, request.seed, request.exclude, request.exclude_seen) == (6, 9, frozenset({"item-11"}), False)
    assert structs.replace(record, digest="").sealed() == record
    assert real(0.1) == Decimal("0.10000000000000001")
