"""Golden scores are read otherwise than they were written, or hold what no bundle may make a device do."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.errors import BundleIntegrityError, InvalidEventError
from homespun.protocol.events import ContextValue, Event
from homespun.protocol.golden import SCHEMA_VERSION, Golden, GoldenCase, GoldenEvent, encode_golden, parse_golden

VECTOR = Path(__file__).parents[2] / "vectors" / "1" / "golden.json"

EVENTS = st.builds(
    GoldenEvent,
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=20),
    st.sampled_from(["view", "rate", "buy"]),
    st.none() | st.floats(0, 4e9),
    st.none() | st.floats(0, 1e6),
)
SCORES = st.decimals(-(10**6), 10**6, places=9).map(lambda score: f"{score:f}")


@st.composite
def goldens(draw: st.DrawFn) -> Golden:
    cases = []
    for _ in range(draw(st.integers(1, 4))):
        scores = draw(st.lists(SCORES, max_size=4))
        context: dict[str, ContextValue] = {}
        context |= draw(st.dictionaries(st.sampled_from(["device", "hour"]), st.text(max_size=5) | st.booleans()))
        items = tuple(f"item-{place}" for place in range(len(scores)))
        cases.append(GoldenCase(tuple(draw(st.lists(EVENTS, max_size=4))), context, items, tuple(scores)))
    return Golden(SCHEMA_VERSION, tuple(cases))


def whole() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(VECTOR.read_bytes())
    return found


@given(goldens())
def test_golden_scores_that_were_written_cannot_be_read(golden: Golden) -> None:
    raw = encode_golden(golden)
    assert parse_golden(raw) == golden
    assert encode_golden(parse_golden(raw)) == raw


CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "no case": lambda raw: raw.update(cases=[]),
    "too many cases": lambda raw: raw.update(cases=raw["cases"] * 101),
    "another version": lambda raw: raw.update(schema=SCHEMA_VERSION + 1),
    "no version": lambda raw: raw.pop("schema"),
    "a score too few": lambda raw: raw["cases"][0]["scores"].pop(),
    "an item too few": lambda raw: raw["cases"][0]["items"].pop(),
    "an item twice": lambda raw: raw["cases"][0]["items"].__setitem__(0, raw["cases"][0]["items"][1]),
    "a score that is a number": lambda raw: raw["cases"][0]["scores"].__setitem__(0, 1.5),
    "a score in words": lambda raw: raw["cases"][0]["scores"].__setitem__(0, "NaN"),
    "an endless score": lambda raw: raw["cases"][0]["scores"].__setitem__(0, "1" * 31),
    "an exponent": lambda raw: raw["cases"][0]["scores"].__setitem__(0, "1e400"),
    "a score with a line break": lambda raw: raw["cases"][0]["scores"].__setitem__(0, "1.5\n"),
    "an event before 1970": lambda raw: raw["cases"][1]["events"][0].update(time=-1),
    "an unknown field": lambda raw: raw.update(run="rm -rf"),
    "an unknown field of an event": lambda raw: raw["cases"][1]["events"][0].update(context={}),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_golden_scores_that_contradict_the_rules_are_accepted(change: Callable[[dict[str, Any]], object]) -> None:
    raw = whole()
    change(raw)
    with pytest.raises(BundleIntegrityError, match="golden"):
        parse_golden(json.dumps(raw).encode())


@pytest.mark.parametrize("raw", [b"", b"null", b"[]", b"\xff", b"{", b"[" * 100_000, b'{"schema": NaN}'])
def test_what_holds_no_golden_scores_is_accepted(raw: bytes) -> None:
    with pytest.raises(BundleIntegrityError, match="golden"):
        parse_golden(raw)


def test_an_event_is_replayed_otherwise_than_it_was_written() -> None:
    assert GoldenEvent("a", "rate", 5.0, 2.0).event() == Event("a", "rate", 5.0, 2.0)
    assert GoldenEvent("a", "view").event() == Event("a")


@pytest.mark.parametrize("wrong", [GoldenEvent("", "view"), GoldenEvent("a", "VIEW"), GoldenEvent("a", "view", 1e18)])
def test_an_event_that_no_profile_may_hold_is_replayed(wrong: GoldenEvent) -> None:
    with pytest.raises(InvalidEventError):
        wrong.event()


def test_released_golden_scores_are_read_otherwise() -> None:
    golden = parse_golden(VECTOR.read_bytes())
    assert golden == Golden(
        1,
        (
            GoldenCase((), {}, ("über", "b"), ("0.125000000", "-3")),
            GoldenCase(
                (GoldenEvent("b", "rate", 1_600_000_000.0, 4.5), GoldenEvent("über", "view")),
                {"device": "tv", "hour": 20, "evening": True, "share": 0.25},
                ("c",),
                ("12.500000001",),
            ),
        ),
    )
    assert encode_golden(golden) == VECTOR.read_bytes()
