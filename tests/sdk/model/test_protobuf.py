"""Malformed wire format ends in one exception, with no more work than the input has bytes."""

import pytest

from homespun.errors import ModelContractError
from homespun.model.protobuf import BYTES, FIXED32, FIXED64, VARINT, fields, number, signed, text, varints, view


def parsed(message: bytes) -> list[tuple[int, int, int | bytes]]:
    return [
        (field, kind, value if isinstance(value, int) else bytes(value))
        for field, kind, value in fields(memoryview(message))
    ]


def test_every_wire_type_is_misread() -> None:
    message = b"\x08\x96\x01" + b"\x12\x02hi" + b"\x1d\x01\x02\x03\x04" + b"\x21" + bytes(8) + b"\x12\x00"
    assert parsed(message) == [
        (1, VARINT, 150),
        (2, BYTES, b"hi"),
        (3, FIXED32, b"\x01\x02\x03\x04"),
        (4, FIXED64, bytes(8)),
        (2, BYTES, b""),
    ]
    assert parsed(b"") == []


@pytest.mark.parametrize(
    ("message", "match"),
    [
        (b"\x08", "inside a number"),
        (b"\x80", "inside a number"),
        (b"\x08" + b"\x80" * 9, "inside a number"),
        (b"\x08" + b"\x80" * 10 + b"\x01", "more than 64 bits"),
        (b"\x08" + b"\xff" * 9 + b"\x02", "more than 64 bits"),
        (b"\x12\x05abc", "past the end"),
        (b"\x12" + b"\xff" * 9 + b"\x01", "past the end"),
        (b"\x1d\x01\x02\x03", "past the end"),
        (b"\x21" + bytes(7), "past the end"),
        (b"\x00\x01", "number 0"),
        (b"\x0b\x0c", "wire type 3"),
        (b"\x0c", "wire type 4"),
        (b"\x0e", "wire type 6"),
        (b"\x0f", "wire type 7"),
    ],
)
def test_a_malformed_message_is_read(message: bytes, match: str) -> None:
    with pytest.raises(ModelContractError, match=match):
        parsed(message)


def test_the_largest_number_wraps() -> None:
    assert parsed(b"\x08" + b"\xff" * 9 + b"\x01") == [(1, VARINT, (1 << 64) - 1)]
    assert [signed(value) for value in (0, 1, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)] == [
        0,
        1,
        (1 << 63) - 1,
        -(1 << 63),
        -1,
    ]


def test_packed_numbers_are_misread() -> None:
    assert list(varints(memoryview(b"\x01\x96\x01\x00"))) == [1, 150, 0]
    with pytest.raises(ModelContractError, match="inside a number"):
        list(varints(memoryview(b"\x01\x96")))


def test_a_number_is_taken_for_bytes_or_bytes_for_a_number() -> None:
    with pytest.raises(ModelContractError, match="a number stands"):
        view(7)
    with pytest.raises(ModelContractError, match="a number stands"):
        text(7)
    with pytest.raises(ModelContractError, match="bytes stand"):
        number(memoryview(b"7"))


def test_a_name_is_not_unicode() -> None:
    with pytest.raises(ModelContractError, match="UTF-8"):
        text(memoryview(b"\xff"))
    assert text(memoryview("Ü".encode())) == "Ü"
