"""Items of the application: known at once, forgotten at the end, and never in the person's profile."""

import math
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import homespun as hs
from homespun.errors import InvalidEventError, MisuseError, ModelContractError, UnknownItemError
from homespun.person.items import Items
from homespun.testing import FakeClock
from tests.sdk import bundles
from tests.sdk.people import NOTICE

ITEMS = 60
NOW = 1_700_000_000.0


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[hs.Bundle]:
    """A bundle whose second place of two is for new items, and that knows words."""
    model = bundles.full_model(ITEMS, every=2)
    folder = bundles.write(
        tmp_path_factory.mktemp("words") / "bundle", model, min_weight=None, words=bundles.random_words(11)
    )
    with hs.Bundle.open(folder) as opened:
        yield opened


@pytest.fixture
def me(known: hs.Bundle) -> Iterator[hs.Personalizer]:
    with hs.Personalizer.open(None, key=hs.Key.ephemeral(), bundle=known, clock=FakeClock(NOW)) as opened:
        opened.consent.grant(hs.Purpose.DEVICE_STORAGE, hs.Purpose.PERSONALIZATION, notice=NOTICE)
        yield opened


def everything(me: hs.Personalizer) -> dict[str, str]:
    return {each.item: each.title for each in me.recommend(ITEMS + 50, exclude_seen=False)}


def test_an_item_is_known_only_after_the_next_start(me: hs.Personalizer) -> None:
    assert me.items.update([hs.NewItem(id="new", title="w1 w2", tags=["tag-0"]), {"id": "item-3", "stock": 2}]) == {
        "new": True,
        "item-3": True,
    }
    assert everything(me)["new"] == "w1 w2"
    assert (len(me.items), me.items.ids) == (2, ("new", "item-3"))
    assert "new" in me.items
    assert me.record("new", "buy")
    listed = me.recommend(10)
    assert "new" not in {each.item for each in listed}
    assert any("you bought w1 w2" in each.reason for each in me.recommend(ITEMS))
    assert me.interests()[0].tag == "tag-0"
    assert me.interests()[0].events[0].item == "new"


def test_an_item_without_a_known_word_is_listed_or_has_a_score(me: hs.Personalizer) -> None:
    assert me.items.update([{"id": "strange", "title": "quasar", "tags": ["none"]}]) == {"strange": False}
    assert "strange" not in everything(me)
    assert me.items.get("strange") is not None
    with pytest.raises(UnknownItemError, match="no word of what the application says"):
        me.explain("strange")
    assert me.record("strange")
    assert not me.recommend(3)[0].reason.startswith("because")
    assert me.items.update([{"id": "strange", "tags": ["tag-1"]}]) == {"strange": True}
    assert "quasar" in me.recommend(ITEMS)[0].reason


def test_what_is_said_of_a_known_item_changes_its_score(me: hs.Personalizer) -> None:
    """It was learned from people and from a text that the device does not have."""
    me.record("item-1")
    before = me.explain("item-7")
    told = {"id": "item-7", "title": "w1 w2 w3", "tags": ["новый"], "text": "w4", "attributes": {"colour": "red"}}
    assert me.items.update([told]) == {"item-7": True}
    after = me.explain("item-7")
    assert after.score == before.score
    assert (before.title, after.title) == ("Title № 7", "w1 w2 w3")
    me.controls.hide_tag("новый")
    assert "item-7" not in everything(me)
    assert me.items.remove(["item-7", "item-8"]) == 1
    assert everything(me)["item-7"] == "Title № 7"


def test_a_tag_that_the_application_takes_back_still_hides(me: hs.Personalizer) -> None:
    me.controls.hide_tag("tag-1")
    assert "item-7" not in everything(me)
    me.items.update([{"id": "item-7", "tags": ["tag-2"]}])
    assert "item-7" in everything(me)
    assert "item-10" not in everything(me)


@pytest.mark.parametrize("item", ["item-5", "new"])
@pytest.mark.parametrize(
    "told", [{"available": False}, {"stock": 0}, {"since": NOW + 1}, {"until": NOW}, {"stock": 3, "available": False}]
)
def test_what_cannot_be_had_is_listed(me: hs.Personalizer, item: str, told: dict[str, Any]) -> None:
    me.items.update([{"id": "new", "title": "w1 w2"}])
    score = me.explain(item).score
    me.items.update([{"id": item, **told}])
    assert item not in everything(me)
    explained = me.explain(item)
    assert explained.moves == ("kept out of lists, because it cannot be had now",)
    assert explained.score == score
    me.items.update([{"id": item, "available": True, "stock": 1, "since": NOW, "until": NOW + 1}])
    assert item in everything(me)
    explained = me.explain(item)
    assert explained.place is not None
    assert not any(move.startswith("kept out") for move in explained.moves)


def test_an_item_that_was_had_is_not_out_in_time(known: hs.Bundle) -> None:
    clock = FakeClock(NOW)
    with hs.Personalizer.open(None, key=hs.Key.ephemeral(), bundle=known, clock=clock) as me:
        me.items.update([{"id": "new", "title": "w1", "since": NOW + 10, "until": NOW + 20}])
        found = []
        for seconds in (0.0, 10.0, 9.5, 0.5):
            clock.advance(seconds)
            found.append("new" in everything(me))
        assert found == [False, True, True, False]


def test_a_reserved_place_passes_an_added_item_over(known: hs.Bundle, me: hs.Personalizer) -> None:
    me.items.update([{"id": f"new-{number}", "title": f"w{number}"} for number in range(20)])
    first = known.manifest.new_items.first
    listed = me.recommend(20)
    places = [each.item.startswith("new") or int(each.item.removeprefix("item-")) >= first for each in listed]
    assert all(places[1::2])
    assert any(each.item.startswith("new") for each in listed)


def test_an_explanation_changes_with_the_items(me: hs.Personalizer) -> None:
    """It tells the list that was made, with the items as they were."""
    me.items.update([{"id": "new", "title": "w1 w2"}, {"id": "other", "title": "w9"}])
    me.record("item-1")
    (made,) = [each for each in me.recommend(ITEMS + 2) if each.item == "new"]
    before = me.explain(made)
    me.items.update([{"id": "new", "title": "w7", "stock": 0}])
    me.items.remove(["other"])
    assert me.explain(made) == before
    assert me.explain("new").score != before.score
    me.items.remove(["new"])
    assert me.explain(made) == before
    with pytest.raises(UnknownItemError):
        me.explain("new")


def test_a_person_keeps_what_the_application_said(known: hs.Bundle, tmp_path: Path) -> None:
    key = hs.Key.bytes(b"k" * 32)
    with hs.Personalizer.open(tmp_path / "profile", key=key, bundle=known) as me:
        me.consent.grant(hs.Purpose.DEVICE_STORAGE, hs.Purpose.PERSONALIZATION, notice=NOTICE)
        me.items.update([{"id": "new", "title": "w1 unmistakable", "text": "w2"}])
        me.record("new")
        assert me.recommend(1)[0].reason == "because you viewed w1 unmistakable"
        me.controls.hide_item("new")
        assert "w1 unmistakable" in me.controls.history()[-1].text
    with hs.Personalizer.open(tmp_path / "profile", key=key, bundle=known) as me:
        assert len(me.items) == 0
        assert [event.item for event in me.events()] == ["new"]
        assert not me.recommend(1)[0].reason.startswith("because")
        me.items.update([{"id": "new", "title": "w1 unmistakable"}])
        assert me.recommend(1)[0].reason == "because you viewed w1 unmistakable"


def test_erasing_a_tag_leaves_what_was_done_with_an_added_item(me: hs.Personalizer) -> None:
    me.items.update([{"id": "new", "title": "w1", "tags": ["secret"]}])
    me.record("new")
    me.record("item-2")
    me.erase(tag="secret")
    assert [event.item for event in me.events()] == ["item-2"]


def test_one_person_sees_the_items_of_another(known: hs.Bundle, me: hs.Personalizer) -> None:
    me.items.update([{"id": "new", "title": "w1"}])
    with hs.Personalizer.open(None, key=hs.Key.ephemeral(), bundle=known) as other:
        assert "new" not in everything(other)
    assert "new" not in known
    assert known.size == ITEMS


def test_more_items_than_allowed_are_held_or_some_of_a_wrong_update(known: hs.Bundle) -> None:
    settings = hs.Settings(local_items=3)
    with hs.Personalizer.open(None, key=hs.Key.ephemeral(), bundle=known, settings=settings) as me:
        me.items.update([{"id": f"new-{number}", "title": "w1"} for number in range(3)])
        with pytest.raises(MisuseError, match="4 items would be held"):
            me.items.update([{"id": "new-0", "title": "w2"}, {"id": "new-9", "title": "w1"}])
        with pytest.raises(MisuseError, match="no field 'titel'"):
            me.items.update([{"id": "new-0", "title": "w2"}, {"id": "new-1", "titel": "w1"}])
        assert [me.items.get(item).title for item in me.items.ids] == ["w1"] * 3  # type: ignore[union-attr]
        me.items.update([{"id": "new-0", "title": "w2"}, {"id": "new-0", "stock": 5}])
        assert me.items.get("new-0") == hs.NewItem(id="new-0", title="w2", stock=5)


@pytest.mark.parametrize("most", [-1, 1.5, True, None])
def test_a_limit_of_items_means_nothing(most: Any) -> None:
    with pytest.raises(MisuseError, match="local_items"):
        hs.Settings(local_items=most)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"title": "w1"},
        {"id": "new", "colour": "red"},
        {"id": "new", "title": 7},
        {"id": "new", "title": "x" * 1001},
        {"id": "new", "title": "\ud800"},
        {"id": "new", "tags": "Drama"},
        {"id": "new", "tags": [7]},
        {"id": "new", "tags": 7},
        {"id": "new", "tags": [f"t{number}" for number in range(201)]},
        {"id": "new", "text": "x" * 100_001},
        {"id": "new", "attributes": ["red"]},
        {"id": "new", "attributes": {"year": True}},
        {"id": "new", "attributes": {"year": math.nan}},
        {"id": "new", "attributes": {"year": 10**400}},
        {"id": "new", "attributes": {"year": None}},
        {"id": "new", "attributes": {7: "x"}},
        {"id": "new", "price": -1.0},
        {"id": "new", "price": math.inf},
        {"id": "new", "price": "7"},
        {"id": "new", "stock": -1},
        {"id": "new", "stock": True},
        {"id": "new", "available": 1},
        {"id": "new", "since": 1e15},
        "new",
        None,
    ],
    ids=lambda wrong: repr(wrong)[:40],
)
def test_a_wrong_item_is_taken(known: hs.Bundle, wrong: Any) -> None:
    items = Items(known, 10)
    with pytest.raises(MisuseError):
        items.update([wrong])
    assert items.ids == ()


@pytest.mark.parametrize("identity", ["", "two\nlines", "x" * 513, 7, None])
def test_an_item_has_an_id_that_no_event_could_name(identity: Any) -> None:
    with pytest.raises(InvalidEventError):
        hs.NewItem(id=identity)


@pytest.mark.parametrize("wrong", [None, 7, {"id": "new"}, "new"])
def test_something_else_than_items_is_taken(known: hs.Bundle, wrong: Any) -> None:
    with pytest.raises(MisuseError):
        Items(known, 10).update(wrong)


def test_a_title_steers_a_terminal_or_numpy_numbers_are_refused(known: hs.Bundle) -> None:
    items = Items(known, 10)
    items.update(
        [
            {
                "id": "new",
                "title": "w1\n\x1b[31mred",
                "tags": ["tag-0", "a\tb", "tag-0", "\x07"],
                "price": np.float32(2.5),
                "stock": np.int64(3),
                "available": np.bool_(True),  # noqa: FBT003 - a table's value
                "attributes": {"year": np.float64(1990)},
            }
        ]
    )
    view = items.view
    assert view.title("new") == "w1 [31mred"
    assert view.tags("new") == ("tag-0", "a b")
    assert items.get("new") == hs.NewItem(
        id="new",
        title="w1 [31mred",
        tags=("tag-0", "a b"),
        price=2.5,
        stock=3,
        available=True,
        attributes={"year": 1990.0},
    )


def test_a_price_counts_for_nothing_where_the_catalogue_has_prices(known: hs.Bundle) -> None:
    items = Items(known, 10)
    items.update([{"id": "a", "price": 7.0}, {"id": "b", "attributes": {"price": 7.0}}, {"id": "c", "price": 50.0}])
    assert items.view.encoder is known.encoder
    history = known.history([hs.Event("item-1")])
    view = items.view
    scores = view.scorer.score(history, np.array([view.position(item) for item in "abc"])).scores
    assert scores[0] == scores[1]
    assert scores[0] != scores[2]


def test_forged_words_are_used(tmp_path: Path) -> None:
    words = [("title", "w1", 1.0, 1.0, b"short")]
    with hs.Bundle.open(bundles.write(tmp_path / "bundle", bundles.random_model(8), words=words)) as opened:
        items = Items(opened, 10)
        assert items.update([{"id": "item-1", "stock": 0}]) == {"item-1": True}
        with pytest.raises(ModelContractError, match="vector of 9 bytes"):
            items.update([{"id": "new", "title": "w1"}])
        assert items.ids == ("item-1",)


def test_threads_see_half_of_an_update(known: hs.Bundle) -> None:
    """Every list sees either none or all of what one update said."""
    items = Items(known, 1000)
    stop, found = threading.Event(), []

    def look() -> None:
        done = False
        while not done:
            # One look at least after the last update, however late the thread began.
            done = stop.is_set()
            view = items.view
            found.append({view.title(item) for item in ("new-0", "new-1") if item in view})

    threads = [threading.Thread(target=look) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(100):
        items.update([{"id": "new-0", "title": f"w1 {number}"}, {"id": "new-1", "title": f"w1 {number}"}])
    stop.set()
    for thread in threads:
        thread.join()
    assert max(map(len, found)) == 1
