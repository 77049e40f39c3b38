import threading
from pathlib import Path

import numpy as np
import pytest

from homespun.errors import MisuseError, ModelContractError, UnknownItemError
from homespun.model.bundle import Bundle, Scored
from homespun.model.graph import inspect
from homespun.protocol.bundle import FILES, PROPOSE, ROWS, WEIGHTS
from homespun.protocol.events import Event
from tests.sdk import bundles

HISTORY = [Event("item-3"), Event("item-8"), Event("item-21", weight=4.0), Event("item-5", weight=1.0)]


def test_titles_tags_and_positions_are_mixed_up(bundle: Bundle) -> None:
    assert bundle.items == tuple(f"item-{number}" for number in range(40))
    for number, item in enumerate(bundle.items):
        assert bundle.position(item) == number
        assert bundle.title(item) == f"Title № {number}"
        assert bundle.tags(item) == (f"tag-{number % 3}", "каждый")
    assert "item-3" in bundle
    assert "item-40" not in bundle
    assert 3 not in bundle


@pytest.mark.parametrize("item", ["item-40", "", "ITEM-3", "item-3\0", "x" * 100_000])
def test_an_item_that_does_not_exist_has_a_place(bundle: Bundle, item: str) -> None:
    for lookup in (bundle.position, bundle.title, bundle.tags):
        with pytest.raises(UnknownItemError, match="has no item"):
            lookup(item)


def test_the_identity_changes_without_the_content_or_stays_when_it_changes(bundle_folder: Path, tampered: Path) -> None:
    def identity(folder: Path) -> str:
        opened = Bundle.open(folder)
        opened.close()
        return opened.id

    assert identity(bundle_folder) == identity(bundle_folder)
    bundles.edit_manifest(tampered, lambda manifest: manifest.update(name="Another"))
    assert identity(tampered) != identity(bundle_folder)


def test_the_representation_hides_which_bundle_it_is(bundle: Bundle) -> None:
    assert repr(bundle) == f"Bundle('Random', items=40, id={bundle.id[:12]})"
    assert bundle.privacy.kind == "no_personal_data"


def test_every_weight_of_the_model_goes_unchecked(bundle_folder: Path) -> None:
    size = (bundle_folder / WEIGHTS).stat().st_size
    names = set[str]()
    for name in (PROPOSE, ROWS):
        names |= {weight.name for weight in inspect((bundle_folder / name).read_bytes(), size).weights}
    assert len(names) == 9  # four a component, and the prior


@pytest.mark.parametrize("k", [0, -1, -(10**30)])
def test_a_list_of_nothing_is_asked_for(bundle: Bundle, k: int) -> None:
    with pytest.raises(MisuseError, match="at least one"):
        bundle.rank(HISTORY, k)


@pytest.mark.parametrize("k", [40, 41, 1000, 10**30])
def test_more_is_asked_for_than_there_is(bundle: Bundle, k: int) -> None:
    assert len(bundle.rank(HISTORY, k, exclude_seen=False)) == 40
    assert len(bundle.rank(HISTORY, k)) == 36
    assert len({scored.item for scored in bundle.rank([], k)}) == 40


def test_everything_is_excluded(bundle: Bundle) -> None:
    assert bundle.rank(HISTORY, 5, exclude=bundle.items) == []
    assert bundle.rank([Event(item) for item in bundle.items], 5) == []


def test_an_excluded_item_or_a_seen_one_appears(bundle: Bundle) -> None:
    best = [scored.item for scored in bundle.rank([], 3)]
    ranked = [scored.item for scored in bundle.rank(HISTORY, 40, exclude=[*best, "unknown", "item-40"])]
    assert set(ranked) == set(bundle.items) - set(best) - {event.item for event in HISTORY}


def test_a_disliked_item_speaks_for_others_or_is_recommended(bundle: Bundle) -> None:
    for disliked in (Event("item-5", weight=2.9), Event("item-5", "dislike"), Event("item-5", "hide", weight=9.0)):
        assert bundle.rank([disliked], 40, exclude_seen=False) == bundle.rank([], 40)
        assert "item-5" not in [scored.item for scored in bundle.rank([disliked], 40)]


def test_an_earlier_like_outlives_a_dislike_and_an_earlier_dislike_a_like(bundle: Bundle) -> None:
    like, dislike = Event("item-5", weight=3.0), Event("item-5", weight=2.0)
    assert bundle.history([like, dislike]).events == ()
    assert bundle.history([dislike, like]).events == (like,)
    assert bundle.history([like, dislike, Event("item-5")]).events == ()
    assert bundle.history([like, Event("item-5")]).events == (like,)
    assert bundle.history([like, Event("item-5", "hide")]).events == ()


def test_the_least_weight_of_a_like_is_lost_to_binary_fractions(tmp_path: Path) -> None:
    folder = bundles.write(tmp_path / "bundle", bundles.random_model(5))
    bundles.edit_manifest(folder, lambda manifest: manifest["history"].update(min_weight="0.3"))
    opened = Bundle.open(folder)
    assert [event.item for event in opened.history([Event("item-1", weight=0.3)]).events] == ["item-1"]
    assert opened.history([Event("item-1", weight=0.29999999999999993)]).events == ()
    opened.close()


def test_without_a_least_weight_something_is_a_dislike(tmp_path: Path) -> None:
    opened = Bundle.open(bundles.write(tmp_path / "bundle", bundles.random_model(5), min_weight=None))
    assert len(opened.history([Event("item-1", weight=0.0), Event("item-2")]).events) == 2
    opened.close()


def test_an_item_that_is_named_twice_counts_twice(bundle: Bundle) -> None:
    once = bundle.rank([Event("item-3"), Event("item-8")], 40)
    assert bundle.rank([Event("item-3"), Event("item-3"), Event("item-8"), Event("item-8")], 40) == once


def test_unknown_items_change_the_list(bundle: Bundle) -> None:
    unknown = [Event("item-40"), Event("other"), Event("ítem-3")]
    assert bundle.rank([*unknown, *HISTORY], 40) == bundle.rank(HISTORY, 40)
    assert bundle.rank(unknown, 40) == bundle.rank([], 40)


def test_a_history_longer_than_allowed_uses_the_oldest(tampered: Path) -> None:
    bundles.edit_manifest(tampered, lambda manifest: manifest["history"].update(max_items=3))
    opened = Bundle.open(tampered)
    events = [Event(f"item-{number}", time=float(100 - number)) for number in range(10)]
    assert [event.item for event in opened.history(events).events] == ["item-2", "item-1", "item-0"]
    shortest = opened.rank(events[:3], 40, exclude_seen=False)
    assert opened.rank(events, 40, exclude_seen=False) == shortest
    # Unknown and disliked items take no place of the liked ones.
    latest = [Event("unknown", time=200.0), Event("item-30", weight=0.0, time=201.0)]
    assert opened.rank([*events, *latest], 40, exclude_seen=False) == shortest
    opened.close()


def test_time_or_context_of_a_request_change_the_list(bundle: Bundle) -> None:
    assert bundle.rank(HISTORY, 40, now=1e9, context={"device": "tv"}) == bundle.rank(HISTORY, 40)


def test_scores_are_not_in_order_or_ties_not_by_position(tmp_path: Path) -> None:
    model = bundles.random_model(300)
    model.priors[0][:] = np.arange(300) * 7 % 3
    for table in model.low_rank.values():
        table.decoder[:] = 0.0
    opened = Bundle.open(bundles.write(tmp_path / "bundle", model))
    ranked = opened.rank([Event("item-9")], 300, exclude_seen=False)
    expected = sorted(range(300), key=lambda number: (-model.priors[0][number], number))
    assert ranked == [Scored(f"item-{number}", model.priors[0][number]) for number in expected]
    opened.close()


@pytest.mark.parametrize("items", [1, 2, 3])
def test_a_bundle_is_tiny(tmp_path: Path, items: int) -> None:
    opened = Bundle.open(bundles.write(tmp_path / "bundle", bundles.random_model(items, 1)))
    assert len(opened.rank([Event("item-0")], 10, exclude_seen=False)) == items
    opened.close()


@pytest.mark.parametrize("names", [bundles.COLLABORATIVE, bundles.CONTENT])
def test_a_single_component_does_not_work(tmp_path: Path, names: tuple[str, ...]) -> None:
    chosen = bundles.COLLABORATIVE if names == ("collaborative",) else bundles.CONTENT
    opened = Bundle.open(bundles.write(tmp_path / "bundle", bundles.random_model(20, names=chosen)))
    assert len(opened.rank([Event("item-0")], 10)) == 10
    opened.close()


def test_lists_differ_between_calls_threads_or_openings(bundle: Bundle, bundle_folder: Path) -> None:
    expected = bundle.rank(HISTORY, 40)
    again = Bundle.open(bundle_folder, threads=2)
    assert again.rank(HISTORY, 40) == expected
    again.close()
    found: list[bool] = []

    def work() -> None:
        found.extend(bundle.rank(HISTORY, 40) == expected and bundle.title("item-3") == "Title № 3" for _ in range(25))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 200


def test_opening_or_using_a_bundle_writes_into_it(bundle_folder: Path, tampered: Path) -> None:
    before = {path.name: path.read_bytes() for path in tampered.iterdir()}
    opened = Bundle.open(tampered)
    opened.rank(HISTORY, 5)
    assert opened.title("item-1")
    opened.close()
    assert {path.name: path.read_bytes() for path in tampered.iterdir()} == before
    assert set(before) == {*FILES, "manifest.json"}


def test_the_catalogue_of_another_bundle_is_put_beside_the_model(tmp_path: Path) -> None:
    folder = bundles.write(tmp_path / "bundle", bundles.random_model(5))
    bundles.edit_catalogue(folder, "DELETE FROM items WHERE position = 4")
    with pytest.raises(ModelContractError, match="positions"):
        Bundle.open(folder)
