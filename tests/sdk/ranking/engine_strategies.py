"""Hypothesis strategies of policies, people and requests for one small bundle, which often have to do with it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from homespun.model.bundle import Bundle
from homespun.person.items import Items
from homespun.protocol.controls import FrequencyCap, Steering
from homespun.protocol.events import Event
from homespun.protocol.policy import Policy, Surface
from homespun.protocol.policy import rules as actions
from homespun.protocol.policy.conditions import Condition, HistoryTest, ItemTest, Likes, ValueTest
from homespun.protocol.policy.policy import Lifecycle
from homespun.protocol.policy.rules import Rule
from homespun.protocol.policy.stages import (
    Blend,
    Candidates,
    Caps,
    Cascade,
    Case,
    Diversity,
    Exploration,
    Frequency,
    Learning,
    Popularity,
    Recency,
    Rules,
    Seen,
)
from homespun.ranking.request import Inputs
from tests.sdk import bundles

ITEMS = 60
DIMENSIONS = 8
NOW = 1_700_000_000.0
DAY = 86_400.0
GONE = "item-11"
LATER = "item-12"
KINDS = ["view", "buy", "dismiss"]
SURFACES = ["shelf", "home", "similar", "search", "continue"]


@contextmanager
def shop(folder: Path) -> Iterator[Bundle]:
    """Every kind of part, attributes, and items that the application added, two of which cannot be had."""
    published = [None if n % 9 == 8 else NOW + DAY * (3 - 2 * n) for n in range(ITEMS)]
    attributes = [*bundles.some_attributes(ITEMS), bundles.numbers_row("published", published)]
    catalogue = bundles.catalogue_of(ITEMS)
    catalogue.tags[:] = [(f"tag-{n % 3}", *(["half"] if n % 2 else []), "каждый") for n in range(ITEMS)]
    catalogue.tags[7] = ()
    model = bundles.full_model(ITEMS, DIMENSIONS, seed=5, every=4, density=0.2)
    words = bundles.random_words(DIMENSIONS + 3)
    with Bundle.open(
        bundles.write(folder / "bundle", model, catalogue=catalogue, words=words, attributes=sorted(attributes))
    ) as opened:
        items = Items(opened, 10)
        items.update(
            [
                {"id": "new-0", "title": "w1 w2", "tags": ["tag-1"], "attributes": {"price": 3.0}},
                {"id": "new-1", "title": "w3", "tags": ["tag-2"], "since": NOW + DAY},
                {"id": GONE, "available": False},
                {"id": LATER, "until": NOW},
            ]
        )
        yield items.view


names = st.sampled_from([*(f"item-{number}" for number in range(ITEMS)), "new-0", "new-1", "unknown"])
tags = st.sampled_from(["tag-0", "tag-1", "tag-2", "half", "nowhere"])
some_names = st.frozensets(names, max_size=4)


def some(among: st.SearchStrategy[Any], most: int = 4) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(among, min_size=1, max_size=most).map(tuple)


value_tests = st.one_of(
    st.builds(ValueTest, name=st.just("brand"), values=some(st.sampled_from(["Märke 0", "Märke 1", "other"]))),
    st.builds(ValueTest, name=st.just("price"), at_least=st.sampled_from([0.0, 3.0, 20.0])),
    st.builds(ValueTest, name=st.just("price"), below=st.sampled_from([0.5, 8.0])),
)
item_tests = st.recursive(
    st.one_of(
        st.builds(ItemTest, tag=tags),
        st.builds(ItemTest, items=some(names)),
        st.builds(ItemTest, attribute=value_tests),
    ),
    lambda inner: st.one_of(
        st.builds(ItemTest, all=some(inner, 2)),
        st.builds(ItemTest, any=some(inner, 2)),
        st.builds(ItemTest, not_=inner),
    ),
    max_leaves=3,
)
conditions = st.one_of(
    st.builds(
        Condition, context=st.builds(ValueTest, name=st.just("device"), values=some(st.sampled_from(["tv", "3"])))
    ),
    st.builds(Condition, lifecycle=some(st.sampled_from(["onboarding", "active", "lapsing", "returning"]))),
    st.builds(Condition, likes=st.builds(Likes, at_least=st.integers(0, 6))),
    st.builds(
        Condition,
        history=st.builds(
            HistoryTest, st.none() | some(st.sampled_from(KINDS)), st.none() | item_tests, st.none(), st.integers(0, 3)
        ),
    ),
)
thens = st.one_of(
    st.builds(actions.Boost, st.floats(0.01, 5)),
    st.builds(actions.Bury, st.floats(0.01, 5)),
    st.builds(actions.Filter),
    st.builds(actions.Pin, st.integers(1, 12)),
    st.builds(actions.Cap, st.integers(0, 5)),
    st.builds(actions.Reserve, st.floats(0.05, 1)),
)


@st.composite
def rules(draw: st.DrawFn) -> tuple[Rule, ...]:
    count = draw(st.sampled_from([4, 6, 2, 0]))
    return tuple(
        Rule(f"rule {number}", draw(thens), draw(item_tests), draw(st.none() | st.none() | conditions))
        for number in range(count)
    )


parts = st.sampled_from(
    [
        "collaborative",
        "content",
        "session",
        "popularity",
        "trend-7d",
        "context",
        "device",
        "archetype",
        "repeat",
        "none",
    ]
)
weights = st.dictionaries(parts, st.sampled_from([0.0, 0.5, 1.0, 3.0]), max_size=4)
days = st.none() | st.sampled_from([0.0, 1.0, 30.0])
FIRST = [
    st.builds(Candidates, st.sampled_from([20, 10, 200]), st.just(()) | some(names), st.just(()) | some(names)),
    st.builds(Seen, st.dictionaries(st.sampled_from(KINDS), days, max_size=2), days),
    st.builds(Frequency, st.integers(1, 3), st.integers(1, 7)),
]
SECOND = [
    st.builds(Blend, weights, st.lists(st.builds(Case, conditions, weights), max_size=2).map(tuple)),
    st.builds(Rules),
    st.builds(Recency, st.sampled_from(["published", "price", "none"]), st.floats(0.1, 3), st.floats(0.5, 50)),
    st.builds(Learning, st.sampled_from([2.0, 0.5, 0.0]), st.integers(1, 3)),
    st.builds(Popularity, st.floats(-1, 1)),
]
THIRD = [
    st.builds(Cascade, st.integers(2, 40), weights),
    st.builds(Diversity, st.sampled_from([0.0, 0.3, 1.0]), st.sampled_from([0.0, 0.3, 1.0])),
    st.builds(
        Exploration,
        st.sampled_from(["thompson", "epsilon", "off"]),
        st.sampled_from([0.4, 0.1, 1.0]),
        st.sampled_from([0.3, 1.0, 0.0]),
    ),
    st.builds(Caps, st.none() | st.integers(1, 6), st.dictionaries(tags, st.integers(0, 4), max_size=2)),
]


@st.composite
def surfaces(draw: st.DrawFn, source: str) -> Surface:
    stages = [
        draw(stage)
        for phase in (FIRST, SECOND, THIRD)
        for stage in draw(st.permutations(phase))
        if draw(st.integers(0, 3))
    ]
    return Surface(stages=tuple(stages), source=source)  # type: ignore[arg-type]


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    sources = {"home": "all", "shelf": "all", "similar": "similar", "search": "given", "continue": "history"}
    named = {name: draw(surfaces(source)) for name, source in sources.items() if draw(st.booleans())}
    named.setdefault("shelf", draw(surfaces("all")))
    return Policy(1, "drawn", named, draw(rules()), Lifecycle(draw(st.integers(0, 4)), 10.0, 5.0))


times = st.none() | st.sampled_from([NOW, NOW - 0.5 * DAY, NOW - 2 * DAY, NOW - 20 * DAY, NOW + 1.0])
contexts = st.dictionaries(st.sampled_from(["device", "evening", "mood"]), st.sampled_from(["tv", 3, True, "false"]))
events = st.lists(
    st.builds(
        Event,
        item=names,
        kind=st.sampled_from([*KINDS, "view", "rate"]),
        time=times,
        weight=st.none() | st.floats(1, 5),
        context=st.none() | contexts,
    ),
    min_size=3,
    max_size=30,
)


@st.composite
def steerings(draw: st.DrawFn) -> Steering:
    more = draw(some_names)
    return Steering(
        hidden_items=draw(some_names),
        hidden_tags=draw(st.just(frozenset()) | st.frozensets(tags, max_size=1)),
        more_like=more,
        less_like=draw(some_names) - more,
        ignored_items=draw(some_names),
        interests=draw(st.dictionaries(tags, st.floats(0, 1), max_size=2)),
        frequency_cap=draw(st.none() | st.builds(FrequencyCap, st.integers(1, 3), st.just(7))),
        diversity=draw(st.just(0.0) | st.just(0.0) | st.floats(0, 1)),
        exploration=draw(st.none() | st.none() | st.floats(0, 1)),
        **{name: draw(st.integers(0, 12)) == 7 for name in ("non_profiled", "restricted", "objected")},
    )


people = st.builds(Inputs, events | events | events | st.just([]) | st.none(), steerings(), contexts)


@st.composite
def requests(draw: st.DrawFn, ids: Sequence[str]) -> dict[str, Any]:
    """What ``Request.of`` takes."""
    surface = draw(st.sampled_from([*SURFACES, *SURFACES[:2], *SURFACES[:2]]))
    return {
        "surface": surface,
        "k": draw(st.integers(1, 20) | st.just(ITEMS + 5)),
        "now": NOW,
        "context": draw(contexts),
        "exclude": draw(some_names),
        "exclude_seen": draw(st.none() | st.booleans()),
        "shown": draw(st.dictionaries(names, st.integers(0, 4), max_size=5)),
        "seed": draw(st.integers(0, 2**63 - 1)),
        "item": draw(st.sampled_from(ids)) if surface == "similar" else None,
        "ids": draw(st.lists(names, min_size=4, max_size=25)) if surface == "search" else None,
    }
