"""The statistics that homespun knows, declared: what is counted, how, what for, and what to tell people.

Each function fills a declaration's texts; its arguments are published parameters. ``STANDARD`` has an example of
each, from which the documentation is made.
"""

from collections.abc import Sequence

from homespun.protocol.statistics.declaration import (
    NO_ITEMS,
    Archetypes,
    Gap,
    ItemContext,
    ItemCounts,
    ItemPairs,
    ItemTrend,
    LikeRule,
    Metrics,
    Outcomes,
    People,
    Repeats,
    Statistic,
    Transformation,
    Transitions,
    Universe,
)
from homespun.protocol.statistics.published import lag_weights
from homespun.protocol.statistics.variants import Measure, Variants

IN_MEMORY = "in memory until the noise is added"

MAX_COUNTED = 1000
"""Items of one person that are counted, where nobody says otherwise."""

MAX_PAIRED_ITEMS = 100
"""Items of one person whose pairs are counted, where nobody says otherwise: 20 to 40 cost hardly any quality."""

MAX_EVENTS = 200
"""Latest events of one person in which transitions are sought, where nobody says otherwise."""

_LIKES = LikeRule()


def _declare(
    transformation: Transformation,
    universe: Universe,
    rule: LikeRule,
    *,
    name: str,
    counts: str,
    purpose: str,
    description: str,
) -> Statistic:
    return Statistic(
        name=name,
        counts=counts,
        universe=universe,
        shape=transformation.shape(universe.items),
        transformation=transformation,
        rule=rule,
        purpose=purpose,
        retention=IN_MEMORY,
        description=description,
    )


def people() -> Statistic:
    """Declare the number of people."""
    return _declare(
        People(),
        NO_ITEMS,
        _LIKES,
        name="people",
        counts="how many people there are",
        purpose="know how many people take part, where their number is not public",
        description="Adds one if there is anything about you at all.",
    )


def item_counts(universe: Universe, rule: LikeRule = _LIKES, *, max_items: int = MAX_COUNTED) -> Statistic:
    """Declare how many people like each item."""
    return _declare(
        ItemCounts(max_items=max_items),
        universe,
        rule,
        name="item-counts",
        counts="how many people like each item",
        purpose="choose the universe of items, weigh them, rank the popular ones",
        description=f"Adds the same small number to each item you like, the smaller the more you like; at most "
        f"{max_items:,} of your items are looked at. In all you add no more than somebody who likes one item.",
    )


def item_trend(
    universe: Universe, edges: Sequence[int], rule: LikeRule = _LIKES, *, max_cells: int = MAX_COUNTED
) -> Statistic:
    """Declare how many people chose each item in each stretch of time; ``edges`` in seconds since 1970."""
    return _declare(
        ItemTrend(edges=tuple(edges), max_cells=max_cells),
        universe,
        rule,
        name="item-trend",
        counts=f"how many people chose each item in each of {len(edges) - 1} stretches of time",
        purpose="rank what is popular now",
        description="Adds the same small number for each item and each stretch of time in which you chose it. The "
        f"exact time is not used, and at most {max_cells:,} such cells of yours are.",
    )


def item_pairs(
    universe: Universe, weights: Sequence[int], rule: LikeRule = _LIKES, *, max_items: int = MAX_PAIRED_ITEMS
) -> Statistic:
    """Declare how many people like both items of each pair; ``weights`` are published, one an item."""
    return _declare(
        ItemPairs(weights=tuple(weights), max_items=max_items),
        universe,
        rule,
        name="item-pairs",
        counts="how many people like both items of each pair",
        purpose="learn which items are liked by the same people",
        description="Adds a small number to each pair of items that you like both, larger where the items are rare, "
        f"and the smaller the more items you like; at most {max_items:,} of your items are looked at.",
    )


def transitions(
    universe: Universe,
    rule: LikeRule = _LIKES,
    *,
    lags: Sequence[int] = lag_weights(1.0, 6),
    gaps: Sequence[tuple[int, int]] = (),
    max_events: int = MAX_EVENTS,
    name: str = "transitions",
) -> Statistic:
    """Declare how often one item follows another.

    Args:
        universe: The items.
        rule: Which events count.
        lags: Published weights of the next item, the one after it, and so on.
        gaps: Published (seconds, weight) by the time between; none: time does not matter.
        max_events: Latest events of a person that are looked at.
        name: To tell statistics with different lags apart.
    """
    return _declare(
        Transitions(
            lag_weights=tuple(lags),
            gaps=tuple(Gap(seconds=seconds, weight=weight) for seconds, weight in gaps),
            max_events=max_events,
        ),
        universe,
        rule,
        name=name,
        counts=f"how often an item follows another within {len(lags)} steps",
        purpose="learn what comes next",
        description="Adds a small number for each two items that you chose one after the other, larger the closer they "
        f"were; only your latest {max_events:,} events are looked at.",
    )


def item_context(
    universe: Universe,
    feature: str,
    values: Sequence[str],
    rule: LikeRule = _LIKES,
    *,
    max_count: int = 1,
    max_cells: int = MAX_COUNTED,
    name: str = "item-context",
) -> Statistic:
    """Declare how many people chose each item in each value of a context; ``name`` tells several apart."""
    return _declare(
        ItemContext(feature=feature, values=tuple(values), max_count=max_count, max_cells=max_cells),
        universe,
        rule,
        name=name,
        counts=f"how many people chose each item in each of {len(values)} values of {feature}",
        purpose="learn what suits the circumstances",
        description=f"Adds a small number for each item and each {feature} in which you chose it, among {len(values)} "
        f"published values; at most {max_cells:,} such cells of yours are used.",
    )


def repeats(
    universe: Universe,
    rule: LikeRule = _LIKES,
    *,
    thresholds: Sequence[int] = (1, 2, 3, 5, 10),
    max_cells: int = MAX_COUNTED,
) -> Statistic:
    """Declare how many people chose each item at least so many times."""
    return _declare(
        Repeats(thresholds=tuple(thresholds), max_cells=max_cells),
        universe,
        rule,
        name="repeats",
        counts=f"how many people chose each item at least {', '.join(map(str, thresholds))} times",
        purpose="learn which items are chosen again",
        description="Adds the same small number for each item and each of these numbers that your count of it reaches; "
        f"at most {max_cells:,} such cells of yours are used.",
    )


def outcomes(
    universe: Universe, kinds: Sequence[str], rule: LikeRule = _LIKES, *, max_cells: int = MAX_COUNTED
) -> Statistic:
    """Declare how many people did each kind of thing with each item."""
    return _declare(
        Outcomes(kinds=tuple(kinds), max_cells=max_cells),
        universe,
        rule,
        name="outcomes",
        counts=f"how many people did {', '.join(kinds)} with each item",
        purpose="learn what comes of showing an item",
        description="Adds the same small number for each item and each of these things that you did with it; at most "
        f"{max_cells:,} such cells of yours are used.",
    )


def archetypes(
    universe: Universe, centroids: Sequence[Sequence[int]], rule: LikeRule = _LIKES, *, max_items: int = MAX_COUNTED
) -> Statistic:
    """Declare sums of the tastes that are nearest to each published centroid."""
    return _declare(
        Archetypes(centroids=tuple(map(tuple, centroids)), max_items=max_items),
        universe,
        rule,
        name="archetypes",
        counts=f"the people nearest to each of {len(centroids)} published tastes, and what they like",
        purpose="describe a few typical tastes, and recommend by the nearest one",
        description=f"Finds which of {len(centroids)} published tastes is nearest to yours, and adds you and the items "
        f"you like to it, bounded like all; at most {max_items:,} of your items are looked at.",
    )


def metric_sums(names: Sequence[str], who: str = "people") -> Statistic:
    """Declare sums of the metrics of people, each in 0..1, and their number, so that means can be released.

    ``who`` says in words which people are measured.
    """
    return _declare(
        Metrics(names=tuple(names)),
        NO_ITEMS,
        _LIKES,
        name="metric-sums",
        counts=f"the sums over {who} of {', '.join(names)}, and how many they are",
        purpose="state how good a model is",
        description="Adds how well the model would have served you, as numbers between 0 and 1, made small enough "
        "that they are not told apart from the noise.",
    )


def variant_outcomes(
    variants: Sequence[str],
    measures: Sequence[tuple[str, int]],
    products: Sequence[tuple[str, str]] = (),
    *,
    name: str = "experiment",
) -> Statistic:
    """Declare what an experiment measures: per variant the people, their measures, squares and some products.

    Args:
        variants: Their names.
        measures: Names, and the largest value that counts.
        products: Pairs of names whose product is summed, too.
        name: To tell experiments apart.
    """
    named = ", ".join(measure for measure, _ in measures)
    return _declare(
        Variants(
            variants=tuple(variants),
            measures=tuple(Measure(name=measure, cap=cap) for measure, cap in measures),
            products=tuple(products),
        ),
        NO_ITEMS,
        _LIKES,
        name=name,
        counts=f"of {', '.join(variants)} how many people met each, and the sums of their {named}",
        purpose="tell which variant serves people better",
        description=f"Adds one to the variant that you met, and your {named}, each cut at a published value and made "
        "small enough that it is not told apart from the noise. Nothing is added about single items or times.",
    )


_EXAMPLE = Universe(items=1000, digest="0" * 64)

STANDARD: tuple[Statistic, ...] = (
    people(),
    item_counts(_EXAMPLE),
    item_trend(_EXAMPLE, [86_400 * day for day in range(15)]),
    item_pairs(_EXAMPLE, [1024] * 1000),
    transitions(_EXAMPLE),
    item_context(_EXAMPLE, "daypart", ("night", "morning", "afternoon", "evening")),
    repeats(_EXAMPLE),
    outcomes(_EXAMPLE, ("view", "like", "buy", "dismiss")),
    archetypes(_EXAMPLE, [[1] * 1000] * 16),
    metric_sums(("ndcg_100", "recall_20")),
    variant_outcomes(
        ("control", "fresh"), (("impressions", 100), ("clicks", 20), ("bought", 1)), (("clicks", "impressions"),)
    ),
)
"""One example of each, over a universe of a thousand items: for documentation and tests."""
