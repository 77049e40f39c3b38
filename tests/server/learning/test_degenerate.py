"""Tables that hold next to nothing end in a defined model or in one clear error, and never in something else."""

import math
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from homespun.model.bundle import Bundle
from homespun.protocol.events import Event
from homespun_server import FitOptions, Fitted, Items, fit
from homespun_server.errors import TrainingError
from tests.server.learning.support import ITEMS, walkers
from tests.server.pipeline.support import account_beside, check_nothing_is_lost
from tests.server.support import Row, catalogue, unlike, write_table

ALL_PARTS = ("collaborative", "sequential", "content", "trend")
EXACT: dict[str, Any] = {"non_private": True}
PRIVATE: dict[str, Any] = {"epsilon": 1.0}
BLEND = FitOptions(test_share=0.0)


def made(folder: Path, rows: list[Row] | str, items: Items, **more: Any) -> Fitted:
    table = folder / "table.csv"
    if isinstance(rows, str):
        table.write_text(rows, encoding="utf-8")
    else:
        write_table(table, rows)
    return fit(table, items=items, out=folder / "out", **{"options": BLEND, **more})


def with_parts(*parts: Any, **more: Any) -> FitOptions:
    return FitOptions(parts=parts or None, test_share=0.0, **more)


def parts_of(fitted: Fitted) -> tuple[list[str], list[str]]:
    """Return the components and the priors, after a device has scored with them."""
    with closing(Bundle.open(fitted.bundle)) as bundle:
        for events in ([], [Event("item-1", time=1.0)], [Event("item-0"), Event("item-1", time=1.0)]):
            listed = bundle.rank(events, k=5)
            assert len(listed) == min(5, bundle.manifest.items - len(events))
            assert all(math.isfinite(scored.score) for scored in listed)
        manifest = bundle.manifest
        return [part.name for part in manifest.components], [prior.name for prior in manifest.priors]


PEOPLE: dict[str, list[Row]] = {
    "one event each": [Row(f"u{n}", f"item-{n % 6}", float(n)) for n in range(50)],
    "one user": [Row("u", f"item-{n}", float(n)) for n in range(2)],
    "the same two for everybody": [Row(f"u{n}", f"item-{k}", float(k)) for n in range(40) for k in range(2)],
    "one instant": [Row(f"u{n % 9}", f"item-{n % 12}", 5.0) for n in range(100)],
    "no times": [Row(f"u{n % 9}", f"item-{n * 7 % 12}") for n in range(100)],
    "everything by everybody": [Row(f"u{n}", f"item-{k}", float(k)) for n in range(20) for k in range(12)],
}


NOTHING_TO_LEARN = {"one event each": "follow each other"}
"""Of these tables, what fails where pairs and order are asked for by name and nothing hides it."""


@pytest.mark.parametrize("parts", [(), ALL_PARTS[:3]])
@pytest.mark.parametrize("privacy", [EXACT, PRIVATE], ids=["exact", "private"])
@pytest.mark.parametrize("people", PEOPLE)
def test_hardly_anything_makes_no_model_where_the_catalogue_says_something(
    people: str, privacy: dict[str, Any], parts: tuple[Any, ...], tmp_path: Path
) -> None:
    options = FitOptions(parts=parts or None, test_share=0.0)
    if parts and privacy is EXACT and people in NOTHING_TO_LEARN:
        # What was asked for by name must not be left out.
        with pytest.raises(TrainingError, match=NOTHING_TO_LEARN[people]):
            made(tmp_path, PEOPLE[people], catalogue(12), options=options, **privacy)
        return
    fitted = made(tmp_path, PEOPLE[people], catalogue(12), options=options, **privacy)
    components, priors = parts_of(fitted)
    assert "content" in components
    assert priors[0] == "popularity"
    assert set(components) | set(priors) >= {"content", "popularity"}
    if "collaborative" not in components:
        assert any("nobody likes two items" in reason for reason in fitted.report.left_out)


@pytest.mark.parametrize("privacy", [EXACT, PRIVATE], ids=["exact", "private"])
def test_a_catalogue_of_one_item_costs_something(privacy: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="needs at least two"):
        made(tmp_path, [Row("u", "item-0", 1.0)], catalogue(1), **privacy)
    check_nothing_is_lost(account_beside(tmp_path / "out")) if privacy is PRIVATE else None
    assert not (tmp_path / "out" / "bundle").exists()


def test_people_without_taste_and_a_catalogue_without_words_make_a_model_of_nothing(tmp_path: Path) -> None:
    with pytest.raises(TrainingError) as failed:
        made(tmp_path, PEOPLE["one event each"], unlike(12), **EXACT)
    said = str(failed.value)
    assert "no two items of the catalogue" in said
    assert "nobody likes two items" in said
    assert said.count("nobody likes two items") == 1
    assert not (tmp_path / "out").exists()


def test_people_without_taste_cost_the_order_of_their_choices(tmp_path: Path) -> None:
    """Pairs hold nothing where everybody likes one item; order is of events, and there it stays."""
    rows = [Row(f"u{n}", f"item-{n % 6}", float(n)) for n in range(50)]
    fitted = made(tmp_path, rows, catalogue(12), **EXACT)
    assert parts_of(fitted) == (["content"], ["popularity"])
    with closing(Bundle.open(fitted.bundle)) as bundle:
        # Those that nobody chose stand behind, known by their content.
        assert (bundle.manifest.items, bundle.manifest.new_items.first) == (12, 6)
        listed = [scored.item for scored in bundle.rank([], k=6)]
    assert set(listed) == {f"item-{n}" for n in range(6)}


def test_nothing_stands_out_from_the_noise_and_something_is_learned_of_it(tmp_path: Path) -> None:
    fitted = made(tmp_path, PEOPLE["one user"], catalogue(12), epsilon=0.01)
    components, priors = parts_of(fitted)
    assert "content" in components
    assert priors == ["popularity"]
    assert any("few for ε = 0.01" in warning for warning in fitted.report.warnings)


def test_a_table_without_times_has_an_order(tmp_path: Path) -> None:
    rows = "user,item\n" + "".join(f"u{n % 20},item-{n * 7 % 12}\n" for n in range(200))
    fitted = made(tmp_path, rows, catalogue(12), options=with_parts("collaborative", "content"), **EXACT)
    assert parts_of(fitted) == (["collaborative", "content"], ["popularity"])
    assert fitted.report.left_out == ()


@pytest.mark.parametrize("part", ["sequential", "trend"])
@pytest.mark.parametrize("privacy", [EXACT, PRIVATE], ids=["exact", "private"])
def test_a_table_without_times_costs_something_where_they_are_asked_for(
    part: Any, privacy: dict[str, Any], tmp_path: Path
) -> None:
    rows = "user,item\n" + "".join(f"u{n % 20},item-{n * 7 % 12}\n" for n in range(200))
    with pytest.raises(TrainingError, match="no times"):
        made(tmp_path, rows, catalogue(12), options=with_parts("collaborative", part), **privacy)
    if privacy is PRIVATE:
        check_nothing_is_lost(account_beside(tmp_path / "out"))


def test_a_column_without_a_time_passes_for_times_that_were_asked_for(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="says of no event when it was"):
        made(tmp_path, PEOPLE["no times"], catalogue(12), options=with_parts("collaborative", "trend"), **EXACT)


def test_content_that_was_asked_for_and_is_not_there_costs_a_release(tmp_path: Path) -> None:
    options = with_parts("collaborative", "content")
    with pytest.raises(TrainingError, match="no two items of the catalogue"):
        made(tmp_path, walkers(30), unlike(ITEMS), options=options, epsilon=1.0)
    check_nothing_is_lost(account_beside(tmp_path / "out"))


def test_content_that_nobody_asked_for_is_missed_in_silence(tmp_path: Path) -> None:
    fitted = made(tmp_path, walkers(30), unlike(ITEMS), **EXACT)
    assert parts_of(fitted) == (["collaborative"], ["popularity"])
    (reason,) = fitted.report.left_out
    assert reason.startswith("no two items of the catalogue")


def test_pairs_that_were_asked_for_and_hold_nothing_are_left_out(tmp_path: Path) -> None:
    rows = PEOPLE["one event each"]
    with pytest.raises(TrainingError, match="nobody likes two items"):
        made(tmp_path, rows, catalogue(12), options=with_parts("collaborative", "content"), **EXACT)


def test_content_alone_is_refused(tmp_path: Path) -> None:
    fitted = made(tmp_path, walkers(30), catalogue(ITEMS), options=with_parts("content"), epsilon=1.0)
    assert parts_of(fitted) == (["content"], ["popularity"])
    assert [entry.statistic for entry in fitted.report.privacy.releases] == ["item-counts"]


def test_order_alone_is_refused(tmp_path: Path) -> None:
    fitted = made(tmp_path, walkers(60), unlike(ITEMS), options=with_parts("sequential"), **EXACT)
    assert parts_of(fitted) == (["sequential", "session"], ["popularity"])
