"""Numbers of tags mean the tags of the items that they were asked for, whenever and by whomever."""

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.errors import ClosedError
from homespun.model.bundle import Bundle
from homespun.model.tag_codes import TagCodes
from homespun.person.items import Items
from tests.sdk import bundles

ITEMS = 500
Tags = list[tuple[str, ...]]


def random_tags(seed: int) -> Tags:
    draw = np.random.default_rng(seed)
    # Some twice, which counts once.
    return [tuple(f"t{number}" for number in draw.integers(0, 30, draw.integers(0, 5))) for _ in range(ITEMS)]


def named(codes: TagCodes, positions: Sequence[int]) -> Tags:
    places, numbers = codes.of(np.array(positions, np.int64))
    assert [places.dtype, numbers.dtype] == [np.dtype(np.int32)] * 2
    assert (np.diff(places) >= 0).all()
    names = codes.names
    found: list[list[str]] = [[] for _ in positions]
    for place, number in zip(places.tolist(), numbers.tolist(), strict=True):
        found[place].append(names[number])
    return [tuple(each) for each in found]


def distinct(tags: Tags, positions: Sequence[int]) -> Tags:
    return [tuple(dict.fromkeys(tags[position])) for position in positions]


@given(
    seed=st.integers(0, 99),
    asked=st.lists(st.lists(st.integers(0, ITEMS - 1), max_size=40), min_size=1, max_size=6),
)
def test_an_item_has_another_item_s_tags(seed: int, asked: list[list[int]]) -> None:
    tags = random_tags(seed)
    codes = TagCodes(lambda positions: [tags[position] for position in positions], ITEMS)
    for positions in asked:
        assert named(codes, positions) == distinct(tags, positions)


def test_an_item_is_read_twice() -> None:
    tags, read = random_tags(1), list[int]()

    def reading(positions: Sequence[int]) -> Tags:
        read.extend(positions)
        return [tags[position] for position in positions]

    codes = TagCodes(reading, ITEMS)
    for positions in ([3, 1], [1, 2, 3], [2], []):
        named(codes, positions)
    assert sorted(read) == [1, 2, 3]


def test_a_tag_that_was_asked_for_first_has_two_numbers() -> None:
    codes = TagCodes(lambda positions: [("a", "b")] * len(positions), 3)
    number = codes.number("b")
    assert named(codes, [0]) == [("a", "b")]
    assert codes.names[number] == "b"
    assert codes.number("b") == number
    assert len(set(codes.names)) == len(codes.names) == 2


def test_threads_that_read_together_mix_up_tags() -> None:
    tags = random_tags(2)
    barrier = threading.Barrier(4)
    failed: list[int] = []

    def reading(positions: Sequence[int]) -> Tags:
        return [tags[position] for position in positions]

    codes = TagCodes(reading, ITEMS)

    def ask(seed: int) -> None:
        draw = np.random.default_rng(seed)
        barrier.wait()
        for _ in range(60):
            positions = draw.integers(0, ITEMS, 20).tolist()
            if named(codes, positions) != distinct(tags, positions):
                failed.append(seed)

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed


def test_a_failure_is_remembered_as_no_tags() -> None:
    closed = True

    def reading(positions: Sequence[int]) -> Tags:
        if closed:
            raise ClosedError("closed")
        return [("a",)] * len(positions)

    codes = TagCodes(reading, 3)
    with pytest.raises(ClosedError):
        named(codes, [0])
    closed = False
    assert named(codes, [0]) == [("a",)]


def test_what_the_application_says_of_tags_is_not_numbered(tmp_path: Path) -> None:
    folder = bundles.write(tmp_path / "bundle", bundles.full_model(40), words=bundles.random_words(11))
    with Bundle.open(folder) as opened:
        items = Items(opened, 1000)
        items.update(
            [{"id": "new-0", "title": "w1 w2", "tags": ["fresh"]}, {"id": "item-3", "tags": ["other", "fresh"]}]
        )
        view = items.view
        assert named(view._catalogue.codes, [40, 3, 4]) == [
            ("fresh",),
            ("other", "fresh"),
            view.tags("item-4"),
        ]
