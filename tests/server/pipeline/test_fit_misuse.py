"""Arguments that contradict each other are refused before anything is read, spent or written."""

import math
from pathlib import Path
from typing import Any

import pytest

from homespun.errors import MisuseError
from homespun_server import Account, FitOptions, InteractionColumns, Interactions, ItemColumns, Items, fit
from homespun_server.errors import DataError, OutputError, PrivacyParameterError
from homespun_server.privacy import release as release_module
from tests.server.pipeline.support import account_beside, check_nothing_is_lost
from tests.server.publishing.support import contents
from tests.server.support import Row, write_table


@pytest.fixture(autouse=True)
def no_noise_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("noise was drawn")

    monkeypatch.setattr(release_module, "add_discrete_gaussian", refuse)


def check_nothing_was_made(out: Path) -> None:
    """Check that there is a ledger and nothing else, and nothing is in it."""
    assert not {path.name for path in out.iterdir()} - {"budget.sqlite", "budget.sqlite-shm", "budget.sqlite-wal"}
    check_nothing_is_lost(account_beside(out))


@pytest.mark.parametrize(
    ("privacy", "problem"),
    [
        ({}, "what privacy is wanted"),
        ({"non_private": False}, "what privacy is wanted"),
        ({"epsilon": 1.0, "non_private": True}, "what privacy is wanted"),
        ({"epsilon": 0.0}, "ε is"),
        ({"epsilon": -1.0}, "ε is"),
        ({"epsilon": math.inf}, "ε is"),
        ({"epsilon": math.nan}, "ε is"),
        ({"epsilon": 1.0, "delta": 0.0}, "δ is"),
        ({"epsilon": 1.0, "delta": 1.5}, "δ is"),
        ({"non_private": True, "delta": 1e-9}, "promise nothing without"),
        ({"non_private": True, "metrics_epsilon": 1.0}, "promise nothing without"),
        ({"non_private": True, "account": Account("budget.sqlite", "shop")}, "promise nothing without"),
        ({"epsilon": 1.0, "metrics_epsilon": 0.0}, "ε is"),
        ({"epsilon": 1.0, "metrics_epsilon": 1.0, "options": FitOptions(test_share=0.0)}, "keep some aside"),
    ],
)
def test_a_fit_without_a_clear_privacy_starts(
    privacy: dict[str, Any], problem: str, fleet: Path, fleet_catalogue: Path, tmp_path: Path
) -> None:
    with pytest.raises(PrivacyParameterError, match=problem):
        fit(fleet, items=fleet_catalogue, out=tmp_path / "out", **privacy)
    assert not (tmp_path / "out").exists()


def test_a_universe_that_people_chose_is_called_private(fleet: Path, tmp_path: Path) -> None:
    derived = Items.from_interactions(fleet)
    for items in (None, derived):
        with pytest.raises(MisuseError, match="public catalogue"):
            fit(fleet, items=items, out=tmp_path / "out", epsilon=1.0)
    with (
        Interactions.read(fleet, items=None) as interactions,
        pytest.raises(MisuseError, match="public catalogue"),
    ):
        fit(interactions, out=tmp_path / "out", epsilon=1.0)
    check_nothing_was_made(tmp_path / "out")


@pytest.mark.parametrize(
    "ignored",
    [
        {"items": "items.csv"},
        {"interaction_columns": InteractionColumns(user="who")},
        {"item_columns": ItemColumns(item="what")},
        {"skip_bad_rows": True},
    ],
)
def test_an_argument_is_silently_ignored(
    ignored: dict[str, Any], fleet: Path, fleet_items: Items, tmp_path: Path
) -> None:
    with (
        Interactions.read(fleet, items=fleet_items) as interactions,
        pytest.raises(MisuseError, match="already brings"),
    ):
        fit(interactions, out=tmp_path / "out", non_private=True, **ignored)


def test_columns_of_a_catalogue_that_was_read_are_silently_ignored(
    fleet: Path, fleet_items: Items, tmp_path: Path
) -> None:
    columns = ItemColumns(item="what")
    with pytest.raises(MisuseError, match="already brings"):
        fit(fleet, items=fleet_items, item_columns=columns, out=tmp_path / "out", non_private=True)


@pytest.mark.parametrize(
    "options",
    [
        {"max_items": 1},
        {"max_items": 0},
        {"max_items": 70_000},
        {"dimensions": 0},
        {"test_share": 1.0},
        {"test_share": -0.1},
        {"test_share": math.nan},
        {"min_weight": math.nan},
        {"min_weight": math.inf},
    ],
)
def test_an_option_that_means_nothing_is_taken(options: dict[str, Any]) -> None:
    with pytest.raises(MisuseError):
        FitOptions(**options)


def test_a_result_is_written_over_something_else(fleet: Path, fleet_catalogue: Path, tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "thesis.txt").write_text("three years", encoding="utf-8")
    before = contents(tmp_path)
    with pytest.raises(OutputError, match="left alone"):
        fit(fleet, items=fleet_catalogue, out=tmp_path, epsilon=1.0)
    with pytest.raises(OutputError, match="is not a folder"):
        fit(fleet, items=fleet_catalogue, out=fleet, epsilon=1.0)
    assert contents(tmp_path) == before


def test_a_table_of_interactions_passes_for_the_public_catalogue(fleet: Path, tmp_path: Path) -> None:
    columns = ItemColumns(title=None)
    with pytest.raises(MisuseError, match="public catalogue"):
        fit(fleet, items=fleet, item_columns=columns, skip_bad_rows=True, out=tmp_path / "out", epsilon=1.0)
    twin = tmp_path / "twin.csv"
    twin.write_bytes(fleet.read_bytes())
    with pytest.raises(MisuseError, match="public catalogue"):
        fit(fleet, items=twin, item_columns=columns, skip_bad_rows=True, out=tmp_path / "out", epsilon=1.0)
    check_nothing_was_made(tmp_path / "out")


def test_a_bad_row_or_a_missing_column_is_passed_over(fleet_catalogue: Path, tmp_path: Path) -> None:
    bad = write_table(tmp_path / "bad.csv", [Row("u", "item-1"), Row("u", "no-such-item")])
    with pytest.raises(DataError, match="no-such-item"):
        fit(bad, items=fleet_catalogue, out=tmp_path / "out", epsilon=1.0)
    with pytest.raises(DataError, match="who"):
        fit(
            bad,
            items=fleet_catalogue,
            out=tmp_path / "out",
            epsilon=1.0,
            interaction_columns=InteractionColumns(user="who"),
        )
    with pytest.raises(DataError, match="missing"):
        fit(tmp_path / "missing.csv", items=fleet_catalogue, out=tmp_path / "out", epsilon=1.0)
    check_nothing_was_made(tmp_path / "out")
