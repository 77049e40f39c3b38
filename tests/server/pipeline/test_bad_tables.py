"""Tables that no one expects end in a bundle or in one clear error, and an error before a release costs nothing."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest

from homespun.model.bundle import Bundle
from homespun.protocol.events import Event
from homespun_server import FitOptions, Fitted, Items, fit
from homespun_server.errors import DataError, TrainingError
from tests.server.pipeline.support import RELEASES, account_beside, check_nothing_is_lost, state_of
from tests.server.support import Row, catalogue, write_table

ITEMS = catalogue(12)
OPTIONS = FitOptions(test_share=0.0, dimensions=4, max_items=12)
PRIVATE: dict[str, Any] = {"epsilon": 1.0}
EXACT: dict[str, Any] = {"non_private": True}
LAST_SECOND = 253_402_300_799.0

Fit = Callable[..., Fitted]


@pytest.fixture
def fitted(tmp_path: Path) -> Fit:
    """Fit rows, or a table that was written otherwise."""

    def made(rows: Sequence[Row] | Path, *, items: Items = ITEMS, **more: Any) -> Fitted:
        table = rows if isinstance(rows, Path) else write_table(tmp_path / "rows.csv", rows)
        return fit(table, items=items, out=tmp_path / "out", **{"options": OPTIONS, **more})

    return made


def check_it_recommends(made: Fitted) -> None:
    with Bundle.open(made.bundle) as bundle:
        scores = [scored.score for scored in bundle.rank([Event("item-1")], k=10)]
    assert len(scores) == min(10, made.report.universe_items - 1)
    assert all(map(math.isfinite, scores))


def spends_of(out: Path) -> list[str]:
    state = state_of(account_beside(out))
    assert state.held == ()
    return [each.spend.statistic for each in state.spends]


TABLES: dict[str, list[Row]] = {
    "one user": [Row("u", f"item-{n}", float(n), 3.0) for n in range(5)],
    "one user of one item": [Row("u", "item-1", 1.0)],
    "one item of the catalogue": [Row(f"u{n}", "item-1", float(n)) for n in range(50)],
    "all rows identical": [Row("u", "item-1", 7.0, 3.0)] * 3000,
    "everything in one instant": [Row(f"u{n % 40}", f"item-{n * 5 % 12}", 1e9) for n in range(400)],
    "in the future": [Row(f"u{n % 40}", f"item-{n % 12}", time) for n in range(400) for time in (4e9, LAST_SECOND)],
    "no times at all": [Row(f"u{n % 40}", f"item-{n % 12}") for n in range(400)],
    "extreme weights": [Row("u", f"item-{n}", 1.0, w) for n, w in enumerate((0.0, 5e-324, 1.7976931348623157e308))],
}


@pytest.mark.parametrize("table", TABLES)
def test_a_private_fit_breaks(table: str, fitted: Fit, tmp_path: Path) -> None:
    made = fitted(TABLES[table], **PRIVATE)
    check_it_recommends(made)
    assert made.report.training_users == len({row.user for row in TABLES[table]})
    assert spends_of(tmp_path / "out") == RELEASES
    assert any("few for ε = 1" in warning for warning in made.report.warnings)


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ("one user of one item", "only 1 item"),
        ("one item of the catalogue", "only 1 item"),
        ("all rows identical", "only 1 item"),
        ("one user", None),
        ("everything in one instant", None),
        ("in the future", None),
        ("no times at all", None),
        ("extreme weights", None),
    ],
)
def test_a_fit_without_privacy_breaks_or_makes_a_model_of_nothing(
    table: str, problem: str | None, fitted: Fit, tmp_path: Path
) -> None:
    if problem is None:
        check_it_recommends(fitted(TABLES[table], **EXACT))
        return
    with pytest.raises(TrainingError, match=problem):
        fitted(TABLES[table], **EXACT)
    assert not (tmp_path / "out").exists()


UNUSABLE: dict[str, tuple[list[Row], str]] = {
    "infinite": ([Row("u", "item-1", 1.0, math.inf)], "weight that is not finite"),
    "negatively infinite": ([Row("u", "item-1", 1.0, -math.inf)], "weight"),
    "not a number": ([Row("u", "item-1", 1.0, math.nan)], "weight that is not finite"),
    "negative": ([Row("u", "item-1", 1.0, -1.0)], "weight"),
    "after the last second": ([Row("u", "item-1", LAST_SECOND + 1)], "time"),
    "infinitely late": ([Row("u", "item-1", math.inf)], "time"),
    "before the first second": ([Row("u", "item-1", -1.0)], "time"),
    "no row": ([], "no data row"),
    "an unknown item": ([Row("u", "item-99")], "item-99"),
}


@pytest.mark.parametrize("privacy", [PRIVATE, EXACT], ids=["private", "exact"])
@pytest.mark.parametrize("table", UNUSABLE)
def test_what_cannot_be_used_is_used_or_costs_something(
    table: str, privacy: dict[str, Any], fitted: Fit, tmp_path: Path
) -> None:
    bad, problem = UNUSABLE[table]
    good = TABLES["everything in one instant"] if bad else []
    with pytest.raises(DataError, match=problem):
        fitted([*good, *bad], **privacy)
    assert not (tmp_path / "out" / "bundle").exists()
    if privacy is PRIVATE:
        check_nothing_is_lost(account_beside(tmp_path / "out"))


@pytest.mark.parametrize(("size", "problem"), [(1, "needs at least two"), (0, "item-0")])
def test_a_catalogue_of_hardly_anything_costs_something(size: int, problem: str, fitted: Fit, tmp_path: Path) -> None:
    rows = [Row(f"u{n}", "item-0") for n in range(9)]
    for privacy in (PRIVATE, EXACT):
        with pytest.raises((TrainingError, DataError), match=problem):
            fitted(rows, items=catalogue(size), **privacy)
    check_nothing_is_lost(account_beside(tmp_path / "out"))


def test_a_catalogue_of_two_items_makes_no_model(fitted: Fit) -> None:
    made = fitted([Row(f"u{n}", f"item-{n % 2}") for n in range(9)], items=catalogue(2), **PRIVATE)
    assert made.report.universe_items == 2
    check_it_recommends(made)


def test_a_user_with_a_million_events_outweighs_the_others(fitted: Fit, tmp_path: Path) -> None:
    path = tmp_path / "robot.parquet"
    with duckdb.connect() as connection:
        connection.sql(
            "SELECT CASE WHEN i < 1000000 THEN 'robot' ELSE 'u' || (i % 200) END AS user, 'item-' || (CASE WHEN i < "
            "1000000 THEN i % 6 ELSE 6 + i * 31 % 6 END) AS item, (i % 100003)::DOUBLE AS time FROM range(1001000) n(i)"
        ).write_parquet(str(path))
    made = fitted(path, **EXACT)
    assert made.report.interactions == 1_001_000
    assert made.report.training_users == 201
    with Bundle.open(made.bundle) as bundle:
        order = [scored.item for scored in bundle.rank([], k=12)]
    assert {int(item.removeprefix("item-")) >= 6 for item in order[:6]} == {True}


def test_a_user_with_a_million_events_breaks_a_private_fit(fitted: Fit, tmp_path: Path) -> None:
    path = tmp_path / "robot.parquet"
    with duckdb.connect() as connection:
        connection.sql(
            "SELECT 'robot' AS user, 'item-' || (i % 12) AS item, i::DOUBLE AS time FROM range(1000000) numbers(i)"
        ).write_parquet(str(path))
    made = fitted(path, **PRIVATE)
    assert (made.report.interactions, made.report.training_users) == (1_000_000, 1)
    check_it_recommends(made)


def test_rows_that_are_left_out_are_charged_or_used(fitted: Fit, tmp_path: Path) -> None:
    bad = [row for rows, _ in UNUSABLE.values() for row in rows]
    made = fitted([*TABLES["everything in one instant"], *bad], skip_bad_rows=True, **PRIVATE)
    assert sum(made.report.skipped.values()) == len(bad)
    assert made.report.training_users == 40
    assert spends_of(tmp_path / "out") == RELEASES
