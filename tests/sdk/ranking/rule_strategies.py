"""Hypothesis strategies of items, events, conditions and situations that often have to do with each other."""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from homespun.protocol.events import Event
from homespun.protocol.policy.conditions import Condition, HistoryTest, ItemTest, Likes, ValueTest
from homespun.ranking.rules import Past, Situation
from tests.sdk.ranking.rule_reference import FakeShelf, Thing

IDS = [f"i{number}" for number in range(12)]
TAGS = ["shoes", "hats", "red", "nothing has this"]
NAMES = ["price", "brand", "hour", "device"]
TEXTS = ["3", "3.5", "true", "acme", "phone", "", "-0", "0", "1e3", "1000", "nan", "inf", "03", " 3"]
NUMBERS = st.one_of(st.sampled_from([0.0, -0.0, 3.0, 3.5, 1000.0, 1e22, -2.0]), st.integers(-5, 30).map(float))
KINDS = ["view", "buy", "dismiss"]
STAGES = ["onboarding", "active", "lapsing", "returning"]
NOW = 1_700_000_000.0
DAY = 86_400.0

values = st.one_of(st.sampled_from(TEXTS), NUMBERS)
context_values = st.one_of(values, st.booleans(), st.integers(-5, 30))


def ranges(numbers: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    pairs = st.tuples(st.none() | numbers, st.none() | numbers)
    sensible = pairs.filter(lambda pair: pair != (None, None) and (None in pair or pair[0] < pair[1]))
    return sensible.map(lambda pair: {"at_least": pair[0], "below": pair[1]})


def some_of(among: Sequence[str]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(among), min_size=1, max_size=4).map(tuple)


value_tests = st.one_of(
    st.builds(ValueTest, name=st.sampled_from(NAMES), values=some_of(TEXTS)),
    st.tuples(st.sampled_from(NAMES), ranges(NUMBERS)).map(lambda pair: ValueTest(pair[0], **pair[1])),
)
item_tests = st.recursive(
    st.one_of(
        st.builds(ItemTest, tag=st.sampled_from(TAGS)),
        st.builds(ItemTest, items=some_of([*IDS, "unknown"])),
        st.builds(ItemTest, attribute=value_tests),
    ),
    lambda inner: st.one_of(
        st.builds(ItemTest, all=st.lists(inner, min_size=1, max_size=3).map(tuple)),
        st.builds(ItemTest, any=st.lists(inner, min_size=1, max_size=3).map(tuple)),
        st.builds(ItemTest, not_=inner),
    ),
    max_leaves=5,
)
days = st.none() | st.sampled_from([0.5, 1.0, 7.0, 3650.0])
history_tests = st.tuples(st.none() | some_of(KINDS), st.none() | item_tests, days, ranges(st.integers(0, 6))).map(
    lambda given: HistoryTest(given[0], given[1], given[2], **given[3])
)
conditions = st.recursive(
    st.one_of(
        st.builds(Condition, context=value_tests),
        st.builds(Condition, lifecycle=some_of(STAGES)),
        st.builds(Condition, likes=ranges(st.integers(0, 6)).map(lambda given: Likes(**given))),
        st.builds(Condition, history=history_tests),
    ),
    lambda inner: st.one_of(
        st.builds(Condition, all=st.lists(inner, min_size=1, max_size=3).map(tuple)),
        st.builds(Condition, any=st.lists(inner, min_size=1, max_size=3).map(tuple)),
        st.builds(Condition, not_=inner),
    ),
    max_leaves=6,
)


@st.composite
def shelves(draw: st.DrawFn) -> FakeShelf:
    ids = draw(st.lists(st.sampled_from(IDS), unique=True, max_size=len(IDS)))
    things = st.builds(
        Thing,
        id=st.just(""),
        tags=st.lists(st.sampled_from(TAGS[:-1]), unique=True).map(tuple),
        attributes=st.none() | st.dictionaries(st.sampled_from(NAMES), values, max_size=3),
        popularity=st.integers(0, 3).map(float),
    )
    return FakeShelf([_named(draw(things), identity) for identity in ids])


times = st.none() | st.sampled_from([NOW, NOW - 0.5 * DAY, NOW - DAY, NOW - 7 * DAY, NOW - 7 * DAY - 1, NOW + 1, 0.0])
events = st.lists(
    st.builds(Event, item=st.sampled_from([*IDS, "unknown"]), kind=st.sampled_from(KINDS), time=times), max_size=12
)


@st.composite
def situations(
    draw: st.DrawFn, shelf: FakeShelf, surfaces: Sequence[str] = ("home",)
) -> tuple[Situation, list[Event] | None]:
    past = draw(st.none() | events)
    situation = Situation(
        surface=draw(st.sampled_from(surfaces)),
        now=draw(st.sampled_from([NOW, NOW - DAY, NOW + 3 * DAY])),
        context=draw(st.dictionaries(st.sampled_from(NAMES), context_values, max_size=4)),
        lifecycle=None if past is None else draw(st.none() | st.sampled_from(STAGES)),
        likes=draw(st.integers(0, 7)),
        past=None if past is None else Past(past, shelf),
    )
    return situation, past


def _named(thing: Thing, identity: str) -> Thing:
    return Thing(identity, thing.tags, thing.attributes, thing.popularity)
