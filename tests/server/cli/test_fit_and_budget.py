"""``homespun-server fit`` on an operator's budget: another ledger is charged, or what is said is not what was spent."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from homespun_server.cli import main
from homespun_server.privacy.zcdp import epsilon_of
from tests.server.pipeline.support import RELEASES

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
def place(tmp_path: Path) -> tuple[object, ...]:
    return ("--store", tmp_path / "shop.sqlite", "--data-set", "shop")


@pytest.fixture
def fit(fleet: Path, fleet_catalogue: Path, tmp_path: Path) -> tuple[object, ...]:
    return ("fit", fleet, "--items", fleet_catalogue, "--out", tmp_path / "out", "--max-items", 20, "--dimensions", 4)


def shown(run: Run, place: tuple[object, ...]) -> Any:
    status, text = run("budget", "show", *place, "--json")
    assert status == 0
    return json.loads(text)


def test_a_fit_on_a_budget_is_not_seen_in_it(run: Run, place: tuple, fit: tuple, tmp_path: Path) -> None:
    status, said = run("budget", "open", *place, "--epsilon", 2, "--lifetime", 3, "--period", 30)
    assert status == 0
    assert "User, per 30 days, ε = 0 of 2; lifetime so far ε = 0 of 3" in said
    status, said = run(*fit, *place, "--epsilon", 1, "--metrics-epsilon", 1.5)
    assert status == 0
    assert "User, per 30 days, ε = 1.5 of 2; lifetime so far ε = 1.5 of 3" in said
    assert not (tmp_path / "out" / "budget.sqlite").exists()
    report = shown(run, place)
    (period,) = report["periods"]
    assert [(spend["statistic"], spend["users"]) for spend in period["spends"]] == [
        *((statistic, "training, 90%") for statistic in RELEASES),
        ("metric-sums", "kept aside, 10%"),
    ]
    assert all(spend["released"] and spend["purpose"] == "fit interactions" for spend in period["spends"])
    assert report["reservations"] == []
    assert 1.49 < epsilon_of(report["spent"]["rho"], 1e-6) <= 1.51
    status, said = run("budget", "show", *place)
    assert status == 0
    assert "item-pairs" in said


def test_a_refused_fit_reads_spends_or_does_not_say_why(run: Run, place: tuple, fit: tuple, tmp_path: Path) -> None:
    run("budget", "open", *place, "--epsilon", 1, "--lifetime", 1.1, "--period", 30)
    assert run(*fit, *place, "--epsilon", 0.8)[0] == 0
    before = shown(run, place)
    status, said = run("fit", tmp_path / "not-there.csv", *fit[2:], *place, "--epsilon", 0.8)
    assert status == 1
    assert f"It renews on {before['renews']}. Nothing was read or released." in said
    assert re.search(r"only ρ = [\d.]+ \(ε = 0\.\d+ by itself\) is left", said)
    run("budget", "change", *place, "--epsilon", 5, "--reason", "a busy month")
    status, said = run("fit", tmp_path / "not-there.csv", *fit[2:], *place, "--epsilon", 0.8)
    assert status == 1
    assert "The ceiling for ever never renews" in said
    assert shown(run, place)["periods"] == before["periods"]


def test_a_fit_opens_the_operators_ledger_by_itself(run: Run, place: tuple, fit: tuple, tmp_path: Path) -> None:
    status, said = run(*fit, *place, "--epsilon", 1)
    assert status == 1
    assert "there is no store at" in said
    run("budget", "open", *place[:3], "other", "--epsilon", 1)
    status, said = run(*fit, *place, "--epsilon", 1)
    assert status == 1
    assert "no budget ledger for the data set 'shop'; open one, or correct the name" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("half", [slice(0, 2), slice(2, 4)])
@pytest.mark.parametrize("privacy", [("--epsilon", 1), ("--non-private",)])
def test_half_a_ledger_is_named(
    half: slice, privacy: tuple[object, ...], run: Run, place: tuple, fit: tuple, tmp_path: Path
) -> None:
    status, said = run(*fit, *place[half], *privacy)
    assert status == 1
    assert "--store and --data-set name a budget ledger together" in said
    assert list(tmp_path.iterdir()) == []


def test_a_budget_is_ignored_where_nothing_is_private(run: Run, place: tuple, fit: tuple, tmp_path: Path) -> None:
    run("budget", "open", *place, "--epsilon", 1)
    before = shown(run, place)["head"]
    status, said = run(*fit, *place, "--non-private")
    assert status == 1
    assert "promise nothing without an ε" in said
    status, said = run("fit", *fit[2:], *place)
    assert status == 1
    assert "uses no data about people" in said
    assert shown(run, place)["head"] == before
    assert not (tmp_path / "out").exists()


def test_another_delta_than_the_ledgers_is_stated(run: Run, place: tuple, fit: tuple) -> None:
    run("budget", "open", *place, "--epsilon", 1, "--delta", 1e-8)
    status, said = run(*fit, *place, "--epsilon", 1, "--delta", 1e-6)
    assert status == 1
    assert "states every ε at δ = 1e-08" in said
    status, said = run(*fit, *place, "--epsilon", 1)
    assert status == 0
    assert "δ = 1e-08" in said
    assert "1e-06" not in said


def test_metrics_are_asked_for_of_nobody(run: Run, fit: tuple, tmp_path: Path) -> None:
    status, said = run(*fit, "--epsilon", 1, "--metrics-epsilon", 1, "--test-share", 0)
    assert status == 1
    assert "keep some aside" in said
    assert not (tmp_path / "out").exists()
