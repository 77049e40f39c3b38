"""``homespun-server refresh``: what it says is not what it does, or it does what it was not told."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from homespun_server.cli import main
from homespun_server.training.blend import Blend, steady

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command; return its status and what it says, without frames and line ends."""

    def ran(*arguments: object) -> tuple[int, str]:
        status = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return status, " ".join(re.sub("[│╭╮╰╯─]", " ", captured.out + captured.err).split())

    return ran


@pytest.fixture
def blend(tmp_path: Path) -> Path:
    found = tmp_path / "blend.json"
    found.write_bytes(Blend({name: steady(1.0) for name in ("collaborative", "popularity", "trend-2d")}).to_json())
    return found


@pytest.fixture
def tables(fleet: Path, fleet_catalogue: Path) -> tuple[object, ...]:
    return ("--interactions", fleet, "--items", fleet_catalogue)


@pytest.fixture
def fit(fleet: Path, fleet_catalogue: Path, blend: Path, tmp_path: Path) -> tuple[object, ...]:
    given = ("fit", fleet, "--items", fleet_catalogue, "--out", tmp_path / "one", "--dimensions", 4, "--epsilon", 2)
    return (*given, "--public-blend", blend, "--parts", "collaborative", "trend", "--as-of", 400)


def test_a_refresh_on_a_budget_is_not_seen_in_it(run: Run, fit: tuple, tables: tuple, tmp_path: Path) -> None:
    assert run(*fit)[0] == 0
    refresh = ("refresh", tmp_path / "one", *tables, "--out", tmp_path / "two", "--epsilon", 0.5, "--as-of", 400)
    status, said = run(*refresh)
    assert status == 0
    assert "lifetime so far ε = 2." in said
    # Long paths are broken where the line ends.
    joined = "".join(said.split())
    assert f"Topublish:{tmp_path / 'two' / 'bundle'}" in joined
    assert f"Forthenextrefresh:{tmp_path / 'two' / 'releases'}" in joined
    report = json.loads((tmp_path / "two" / "report.json").read_bytes())
    assert [each["statistic"] for each in report["bounding"]] == ["item-trend"]
    assert report["quality"] is not None
    status, said = run(*refresh, "--no-quality", "--statistics", "item-trend", "item-pairs")
    assert status == 0
    report = json.loads((tmp_path / "two" / "report.json").read_bytes())
    assert [each["statistic"] for each in report["bounding"]] == ["item-trend", "item-pairs"]
    assert report["quality"] is None
    assert not any("not measured" in warning for warning in report["warnings"])


def test_a_named_ledger_is_forgotten_or_not_asked_for(run: Run, fit: tuple, tables: tuple, tmp_path: Path) -> None:
    place = ("--store", tmp_path / "shop.sqlite", "--data-set", "shop")
    assert run("budget", "open", *place, "--epsilon", 3)[0] == 0
    assert run(*fit, *place)[0] == 0
    refresh = ("refresh", tmp_path / "one", *tables, "--out", tmp_path / "one", "--epsilon", 0.5, "--as-of", 400)
    status, said = run(*refresh)
    assert status == 1
    assert "Name it again: account=, or --store and --data-set" in said
    status, said = run(*refresh, *place[:2])
    assert status == 1
    assert "--store and --data-set name a budget ledger together" in said
    assert run(*refresh, *place, "--no-quality")[0] == 0
    spends = json.loads(run("budget", "show", *place, "--json")[1])["periods"][0]["spends"]
    assert [spend["purpose"] for spend in spends[3:]] == ["refresh interactions"]
    status, said = run(*refresh, *place, "--epsilon", 3)
    assert status == 1
    assert "Nothing was read or released." in said


def test_the_file_of_interactions_passes_for_a_catalogue(run: Run, fit: tuple, fleet: Path, tmp_path: Path) -> None:
    assert run(*fit)[0] == 0
    refresh = ("refresh", tmp_path / "one", "--interactions", fleet, "--out", tmp_path / "two", "--epsilon", 0.5)
    status, said = run(*refresh, "--items", fleet, "--item-columns", "title=", "--skip-bad-rows")
    assert status == 1
    assert "a list of items that is taken from what people used would itself tell of them" in said


def test_a_fit_without_privacy_is_refreshed(run: Run, fleet: Path, tables: tuple, tmp_path: Path) -> None:
    assert run("fit", fleet, *tables[2:], "--out", tmp_path / "one", "--non-private", "--test-share", 0)[0] == 0
    status, said = run("refresh", tmp_path / "one", *tables, "--out", tmp_path / "two", "--epsilon", 1)
    assert status == 1
    assert "keeps no releases" in said
    assert not (tmp_path / "two").exists()
