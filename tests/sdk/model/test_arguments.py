"""A slip in a call is told as one: no error from inside, and no guess at what was meant."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from homespun.errors import HomespunError, MisuseError, UnknownItemError
from homespun.model.bundle import Bundle
from homespun.protocol.events import Event


@pytest.mark.parametrize("k", ["3", 2.5, np.float64(3), True, None, [3], np.timedelta64(3, "s")], ids=repr)
def test_a_length_that_is_no_whole_number(bundle: Bundle, k: Any) -> None:
    with pytest.raises(MisuseError, match="whole number"):
        bundle.rank([], k)


def test_numpys_integers_are_refused(bundle: Bundle) -> None:
    assert bundle.rank([], np.int64(3)) == bundle.rank([], 3)  # type: ignore[arg-type]


def test_a_single_text_is_taken_apart_into_letters(bundle: Bundle) -> None:
    for single in ("item-3", b"item-3"):
        with pytest.raises(MisuseError, match="a list of item ids"):
            bundle.rank([], 3, exclude=single)  # type: ignore[arg-type]


@pytest.mark.parametrize("exclude", [[3], [None], [["item-3"]], [b"item-3"], 3, None, [Event("item-3")]], ids=repr)
def test_something_else_than_ids_is_excluded(bundle: Bundle, exclude: Any) -> None:
    with pytest.raises(MisuseError, match="exclude"):
        bundle.rank([], 3, exclude=exclude)


def test_ids_of_numpy_exclude_nothing(bundle: Bundle) -> None:
    best = bundle.rank([], 1)[0].item
    assert best not in [entry.item for entry in bundle.rank([], 40, exclude=np.array([best]))]
    assert best not in [entry.item for entry in bundle.rank([], 40, exclude={best: 1})]


@pytest.mark.parametrize("events", [["item-3"], [{"item": "item-3"}], "item-3", [None], None, 3], ids=repr)
def test_something_else_than_events_is_ranked_for(bundle: Bundle, events: Any) -> None:
    with pytest.raises(MisuseError, match="event"):
        bundle.rank(events, 3)


@pytest.mark.parametrize("item", [[], {}, None, 3, b"item-3"], ids=repr)
def test_what_is_no_id_is_looked_up(bundle: Bundle, item: Any) -> None:
    assert item not in bundle
    for lookup in (bundle.position, bundle.title, bundle.tags):
        with pytest.raises(UnknownItemError):
            lookup(item)


@pytest.mark.parametrize("path", [None, 5, b"bundle", "bun\0dle", "bundle\udcff", ["bundle"]], ids=repr)
def test_a_path_that_is_none(path: Any) -> None:
    with pytest.raises(MisuseError, match="path"):
        Bundle.open(path)


@pytest.mark.parametrize("threads", ["2", 1.0, True, None, 0, -1], ids=repr)
def test_threads_that_are_no_whole_number(bundle_folder: Path, threads: Any) -> None:
    with pytest.raises(MisuseError, match="threads"):
        Bundle.open(bundle_folder, threads=threads)


def test_a_bundle_stays_open_after_a_with_statement(bundle_folder: Path) -> None:
    with Bundle.open(bundle_folder) as opened:
        assert opened.title("item-3") == "Title № 3"
    with pytest.raises(HomespunError, match="closed"):
        opened.title("item-3")
