"""What is known of items by name is what the catalogue says, and what the application says counts in its place."""

import math
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from homespun.errors import ClosedError, UnknownItemError
from homespun.model.bundle import Bundle
from homespun.model.catalogue import Catalogue
from homespun.person.items import Items
from tests.sdk import bundles

SIZE = 40
DIMENSIONS = 8
Say = Callable[..., Bundle]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundles.write(
        tmp_path_factory.mktemp("attributes") / "bundle",
        bundles.full_model(SIZE, DIMENSIONS),
        words=bundles.random_words(DIMENSIONS + 3),
        attributes=bundles.some_attributes(SIZE),
    )


@pytest.fixture
def known(folder: Path) -> Iterator[Bundle]:
    with Bundle.open(folder) as opened:
        yield opened


@pytest.fixture
def say(known: Bundle) -> Say:
    """Say something of items; return the bundle with it on top."""

    def said(*items: Mapping[str, Any]) -> Bundle:
        local = Items(known, 100)
        assert all(local.update(items).values())
        return local.view

    return said


def price(number: int) -> float:
    return math.nan if number % 5 == 4 else number / 2


def brand(number: int) -> str | None:
    return None if number % 7 == 6 else f"Märke {number % 3}"


def texts(bundle: Bundle, name: str) -> list[str | None]:
    values, codes = bundle.texts(name)
    assert codes.dtype == np.int32
    assert codes.shape == (bundle.size,)
    assert len(set(values)) == len(values)
    return [None if code < 0 else values[code] for code in codes.tolist()]


def test_a_number_or_a_text_belongs_to_another_item(known: Bundle) -> None:
    numbers = known.numbers("price")
    assert numbers.dtype == np.float64
    np.testing.assert_array_equal(numbers, [price(number) for number in range(SIZE)])
    assert texts(known, "brand") == [brand(number) for number in range(SIZE)]


def test_the_attributes_of_one_item_are_not_those_of_the_columns(known: Bundle) -> None:
    for number in range(SIZE):
        expected: dict[str, Any] = {} if math.isnan(price(number)) else {"price": price(number)}
        expected |= {} if brand(number) is None else {"brand": brand(number)}
        assert known.attributes(f"item-{number}") == expected


@pytest.mark.parametrize("name", ["nothing", "", "PRICE", "price ", "'; DROP TABLE attributes; --", "\0", "x" * 5000])
def test_an_unknown_attribute_is_an_error_or_known_of_some_item(known: Bundle, name: str) -> None:
    assert np.isnan(known.numbers(name)).all()
    assert known.numbers(name).shape == (SIZE,)
    assert texts(known, name) == [None] * SIZE


def test_a_text_is_taken_for_a_number_or_a_number_for_a_text(known: Bundle) -> None:
    assert np.isnan(known.numbers("brand")).all()
    assert texts(known, "price") == [None] * SIZE


def test_a_catalogue_without_attributes_cannot_be_asked_for_them(bundle: Bundle) -> None:
    assert np.isnan(bundle.numbers("price")).all()
    assert texts(bundle, "brand") == [None] * bundle.size
    assert bundle.attributes("item-3") == {}
    with pytest.raises(UnknownItemError):
        bundle.attributes("nobody")


def test_somebody_changes_what_everybody_reads(known: Bundle, say: Say) -> None:
    for opened in (known, say({"id": "item-1", "price": 3}), say({"id": "new", "title": "w1"})):
        for name in ("price", "brand", "nothing"):
            for array in (opened.numbers(name), opened.texts(name)[1]):
                with pytest.raises(ValueError, match="read-only"):
                    array[0] = 0


def test_a_column_is_read_again_at_each_request(folder: Path, say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    rows = Catalogue._rows

    def watched(catalogue: Catalogue, *query: Any) -> list[tuple[Any, ...]]:
        asked.append(query)
        return rows(catalogue, *query)

    monkeypatch.setattr(Catalogue, "_rows", watched)
    with Bundle.open(folder) as opened:
        for _ in range(3):
            opened.numbers("price")
            opened.texts("price")
            opened.texts("brand")
            opened.numbers("nothing")
        assert len(asked) == 3  # the names and two columns
    view = say({"id": "new", "title": "w1", "price": 3.0})
    for name in ("price", "brand", "nothing"):
        assert view.numbers(name) is view.numbers(name)
        assert view.texts(name)[1] is view.texts(name)[1]
    asked.clear()
    view.numbers("price")
    assert not asked


def test_names_that_nobody_has_fill_the_memory(known: Bundle, say: Say) -> None:
    for opened in (known, say({"id": "new", "title": "w1"})):
        assert opened.numbers("a") is opened.numbers("b")
        assert opened.texts("a")[1] is opened.texts("b")[1]


def test_threads_that_ask_at_once_get_in_each_others_way(folder: Path) -> None:
    with Bundle.open(folder) as opened:
        found: list[bool] = []

        def work() -> None:
            for _ in range(20):
                found.append(float(np.nansum(opened.numbers("price"))) > 0 and len(opened.texts("brand")[0]) == 3)
                found.append(opened.attributes("item-1") == {"price": 0.5, "brand": "Märke 1"})

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [True] * 320


def test_attributes_are_read_after_closing(folder: Path) -> None:
    opened = Bundle.open(folder)
    kept = opened.numbers("price")
    opened.close()
    assert opened.numbers("price") is kept
    with pytest.raises(ClosedError, match="closed"):
        opened.texts("brand")


def test_what_the_application_says_does_not_count(known: Bundle, say: Say) -> None:
    view = say(
        {"id": "item-1", "price": 99, "stock": 4, "attributes": {"brand": "Ours\n2", "colour": "red"}},
        {"id": "item-4", "attributes": {"price": 7, "size": 3.5}},
        {"id": "new-0", "title": "w1", "price": 1.25, "attributes": {"brand": "Märke 1", "colour": "blue"}},
    )
    expected = [price(number) for number in range(SIZE)] + [1.25]
    expected[1], expected[4] = 99.0, 7.0
    np.testing.assert_array_equal(view.numbers("price"), expected)
    brands = [brand(number) for number in range(SIZE)] + ["Märke 1"]
    brands[1] = "Ours 2"
    assert texts(view, "brand") == brands
    assert texts(view, "colour") == [None, "red", *[None] * (SIZE - 2), "blue"]
    assert np.flatnonzero(~np.isnan(view.numbers("stock"))).tolist() == [1]
    assert view.numbers("size")[4] == 3.5
    assert view.attributes("item-1") == {"price": 99.0, "stock": 4.0, "brand": "Ours 2", "colour": "red"}
    assert view.attributes("new-0") == {"price": 1.25, "brand": "Märke 1", "colour": "blue"}
    assert view.attributes("item-2") == {"price": 1.0, "brand": "Märke 2"}
    np.testing.assert_array_equal(known.numbers("price")[1], 0.5)
    assert texts(known, "brand")[1] == "Märke 1"


def test_what_is_said_of_an_item_counts_beside_what_it_replaces(say: Say) -> None:
    """A text in place of a number, a number in place of a text, and nothing in place of either."""
    view = say(
        {"id": "item-1", "attributes": {"price": "on request", "brand": 7.0}},
        {"id": "item-2", "attributes": {"price": "", "brand": ""}},
    )
    assert np.isnan(view.numbers("price")[1:3]).all()
    assert texts(view, "price")[1:3] == ["on request", None]
    assert view.numbers("brand")[1] == 7.0
    assert texts(view, "brand")[1:3] == [None, None]
    assert view.attributes("item-1") == {"price": "on request", "brand": 7.0}
    assert view.attributes("item-2") == {}


def test_the_price_is_another_here_than_for_the_score(say: Say) -> None:
    """Where an item is given a price and an attribute of that name, its content vector has the attribute."""
    view = say({"id": "item-1", "price": 5, "attributes": {"price": 6}})
    assert view.numbers("price")[1] == 6.0


def test_an_update_of_the_stock_forgets_the_attributes(known: Bundle) -> None:
    local = Items(known, 10)
    local.update([{"id": "item-1", "attributes": {"colour": "red"}}])
    before = local.view
    local.update([{"id": "item-1", "stock": 3}])
    assert local.view.attributes("item-1") == {"price": 0.5, "brand": "Märke 1", "colour": "red", "stock": 3.0}
    assert before.attributes("item-1") == {"price": 0.5, "brand": "Märke 1", "colour": "red"}
    local.remove(["item-1"])
    assert local.view.attributes("item-1") == {"price": 0.5, "brand": "Märke 1"}


def test_an_item_without_a_score_has_attributes_of_another(known: Bundle) -> None:
    local = Items(known, 10)
    assert local.update([{"id": "zzz", "title": "Unheard", "stock": 3}]) == {"zzz": False}
    assert np.isnan(local.view.numbers("stock")).all()
    assert local.view.numbers("stock").shape == (SIZE,)
