"""``homespun-server audit`` hides what it found, or passes a build that was refuted."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from homespun_server import cli
from homespun_server.privacy import release as release_module
from tests.server.support import catalogue, rows_of, write_items, write_table

FEW = ("--canaries", "1000", "--statistic", "item-pairs")


def run(*arguments: object) -> int:
    return cli.main([str(argument) for argument in ("audit", *arguments)])


def words(capsys: pytest.CaptureFixture[str]) -> str:
    captured = capsys.readouterr()
    return " ".join((captured.out + captured.err).replace("│", " ").split())


def without_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    def unchanged(values: NDArray[np.int64], *_: object) -> NDArray[np.int64]:
        return values.copy()

    monkeypatch.setattr(release_module, "add_discrete_gaussian", unchanged)


def test_claim_bound_or_power_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("privacy", *FEW, "--epsilon", 4, "--runs", 2) == 0
    text = words(capsys)
    for part in (
        "The claim ε = 4, δ = 1e-06 (ρ = 0.3111), on synthetic people",
        "item-pairs",
        "where the claim is ε = ",
        "Of 120 guesses 120 right ones would refute it",
        "shows little, 0 of 2 refute",
        "no ledger was written to",
        "half the noise",
        "no clipping",
        "a person counted twice",
        "would catch some faults in only",
    ):
        assert part in text


def test_an_audit_that_could_not_fail_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("privacy", *FEW, "--epsilon", 4, "--audit-delta", 1e-3) == 1
    assert "this audit could not fail and shows nothing. Use more canaries" in words(capsys)


def test_all_statistics_are_not_audited_where_none_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("privacy", "--canaries", 100) == 0
    text = words(capsys)
    for statistic in ("item-counts", "item-pairs", "transitions"):
        assert text.count(f"{statistic} ") >= 2


def test_a_refuted_build_passes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    without_noise(monkeypatch)
    assert run("privacy", *FEW) == 1
    text = words(capsys)
    assert "REFUTED" in text
    assert "1 of 1 audits contradict the claim for item-pairs" in text
    assert "Release nothing with it" in text


def test_json_is_something_else(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    without_noise(monkeypatch)
    assert run("privacy", *FEW, "--json", "--runs", 2, "--audit-delta", 1e-4) == 1
    (found,) = json.loads(capsys.readouterr().out)
    assert found["schema"] == 1
    assert found["claim"] == {"epsilon": 2.0, "delta": 1e-6}
    assert (found["design"]["canaries"], found["design"]["delta"]) == (1000, 1e-4)
    assert set(found["power"]) == {"half the noise", "no clipping", "a person counted twice"}
    assert [outcome["holds"] for outcome in found["outcomes"]] == [False, False]
    assert all(outcome["correct"] == found["design"]["guesses"] for outcome in found["outcomes"])
    assert all(outcome["bound"] > found["design"]["epsilon"] for outcome in found["outcomes"])


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (("--runs", 0), "at least once"),
        (("--canaries", 5), "canaries show nothing"),
        (("--epsilon", 0), "finite and positive"),
        (("--delta", 1), "between 0 and 1"),
        (("--audit-delta", 2), "between 0 and 1"),
    ],
)
def test_an_audit_of_nothing_passes(wrong: tuple[str, float], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("privacy", *wrong) == 1
    assert reason in words(capsys)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two hundred people with six of forty items each, and an exact model of half of them."""
    folder = tmp_path_factory.mktemp("audited")
    items = catalogue(40)
    draw = np.random.default_rng(1)
    baskets = [np.sort(draw.choice(40, 6, replace=False)) for _ in range(200)]
    write_table(folder / "interactions.csv", rows_of(baskets, items))
    write_items(folder / "items.csv", items)
    tables = (folder / "interactions.csv", "--items", folder / "items.csv")
    options = ("--non-private", "--out", folder, "--test-share", 0.5, "--dimensions", 20)
    assert cli.main([str(argument) for argument in ("fit", *tables, *options)]) == 0
    return folder


def test_membership_is_found_and_not_shown(fitted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tables = (fitted / "interactions.csv", "--items", fitted / "items.csv")
    assert run("membership", "--bundle", fitted / "bundle", *tables, "--test-share", 0.5) == 0
    text = words(capsys)
    for part in ("AUC", "advantage (TPR − FPR)", "95% interval", "non-private, for you alone", "members"):
        assert part in text


def test_membership_as_json_is_something_else(fitted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = ("--bundle", fitted / "bundle")
    # Without the catalogue: items are then those that occur, and are known by their ids.
    assert run("membership", *bundle, fitted / "interactions.csv", "--test-share", 0.5, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["non_private"] is True
    assert found["members"] + found["others"] == 200
    assert found["auc"]["low"] > 0.55
    assert found["auc"]["low"] < found["auc"]["value"] < found["auc"]["high"] <= 1


def test_too_few_who_were_kept_aside_pass_for_evidence(fitted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tables = (fitted / "interactions.csv", "--items", fitted / "items.csv")
    assert run("membership", "--bundle", fitted / "bundle", *tables, "--test-share", 0.05) == 1
    assert "Keep more users aside" in words(capsys)
