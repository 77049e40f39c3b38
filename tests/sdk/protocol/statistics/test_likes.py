"""What a person likes is the same in sums over tables, in what a device adds, and in what it ranks by."""

import math
from decimal import Decimal

from hypothesis import example, given
from hypothesis import strategies as st

from homespun.model.history import likes
from homespun.protocol.bundle import HistoryRule
from homespun.protocol.events import Event, in_order
from homespun.protocol.statistics.declaration import LikeRule
from homespun.protocol.statistics.likes import in_favour, liked
from tests.sdk.protocol.statistics.declarations import HALF
from tests.sdk.protocol.statistics.people import KINDS, WEIGHTS, Did, Person, histories, person

UNDECLARED = "hover"
ITEMS = ["a", "b", "c"]
TIMES = [None, 0.0, 0.25, 0.75, 1.0, 59.999, 60.0, 1e9]
events = st.lists(
    st.builds(
        Event,
        st.sampled_from([*ITEMS, "unknown"]),
        st.sampled_from([*KINDS, UNDECLARED]),
        st.sampled_from(TIMES) | st.floats(0, 3),
        st.sampled_from([None, *(weight for weight in WEIGHTS if not math.isnan(weight))]),
    ),
    max_size=15,
)
rules = st.builds(
    LikeRule,
    min_weight=st.sampled_from([None, Decimal(0), Decimal("0.3"), Decimal(3), Decimal(4)]),
    negative_kinds=st.lists(st.sampled_from([*KINDS, "unheard-of"]), max_size=3, unique=True).map(tuple),
)


def as_history(recorded: list[Event]) -> Person:
    """As a device or a table does it: put in order first, then floored to whole seconds."""
    return Person(
        tuple(
            Did(
                ITEMS.index(event.item) if event.item in ITEMS else -1,
                -1 if event.time is None else math.floor(event.time),
                event.kind if event.kind in KINDS else None,
                math.nan if event.weight is None else event.weight,
            )
            for event in in_order(recorded)
        )
    )


def on_the_device(recorded: list[Event], rule: LikeRule) -> set[str]:
    known = [event for event in recorded if event.item in ITEMS]
    return {event.item for event in likes(known, HistoryRule(rule.min_weight, 1000, rule.negative_kinds))}


@given(events, rules)
@example([Event("a", "like", 1.0, 5.0), Event("a", "view", 1.0, None)], LikeRule(min_weight=Decimal(3)))
@example([Event("a", "view", 1.9), Event("a", "dismiss", 1.1)], LikeRule(negative_kinds=("dismiss",)))
@example([Event("a", "view", 9.0), Event("a", "dismiss")], LikeRule(negative_kinds=("dismiss",)))
@example([Event("a", "rate", 1.0, 0.3)], LikeRule(min_weight=Decimal("0.3")))
def test_a_device_ranks_by_other_likes_than_it_adds(recorded: list[Event], rule: LikeRule) -> None:
    owners, items = liked(histories([as_history(recorded)]), rule)
    assert items.tolist() == sorted(ITEMS.index(item) for item in on_the_device(recorded, rule))
    assert set(owners.tolist()) <= {0}


@HALF
@given(st.lists(events, max_size=3), rules)
def test_somebody_elses_events_change_what_is_liked(everybody: list[list[Event]], rule: LikeRule) -> None:
    owners, items = liked(histories([as_history(recorded) for recorded in everybody]), rule)
    for place, recorded in enumerate(everybody):
        own = {ITEMS[item] for item in items[owners == place].tolist()}
        assert own == on_the_device(recorded, rule)


def test_an_event_against_an_item_speaks_for_it() -> None:
    rule = LikeRule(min_weight=Decimal(3), negative_kinds=("dismiss",))
    recorded = person(
        Did(0, 1, "view", 3.0),
        Did(0, 2, "view", 2.999),
        Did(0, 3, "view"),
        Did(0, 4, None, 9.0),
        Did(0, 5, "dismiss", 9.0),
        Did(-1, 6, "view", 9.0),
    )
    assert in_favour(histories([recorded]), rule).tolist() == [True, False, True, True, False, False]


def test_a_kind_is_negative_though_nobody_has_done_it() -> None:
    rule = LikeRule(negative_kinds=("unheard-of",))
    assert in_favour(histories([person(Did(0), Did(0, 1, "dismiss"))]), rule).tolist() == [True, True]
