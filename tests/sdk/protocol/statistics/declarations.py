"""Valid declarations of every transformation of histories, with parameters small, odd or as large as allowed."""

from collections.abc import Callable
from decimal import Decimal

import msgspec
from hypothesis import settings
from hypothesis import strategies as st

from homespun.protocol.statistics import standard
from homespun.protocol.statistics.declaration import (
    MAX_CENTROID,
    MAX_ITEM_WEIGHT,
    MAX_LAG_WEIGHT,
    LikeRule,
    Statistic,
    Universe,
)
from homespun.protocol.statistics.grid import GRID, MAX_BOUND
from tests.sdk.protocol.statistics.people import FEATURE, KINDS, Person, crowd

VALUES = ("night", "morning", "evening")
"""One fewer than what people have, so that one value of theirs is never declared."""

DIGEST = "0" * 64
most = st.integers(1, 8) | st.sampled_from([20, 1 << 11])


def universe(items: int) -> Universe:
    return Universe(items=items, digest=DIGEST)


def few(draw: st.DrawFn) -> Universe:
    return universe(draw(st.integers(2, 7)))


def rule(draw: st.DrawFn) -> LikeRule:
    least = draw(st.sampled_from([None, Decimal(0), Decimal("0.3"), Decimal(3), Decimal("1e300")]))
    negative = draw(st.lists(st.sampled_from([*KINDS, "unheard-of"]), max_size=3, unique=True))
    return LikeRule(min_weight=least, negative_kinds=tuple(negative))


def ascending(draw: st.DrawFn, values: st.SearchStrategy[int], least: int, longest: int) -> list[int]:
    return sorted(draw(st.lists(values, min_size=least, max_size=longest, unique=True)))


def people(draw: st.DrawFn) -> Statistic:
    return standard.people()


def item_counts(draw: st.DrawFn) -> Statistic:
    return standard.item_counts(few(draw), rule(draw), max_items=draw(most))


def item_trend(draw: st.DrawFn) -> Statistic:
    seconds = st.sampled_from([0, 1, 59, 60, 61, 3600, 86_400, 253_402_300_800]) | st.integers(0, 200)
    return standard.item_trend(few(draw), ascending(draw, seconds, 2, 5), rule(draw), max_cells=draw(most))


def item_pairs(draw: st.DrawFn) -> Statistic:
    counted = few(draw)
    weight = st.sampled_from([1, 2, 1024, MAX_ITEM_WEIGHT]) | st.integers(1, MAX_ITEM_WEIGHT)
    weights = draw(st.lists(weight, min_size=counted.items, max_size=counted.items))
    return standard.item_pairs(counted, weights, rule(draw), max_items=draw(most))


def transitions(draw: st.DrawFn) -> Statistic:
    weight = st.sampled_from([0, 1, MAX_LAG_WEIGHT]) | st.integers(0, MAX_LAG_WEIGHT)
    seconds = ascending(draw, st.sampled_from([0, 1, 59, 60, 3600, 253_402_300_800]), 0, 3)
    return standard.transitions(
        few(draw),
        rule(draw),
        lags=draw(st.lists(weight, min_size=1, max_size=4)),
        gaps=[(second, draw(weight)) for second in seconds],
        max_events=draw(st.integers(2, 8) | st.just(1 << 14)),
    )


def item_context(draw: st.DrawFn) -> Statistic:
    count = draw(st.integers(1, 5) | st.just(1 << 20))
    return standard.item_context(few(draw), FEATURE, VALUES, rule(draw), max_count=count, max_cells=draw(most))


def repeats(draw: st.DrawFn) -> Statistic:
    thresholds = ascending(draw, st.integers(1, 20) | st.just(1 << 20), 1, 4)
    return standard.repeats(few(draw), rule(draw), thresholds=thresholds, max_cells=draw(most))


def outcomes(draw: st.DrawFn) -> Statistic:
    kinds = draw(st.lists(st.sampled_from([*KINDS, "unheard-of"]), min_size=1, max_size=4, unique=True))
    return standard.outcomes(few(draw), kinds, rule(draw), max_cells=draw(most))


def archetypes(draw: st.DrawFn) -> Statistic:
    counted = few(draw)
    coordinates = st.lists(st.sampled_from([0, 1, 2, MAX_CENTROID]), min_size=counted.items, max_size=counted.items)
    centroids = draw(st.lists(coordinates, min_size=1, max_size=4))
    return standard.archetypes(counted, centroids, rule(draw), max_items=draw(most))


HALF = settings(max_examples=settings().max_examples // 2)
"""For what is tested form by form: there are many."""

Declare = Callable[[st.DrawFn], Statistic]

FORMS: tuple[Declare, ...] = (
    people,
    item_counts,
    item_trend,
    item_pairs,
    transitions,
    item_context,
    repeats,
    outcomes,
    archetypes,
)
"""Of each transformation that is a function of a history, how to draw a declaration."""


@st.composite
def declared(draw: st.DrawFn, form: Declare) -> Statistic:
    """A declaration of this form, with any bound."""
    return msgspec.structs.replace(form(draw), l2_bound=draw(st.sampled_from([1, 2, 100, GRID, MAX_BOUND])))


@st.composite
def cases(draw: st.DrawFn, form: Declare) -> tuple[Statistic, list[Person]]:
    """A declaration, and people whom it is about."""
    statistic = draw(declared(form))
    return statistic, draw(crowd(statistic.universe.items or 3))


def wide(items: int) -> tuple[Statistic, ...]:
    """One declaration of each form over many items, so that people who do much are sampled."""
    counted, edges = universe(items), [0, 3600, 86_400, 10**7, 10**9, 10**10]
    least = LikeRule(min_weight=Decimal("0.3"), negative_kinds=("dismiss",))
    weights = [1 + item * item * MAX_ITEM_WEIGHT // items**2 for item in range(items)]
    lags, gaps = [MAX_LAG_WEIGHT, 300, 1], [(0, MAX_LAG_WEIGHT), (3600, 7), (10**9, 1)]
    tastes = [[(item * factor) % 11 for item in range(items)] for factor in range(1, 6)]
    return (
        standard.people(),
        standard.item_counts(counted, least, max_items=50),
        standard.item_trend(counted, edges, least, max_cells=60),
        standard.item_pairs(counted, weights, least, max_items=20),
        standard.transitions(counted, least, lags=lags, gaps=gaps, max_events=100),
        standard.item_context(counted, FEATURE, VALUES, least, max_count=3, max_cells=70),
        standard.repeats(counted, least, max_cells=80),
        standard.outcomes(counted, KINDS[:3], least, max_cells=90),
        standard.archetypes(counted, tastes, least, max_items=40),
    )
