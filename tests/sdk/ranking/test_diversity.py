"""Diversity changes places and nothing else."""

from pathlib import Path

import numpy as np
import pytest
from msgspec import structs
from numpy.typing import NDArray

from homespun.model.bundle import Bundle
from homespun.protocol.controls import Steering
from homespun.protocol.events import Event
from homespun.protocol.policy.stages import Diversity
from homespun.ranking.decision import Decision
from homespun.ranking.default import DEFAULT
from homespun.ranking.diversity import MAX_PLACES, pool_size
from homespun.ranking.moving import LARGEST_UNLIKE
from tests.sdk import bundles
from tests.sdk.deciding import decide

EVENTS = [Event("item-3", time=1.0), Event("item-21", time=3.0)]
ITEMS = 1200


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = bundles.write(tmp_path_factory.mktemp("large") / "bundle", bundles.random_model(ITEMS, seed=4))
    return Bundle.open(folder)


@pytest.fixture(scope="module", autouse=True)
def _closed(large: Bundle) -> object:
    yield
    large.close()


def list_of(bundle: Bundle, k: int, level: float) -> Decision:
    home = DEFAULT.surfaces["home"]
    policy = structs.replace(
        DEFAULT, surfaces={"home": structs.replace(home, stages=(*home.stages, Diversity(unlike=level, calibration=0)))}
    )
    return decide(bundle, EVENTS, k=k, now=0.0, policy=policy)


def directions(decision: Decision) -> NDArray[np.float64]:
    rows = decision.bundle.scorer.sources(decision.ranked.positions)["content"].astype(np.float64)
    unit: NDArray[np.float64] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


def likeness(decision: Decision) -> float:
    rows = directions(decision)
    pairs = np.triu_indices(len(rows), 1)
    return float((rows @ rows.T)[pairs].mean())


@pytest.mark.parametrize("level", [0.1, 0.5, 0.9, 1.0])
def test_places_differ_from_a_plain_greedy_search(large: Bundle, level: float) -> None:
    pool = decide(large, EVENTS, k=100, now=0.0)
    scores, rows = pool.ranked.scores, directions(pool)
    relevance = [1 / (1 + int((scores > score).sum())) for score in scores.tolist()]
    chosen = [0]
    while len(chosen) < 20:
        values = {
            place: (1 - level) * relevance[place] - level * max(float(rows[place] @ rows[other]) for other in chosen)
            for place in range(100)
            if place not in chosen
        }
        chosen.append(max(values, key=lambda place: values[place]))
    decision = list_of(large, 20, level)
    assert decision.places.tolist() == chosen
    assert decision.ranked.positions.tolist() == pool.ranked.positions[chosen].tolist()
    assert decision.ranked.scores.tolist() == pytest.approx(scores[chosen].tolist(), rel=1e-12)


@pytest.mark.parametrize("dial", [0.2, 0.5, 1.0])
def test_the_dial_for_people_has_another_level_than_it_says(large: Bundle, dial: float) -> None:
    by_dial = decide(large, EVENTS, k=20, now=0.0, steering=Steering(diversity=dial))
    assert by_dial.places.tolist() == list_of(large, 20, LARGEST_UNLIKE * dial**2).places.tolist()


def test_level_0_moves_something(large: Bundle) -> None:
    plain, level_0 = decide(large, EVENTS, k=20, now=0.0), list_of(large, 20, 0.0)
    assert level_0.ranked.positions.tolist() == plain.ranked.positions.tolist()
    assert [step.stage for step in level_0.steps] == ["score"]


def test_more_diversity_makes_items_more_alike(large: Bundle) -> None:
    found = [likeness(list_of(large, 20, level)) for level in (0.0, 0.05, 0.2, 0.6)]
    assert found == sorted(found, reverse=True)
    assert found[0] > found[-1]


def test_without_content_unlike_items_are_not_told_apart(tmp_path: Path) -> None:
    model = bundles.random_model(300, seed=4, names=("collaborative",))
    with Bundle.open(bundles.write(tmp_path / "bundle", model)) as opened:
        found = []
        for level in (0.0, 1.0):
            positions = list_of(opened, 20, level).ranked.positions
            rows = opened.scorer.sources(positions)["collaborative"].astype(np.float64)
            rows /= np.linalg.norm(rows, axis=1, keepdims=True)
            found.append(float((rows @ rows.T).mean()))
        assert found[1] < found[0]


def test_a_long_list_takes_for_ever_or_a_short_one_has_nothing_to_choose_from() -> None:
    assert [pool_size(length) for length in (1, 20, 21, 200, 260, 5000)] == [100, 100, 105, 1000, 1000, 5000]


@pytest.mark.parametrize("k", [1, 2, 20, 150, 260, 1300])
@pytest.mark.parametrize("level", [0.0001, 0.5, 1.0])
def test_an_item_is_lost_repeated_or_taken_from_far_below(large: Bundle, k: int, level: float) -> None:
    decision = list_of(large, k, level)
    positions, places = decision.ranked.positions.tolist(), decision.places
    assert len(positions) == len(set(positions)) == min(k, ITEMS - len(EVENTS))
    assert places.max() < pool_size(k)
    assert places[0] == 0
    by_score = decide(large, EVENTS, k=ITEMS, now=0.0).ranked.positions
    assert by_score[places].tolist() == positions
    behind = places[MAX_PLACES:].tolist()
    assert behind == sorted(behind)


def test_items_without_rows_or_with_equal_scores_break_it(tmp_path: Path) -> None:
    model = bundles.random_model(9)
    for table in model.low_rank.values():
        table.encoder[2:5] = 0.0
        table.decoder[2:5] = 0.0
    model.priors[0][:] = 1.0
    with Bundle.open(bundles.write(tmp_path / "bundle", model)) as opened:
        decision = decide(opened, [], k=9, now=0.0, steering=Steering(diversity=0.7))
        assert sorted(decision.ranked.positions.tolist()) == list(range(9))
        assert decision.ranked.positions[0] == 0
