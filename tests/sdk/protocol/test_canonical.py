import enum
import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.errors import MisuseError
from homespun.protocol.canonical import MAX_DEPTH, MAX_INTEGER, canonical

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-MAX_INTEGER, MAX_INTEGER) | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=20,
)


class Colour(enum.StrEnum):
    RED = "red"


class Level(enum.IntEnum):
    LOW = 1


def nested(levels: int) -> Any:
    value: Any = "core"
    for _ in range(levels):
        value = [value]
    return value


def test_the_example_of_rfc_8785_section_3_2_3_is_ordered_otherwise() -> None:
    # The names in the RFC's order of input; sorted by code points, דּ would come after the emoji.
    names = {
        "\u20ac": "Euro Sign",
        "\r": "Carriage Return",
        "\ufb33": "Hebrew Letter Dalet With Dagesh",
        "1": "One",
        "\U0001f600": "Emoji: Grinning Face",
        "\u0080": "Control",
        "\u00f6": "Latin Small Letter O With Diaeresis",
    }
    expected = (
        '{"\\r":"Carriage Return","1":"One","\u0080":"Control","ö":"Latin Small Letter O With Diaeresis",'
        '"€":"Euro Sign","\U0001f600":"Emoji: Grinning Face","\ufb33":"Hebrew Letter Dalet With Dagesh"}'
    )
    assert canonical(names) == expected.encode()


def test_the_text_and_literals_of_rfc_8785_section_3_2_2_are_written_otherwise() -> None:
    value = {
        "numbers": [333333333, 4, 0],
        "string": "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"/",
        "literals": [None, True, False],
    }
    expected = '{"literals":[null,true,false],"numbers":[333333333,4,0],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    assert canonical(value) == expected.encode()


def test_a_control_character_is_escaped_in_another_spelling() -> None:
    assert canonical("\b\t\n\f\r\x00\x1f\x7f\u2028") == '"\\b\\t\\n\\f\\r\\u0000\\u001f\x7f\u2028"'.encode()


def test_nothing_is_normalised() -> None:
    composed, decomposed = "\u00e9", "e\u0301"
    assert canonical(composed) != canonical(decomposed)


@pytest.mark.parametrize(
    "value", [0.5, 1.0, float("nan"), b"bytes", {1: "a"}, {None: "a"}, {"a": {1, 2}}, 1j, object(), [0.0]]
)
def test_a_value_that_programs_write_differently_is_hashed(value: object) -> None:
    with pytest.raises(MisuseError):
        canonical(value)


@pytest.mark.parametrize("value", [1 << 53, -(1 << 53), [10**400]])
def test_a_whole_number_that_not_every_program_keeps_is_hashed(value: object) -> None:
    with pytest.raises(MisuseError, match="2⁵³"):
        canonical(value)


@pytest.mark.parametrize("value", ["\ud800", {"\udc00": 1}, ["a", "\ud83d\ude00"[:1]]])
def test_half_of_a_surrogate_pair_is_hashed(value: object) -> None:
    with pytest.raises(MisuseError, match="surrogate"):
        canonical(value)


def test_a_deep_value_overflows_the_stack() -> None:
    assert canonical(nested(MAX_DEPTH)).startswith(b"[" * MAX_DEPTH + b'"')
    for levels in (MAX_DEPTH + 1, 100_000):
        with pytest.raises(MisuseError, match="levels"):
            canonical(nested(levels))


def test_an_enumeration_is_written_by_its_name() -> None:
    assert canonical({Colour.RED: Colour.RED, "level": Level.LOW}) == b'{"level":1,"red":"red"}'


def test_a_tuple_and_a_list_have_different_texts() -> None:
    assert canonical((1, "a", ())) == canonical([1, "a", []]) == b'[1,"a",[]]'


def test_the_order_of_building_changes_the_text() -> None:
    one, other = {"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"d": 3, "c": 2}, "a": 1}
    assert hashlib.sha256(canonical(one)).digest() == hashlib.sha256(canonical(other)).digest()


@given(VALUES)
def test_another_implementation_writes_other_bytes(value: object) -> None:
    peer = pytest.importorskip("rfc8785")
    assert canonical(value) == peer.dumps(value)
