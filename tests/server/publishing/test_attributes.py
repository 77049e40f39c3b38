"""What the catalogue says of items by name is what devices know, if they accept it; the card tells the rest."""

import json
import math
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from homespun.model.attributes import Attributes
from homespun.model.bundle import Bundle
from homespun.protocol.bundle import (
    CARD_DATA,
    CARD_TEXT,
    CATALOGUE,
    MAX_ATTRIBUTE_ITEMS,
    MAX_ATTRIBUTE_NAME,
    MAX_ATTRIBUTE_TEXT,
    MAX_ATTRIBUTES,
)
from homespun_server import ItemColumns, Items, fit_content
from homespun_server.publishing.attributes import attributes_of
from tests.server.publishing.support import model_of, publish
from tests.server.support import catalogue

SIZE = 12


def items_with(**attributes: Sequence[Any]) -> Items:
    plain = catalogue(SIZE)
    return Items(plain.ids, plain.titles, plain.tags, plain.texts, {name: list(v) for name, v in attributes.items()})


def published(tmp_path: Path, **attributes: Sequence[Any]) -> dict[str, Any]:
    """Publish the items, and return the card's data."""
    publish(tmp_path / "bundle", model_of(SIZE), items=items_with(**attributes))
    card: dict[str, Any] = json.loads((tmp_path / "bundle" / CARD_DATA).read_bytes())
    return card


def known(tmp_path: Path, item: str = "item-0") -> dict[str, str | float]:
    with closing(Bundle.open(tmp_path / "bundle")) as opened:
        return dict(opened.attributes(item))


def test_an_attribute_belongs_to_another_item_or_is_not_published(tmp_path: Path) -> None:
    prices = [None if number == 3 else number / 4 for number in range(SIZE)]
    brands = [None if number == 5 else f"b{number % 4}" for number in range(SIZE)]
    card = published(tmp_path, price=prices, brand=brands, never=[None] * SIZE)
    with closing(Bundle.open(tmp_path / "bundle")) as opened:
        texts, codes = opened.texts("brand")
        for place, item in enumerate(opened.items):
            number = int(item.removeprefix("item-"))
            expected = {"price": prices[number], "brand": brands[number]}
            assert opened.attributes(item) == {name: value for name, value in expected.items() if value is not None}
            np.testing.assert_equal(opened.numbers("price")[place], np.nan if number == 3 else number / 4)
            assert (texts[codes[place]] if codes[place] >= 0 else None) == brands[number]
    assert card["attributes"] == ["price", "brand"]
    text = (tmp_path / "bundle" / CARD_TEXT).read_text(encoding="utf-8")
    assert "Rules can ask for their price, brand." in text


def test_a_card_promises_attributes_that_there_are_not(tmp_path: Path) -> None:
    card = published(tmp_path)
    assert card["attributes"] == []
    assert "Rules can ask" not in (tmp_path / "bundle" / CARD_TEXT).read_text(encoding="utf-8")
    assert not any("ttributes" in limitation for limitation in card["limitations"])
    assert known(tmp_path) == {}


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan])
def test_a_number_that_is_not_finite_makes_a_bundle_that_no_device_reads(tmp_path: Path, number: float) -> None:
    published(tmp_path, price=[number, 2.0, *[None] * (SIZE - 2)])
    assert known(tmp_path) == {}
    assert known(tmp_path, "item-1") == {"price": 2.0}


def test_texts_that_devices_refuse_are_published(tmp_path: Path) -> None:
    long = "x" * (MAX_ATTRIBUTE_TEXT + 1)
    card = published(tmp_path, note=["two\nlines", "\x1b[31mred", "\x07", long, long[1:], "", *[None] * (SIZE - 6)])
    assert [known(tmp_path, f"item-{number}").get("note") for number in range(6)] == [
        "two lines",
        "[31mred",
        None,
        None,
        long[1:],
        None,
    ]
    (told,) = [limitation for limitation in card["limitations"] if "ttributes" in limitation]
    assert told.endswith("more than 1,000 characters: 1.")


@pytest.mark.parametrize("name", ["", "two\nlines", "\x1b", "x" * (MAX_ATTRIBUTE_NAME + 1)])
def test_a_name_that_devices_refuse_is_published(tmp_path: Path, name: str) -> None:
    card = published(tmp_path, **{name: [1.0] * SIZE, "price": [2.0] * SIZE})
    assert known(tmp_path) == {"price": 2.0}
    assert card["attributes"] == ["price"]
    assert any("do not know: 1." in limitation for limitation in card["limitations"])


def test_more_attributes_than_devices_read_are_published(tmp_path: Path) -> None:
    names = [f"{chr(97 + number % 26)}{number}" for number in range(MAX_ATTRIBUTES + 3)]
    card = published(tmp_path, **{name: [1.0] * SIZE for name in names})
    assert sorted(known(tmp_path)) == sorted(names[:MAX_ATTRIBUTES])
    assert card["attributes"] == names[:MAX_ATTRIBUTES]
    assert any("do not know: 3." in limitation for limitation in card["limitations"])


def test_the_same_attributes_make_other_bytes(tmp_path: Path) -> None:
    columns: dict[str, Sequence[Any]] = {
        "price": [1.5] * SIZE,
        "brand": ["a", "b"] * (SIZE // 2),
        "unit": ["kg"] * SIZE,
    }
    found = []
    for place, names in enumerate((["price", "brand", "unit"], ["unit", "price", "brand"])):
        published(tmp_path / str(place), **{name: columns[name] for name in names})
        found.append((tmp_path / str(place) / "bundle" / CATALOGUE).read_bytes())
    assert found[0] == found[1]


def test_an_attribute_of_items_that_the_model_does_not_have_is_published() -> None:
    items = items_with(price=[*[None] * (SIZE - 1), 3.0], brand=[f"b{number}" for number in range(SIZE)])
    found = attributes_of(items, np.array([2, 0]))
    assert found.names == ("brand",)
    ((name, first, texts, codes),) = found.rows
    assert (name, first, texts) == ("brand", 0, '["b2","b0"]')
    assert np.frombuffer(codes, "<i2").tolist() == [0, 1]


@pytest.mark.parametrize("length", [3, 900])
def test_large_catalogues_of_texts_are_cut_where_devices_cannot_join_them(tmp_path: Path, length: int) -> None:
    """Long texts fill a row before it has its items; quotes are twice as long in it."""
    size = 2 * MAX_ATTRIBUTE_ITEMS + 1
    values = [None if number % 3 == 0 else f'"{number % 5000}' * (length // 3) for number in range(size)]
    values = [None if value is None else value[:MAX_ATTRIBUTE_TEXT] for value in values]
    plain = catalogue(size)
    columns: dict[str, Any] = {"note": values, "n": [0.5] * size}
    items = Items(plain.ids, plain.titles, plain.tags, plain.texts, columns)
    rows = attributes_of(items, np.arange(size)).rows
    assert len([row for row in rows if row[0] == "n"]) == 3
    assert max(len(row[2] or "") + len(row[3]) for row in rows) < 1 << 20
    # A model of so many items is large; the rows are enough.
    read = Attributes(lambda query, *given: _answers(rows, query, *given), size)
    texts, codes = read.texts("note")
    assert [None if code < 0 else texts[code] for code in codes.tolist()] == values
    assert read.numbers("n").tolist() == [0.5] * size


def _answers(rows: Sequence[tuple[Any, ...]], query: str, name: object, *_: object) -> list[tuple[Any, ...]]:
    if "DISTINCT" in query:
        return [(found,) for found in dict.fromkeys(row[0] for row in rows)]
    return [row[1:] for row in rows if row[0] == name]


def test_a_fit_from_a_file_publishes_no_attributes(tmp_path: Path) -> None:
    table = tmp_path / "items.csv"
    lines = [f"i{number},Title {number % 3} x,{number / 2},{'' if number == 1 else 'red'}" for number in range(9)]
    table.write_text("\n".join(["item,title,price,colour", *lines]) + "\n", encoding="utf-8")
    folder = fit_content(table, out=tmp_path / "out", item_columns=ItemColumns(attributes=("price", "colour")))
    with closing(Bundle.open(folder)) as opened:
        assert opened.attributes("i1") == {"price": 0.5}
        assert opened.attributes("i4") == {"price": 2.0, "colour": "red"}
