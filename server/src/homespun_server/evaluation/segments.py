"""Parts of the cases, so that a mean does not hide whom a model serves badly.

By the length of the history, by how popular the items to find are, by what most of the history is, and whether
anything was known of the person before training ended. Of the items to find, only those of the group count in a
group's figures.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from homespun_server.evaluation.facts import GROUPS
from homespun_server.evaluation.measuring import Asked

LENGTHS = ((0, 0), (1, 1), (2, 3), (4, 5), (6, 10), (11, 50), (51, None))
"""First and last number of events of each segment."""

TOO_FEW = 30
"""Below so many cases a segment's figures say nothing."""

HISTORY = "history"
POPULARITY = "popularity"
PERSON = "person"
TAG = "tag"

MOST_TAGS = 8
"""Tags that most people's histories are of mostly; the others are left out."""

_GROUP_TITLES = {
    "head": "head: the most liked items, with 20% of all likes",
    "middle": "middle",
    "tail": "tail: the least liked items, with 20% of all likes",
    "cold": "cold: items that training never saw",
}


class Segment(NamedTuple):
    """Some of the cases.

    Attributes:
        kind: By what cases are told apart: HISTORY, POPULARITY, PERSON or TAG.
        title: Which these are.
        cases: bool [cases].
        group: The only items to find, index into GROUPS; None: all.
    """

    kind: str
    title: str
    cases: NDArray[np.bool_]
    group: int | None = None


def segments(asked: Asked) -> Iterator[Segment]:
    """Yield the segments that have a case."""
    return (segment for segment in _all(asked) if segment.cases.any())


def _all(asked: Asked) -> Iterator[Segment]:
    for first, last in LENGTHS:
        yield Segment(
            HISTORY,
            _title(first, last),
            (asked.lengths >= first) & (asked.lengths <= (np.inf if last is None else last)),
        )
    for group, name in enumerate(GROUPS):
        yield Segment(POPULARITY, _GROUP_TITLES[name], asked.relevant[:, group] > 0, group)
    if asked.cold_users.any():
        yield Segment(PERSON, "people without a history in training", asked.cold_users)
        yield Segment(PERSON, "people with a history in training", ~asked.cold_users)
    for tag in _common_tags(asked):
        yield Segment(TAG, f"mostly {asked.tags[tag]}", asked.main_tags == tag)


def _common_tags(asked: Asked) -> list[int]:
    counts = np.bincount(asked.main_tags[asked.main_tags >= 0], minlength=len(asked.tags))
    common = np.argsort(-counts, kind="stable")[:MOST_TAGS].tolist()
    return [tag for tag in common if counts[tag]]


def _title(first: int, last: int | None) -> str:
    if last is None:
        return f"more than {first - 1} events"
    if first == last:
        return {0: "no event", 1: "1 event"}[first]
    return f"{first} to {last} events"
