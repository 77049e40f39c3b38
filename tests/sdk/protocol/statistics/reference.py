"""What one person adds, straight from the declarations' words: slow, with dictionaries, fractions and loops.

It shares nothing with the encoder but the declarations themselves and the label of the sampling.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from itertools import combinations, pairwise
from typing import Any

from homespun.protocol.statistics.declaration import (
    Archetypes,
    ItemContext,
    ItemCounts,
    ItemPairs,
    ItemTrend,
    LikeRule,
    Outcomes,
    People,
    Repeats,
    Statistic,
    Transitions,
)
from tests.sdk.protocol.statistics.people import Did, Person

LARGEST = (1 << 30) - 1
Weights = dict[int, int]


def contribution(statistic: Statistic, one: Person) -> dict[int, int]:
    """Return grid steps by cell, zeros included."""
    return clipped(weights(statistic, one), statistic.l2_bound)


def clipped(found: Weights, bound: int) -> dict[int, int]:
    """Divide by the norm, known to 2⁻¹⁶ and rounded up, and round down."""
    square = sum(min(weight, LARGEST) ** 2 for weight in found.values())
    norm = Fraction(root_up(square * 4**16), 2**16)
    return {cell: math.floor(bound * min(weight, LARGEST) / norm) for cell, weight in found.items()}


def root_up(value: int) -> int:
    root = math.isqrt(value)
    return root if root * root == value else root + 1


def weights(statistic: Statistic, one: Person) -> Weights:
    return BY_FORM[type(statistic.transformation)](statistic, statistic.transformation, one)


def in_favour(events: Iterable[Did], rule: LikeRule) -> list[Did]:
    return [
        did
        for did in events
        if did.item >= 0
        and did.kind not in rule.negative_kinds
        and (rule.min_weight is None or math.isnan(did.weight) or did.weight >= float(rule.min_weight))
    ]


def liked(events: Iterable[Did], rule: LikeRule) -> list[int]:
    by_item: dict[int, list[Did]] = {}
    for did in events:
        if did.item >= 0:
            by_item.setdefault(did.item, []).append(did)
    return sorted(item for item, own in by_item.items() if is_liked(own, rule))


def is_liked(own: list[Did], rule: LikeRule) -> bool:
    if own[-1].kind in rule.negative_kinds:
        return False
    given = [did.weight for did in own if not math.isnan(did.weight)]
    return rule.min_weight is None or not given or given[-1] >= float(rule.min_weight)


def sampled(entries: Iterable[int], most: int, one: Person, name: str) -> list[int]:
    """Take the entries, in ascending order, that the person's stream gives the lowest numbers."""
    ordered = sorted(entries)
    if len(ordered) <= most:
        return ordered
    stream = hashlib.shake_256(b"homespun-sample-1:" + one.secret + name.encode()).digest(8 * len(ordered))
    lots = [int.from_bytes(stream[8 * place : 8 * place + 8], "little") for place in range(len(ordered))]
    winners = sorted(range(len(ordered)), key=lambda place: lots[place])[:most]
    return sorted(ordered[place] for place in winners)


def people(statistic: Statistic, form: People, one: Person) -> Weights:
    return {0: 1} if one.events else {}


def item_counts(statistic: Statistic, form: ItemCounts, one: Person) -> Weights:
    return dict.fromkeys(sampled(liked(one.events, statistic.rule), form.max_items, one, statistic.name), 1)


def item_trend(statistic: Statistic, form: ItemTrend, one: Person) -> Weights:
    cells = {
        stretch * statistic.universe.items + did.item
        for did in in_favour(one.events, statistic.rule)
        for stretch, (begin, end) in enumerate(pairwise(form.edges))
        if begin <= did.time < end
    }
    return dict.fromkeys(sampled(cells, form.max_cells, one, statistic.name), 1)


def item_pairs(statistic: Statistic, form: ItemPairs, one: Person) -> Weights:
    items = statistic.universe.items
    places = {pair: place for place, pair in enumerate(combinations(range(items), 2))}
    taken = sampled(liked(one.events, statistic.rule), form.max_items, one, statistic.name)
    return {places[i, j]: form.weights[i] * form.weights[j] for i, j in combinations(taken, 2)}


def transitions(statistic: Statistic, form: Transitions, one: Person) -> Weights:
    events = in_favour(one.events, statistic.rule)[-form.max_events :]
    found: Weights = Counter()
    for place, before in enumerate(events):
        for lag, weight in enumerate(form.lag_weights, start=1):
            after = events[place + lag] if place + lag < len(events) else before
            if after.item != before.item:
                found[before.item * statistic.universe.items + after.item] += weight * gap_weight(form, before, after)
    return {cell: weight for cell, weight in found.items() if weight}


def gap_weight(form: Transitions, before: Did, after: Did) -> int:
    if not form.gaps:
        return 1
    if before.time < 0 or after.time < 0:
        return form.gaps[0].weight
    return next((gap.weight for gap in form.gaps if after.time - before.time <= gap.seconds), 0)


def item_context(statistic: Statistic, form: ItemContext, one: Person) -> Weights:
    counts = Counter(
        did.context * statistic.universe.items + did.item
        for did in in_favour(one.events, statistic.rule)
        if 0 <= did.context < len(form.values)
    )
    taken = sampled(counts, form.max_cells, one, statistic.name)
    return {cell: min(counts[cell], form.max_count) for cell in taken}


def repeats(statistic: Statistic, form: Repeats, one: Person) -> Weights:
    counts = Counter(did.item for did in in_favour(one.events, statistic.rule))
    cells = [
        level * statistic.universe.items + item
        for level, threshold in enumerate(form.thresholds)
        for item, count in counts.items()
        if count >= threshold
    ]
    return dict.fromkeys(sampled(cells, form.max_cells, one, statistic.name), 1)


def outcomes(statistic: Statistic, form: Outcomes, one: Person) -> Weights:
    cells = {
        form.kinds.index(did.kind) * statistic.universe.items + did.item
        for did in one.events
        if did.item >= 0 and did.kind in form.kinds
    }
    return dict.fromkeys(sampled(cells, form.max_cells, one, statistic.name), 1)


def archetypes(statistic: Statistic, form: Archetypes, one: Person) -> Weights:
    taken = sampled(liked(one.events, statistic.rule), form.max_items, one, statistic.name)
    if not taken:
        return {}
    products = [sum(centroid[item] for item in taken) for centroid in form.centroids]
    row = products.index(max(products)) * (statistic.universe.items + 1)
    member = {row + statistic.universe.items: math.isqrt(len(taken) << 24)}
    return {row + item: 1 << 12 for item in taken} | member


BY_FORM: Mapping[type, Callable[[Statistic, Any, Person], Weights]] = {
    People: people,
    ItemCounts: item_counts,
    ItemTrend: item_trend,
    ItemPairs: item_pairs,
    Transitions: transitions,
    ItemContext: item_context,
    Repeats: repeats,
    Outcomes: outcomes,
    Archetypes: archetypes,
}
