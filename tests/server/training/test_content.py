"""What would make items alike that share nothing, or fail where a catalogue is small or plain."""

import dataclasses
from itertools import permutations

import numpy as np
import pytest
from numpy.typing import NDArray

from homespun_server.errors import TrainingError
from homespun_server.privacy.provenance import fixed
from homespun_server.statistics.items import Items
from homespun_server.training.content import catalogue, content_model, train_content
from homespun_server.training.content_encoder import quantized


def items_of(
    titles: list[str],
    *,
    tags: list[tuple[str, ...]] | None = None,
    texts: list[str] | None = None,
    attributes: dict[str, list] | None = None,
) -> Items:
    empty: list[tuple[str, ...]] = [()] * len(titles)
    ids = [f"item-{number}" for number in range(len(titles))]
    return Items(ids, titles, tags or empty, texts or [""] * len(titles), attributes or {})


def shelf(count: int = 120) -> Items:
    """Return a catalogue with something in every field, and gaps."""
    draw = np.random.default_rng(0)
    words = [f"word{number}" for number in range(30)]
    kinds = ["Red", "green", None]
    return items_of(
        [" ".join(draw.choice(words, 3)) for _ in range(count)],
        tags=[tuple(draw.choice(words[:9], 2, replace=False).tolist()) for _ in range(count)],
        texts=[" ".join(draw.choice(words, int(draw.integers(0, 9)))) for _ in range(count)],
        attributes={
            "year": [None if place % 11 == 0 else float(1950 + place % 60) for place in range(count)],
            "colour": [kinds[place % 3] for place in range(count)],
        },
    )


def cosines(items: Items, dimensions: int = 64) -> NDArray[np.float64]:
    vectors = train_content(items, dimensions).vectors
    assert vectors.shape[0] == len(items)
    found: NDArray[np.float64] = vectors @ vectors.T
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
    assert np.array_equal(train_content(items, 5).vectors, train_content(items, 5).vectors)


def test_more_dimensions_are_made_than_asked_for() -> None:
    items = items_of([f"word{n % 7} word{n % 11} thing" for n in range(200)])
    assert train_content(items, 5).vectors.shape == (200, 5)


def test_without_a_history_some_items_rank_higher() -> None:
    model = content_model(catalogue(items_of(["moon", "moon", "sun"])), fixed(8)).value
    assert model.items.tolist() == [0, 1, 2]
    assert model.learned == 0
    assert not any(prior.values.any() for prior in model.priors)


def test_a_catalogue_of_what_people_used_passes_for_public() -> None:
    items = items_of(["moon", "moon", "sun"])
    assert catalogue(items).kind == "public"
    derived = content_model(catalogue(dataclasses.replace(items, derived=True)), fixed(8))
    assert derived.kind == "non_private"
    assert derived.exact == ("a catalogue that was collected from what people used",)


def test_an_item_that_appears_later_is_encoded_otherwise_than_one_of_the_catalogue() -> None:
    items = shelf()
    content = train_content(items, 16)
    for place in range(len(items)):
        encoded = content.encoder.encode(
            title=items.titles[place],
            tags=items.tags[place],
            text=items.texts[place],
            attributes={name: values[place] for name, values in items.attributes.items()},
        )
        assert np.allclose(encoded, content.vectors[place], atol=1e-9)


def test_a_vector_is_another_than_the_documented_one() -> None:
    items = items_of(["moon sea moon", "moon", "sea star", "star"], tags=[("a", "b"), ("a",), ("b",), ()])
    encoder = train_content(items, 3).encoder
    assert [field.kind for field in encoder.fields] == ["title", "tags"]
    assert encoder.words == ("moon", "sea", "star", "a", "b")
    rarity = np.log(5 / 3) + 1  # each of them is in two of four items
    assert np.allclose(encoder.rarity, rarity)
    moon, sea, a, b = (encoder.vectors[encoder.words.index(word)] for word in ("moon", "sea", "a", "b"))
    title = np.array([1 + np.log(2), 1.0])
    total = 0.5 * (title @ np.array([moon, sea])) / np.linalg.norm(title) + (a + b) / 2**0.5
    found = encoder.encode(title="Moon, sea: moon", tags=["b", "a", "unheard of"])
    assert np.allclose(found, total / np.linalg.norm(total))


def test_an_item_without_a_known_word_has_a_direction() -> None:
    encoder = train_content(shelf(), 16).encoder
    assert not encoder.encode(title="Unheard of", attributes={"colour": None, "taste": "sweet"}).any()
    assert np.isclose(np.linalg.norm(encoder.encode(attributes={"colour": "RED"})), 1.0)


def test_rounding_the_words_to_bytes_changes_what_is_alike() -> None:
    encoder = train_content(shelf(), 16).encoder
    integers, steps = quantized(encoder)
    assert integers.dtype == np.int8
    assert np.abs(integers.astype(int)).max() == 127
    back = integers * steps[:, None]
    assert np.abs(back - encoder.vectors).max() <= steps.max() / 2 + 1e-9
    rounded = dataclasses.replace(encoder, vectors=back).encode(title="word1 word2", tags=["word3"])
    assert rounded @ encoder.encode(title="word1 word2", tags=["word3"]) > 0.999


@pytest.mark.parametrize("most", [1, 7, 40])
def test_more_words_are_kept_than_asked_for_or_the_less_useful_ones(most: int) -> None:
    items = shelf()
    content = train_content(items, 64, max_words=most)
    assert len(content.encoder.words) == most
    assert content.vectors.shape == (len(items), min(64, most))
    everything = train_content(items, 64)
    assert set(content.encoder.words) <= set(everything.encoder.words)
    assert np.allclose(
        content.encoder.encode(
            title=items.titles[0],
            tags=items.tags[0],
            text=items.texts[0],
            attributes={name: values[0] for name, values in items.attributes.items()},
        ),
        content.vectors[0],
        atol=1e-9,
    )


def test_near_numbers_are_as_far_apart_as_distant_ones() -> None:
    years = [float(year) for year in range(1900, 2000)]
    alike = cosines(items_of([""] * 100, attributes={"year": years}))
    assert alike[50, 51] > 0.6
    assert alike[50, 51] > alike[50, 58] >= alike[50, 90] - 1e-9
    assert abs(alike[50, 90]) < 0.1


@pytest.mark.parametrize("values", [[3.0] * 6, [1.0, 1.0, 1.0, 2.0, 2.0, None], [0.0, 1e300, -1e300, 0.0, None, None]])
def test_numbers_that_hardly_differ_break_the_bins(values: list[float | None]) -> None:
    alike = cosines(items_of([""] * 6, attributes={"number": values}))
    assert np.isfinite(alike).all()
    for one, other in permutations(range(6), 2):
        if values[one] is None or values[other] is None:
            assert alike[one, other] == 0
        elif values[one] == values[other]:
            assert np.isclose(alike[one, other], 1.0)


def test_an_attribute_named_like_a_field_takes_its_place() -> None:
    items = items_of(["moon", "moon", "sun"], attributes={"title": ["x", "y", "x"], "tags": [1.0, 2.0, 1.0]})
    encoder = train_content(items, 8).encoder
    whole = encoder.encode(title="moon", attributes={"title": "x", "tags": 1.0})
    assert not np.allclose(whole, encoder.encode(title="moon"))
    assert not np.allclose(whole, encoder.encode(attributes={"title": "x", "tags": 1.0}))
    assert np.allclose(whole, train_content(items, 8).vectors[0])
