"""A small bounded reader of the protobuf wire format: enough to inspect an ONNX graph, nothing more.

It never recurses by itself (callers descend into the fields they know), never allocates more than the
input's size, and raises ``ModelContractError`` on anything malformed.
Source of the encoding: the Protocol Buffers encoding specification (varints, tags, wire types 0, 1, 2, 5).
"""

from collections.abc import Iterator

from homespun.errors import ModelContractError

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5

_MAX_VARINT_BYTES = 10
_FIXED_SIZES = {FIXED64: 8, FIXED32: 4}

Value = int | memoryview


def fields(message: memoryview) -> Iterator[tuple[int, int, Value]]:
    """Yield (field number, wire type, value) of a message, in order.

    Varints come as unsigned integers of at most 64 bits, everything else as a view of the input.

    Raises:
        ModelContractError: While iterating, if the message is malformed or cut short.
    """
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        number, wire_type = tag >> 3, tag & 7
        if number == 0:
            raise ModelContractError("the ONNX graph is malformed: a field has the number 0.")
        if wire_type == VARINT:
            value, position = _varint(message, position)
            yield number, wire_type, value
            continue
        length, position = _length(message, position, wire_type)
        if length > len(message) - position:
            raise ModelContractError("the ONNX graph is malformed: a field runs past the end.")
        yield number, wire_type, message[position : position + length]
        position += length


def varints(packed: memoryview) -> Iterator[int]:
    """Yield the unsigned varints of a packed repeated field."""
    position = 0
    while position < len(packed):
        value, position = _varint(packed, position)
        yield value


def signed(value: int) -> int:
    """Return a 64-bit varint as the signed integer that it encodes."""
    return value - (1 << 64) if value >= 1 << 63 else value


def text(value: Value) -> str:
    """Return a bytes field as text.

    Raises:
        ModelContractError: If it is not UTF-8 or not a bytes field.
    """
    try:
        return str(view(value), "utf-8")
    except UnicodeDecodeError as error:
        raise ModelContractError("the ONNX graph is malformed: a name is not UTF-8.") from error


def view(value: Value) -> memoryview:
    """Return a bytes field's content.

    Raises:
        ModelContractError: If the field is a number.
    """
    if isinstance(value, int):
        raise ModelContractError("the ONNX graph is malformed: a number stands where bytes belong.")
    return value


def number(value: Value) -> int:
    """Return a varint field's value.

    Raises:
        ModelContractError: If the field is not a varint.
    """
    if not isinstance(value, int):
        raise ModelContractError("the ONNX graph is malformed: bytes stand where a number belongs.")
    return value


def _length(message: memoryview, position: int, wire_type: int) -> tuple[int, int]:
    if wire_type in _FIXED_SIZES:
        return _FIXED_SIZES[wire_type], position
    if wire_type == BYTES:
        return _varint(message, position)
    raise ModelContractError(f"the ONNX graph is malformed: wire type {wire_type} does not exist.")


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    value = 0
    for index in range(_MAX_VARINT_BYTES):
        if position + index >= len(message):
            raise ModelContractError("the ONNX graph is malformed: it ends inside a number.")
        byte = message[position + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:  # noqa: PLR2004 - the continuation bit
            if value >= 1 << 64:
                break
            return value, position + index + 1
    raise ModelContractError("the ONNX graph is malformed: a number has more than 64 bits.")
