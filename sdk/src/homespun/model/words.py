"""The content encoder of a bundle, from the rows of its catalogue; every one of them is checked first."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from homespun.errors import ModelContractError
from homespun.protocol.bundle import CONTROL_CHARACTERS, MAX_WORD_LENGTH, MAX_WORD_NUMBER, MAX_WORDS
from homespun.protocol.content import ContentEncoder, Field, Interval

SELECT_WORDS = "SELECT field, word, weight, scale, vector FROM words ORDER BY field, word LIMIT ?"

_LEAST_WEIGHT = 1e-6


def encoder_of(rows: Sequence[tuple[Any, ...]], dimensions: int) -> ContentEncoder | None:
    """Return the encoder of what ``SELECT_WORDS`` gives; None if there are no words.

    Args:
        rows: The rows.
        dimensions: Of the content component; 0 without one.

    Raises:
        ModelContractError: If there are too many, or one is not as the contract says.
    """
    if not rows:
        return None
    if not dimensions:
        raise ModelContractError("the catalogue has words, but the model has no component to score by them.")
    if len(rows) > MAX_WORDS:
        raise ModelContractError(f"the catalogue has more than {MAX_WORDS:,} words.")
    for number, row in enumerate(rows):
        _check(number, row, dimensions)
    keys = list(dict.fromkeys(row[0] for row in rows))
    owners = {key: owner for owner, key in enumerate(keys)}
    if len({row[:2] for row in rows}) != len(rows):
        raise ModelContractError("the catalogue has the same word of a field twice.")
    integers = np.frombuffer(b"".join(row[4] for row in rows), np.int8).reshape(len(rows), dimensions)
    return ContentEncoder(
        fields=tuple(_fields(keys)),
        words=tuple(row[1] for row in rows),
        owners=np.array([owners[row[0]] for row in rows], np.int64),
        rarity=np.array([row[2] for row in rows], np.float64),
        vectors=integers * np.array([[row[3]] for row in rows], np.float32),
    )


def _fields(keys: Iterable[str]) -> Iterable[Field]:
    for key in keys:
        try:
            yield Field.of(key)
        except ValueError as error:
            raise ModelContractError(f"the catalogue has words of a field that is none: {key!r}.") from error


def _check(number: int, row: tuple[Any, ...], dimensions: int) -> None:
    # Types too, although the table declares them: a forged file need not keep to it.
    field, word, weight, scale, vector = row
    for text in (field, word):
        if not isinstance(text, str) or not 0 < len(text) <= MAX_WORD_LENGTH:
            raise ModelContractError(f"the catalogue's word {number} is no text of 1 to {MAX_WORD_LENGTH} characters.")
        if CONTROL_CHARACTERS.search(text):
            raise ModelContractError(f"the catalogue's word {number} holds a control character.")
    if not _is_within(weight, _LEAST_WEIGHT) or not _is_within(scale, 0.0):
        raise ModelContractError(f"the catalogue's word {number} has a weight or a scale that is no sensible number.")
    if not isinstance(vector, bytes) or len(vector) != dimensions:
        raise ModelContractError(f"the catalogue's word {number} has no vector of {dimensions} bytes.")
    if field.startswith("number:"):
        try:
            Interval.of(word)
        except ValueError as error:
            raise ModelContractError(f"the catalogue's word {number} is no interval of numbers.") from error


def _is_within(value: object, least: float) -> bool:
    return isinstance(value, float) and math.isfinite(value) and least <= value <= MAX_WORD_NUMBER
