"""What somebody did is turned into likes by the bundle's rule, and by no other."""

from decimal import Decimal

import pytest

from homespun.errors import MisuseError
from homespun.model.history import likes
from homespun.protocol.bundle import NEGATIVE_KINDS, HistoryRule
from homespun.protocol.events import Event

RATED = HistoryRule(Decimal(7), 100, NEGATIVE_KINDS)
ANY_WEIGHT = HistoryRule(None, 100, NEGATIVE_KINDS)
VIEW, DISLIKE = Event("x"), Event("x", "dislike")
GOOD, BAD = Event("x", "rate", weight=9.0), Event("x", "rate", weight=1.0)


@pytest.mark.parametrize("kind", NEGATIVE_KINDS)
def test_what_speaks_against_an_item_speaks_for_it(kind: str) -> None:
    for rule in (RATED, ANY_WEIGHT):
        assert likes([Event("x", kind)], rule) == []
        assert likes([GOOD, Event("x", kind)], rule) == []
        assert likes([VIEW, Event("x", kind, weight=10.0)], rule) == []


def test_a_kind_that_the_bundle_does_not_name_speaks_against_an_item() -> None:
    rule = HistoryRule(Decimal(7), 100, ("boo",))
    assert likes([DISLIKE], rule) == [DISLIKE]
    assert likes([Event("x", "boo")], rule) == []
    assert likes([DISLIKE], HistoryRule(None, 100)) == [DISLIKE]


@pytest.mark.parametrize(
    ("events", "standing"),
    [
        ([], None),
        ([VIEW], VIEW),
        ([GOOD], GOOD),
        ([BAD], None),
        ([BAD, VIEW], None),  # looking at it again is no change of mind
        ([GOOD, VIEW], GOOD),
        ([VIEW, GOOD], GOOD),
        ([GOOD, BAD], None),
        ([BAD, GOOD, VIEW, VIEW], GOOD),
        ([DISLIKE, VIEW], VIEW),  # the later one decides
        ([GOOD, DISLIKE, VIEW], GOOD),
        ([BAD, DISLIKE, VIEW], None),
    ],
)
def test_an_item_is_liked_otherwise_than_by_its_last_kind_and_last_weight(
    events: list[Event], standing: Event | None
) -> None:
    assert likes(events, RATED) == ([] if standing is None else [standing])


def test_a_weight_matters_where_no_least_weight_is_given() -> None:
    assert likes([BAD, VIEW], ANY_WEIGHT) == [BAD]
    assert likes([Event("x", weight=0.0)], ANY_WEIGHT) == [Event("x", weight=0.0)]


def test_times_do_not_decide_what_is_last() -> None:
    late, early = Event("x", "rate", 20.0, 9.0), Event("x", "rate", 10.0, 1.0)
    assert likes([late, early], RATED) == [late]
    assert likes([Event("x", "hide"), late], RATED) == [late]
    assert likes([late, Event("x", "hide")], RATED) == [late]  # without a time it is earlier than all others
    assert likes([late, Event("x", "hide", 30.0)], RATED) == []


def test_an_item_keeps_the_place_of_an_event_that_does_not_stand_for_it() -> None:
    events = [Event("a", "rate", 1.0, 9.0), Event("b", "view", 2.0), Event("a", "view", 3.0), Event("c", "view", 4.0)]
    assert likes(events, RATED) == [events[0], events[1], events[3]]
    assert likes([*events, Event("b", "view", 5.0)], RATED) == [events[0], events[3], Event("b", "view", 5.0)]
    assert likes([*events, Event("a", "rate", 5.0, 8.0)], RATED) == [*events[1::2], Event("a", "rate", 5.0, 8.0)]


def test_something_else_than_events_is_guessed_at() -> None:
    with pytest.raises(MisuseError, match="Event"):
        likes([{"item": "x"}], RATED)  # type: ignore[list-item]
