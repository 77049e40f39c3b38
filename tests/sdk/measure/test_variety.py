"""How different a list is said to be differs from counting its pairs."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import homespun as hs
from homespun.measure.variety import MOST_COMPARED, TAGS, Variety, variety_of


class Known:
    """Stands in for a bundle: what is known of items."""

    def __init__(self, tags: dict[str, tuple[str, ...]]) -> None:
        self.known = tags

    def tags(self, item: str) -> tuple[str, ...]:
        return self.known[item]


@given(st.lists(st.lists(st.sampled_from("abc"), max_size=3, unique=True), max_size=12))
def test_pairs_are_counted_otherwise(tags: list[list[str]]) -> None:
    known = {f"item-{number}": tuple(own) for number, own in enumerate(tags)}
    found = variety_of(Known(known), list(known), TAGS)  # type: ignore[arg-type]
    pairs = [(one, other) for one, other in combinations([set(own) for own in tags], 2) if one and other]
    assert found == Variety(sum(not one & other for one, other in pairs), len(pairs))


def test_an_attribute_that_items_lack_makes_pairs(full_folder: object) -> None:
    with hs.Bundle.open(str(full_folder)) as bundle:
        items = bundle.items[:10]
        brands = [bundle.attributes(item).get("brand") for item in items]
        known = [brand for brand in brands if brand is not None]
        assert None in brands
        pairs = list(combinations(known, 2))
        assert variety_of(bundle, items, "brand") == Variety(sum(one != other for one, other in pairs), len(pairs))
        assert variety_of(bundle, items, "unknown") == Variety(0, 0)


@pytest.mark.parametrize("size", [0, 1, MOST_COMPARED + 30])
def test_a_long_list_takes_long(size: int) -> None:
    known = {f"item-{number}": (f"tag-{number}",) for number in range(size)}
    most = min(size, MOST_COMPARED)
    assert variety_of(Known(known), list(known), TAGS) == Variety(most * (most - 1) // 2, most * (most - 1) // 2)  # type: ignore[arg-type]
