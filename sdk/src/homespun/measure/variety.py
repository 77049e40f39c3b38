"""How different the items of a list are: of all pairs, those without a common value of an attribute.

The diversity within a list (Ziegler, McNee, Konstan and Lausen 2005) with the distance 1 where two items share no
value, and 0 where they do.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import Final, NamedTuple

from homespun.model.bundle import Bundle

MOST_COMPARED: Final = 50
"""Items of one list, from its top, that are compared."""

TAGS: Final = "tags"
"""The field that stands for the items' tags."""


class Variety(NamedTuple):
    """How different the items of a list are.

    Attributes:
        different: Pairs without a common value.
        pairs: Pairs of which both have a value.
    """

    different: int
    pairs: int


def variety_of(bundle: Bundle, items: Sequence[str], field: str) -> Variety:
    """Return how different a list's items are.

    Args:
        bundle: What knows the items.
        items: The list.
        field: Name of an attribute, or ``TAGS``.
    """
    values = [found for item in items[:MOST_COMPARED] if (found := _values(bundle, item, field))]
    pairs = list(combinations(values, 2))
    return Variety(sum(one.isdisjoint(other) for one, other in pairs), len(pairs))


def _values(bundle: Bundle, item: str, field: str) -> frozenset[object]:
    if field == TAGS:
        return frozenset(bundle.tags(item))
    value = bundle.attributes(item).get(field)
    return frozenset() if value is None else frozenset({value})
