import copy
import enum
import json
import math
import operator
import pickle
import sys
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import numpy as np
import pytest

from homespun.errors import InvalidEventError, MisuseError
from homespun.protocol.events import (
    MAX_CONTEXT_ENTRIES,
    MAX_CONTEXT_LENGTH,
    MAX_CONTEXT_NUMBER,
    MAX_ITEM_LENGTH,
    MAX_TIME,
    Event,
    in_order,
)

HUGE = 10**5000
"""Larger than any float, with more digits than Python converts to text."""


def kind_of(value: object) -> str:
    """Name a case without showing its value, which can be too large to be shown."""
    return type(value).__name__


@pytest.mark.parametrize(
    "item",
    [
        "",
        "x" * (MAX_ITEM_LENGTH + 1),
        "a\nb",
        "a\tb",
        "a\0",
        "\x7f",
        "\x9b31m",
        "\u200b",
        "\u202e",
        "\ud800",
        "a\udfff",
        None,
        7,
        7.0,
        b"item",
        ["item"],
        True,
        HUGE,
        "x" * 10_000_000,
    ],
    ids=kind_of,
)
def test_an_item_that_is_no_id(item: Any) -> None:
    with pytest.raises(InvalidEventError, match=r"^item is .{1,100}; an item id is text of 1 to 512") as caught:
        Event(item)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("item", ["x", "x" * MAX_ITEM_LENGTH, "日本語", "a b", "é", "🎬", "../x", "';--", "\u2800"])
def test_an_item_that_is_an_id_is_refused(item: str) -> None:
    assert Event(item).item == item


@pytest.mark.parametrize(
    "kind",
    [
        "",
        "View",
        "7up",
        "_x",
        "a" * 65,
        "view\n",
        "view ",
        "vïew",
        "view\0",
        "\ud800",
        None,
        7,
        b"view",
        HUGE,
        "x" * 10**6,
    ],
    ids=kind_of,
)
def test_a_kind_that_is_no_word(kind: Any) -> None:
    with pytest.raises(InvalidEventError, match=r"^kind is .{1,100}; use a lower-case word"):
        Event("x", kind)


@pytest.mark.parametrize("kind", ["a", "a" * 64, "add-to_cart.2"])
def test_a_kind_that_is_a_word_is_refused(kind: str) -> None:
    assert Event("x", kind).kind == kind


@pytest.mark.parametrize("name", ["time", "weight"])
@pytest.mark.parametrize(
    "value", [math.nan, math.inf, -math.inf, -1, -1e-300, HUGE, -HUGE, 10**309, np.float64("nan")], ids=kind_of
)
def test_a_number_that_is_not_finite_or_negative(name: str, value: float) -> None:
    numbers: dict[str, Any] = {name: value}
    with pytest.raises(InvalidEventError, match=f"^{name} is .*must be finite, not negative"):
        Event("x", **numbers)


@pytest.mark.parametrize("name", ["time", "weight"])
@pytest.mark.parametrize(
    "value", [True, False, "1", b"1", [1], 1j, np.bool_(1), np.timedelta64(1, "s"), np.str_("1")], ids=repr
)
def test_a_number_that_is_none(name: str, value: Any) -> None:
    with pytest.raises(InvalidEventError, match=f"^{name} is .*give a number"):
        Event("x", **{name: value})


def test_a_time_after_all_calendars() -> None:
    assert Event("x", time=MAX_TIME).time == MAX_TIME
    assert Event("x", time=0).time == 0
    for late in (math.nextafter(MAX_TIME, math.inf), int(MAX_TIME) + 1):
        with pytest.raises(InvalidEventError, match="time"):
            Event("x", time=late)


def test_the_largest_weight_is_refused_or_a_larger_one_is_not() -> None:
    assert Event("x", weight=sys.float_info.max).weight == sys.float_info.max
    assert Event("x", weight=-0.0).weight == 0
    with pytest.raises(InvalidEventError, match="weight"):
        Event("x", weight=int(sys.float_info.max) * 2)


@pytest.mark.parametrize("context", [[("a", 1)], "a", 7, {"a"}, {str(number): 1 for number in range(33)}])
def test_a_context_that_is_no_small_mapping(context: Any) -> None:
    assert MAX_CONTEXT_ENTRIES == 32
    with pytest.raises(InvalidEventError, match="context must be a mapping of at most 32"):
        Event("x", context=context)


@pytest.mark.parametrize(
    "key",
    ["", "x" * (MAX_CONTEXT_LENGTH + 1), 7, None, HUGE, "\ud800", "a\udfffb", "x" * 10**6],
    ids=kind_of,
)
def test_a_context_key_that_is_none(key: Any) -> None:
    with pytest.raises(InvalidEventError) as caught:
        Event("x", context={key: 1})
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        b"x",
        1j,
        math.nan,
        math.inf,
        -math.inf,
        MAX_CONTEXT_NUMBER + 1,
        -MAX_CONTEXT_NUMBER - 1,
        HUGE,
        1e300,
        "x" * (MAX_CONTEXT_LENGTH + 1),
        "\ud800",
        "a\udc00",
        np.float32("nan"),
        np.int64(MAX_CONTEXT_NUMBER + 1),
        np.timedelta64(1, "s"),
        np.array([1]),
    ],
    ids=kind_of,
)
def test_a_context_value_that_json_cannot_hold(value: Any) -> None:
    with pytest.raises(InvalidEventError, match=r"^context\['k'\]") as caught:
        Event("x", context={"k": value})
    assert len(str(caught.value)) < 1000


def test_an_allowed_context_is_refused() -> None:
    context: Mapping[str, Any] = {
        "x" * MAX_CONTEXT_LENGTH: "y" * MAX_CONTEXT_LENGTH,
        "empty": "",
        "whole": MAX_CONTEXT_NUMBER,
        "negative": -0.5,
        "truth": False,
        "日": "🎬",
    }
    assert Event("x", context=context).context == context
    assert Event("x", context={str(number): number for number in range(32)}).context


def test_an_event_is_changed_after_it_was_checked() -> None:
    event = Event("x")
    with pytest.raises(AttributeError):
        event.item = ""  # type: ignore[misc]


def test_text_of_a_subclass_is_refused() -> None:
    class Shelf(enum.StrEnum):
        FILM = "film-1"

    assert Event(Shelf.FILM).item == "film-1"


@pytest.mark.parametrize("number", [np.float16(2.5), np.float32(2.5), np.float64(2.5), np.longdouble(2.5)], ids=repr)
def test_a_real_of_numpy_is_refused_or_kept_as_such(number: Any) -> None:
    event = Event("x", "rate", number, number, {"size": number})
    assert event == Event("x", "rate", 2.5, 2.5, {"size": 2.5})
    assert event.context is not None
    assert {type(value) for value in (event.time, event.weight, event.context["size"])} == {float}
    assert msgspec.json.decode(msgspec.json.encode(event), type=Event) == event


@pytest.mark.parametrize("number", [np.int8(2), np.uint64(2), np.int64(2), 2], ids=repr)
def test_an_integer_of_numpy_is_refused_or_kept_as_such(number: Any) -> None:
    context: dict[str, Any] = {"size": number, "new": np.bool_(1)}
    event = Event("x", "rate", number, number, context)
    assert [type(event.time), type(event.weight)] == [float, float]
    assert event.context == {"size": 2, "new": True}
    assert event.context is not None
    assert [type(value) for value in event.context.values()] == [int, bool]


def test_text_of_a_subclass_is_kept_as_such() -> None:
    class Word(str):
        __slots__ = ()

    event = Event(Word("x"), Word("view"), context={Word("k"): np.str_("v")})
    assert event.context == {"k": "v"}
    texts = [event.item, event.kind, *event.context, *event.context.values()]
    assert {type(text) for text in texts} == {str}


def test_a_context_is_changed_after_it_was_checked() -> None:
    given: dict[str, Any] = {"device": "tv"}
    event = Event("x", context=given)
    given["device"] = object()
    assert event.context == {"device": "tv"}
    kept: Any = event.context
    changes: list[Callable[[], object]] = [
        lambda: kept.update(a=1),
        lambda: kept.setdefault("a", 1),
        lambda: kept.pop("device"),
        kept.popitem,
        kept.clear,
        lambda: operator.setitem(kept, "a", 1),
        lambda: operator.delitem(kept, "device"),
        lambda: operator.ior(kept, {"a": 1}),
    ]
    for change in changes:
        with pytest.raises(TypeError, match="cannot be changed"):
            change()
    assert event.context == {"device": "tv"}


def test_an_event_with_a_context_cannot_be_hashed_copied_or_written() -> None:
    event = Event("x", "view", 1.0, 2.0, {"device": "tv"})
    assert len({event, Event("x", "view", 1, 2, {"device": "tv"}), Event("x", "view", 1.0, 2.0)}) == 2
    for twin in (copy.copy(event), copy.deepcopy(event), pickle.loads(pickle.dumps(event))):  # noqa: S301 - our own
        assert twin == event
        assert hash(twin) == hash(event)
        with pytest.raises(TypeError):
            twin.context.update(a=1)  # type: ignore[union-attr]
    assert json.loads(json.dumps(event.context)) == event.context
    assert msgspec.json.decode(msgspec.json.encode(event), type=Event) == event


def test_a_later_event_comes_first() -> None:
    first, second, third = Event("a", time=1.0), Event("b", time=2.0), Event("a", time=3.0)
    assert in_order([third, first, second]) == [first, second, third]
    assert in_order(iter([second, first])) == [first, second]
    assert in_order([]) == []


def test_of_equals_the_one_that_stands_last_comes_first() -> None:
    first, second = Event("a", time=1.0, weight=1.0), Event("a", time=1.0, weight=2.0)
    assert in_order([first, second]) == [first, second]
    assert in_order([second, first]) == [second, first]


def test_events_without_a_time_come_after_those_with_or_lose_their_order() -> None:
    timed, one, another = Event("a", time=0.0), Event("b"), Event("c")
    assert in_order([timed, one, another]) == [one, another, timed]
    assert in_order([another, timed, one]) == [another, one, timed]


@pytest.mark.parametrize("other", [{"item": "a"}, "a", None, ("a", "view"), 7], ids=kind_of)
def test_something_else_than_an_event_is_taken_for_one(other: Any) -> None:
    with pytest.raises(MisuseError, match="among the events"):
        in_order([Event("a"), other])
