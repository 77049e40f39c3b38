"""Who carries a tag is looked for once in the whole catalogue, and nothing that is forged gets in that way."""

import sqlite3
import threading
from collections import defaultdict
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from homespun.errors import ClosedError, ModelContractError
from homespun.model.bundle import Bundle
from homespun.model.catalogue import Catalogue
from homespun.protocol.bundle import CATALOGUE
from tests.sdk import bundles

ITEMS = 2500  # more than are read at once


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    draw = np.random.default_rng(5)
    catalogue = bundles.catalogue_of(ITEMS)
    catalogue.tags[:] = [
        tuple(f"t{number}" for number in draw.integers(0, 50, draw.integers(0, 4))) for _ in range(ITEMS)
    ]
    return bundles.write(tmp_path / "bundle", bundles.random_model(ITEMS), catalogue=catalogue)


def test_the_index_differs_from_the_items_own_tags(folder: Path) -> None:
    with Bundle.open(folder) as opened:
        wanted: dict[str, list[int]] = defaultdict(list)
        for position, item in enumerate(opened.items):
            for tag in set(opened.tags(item)):
                wanted[tag].append(position)
        assert len(wanted) == 50
        for tag, positions in wanted.items():
            found = opened.tagged(tag)
            assert found.tolist() == positions
            assert found.dtype == np.int64
            with pytest.raises(ValueError, match="read-only"):
                found[0] = 0
        assert opened.tagged("nowhere").tolist() == []


def test_many_items_tags_are_not_those_of_each(folder: Path) -> None:
    with Bundle.open(folder) as opened:
        places = np.random.default_rng(1).integers(0, ITEMS, 3000).tolist()
        assert opened.tags_of(places) == [opened.tags(opened.items[place]) for place in places]
        assert opened.tags_of([]) == []


def test_a_catalogue_without_tags_has_some(tmp_path: Path) -> None:
    catalogue = bundles.catalogue_of(5)
    catalogue.tags[:] = [()] * 5
    with Bundle.open(bundles.write(tmp_path / "bundle", bundles.random_model(5), catalogue=catalogue)) as opened:
        assert opened.tagged("x").tolist() == []


def test_two_threads_read_the_catalogue_twice_or_half_of_it(folder: Path) -> None:
    with closing(Catalogue(folder / CATALOGUE, ITEMS)) as catalogue:
        found: list[int] = []
        barrier = threading.Barrier(4)

        def read() -> None:
            barrier.wait()
            found.append(id(catalogue.tagged("t1")))

        threads = [threading.Thread(target=read) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1


@pytest.mark.parametrize(
    "tags", ['no JSON: "tag-0"', '["tag-0", 1]', '["\\u001b[2J"]', '{"tag-0": 1}', '"tag-0"', "[" * 100_000 + '"tag-0"']
)
def test_forged_tags_reach_the_index(tampered: Path, tags: str) -> None:
    with closing(sqlite3.connect(tampered / CATALOGUE, isolation_level=None)) as connection:
        connection.execute("UPDATE items SET tags = ? WHERE position = 17", (tags,))
    bundles.reseal(tampered)
    with Bundle.open(tampered) as opened:
        for _ in range(2):  # a failure must not be remembered as an empty index
            with pytest.raises(ModelContractError, match="item 17"):
                opened.tagged("tag-0")


@pytest.mark.parametrize("tags", ["no JSON", "{}", '["a", 1]', '["tag-00"]', '"]["'])
def test_what_is_no_tag_of_anybody_s_is_found(tampered: Path, tags: str) -> None:
    with closing(sqlite3.connect(tampered / CATALOGUE, isolation_level=None)) as connection:
        connection.execute("UPDATE items SET tags = ? WHERE position = 15", (tags,))
    bundles.reseal(tampered)
    with Bundle.open(tampered) as opened:
        assert opened.tagged("tag-0").tolist() == [place for place in range(0, 40, 3) if place != 15]


@pytest.mark.parametrize("tag", ['a "quoted" one', "back\\slash", "каждый", "%", "'", "", "a]", "\ud800"])
def test_a_tag_is_taken_for_more_than_text(tmp_path: Path, tag: str) -> None:
    catalogue = bundles.catalogue_of(9)
    carriers = [] if tag == "\ud800" else [1, 4, 7]
    catalogue.tags[:] = [(("x", tag) if place in carriers else ("xx",)) for place in range(9)]
    with Bundle.open(bundles.write(tmp_path / "bundle", bundles.random_model(9), catalogue=catalogue)) as opened:
        assert opened.tagged(tag).tolist() == carriers


def test_a_tag_that_is_spelled_out_in_escapes_is_missed(tampered: Path) -> None:
    with closing(sqlite3.connect(tampered / CATALOGUE, isolation_level=None)) as connection:
        connection.execute("UPDATE items SET tags = ? WHERE position = 16", ('["\\u0074ag-0"]',))
    bundles.reseal(tampered)
    with Bundle.open(tampered) as opened:
        assert opened.tags("item-16") == ("tag-0",)
        assert 16 in opened.tagged("tag-0").tolist()


def test_the_tags_of_a_closed_bundle_are_read(bundle_folder: Path) -> None:
    opened = Bundle.open(bundle_folder)
    opened.close()
    with pytest.raises(ClosedError):
        opened.tagged("tag-0")
    with pytest.raises(ClosedError):
        opened.tags_of([1])
