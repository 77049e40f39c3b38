"""The same item has the same vector on a server and on a device, for ever, by the formula that is documented.

``tests/vectors/2/content.json`` was written once; what it says must stay so, because published bundles hold the
words, and devices the formula.
"""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from homespun.protocol.content import FIELD_WEIGHTS, ContentEncoder, Field, Interval, interval, words

VECTORS = Path(__file__).parents[2] / "vectors" / "2" / "content.json"
EXPECTED: dict[str, Any] = json.loads(VECTORS.read_text(encoding="utf-8"))


def encoder_of(rows: list[list[Any]]) -> ContentEncoder:
    keys = list(dict.fromkeys(row[0] for row in rows))
    return ContentEncoder(
        fields=tuple(Field.of(key) for key in keys),
        words=tuple(row[1] for row in rows),
        owners=np.array([keys.index(row[0]) for row in rows]),
        rarity=np.array([row[2] for row in rows], float),
        vectors=np.array([row[4] for row in rows]) * np.array([[row[3]] for row in rows], np.float32),
    )


@pytest.mark.parametrize("case", EXPECTED["items"], ids=lambda case: str(case["name"]))
def test_an_item_has_another_vector_than_when_the_formula_was_published(case: dict[str, Any]) -> None:
    found = encoder_of(EXPECTED["words"]).encode(**case["item"])
    np.testing.assert_allclose(found, case["vector"], rtol=0, atol=1e-6)


@pytest.mark.parametrize("case", EXPECTED["items"], ids=lambda case: str(case["name"]))
def test_a_published_vector_is_another_than_the_formula_says(case: dict[str, Any]) -> None:
    """The docstring's formula, told again word by word."""
    total: NDArray[np.float64] = np.zeros(len(EXPECTED["words"][0][4]))
    for key in dict.fromkeys(row[0] for row in EXPECTED["words"]):
        kind, _, name = key.partition(":")
        value = case["item"].get("attributes", {}).get(name) if name else case["item"].get(kind)
        part, square = np.zeros(total.size), 0.0
        for field, word, weight, scale, vector in EXPECTED["words"]:
            times = occurrences(kind, word, value) if field == key else 0
            if times:
                number = (1 + math.log(times)) * weight
                square += number**2
                part = part + number * scale * np.array(vector)
        if square:
            total = total + FIELD_WEIGHTS[kind] * part / math.sqrt(square)
    norm = float(np.linalg.norm(total))
    np.testing.assert_allclose(case["vector"], total / norm if norm > 1e-6 else 0 * total, rtol=0, atol=1e-6)


def occurrences(kind: str, word: str, value: Any) -> int:
    if value is None:
        return 0
    if kind == "number":
        _, lower, upper = word.split(":")
        return int(not isinstance(value, str) and float(lower) <= value < float(upper))
    if kind == "category":
        return int(isinstance(value, str) and value.casefold() == word)
    if kind == "tags":
        return list(value).count(word)
    lowered = value.casefold()
    return "".join(letter if letter.isalnum() else " " for letter in lowered).split().count(word)


def test_the_published_vectors_say_nothing() -> None:
    names = [case["name"] for case in EXPECTED["items"]]
    assert len(set(names)) == len(names) >= 8
    assert any(any(case["vector"]) for case in EXPECTED["items"])
    assert any(not any(case["vector"]) for case in EXPECTED["items"])
    assert {row[0].partition(":")[0] for row in EXPECTED["words"]} == set(FIELD_WEIGHTS)


@pytest.mark.parametrize(("value", "place"), [(-5.0, 0), (1.0, 1), (1.5, 1), (2.0, 2), (7.25, 3), (1e300, 3)])
def test_a_number_is_in_another_interval_than_on_the_grid(value: float, place: int) -> None:
    edges = (1.0, 2.0, 7.25)
    bounds = (-math.inf, *edges, math.inf)
    found = interval(1, edges, value)
    assert found == Interval(1, bounds[place], bounds[place + 1])
    assert value in found
    assert Interval.of(found.word) == found
    others = [Interval(1, *bounds[at : at + 2]) for at in range(4) if at != place]
    assert not any(value in other for other in others)


@pytest.mark.parametrize("edge", [0.1, 1 / 3, 5e-324, 1.7976931348623157e308, -2.5, 1e16])
def test_an_edge_loses_digits_on_its_way(edge: float) -> None:
    for found in (interval(0, (edge,), edge), interval(0, (edge,), math.nextafter(edge, -math.inf))):
        assert Interval.of(found.word) == found
        assert (edge in Interval.of(found.word)) == (found.lower == edge)


@pytest.mark.parametrize("value", [None, "1.0", math.nan, [1.0]])
def test_what_is_no_number_is_in_an_interval(value: object) -> None:
    assert value not in Interval(0, -math.inf, math.inf)


@pytest.mark.parametrize("key", ["title", "tags", "text", "category:colour", "number:year", "category:a:b", "number: "])
def test_a_field_is_another_one_after_its_key(key: str) -> None:
    assert Field.of(key).key == key
    assert Field.of(key).weight == FIELD_WEIGHTS[key.partition(":")[0]]


@pytest.mark.parametrize("key", ["", "names", "title:x", "category", "category:", "number:", "number:a\nb", "Title"])
def test_a_key_of_no_field_is_taken(key: str) -> None:
    with pytest.raises(ValueError, match="no field is called"):
        Field.of(key)


def test_a_text_is_cut_otherwise() -> None:
    assert words("Straße, ADÉLE! x2—y") == ["strasse", "adéle", "x2", "y"]
    assert Field.of("tags").words(["Sci-Fi", "two\nlines", "\x07", ""]) == ["Sci-Fi", "two lines"]
    assert Field.of("tags").words("Drama") == []
    assert Field.of("category:colour").words("RED") == ["red"]
    for key in ("title", "category:colour"):
        assert Field.of(key).words(None) == Field.of(key).words(7.0) == Field.of(key).words("") == []
