"""Interests can be read, with what they come from, and an edit is told as one."""

from pathlib import Path

import pytest

from homespun.errors import MisuseError
from homespun.model.bundle import Bundle
from homespun.person.interests import Interest, interests
from homespun.protocol.controls import Steering
from homespun.protocol.events import Event
from homespun.ranking.tastes import inferred_weight
from tests.sdk import bundles

FIRST, SECOND, THIRD = Event("item-3", "rate", 1.0, 5.0), Event("item-6", time=2.0), Event("item-7", time=3.0)
DISLIKED, UNKNOWN = Event("item-8", "rate", 4.0, 1.0), Event("elsewhere", time=5.0)
EVENTS = [THIRD, UNKNOWN, FIRST, DISLIKED, SECOND]


def test_interests_do_not_come_from_the_likes(bundle: Bundle) -> None:
    assert interests(bundle, EVENTS) == [
        Interest("каждый", 1.0, 1.0, edited=False, events=(FIRST, SECOND, THIRD)),
        Interest("tag-0", 2 / 3, 2 / 3, edited=False, events=(FIRST, SECOND)),
        Interest("tag-1", 1 / 3, 1 / 3, edited=False, events=(THIRD,)),
    ]


def test_an_edit_or_a_veto_hides_what_was_inferred(bundle: Bundle) -> None:
    steering = Steering(interests={"каждый": 0.0, "tag-1": 0.9, "unheard of": 0.5})
    assert interests(bundle, EVENTS, steering) == [
        Interest("tag-1", 0.9, 1 / 3, edited=True, events=(THIRD,)),
        Interest("tag-0", 2 / 3, 2 / 3, edited=False, events=(FIRST, SECOND)),
        Interest("unheard of", 0.5, 0.0, edited=True, events=()),
        Interest("каждый", 0.0, 1.0, edited=True, events=(FIRST, SECOND, THIRD)),
    ]


@pytest.mark.parametrize("events", [[], [DISLIKED], [UNKNOWN]])
def test_interests_are_made_up(bundle: Bundle, events: list[Event]) -> None:
    assert interests(bundle, events) == []
    assert interests(bundle, events, Steering(interests={"tag-0": 0.0})) == [
        Interest("tag-0", 0.0, 0.0, edited=True, events=())
    ]


def test_what_is_shown_differs_from_what_lists_are_made_from(bundle: Bundle) -> None:
    likes = bundle.history(EVENTS)
    for interest in interests(bundle, EVENTS):
        assert inferred_weight(bundle.tagged(interest.tag), likes.positions) == interest.inferred
    assert inferred_weight(bundle.tagged("tag-0"), bundle.history([]).positions) == 0.0
    assert inferred_weight(bundle.tagged("unheard of"), likes.positions) == 0.0


def test_a_tag_that_an_item_has_twice_counts_twice(tmp_path: Path) -> None:
    catalogue = bundles.catalogue_of(9)
    catalogue.tags[3] = ("x", "x")
    folder = bundles.write(tmp_path / "bundle", bundles.random_model(9), catalogue=catalogue)
    with Bundle.open(folder) as opened:
        assert interests(opened, [FIRST]) == [Interest("x", 1.0, 1.0, edited=False, events=(FIRST,))]
        assert opened.tagged("x").tolist() == [3]


def test_something_else_than_events_is_read(bundle: Bundle) -> None:
    with pytest.raises(MisuseError):
        interests(bundle, ["item-3"])  # type: ignore[list-item]
