"""Canonical JSON: the one text of a value, so that everybody who hashes or signs it sees the same bytes.

The JSON Canonicalization Scheme (RFC 8785) over text, whole numbers, truth values, None, lists, tuples and
dictionaries. Reals are refused: hashed artefacts write them as decimal text, about which no two programs can
disagree. Whole numbers stop at 2⁵³ − 1 (RFC 8785, appendix D), beyond which not every program keeps them exact.

Pure. Reading JSON is no business of this module.
"""

import json
from collections.abc import Iterator

from homespun.errors import MisuseError

MAX_INTEGER = (1 << 53) - 1
"""Largest magnitude of a whole number."""

MAX_DEPTH = 64
"""Most lists and dictionaries inside each other."""


def canonical(value: object) -> bytes:
    """Return the value's canonical JSON in UTF-8 (RFC 8785).

    Members are ordered by the UTF-16 code units of their names; nothing is normalised, trimmed or left out.

    Args:
        value: None, a bool, an int, a str, or a list, tuple or dict of such values. A tuple is a list here,
            and subclasses count as the plain value that they are.

    Raises:
        MisuseError: If it holds anything else, a float included, text with half of a surrogate pair, a whole
            number beyond ``MAX_INTEGER``, or more than ``MAX_DEPTH`` levels.
    """
    text = "".join(_written(value, MAX_DEPTH))
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise MisuseError("text with half of a surrogate pair has no canonical JSON; give well-formed text.") from error


def _written(value: object, levels: int) -> Iterator[str]:
    if value is None or isinstance(value, bool):
        yield {None: "null", True: "true", False: "false"}[value]
    elif isinstance(value, str):
        yield _quoted(value)
    elif isinstance(value, int):
        yield _whole(value)
    elif not isinstance(value, list | tuple | dict):
        raise MisuseError(
            f"a value of type {type(value).__name__} has no canonical JSON here; write reals as decimal text."
        )
    elif levels == 0:
        raise MisuseError(f"the value has more than {MAX_DEPTH} levels; canonical JSON stops there.")
    elif isinstance(value, dict):
        yield from _object(value, levels - 1)
    else:
        yield from _array(value, levels - 1)


def _array(values: list[object] | tuple[object, ...], levels: int) -> Iterator[str]:
    yield "["
    for position, value in enumerate(values):
        yield "," if position else ""
        yield from _written(value, levels)
    yield "]"


def _object(members: dict[object, object], levels: int) -> Iterator[str]:
    yield "{"
    for position, (name, value) in enumerate(sorted(_named(members), key=_code_units)):
        yield f"{',' if position else ''}{_quoted(name)}:"
        yield from _written(value, levels)
    yield "}"


def _named(members: dict[object, object]) -> Iterator[tuple[str, object]]:
    for name, value in members.items():
        if not isinstance(name, str):
            raise MisuseError(f"a member's name is of type {type(name).__name__}; names are text in JSON.")
        yield name, value


def _code_units(member: tuple[str, object]) -> bytes:
    # Pairs of bytes compare as the code units that they are; half of a pair is refused later, by its text.
    return member[0].encode("utf-16-be", errors="surrogatepass")


def _quoted(text: str) -> str:
    # Python escapes what RFC 8785 (3.2.2.2) wants escaped, in its spelling, and nothing else.
    return json.dumps(str.__str__(text), ensure_ascii=False)


def _whole(number: int) -> str:
    if abs(number) > MAX_INTEGER:
        raise MisuseError("a whole number beyond 2⁵³ − 1 has no canonical JSON; write it as text.")
    return int.__repr__(number)
