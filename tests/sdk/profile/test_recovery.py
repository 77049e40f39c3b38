import random
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.errors import MisuseError
from homespun.profile.keys import Key
from homespun.profile.recovery import new_recovery, parse_recovery, recovery_text
from homespun.profile.secret import Secret
from tests.sdk.profile.sealing_support import raised, report, spellings

RAW = bytes(number * 37 % 251 for number in range(5, 37))
TEXT = recovery_text(Secret(RAW))
FROZEN = "AQ7F-0GBA-JEYE-C3SG-G6ND-7Z96-9XRC-3TRM-7NK8-ZC82-5DA7-V9P8-3516-MAPE"


def parsed(text: str) -> bytes:
    return parse_recovery(Secret(text.encode())).reveal()


def test_a_recovery_key_that_was_written_down_years_ago_is_read_differently() -> None:
    assert TEXT == FROZEN
    assert parsed(FROZEN) == RAW


@given(st.binary(min_size=32, max_size=32))
def test_what_was_written_down_is_another_key(raw: bytes) -> None:
    text, secret = new_recovery(lambda size: raw[:size])
    assert parsed(text) == secret.reveal() == raw
    assert [len(group) for group in text.split("-")] == [4] * 14


def test_a_recovery_key_has_a_character_that_looks_like_another() -> None:
    texts = [new_recovery(random.Random(number).randbytes)[0] for number in range(200)]
    assert not set("ILOU") & set("".join(texts))
    assert len(set("".join(texts))) == 33


@pytest.mark.parametrize(
    "typed",
    [
        TEXT.lower(),
        TEXT.replace("-", ""),
        TEXT.replace("-", "  "),
        TEXT.replace("-", "\n"),
        TEXT.replace("-", "\u2014"),
        TEXT.replace("-", "\u200b-\u2060"),
        f"\ufeff  {TEXT}\r\n",
        TEXT.replace("0", "O").replace("1", "I"),
        TEXT.lower().replace("0", "o").replace("1", "l"),
        TEXT.replace("1", "i"),
        "".join(unicodedata.lookup(f"FULLWIDTH DIGIT {name}") if digit == text else text
                for text in TEXT for digit, name in [("7", "SEVEN")]),
    ],
)  # fmt: skip
def test_a_key_typed_as_people_type_is_refused(typed: str) -> None:
    assert parsed(typed) == RAW


def test_the_key_used_here_has_the_characters_that_people_mistake() -> None:
    assert {"0", "1", "7"} <= set(TEXT)


ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@given(position=st.integers(0, 55), other=st.sampled_from(ALPHABET))
def test_one_character_that_is_another_one_goes_unnoticed(position: int, other: str) -> None:
    characters = list(TEXT.replace("-", ""))
    same = characters[position] == other
    characters[position] = other
    if same:
        assert parsed("".join(characters)) == RAW
        return
    with pytest.raises(MisuseError, match="mistyped"):
        parsed("".join(characters))


@given(position=st.integers(1, 54))
def test_two_characters_that_changed_places_go_unnoticed(position: int) -> None:
    characters = list(TEXT.replace("-", ""))
    pair = characters[position : position + 2]
    characters[position : position + 2] = pair[::-1]
    if pair[0] == pair[1]:
        return
    with pytest.raises(MisuseError, match="its check does not fit"):
        parsed("".join(characters))


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("", "has 0 characters rather than 56"),
        (TEXT[:-1], "has 55 characters"),
        (TEXT + "7", "has 57 characters"),
        (TEXT * 100, "has [0-9]+ characters"),
        (TEXT[:6] + "U" + TEXT[7:], "character 6, .* is 'U'"),
        (TEXT[:6] + "?" + TEXT[7:], r"character 6, .* is '\?'"),
        (TEXT[:6] + "\u00e9" + TEXT[7:], "character 6, .* is '\u00c9'"),
        ("B" + TEXT[1:], "begins with 'B' rather than 'A', or a newer homespun"),
    ],
)
def test_the_person_is_not_told_what_is_wrong(typed: str, told: str) -> None:
    with pytest.raises(MisuseError, match=told):
        parsed(typed)


@given(st.text(max_size=80))
def test_text_makes_anything_but_an_error(text: str) -> None:
    with pytest.raises(MisuseError, match="mistyped"):
        Key.recovery(text)


@pytest.mark.parametrize("text", [None, 5, b"bytes", "\ud800"])
def test_what_is_no_text_is_taken_for_a_recovery_key(text: Any) -> None:
    with pytest.raises(MisuseError, match="mistyped"):
        Key.recovery(text)


def test_the_report_of_a_typing_error_has_the_rest_of_the_key() -> None:
    wrong = TEXT[:-1] + ("0" if TEXT[-1] != "0" else "1")
    for typed in (wrong, TEXT[:-1], TEXT + "U"):
        shown = report(raised(lambda typed=typed: Key.recovery(typed)), __file__)  # type: ignore[misc]
        assert "Secret(...)" in shown
        assert TEXT[5:40] not in shown
        assert TEXT.replace("-", "")[5:40] not in shown
        assert [text for text in spellings(RAW) if text in shown] == []
