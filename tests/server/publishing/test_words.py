"""What a device makes of an added item is what the server would have made of it."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from homespun.errors import MisuseError
from homespun.model.bundle import Bundle
from homespun.protocol.bundle import CARD_DATA, CARD_TEXT, MAX_WORD_LENGTH
from homespun.protocol.events import Event
from homespun_server import FitOptions, Items, fit, fit_content
from homespun_server.privacy.provenance import fixed
from homespun_server.publishing.bundle import write_bundle
from homespun_server.training.content import catalogue, content_model, train_content
from homespun_server.training.content_encoder import most_useful
from tests.server.publishing.support import description_of, model_of, publish
from tests.server.training.test_content import items_of, shelf

ROUNDING = 0.01
"""Of entries of vectors of norm 1: words and items are both rounded to 127 steps of their largest entry."""


@pytest.fixture(scope="module")
def items() -> Items:
    return shelf(300)


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory, items: Items) -> Iterator[Bundle]:
    folder = fit_content(items, out=tmp_path_factory.mktemp("fit"), options=FitOptions(dimensions=16))
    with Bundle.open(folder) as opened:
        yield opened


def test_a_device_encodes_an_item_otherwise_than_the_server(items: Items, shipped: Bundle) -> None:
    assert shipped.encoder is not None
    expected = train_content(items, 16).vectors
    everything = np.arange(len(items))
    assert list(shipped.items) == items.ids
    found = shipped.scorer.score(shipped.history([]), everything).decoder["content"]
    for place in range(len(items)):
        encoded = shipped.encoder.encode(
            title=items.titles[place],
            tags=items.tags[place],
            text=items.texts[place],
            attributes={name: values[place] for name, values in items.attributes.items()},
        )
        assert np.abs(encoded - expected[place]).max() < ROUNDING
        assert np.abs(encoded - found[place]).max() < ROUNDING
        assert encoded @ expected[place] > 0.9995


def test_the_same_item_is_scored_otherwise_when_it_is_added(items: Items, shipped: Bundle) -> None:
    from homespun.person.items import Items as Added

    added = Added(shipped, 1000)
    added.update(
        {
            "id": f"copy-{place}",
            "title": items.titles[place],
            "tags": items.tags[place],
            "text": items.texts[place],
            "attributes": {
                name: values[place] for name, values in items.attributes.items() if values[place] is not None
            },
        }
        for place in range(100)
    )
    view = added.view
    for events in ([Event("item-3"), Event("item-40")], [Event("copy-3"), Event("copy-40")]):
        history = view.history(events)
        originals = view.scorer.score(history, np.arange(100)).scores
        copies = view.scorer.score(history, np.arange(300, 400)).scores
        np.testing.assert_allclose(copies, originals, atol=0.05)
        assert np.ptp(originals) > 1


def test_a_card_does_not_say_how_many_words_devices_know(tmp_path: Path, items: Items) -> None:
    stated = catalogue(items)
    write_bundle(content_model(stated, fixed(8), 40), stated, description_of(), tmp_path / "bundle")
    with Bundle.open(tmp_path / "bundle") as opened:
        assert opened.encoder is not None
        assert len(opened.encoder.words) == 40
    card = json.loads((tmp_path / "bundle" / CARD_DATA).read_bytes())
    assert card["words"] == 40
    assert any("the 40 words" in limitation for limitation in card["limitations"])
    assert "Devices know 40 words" in (tmp_path / "bundle" / CARD_TEXT).read_text(encoding="utf-8")


def test_a_card_promises_words_that_there_are_not(tmp_path: Path) -> None:
    publish(tmp_path / "bundle", model_of(12))
    with Bundle.open(tmp_path / "bundle") as opened:
        assert opened.encoder is None
    card = json.loads((tmp_path / "bundle" / CARD_DATA).read_bytes())
    assert card["words"] == 0
    assert card["limitations"][0].startswith("Items that are not in the bundle are never recommended")
    assert "Devices know" not in (tmp_path / "bundle" / CARD_TEXT).read_text(encoding="utf-8")


@pytest.mark.parametrize("most", [1, 5, 30, 10_000])
def test_less_useful_words_are_kept(items: Items, most: int) -> None:
    everything = train_content(items, 16).encoder
    found = most_useful(everything, most)
    assert len(found.words) == min(most, len(everything.words))
    keys = [(field.key, word) for field, word in zip(owners(everything), everything.words, strict=True)]
    kept = {(field.key, word) for field, word in zip(owners(found), found.words, strict=True)}
    uses = {}
    for key, field, rarity, vector in zip(keys, owners(everything), everything.rarity, everything.vectors, strict=True):
        uses[key] = float((field.weight * rarity) ** 2 * (vector @ vector) / np.exp(rarity))
    assert kept <= set(uses)
    if len(kept) < len(uses):
        assert min(uses[key] for key in kept) >= max(uses[key] for key in uses.keys() - kept)
    vectors = dict(zip(keys, everything.vectors.tolist(), strict=True))
    for field, word, vector in zip(owners(found), found.words, found.vectors.tolist(), strict=True):
        assert vector == vectors[field.key, word]


def owners(encoder):
    return [encoder.fields[owner] for owner in encoder.owners.tolist()]


def test_words_that_devices_refuse_are_published(tmp_path: Path) -> None:
    tags: tuple[str, ...] = ("x" * (MAX_WORD_LENGTH + 1), "fine", "bell\x07")
    items = items_of(["", ""], tags=[tags, tags], attributes={"two\nlines": ["a", "a"], "ok": ["a", "a"]})
    with Bundle.open(fit_content(items, out=tmp_path)) as opened:
        assert opened.encoder is not None
        found = {(field.key, word) for field, word in zip(owners(opened.encoder), opened.encoder.words, strict=True)}
    assert found == {("category:ok", "a"), ("tags", "bell"), ("tags", "fine")}


@pytest.mark.parametrize("fault", ["another rank", "no content", "an uneven spectrum", "scaled rows"])
def test_words_of_another_space_are_published(items: Items, fault: str) -> None:
    model = content_model(catalogue(items), fixed(8)).value
    (part,) = model.components
    assert part.low_rank is not None
    assert model.words is not None
    match fault:
        case "another rank":
            changed = dataclasses.replace(model, words=None)
            words = train_content(items, 5).encoder
        case "no content":
            changed = dataclasses.replace(model, words=None, components=(dataclasses.replace(part, name="session"),))
            words = model.words
        case _:
            table = part.low_rank
            spectrum = np.geomspace(1, 2, table.dimensions) if fault == "an uneven spectrum" else table.spectrum
            decoder = table.decoder * 2 if fault == "scaled rows" else table.decoder
            other = dataclasses.replace(table, spectrum=spectrum, decoder=decoder)
            changed = dataclasses.replace(model, words=None, components=(dataclasses.replace(part, low_rank=other),))
            words = model.words
    with pytest.raises(MisuseError, match="the words are not those of the content component"):
        dataclasses.replace(changed, words=words)


def test_a_fit_on_people_publishes_no_words(fleet: Path, fleet_catalogue: Path, tmp_path: Path) -> None:
    options = FitOptions(test_share=0.0, parts=("collaborative", "content"))
    fitted = fit(fleet, items=fleet_catalogue, out=tmp_path, non_private=True, options=options)
    with Bundle.open(fitted.bundle) as opened:
        assert opened.encoder is not None
        assert opened.encoder.vectors.shape[1] == opened.layout.low_rank["content"]
        assert opened.encoder.encode(title=opened.title(opened.items[0])).any()
