"""What would make items alike that share nothing, or fail where a catalogue is small or plain."""

import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray

from homespun_server.errors import TrainingError
from homespun_server.privacy.provenance import fixed
from homespun_server.statistics.items import Items
from homespun_server.training.content import catalogue, content_model, train_content


def items_of(titles: list[str], *, tags: list[tuple[str, ...]] | None = None, texts: list[str] | None = None) -> Items:
    empty: list[tuple[str, ...]] = [()] * len(titles)
    ids = [f"item-{number}" for number in range(len(titles))]
    return Items(ids, titles, tags or empty, texts or [""] * len(titles))


def cosines(items: Items, dimensions: int = 64) -> NDArray[np.float64]:
    component = train_content(items, dimensions)
    assert np.array_equal(component.encoder, component.decoder)
    assert component.encoder.shape[0] == len(items)
    found: NDArray[np.float64] = component.encoder @ component.decoder.T
    return found


def test_a_common_word_binds_like_a_rare_one() -> None:
    alike = cosines(items_of(["the quasar", "the quasar", *["the sea", "the sun"] * 20]))
    assert alike[0, 1] > 0.99
    assert alike[0, 1] > 2 * alike[0, 2]


def test_tags_bind_less_than_titles() -> None:
    alike = cosines(items_of(["red", "red", "sky"], tags=[("opera",), ("ballet", "x"), ("opera", "ballet", "x")]))
    assert alike[0, 2] > alike[0, 1]


def test_two_tags_that_nothing_shares_are_called_alike() -> None:
    alike = cosines(items_of([""] * 6, tags=[("a",), ("a",), ("b",), ("b",), ("a",), ("b",)]))
    assert np.allclose(alike, np.equal.outer([0, 0, 1, 1, 0, 1], [0, 0, 1, 1, 0, 1]), atol=1e-9)


def test_an_item_that_shares_no_word_is_like_any_other() -> None:
    alike = cosines(items_of(["moon", "moon", "submarine"]))
    assert np.allclose(alike, [[1, 1, 0], [1, 1, 0], [0, 0, 0]], atol=1e-9)


def test_case_and_punctuation_part_words() -> None:
    assert cosines(items_of(["Straße, ADÉLE!", "strasse—adéle"]))[0, 1] > 0.99


@pytest.mark.parametrize(
    "titles",
    [["same words"] * 4, ["a", "a"], ["a", "a", "b", "c"], ["a b", "b c", "c a"], ["x"] * 300],
    ids=["identical", "two", "one shared word", "a ring", "many identical"],
)
@pytest.mark.parametrize("dimensions", [1, 2, 64])
def test_a_plain_catalogue_breaks_the_algebra(titles: list[str], dimensions: int) -> None:
    alike = cosines(items_of(titles), dimensions)
    assert np.isfinite(alike).all()
    assert alike.max() <= 1 + 1e-9
    assert np.isclose(alike[0, 1] if titles[0] == titles[1] else alike[0, 0], 1.0)


@pytest.mark.parametrize(
    "items",
    [
        items_of([]),
        items_of(["one and only"]),
        items_of(["", "", ""]),
        items_of(["moon", "sun"]),
        items_of(["…", "…"]),
        items_of(["a", "b"], texts=["", ""], tags=[("c",), ("d",)]),
    ],
    ids=["no item", "a single item", "no text", "no shared word", "no letter", "no shared tag"],
)
def test_a_catalogue_without_a_shared_word_makes_a_model(items: Items) -> None:
    with pytest.raises(TrainingError, match="no two items"):
        train_content(items, 8)


def test_the_same_catalogue_makes_another_model() -> None:
    items = items_of([f"word{n % 7} word{n % 11} thing" for n in range(200)])
    assert np.array_equal(train_content(items, 5).encoder, train_content(items, 5).encoder)


def test_more_dimensions_are_made_than_asked_for() -> None:
    items = items_of([f"word{n % 7} word{n % 11} thing" for n in range(200)])
    assert train_content(items, 5).encoder.shape == (200, 5)


def test_without_a_history_some_items_rank_higher() -> None:
    model = content_model(catalogue(items_of(["moon", "moon", "sun"])), fixed(8)).value
    assert model.items.tolist() == [0, 1, 2]
    assert not model.bias.any()


def test_a_catalogue_of_what_people_used_passes_for_public() -> None:
    items = items_of(["moon", "moon", "sun"])
    assert catalogue(items).kind == "public"
    derived = content_model(catalogue(dataclasses.replace(items, derived=True)), fixed(8))
    assert derived.kind == "non_private"
    assert derived.exact == ("a catalogue that was collected from what people used",)
