"""Lists of whole catalogues: new items have their places, repeats theirs, and likeness is by the tables."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from homespun.errors import MisuseError, UnknownItemError
from homespun.model.bundle import Bundle
from homespun.protocol.controls import Steering
from homespun.protocol.events import Event
from tests.sdk import bundles
from tests.sdk.deciding import decide
from tests.sdk.models import Model, Part

ITEMS = 1200
NEW = 1080
EVENTS = [Event(f"item-{number * 7}", time=float(number)) for number in range(12)]
LIKED = [(number * 7, float(number)) for number in range(12)]
COUNTS = {number * 7: 1 for number in range(12)}


def reserved(scores: np.ndarray, left_out: set[int], k: int, every: int, first: int) -> list[int]:
    """The rule, told again."""
    order = [position for position in np.argsort(-scores, kind="stable").tolist() if position not in left_out]
    chosen: list[int] = []
    for place in range(1, min(k, len(order)) + 1):
        free = [position for position in order if position not in chosen]
        new = [position for position in free if position >= first]
        chosen.append(new[0] if place % every == 0 and new else free[0])
    return chosen


@pytest.fixture(scope="module", params=[1, 2, 3, 10])
def with_new(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Bundle, Model]]:
    model = bundles.full_model(ITEMS, every=request.param, density=0.02)
    # Nobody has taught the model anything about them, so that they come last by themselves.
    model.priors[:, NEW:] -= 6.0
    assert model.first_new == NEW
    with Bundle.open(bundles.write(tmp_path_factory.mktemp("new") / "bundle", model)) as opened:
        yield opened, model


@pytest.mark.parametrize("k", [1, 3, 10, 25, 150])
def test_a_reserved_place_goes_to_another_than_the_best_new_item(with_new: tuple[Bundle, Model], k: int) -> None:
    bundle, model = with_new
    scores = model.scores(LIKED, counts=COUNTS)
    best_new = [f"item-{number}" for number in NEW + np.argsort(-scores[NEW:])[:5]]
    for exclude in ([], best_new):
        left_out = {position for position, _ in LIKED} | {bundle.position(item) for item in exclude}
        ranked = bundle.rank(EVENTS, k, exclude=exclude)
        expected = reserved(scores, left_out, k, model.every, NEW)
        assert [bundle.position(entry.item) for entry in ranked] == expected
        np.testing.assert_allclose([entry.score for entry in ranked], scores[expected], atol=1e-9)
        decision = decide(bundle, EVENTS, k=k, now=0.0, exclude=exclude)
        assert decision.ranked.positions.tolist() == expected


def test_the_whole_catalogue_is_not_listed_or_an_item_twice(with_new: tuple[Bundle, Model]) -> None:
    bundle, model = with_new
    ranked = bundle.rank(EVENTS, ITEMS + 50, exclude_seen=False)
    assert sorted(bundle.position(entry.item) for entry in ranked) == list(range(ITEMS))
    without_new = bundle.rank(EVENTS, 30, exclude=[f"item-{number}" for number in range(NEW, ITEMS)])
    scores = model.scores(LIKED, counts=COUNTS)
    scores[[position for position, _ in LIKED]] = -np.inf
    assert [bundle.position(entry.item) for entry in without_new] == np.argsort(-scores[:NEW], kind="stable")[
        :30
    ].tolist()


def test_hidden_new_items_take_a_place_or_diversity_takes_it_from_the_others(with_new: tuple[Bundle, Model]) -> None:
    bundle, model = with_new
    hidden = decide(bundle, EVENTS, k=20, now=0.0, steering=Steering(hidden_tags=frozenset({"tag-1", "tag-2"})))
    scores = model.scores(LIKED, counts=COUNTS)
    left_out = {position for position, _ in LIKED} | {number for number in range(ITEMS) if number % 3}
    assert hidden.ranked.positions.tolist() == reserved(scores, left_out, 20, model.every, NEW)
    spread = decide(bundle, EVENTS, k=20, now=0.0, steering=Steering(diversity=0.5))
    positions = spread.ranked.positions
    assert len(set(positions.tolist())) == 20
    assert (positions[model.every - 1 :: model.every] >= NEW).all()


def test_what_was_chosen_before_does_not_come_up_or_its_neighbours_are_lost(tmp_path: Path) -> None:
    up = ((3.0,) * 6, (2.0,) * 6)
    down = ((0.0,) * 6, (-50.0,) * 6)
    events = [Event(f"item-{number}") for number in range(0, 900, 2)]
    for repeats in (up, down):
        model = replace(bundles.full_model(900, density=0.02), repeats=repeats)
        counts = dict.fromkeys(range(0, 900, 2), 1)
        scores = model.scores([(number, None) for number in range(0, 900, 2)], counts=counts)
        with Bundle.open(bundles.write(tmp_path / str(repeats[1][0]), model)) as bundle:
            for k in (5, 300):
                ranked = bundle.rank(events, k, exclude_seen=False)
                expected = np.argsort(-scores, kind="stable")[:k].tolist()
                assert [bundle.position(entry.item) for entry in ranked] == expected


def similar(model: Model, part: Part, item: int, k: int) -> list[int]:
    row = model.matrix(part)[item]
    row[item] = -np.inf
    return [int(position) for position in np.argsort(-row, kind="stable")[:k]]


def test_similar_items_are_those_of_another_table(with_new: tuple[Bundle, Model]) -> None:
    bundle, model = with_new
    for item, part in ((3, model.parts[0]), (NEW - 1, model.parts[0]), (NEW, model.parts[3]), (1199, model.parts[3])):
        found = [bundle.position(entry.item) for entry in bundle.similar(f"item-{item}", 15)]
        assert found == similar(model, part, item, 15)
    assert bundle.similar("item-3") == bundle.similar("item-3", 10)


def test_a_bundle_without_what_is_liked_together_knows_nothing_alike(tmp_path: Path) -> None:
    full = bundles.full_model(60, density=0.5)
    for names in (("sequential", "content"), ("session",), ("content",)):
        parts = tuple(part for part in full.parts if part.name in names)
        tables = {name for part in parts for name in (part.low_rank, part.sparse)}
        model = replace(
            full,
            parts=parts,
            low_rank={name: table for name, table in full.low_rank.items() if name in tables},
            sparse={name: table for name, table in full.sparse.items() if name in tables},
        )
        wanted = next((part for part in parts if part.name == "content"), parts[0])
        with Bundle.open(bundles.write(tmp_path / names[0], model)) as bundle:
            found = [bundle.position(entry.item) for entry in bundle.similar("item-5", 8)]
            assert found == similar(model, wanted, 5, 8)
            assert len(bundle.rank([Event("item-5", time=1.0)], 10)) == 10


def test_likeness_to_nothing_is_told(with_new: tuple[Bundle, Model]) -> None:
    bundle, _ = with_new
    with pytest.raises(UnknownItemError):
        bundle.similar("elsewhere")
    for wrong in (0, 2.5, True):
        with pytest.raises(MisuseError):
            bundle.similar("item-1", wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("items", [1, 2, 3])
@pytest.mark.parametrize("every", [0, 1, 2])
def test_a_bundle_with_everything_is_tiny(tmp_path: Path, items: int, every: int) -> None:
    model = replace(bundles.full_model(items, 1, density=1.0), every=every, first_new=items - 1)
    with Bundle.open(bundles.write(tmp_path / "bundle", model)) as bundle:
        for events in ([], [Event("item-0", time=1.0)], [Event("elsewhere")]):
            ranked = bundle.rank(events, 10, context={"device": "tv"}, exclude_seen=False)
            assert sorted(entry.item for entry in ranked) == [f"item-{number}" for number in range(items)]
        assert len(bundle.similar("item-0")) == items - 1


def test_a_sparse_table_without_entries_or_a_history_without_blocks_breaks_it(tmp_path: Path) -> None:
    model = bundles.full_model(30, density=0.0)
    with Bundle.open(bundles.write(tmp_path / "bundle", model)) as bundle:
        found = {entry.item: entry.score for entry in bundle.rank(EVENTS[:4], 30, exclude_seen=False)}
        counts = {position: 1 for position, _ in LIKED[:4]}
        expected = model.scores(LIKED[:4], counts=counts)
        np.testing.assert_allclose([found[f"item-{n}"] for n in range(30)], expected, rtol=1e-12, atol=1e-12)


def test_unknown_items_change_the_list(with_new: tuple[Bundle, Model]) -> None:
    bundle, _ = with_new
    unknown = [Event(f"elsewhere-{number}", time=float(number)) for number in range(60)]
    assert bundle.rank(unknown, 30) == bundle.rank([], 30)
    assert bundle.history(unknown).level == 0
