"""A bundle ranks otherwise than on a device, or another one than was there at the time."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from homespun.model.bundle import Bundle
from homespun.protocol.events import Event
from homespun_server.evaluation.cases import Case
from homespun_server.evaluation.proposal import proposal_recall
from homespun_server.evaluation.recommenders import BundleRecommender, RefreshedRecommender, read_bundles
from homespun_server.pipeline import fit_content
from homespun_server.statistics.items import Items


def case(*seen: str, now: float | None = None) -> Case:
    return Case("somebody", tuple(Event(item) for item in seen), frozenset({"item-0"}), now)


@pytest.fixture(scope="module")
def content(fleet_items: Items, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fit_content(fleet_items, out=tmp_path_factory.mktemp("content"))


@pytest.fixture
def bundle(content: Path) -> Iterator[Bundle]:
    with Bundle.open(content) as opened:
        yield opened


def test_a_device_would_list_something_else(bundle: Bundle, content: Path) -> None:
    own = case("item-1", "item-3")
    with closing(BundleRecommender(content)) as recommender:
        found = recommender.recommend(own, 30)
        assert found == [scored.item for scored in bundle.rank(own.events, k=30)]
        assert own.seen.isdisjoint(found)
        repeating = recommender.allowing(repeats=True, exclude=frozenset({"item-5"}))
        again = repeating.recommend(own, 30)
    assert set(again) == set(found) - {"item-5"} | own.seen


def test_the_bundle_of_another_day_ranks(content: Path, fleet_items: Items, tmp_path: Path) -> None:
    few = Items(fleet_items.ids[:6], fleet_items.titles[:6], fleet_items.tags[:6], [""] * 6)
    old = fit_content(few, out=tmp_path)
    with closing(RefreshedRecommender([(200.0, content), (100.0, old)])) as refreshed:
        lengths = [len(refreshed.recommend(case(now=now), 30)) for now in (100.0, 199.9, 200.0, 150.0)]
    assert lengths == [6, 6, len(fleet_items), 6]


def test_proposals_are_held_against_something_else(bundle: Bundle, fleet_items: Items) -> None:
    everything = case(*fleet_items.ids)
    assert proposal_recall(bundle, [everything], 10) == 1.0
    assert proposal_recall(bundle, [everything], 10, repeats=True) == 1.0
    assert proposal_recall(bundle, [case("item-1"), everything], 100, most=1) == 1.0


def test_a_proposal_that_lacks_the_best_passes(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    proposed = bundle.candidates
    # Half of what is asked for is all that comes.
    monkeypatch.setattr(bundle, "candidates", lambda history, k, excluded: proposed(history, k // 2, excluded))
    assert proposal_recall(bundle, [case("item-1")], 10) == 0.5


def test_a_bundle_says_something_else_of_itself(bundle: Bundle, content: Path) -> None:
    (known,) = read_bundles([content])
    assert (known.identity, known.privacy) == (bundle.id, bundle.privacy)
    assert known.liked.min_weight is None
    assert known.liked.negative_kinds == bundle.manifest.history.negative_kinds
