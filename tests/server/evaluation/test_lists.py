"""A figure about lists is not what it is called: held against another implementation, or slow textbook code."""

import json
import math
from collections import Counter, defaultdict
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.errors import MisuseError
from homespun_server.evaluation.facts import GROUPS, ItemFacts, groups_of
from homespun_server.evaluation.lists import NOWHERE, Lists, coverage, gini, lorenz
from homespun_server.evaluation.metrics import average_precision_at, hits_of, recall_at

SHOWN = st.lists(st.integers(0, 50), min_size=1, max_size=40).map(lambda values: np.array(values, np.int64))
TAGS = ((), ("a",), ("a", "b"), ("b", "c", "a"), ("c",), ("d",))
PLACES = st.lists(st.integers(0, len(TAGS) - 1), max_size=5, unique=True)


@pytest.fixture(scope="module")
def vector(repository: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((repository / "tests/vectors/evaluation/lists.json").read_bytes())
    return content


def facts_of(tags: Any, counts: Any = None, users: int = 10) -> ItemFacts:
    numbers = np.zeros(len(tags), np.int64) if counts is None else np.array(counts, np.int64)
    return ItemFacts.of([f"item-{item}" for item in range(len(tags))], tags, numbers, users)


def lists_of(rows: Any, facts: ItemFacts, histories: Any = None) -> Lists:
    depth = max([1, *map(len, rows)])
    shown = np.full((len(rows), depth), NOWHERE, np.int64)
    for place, row in enumerate(rows):
        shown[place, : len(row)] = row
    return Lists(shown, [np.array(own, np.int64) for own in histories or [[]] * len(rows)], facts)


@pytest.mark.parametrize("k", [1, 5, 10])
def test_a_metric_differs_from_another_implementation(vector: dict[str, Any], k: int) -> None:
    counts = Counter(item for _, item in vector["trained"])
    facts = facts_of(vector["tags"], [counts[item] for item in range(len(vector["tags"]))], vector["users"])
    lists, expected = lists_of(vector["lists"], facts), vector["expected"][str(k)]
    ranked = [[str(item) for item in row] for row in vector["lists"]]
    hits = hits_of(ranked, [set(map(str, own)) for own in vector["relevant"]], 10)
    assert lists.novelty(k) == pytest.approx(expected["novelty"])
    assert coverage(lists.exposure(k)) == pytest.approx(expected["coverage"])
    assert average_precision_at(hits, k) == pytest.approx(expected["map"])
    assert recall_at(hits, k) == pytest.approx(expected["recall"])
    if k > 1:
        assert lists.diversity(k) == pytest.approx(expected["diversity"])


@given(shown=SHOWN)
def test_inequality_differs_from_the_mean_difference(shown: np.ndarray) -> None:
    """Gini's coefficient is half the mean absolute difference, relative to the mean."""
    apart = np.abs(shown[:, None] - shown[None, :]).mean()
    expected = apart / (2 * shown.mean()) if shown.sum() else 0.0
    assert gini(shown) == pytest.approx(expected, abs=1e-12)


@given(shown=SHOWN)
def test_the_curve_belongs_to_another_coefficient(shown: np.ndarray) -> None:
    curve = lorenz(shown, points=shown.size + 1)
    assert curve[0] == 0.0
    assert all(before <= after + 1e-12 for before, after in pairwise(curve))
    if shown.sum():
        assert curve[-1] == pytest.approx(1.0)
        below = sum((one + other) / 2 for one, other in pairwise(curve)) / shown.size
        assert gini(shown) == pytest.approx(1 - 2 * below, abs=1e-9)


def shares_of(items: list[int]) -> Mapping[str, float]:
    """Return the textbook's p(g): the mean over the items that have tags of 1/tags for each tag."""
    tagged = [TAGS[item] for item in items if TAGS[item]]
    found: defaultdict[str, float] = defaultdict(float)
    for tags in tagged:
        for tag in tags:
            found[tag] += 1 / len(tags) / len(tagged)
    return found


def divergence(past: list[int], listed: list[int]) -> float:
    p, q = shares_of(past), shares_of(listed)
    if not p or not q:
        return math.nan
    return sum(share * math.log(share / (0.99 * q.get(tag, 0.0) + 0.01 * share)) for tag, share in p.items())


@given(past=st.lists(st.integers(0, len(TAGS) - 1), max_size=6), listed=PLACES, other=PLACES)
def test_calibration_differs_from_the_textbook(past: list[int], listed: list[int], other: list[int]) -> None:
    found = lists_of([listed, other], facts_of(TAGS), [past, [1, 1]]).calibration(5 if len(listed) > 4 else 1)
    k = 5 if len(listed) > 4 else 1
    expected = [divergence(past, listed[:k]), divergence([1, 1], other[:k])]
    assert found == pytest.approx(expected, abs=1e-12, nan_ok=True)


@given(listed=PLACES)
def test_diversity_differs_from_the_textbook(listed: list[int]) -> None:
    def cosine(one: int, other: int) -> float:
        both = len(set(TAGS[one]) & set(TAGS[other]))
        return both / math.sqrt(len(TAGS[one]) * len(TAGS[other])) if both else 0.0

    pairs = [(one, other) for one in listed for other in listed if one < other]
    expected = 1 - sum(cosine(*pair) for pair in pairs) / len(pairs) if pairs else math.nan
    assert lists_of([listed], facts_of(TAGS)).diversity(5)[0] == pytest.approx(expected, abs=1e-12, nan_ok=True)


def test_an_empty_list_has_a_novelty_or_covers_something() -> None:
    lists = lists_of([[], [2]], facts_of(TAGS, [4, 2, 1, 0, 0, 0], users=8))
    novelty = lists.novelty(1)
    assert np.isnan(novelty[0])
    assert novelty[1] == 3.0
    assert lists.exposure(1).tolist() == [0, 0, 1, 0, 0, 0]
    assert coverage(lists.exposure(1)) == pytest.approx(1 / 6)


def test_an_item_is_in_no_group_or_in_the_wrong_one() -> None:
    counts = np.array([1, 0, 40, 30, 5, 20, 4])
    names = [GROUPS[group] for group in groups_of(counts)]
    # 40 of 100 begin at 0; 30 begin at .4; 20 at .7; 5 at .9; 4 at .95; 1 at .99.
    assert names == ["tail", "cold", "head", "middle", "tail", "middle", "tail"]


def test_tags_of_another_length_are_taken() -> None:
    with pytest.raises(MisuseError, match="one each"):
        ItemFacts.of(["a"], [], np.zeros(1, np.int64), 1)
