"""An evaluation of one data set from the command line: what is written, charged, refused, and told to whom."""

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from homespun_server.cli import main
from homespun_server.evaluation.result import EvaluationReport
from tests.server.support import Row, write_table

USERS, ITEMS = 240, 30


def command(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """People who go through one half of the catalogue in an order that is much the same, each a little later."""
    folder, draw = tmp_path_factory.mktemp("shop"), np.random.default_rng(0)
    rows = []
    for user in range(USERS):
        half, begin = (user % 2) * ITEMS // 2, int(draw.integers(15))
        for place in range(int(draw.integers(6, 14))):
            item = half + (begin + place + int(draw.random() < 0.2)) % (ITEMS // 2)
            rows.append(Row(f"user-{user}", f"item-{item}", 100.0 * user + place))
    items = folder / "items.csv"
    colours = ["red" if number < ITEMS // 2 else "blue" for number in range(ITEMS)]
    lines = [f"item-{number},{colour} thing,{colour}" for number, colour in enumerate(colours)]
    items.write_text("item,title,tags\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return write_table(folder / "interactions.csv", rows), items


@pytest.fixture(scope="module")
def fitted(tables: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("fitted")
    interactions, items = tables
    options = ("--non-private", "--test-share", 0.3, "--name", "shop")
    assert command("fit", interactions, "--items", items, "--out", out, *options) == 0
    return out


def evaluation(out: Path) -> EvaluationReport:
    return msgspec.json.decode((out / "evaluation.json").read_bytes(), type=EvaluationReport)


def test_a_fit_and_an_evaluation_measure_different_things(
    tables: tuple[Path, Path], fitted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    interactions, items = tables
    given = (interactions, "--items", items, "--bundle", fitted / "bundle", "--out", tmp_path)
    assert command("evaluate", *given, "--test-share", 0.3) == 0
    report = evaluation(tmp_path)
    fit: dict[str, Any] = json.loads((fitted / "report.json").read_bytes())["quality"]
    assert report.cases == fit["test_users"] > 40
    of_fit = {row["model"]: row for row in fit["rows"]}
    for model, same in (("popularity", "popularity"), ("shop", "non-private")):
        (found,) = (one for one in report.models if one.model == model)
        assert found.metrics["ndcg@100"].mean == pytest.approx(of_fit[same]["ndcg_100"]["mean"], abs=1e-12)
        assert found.metrics["capped_recall@20"].mean == pytest.approx(of_fit[same]["recall_20"]["mean"], abs=1e-12)
        assert found.lists["coverage@20"] == of_fit[same]["coverage"]
    assert {"popularity", "content alone"} < {model.model for model in report.models}
    assert "content alone" in report.cold_users[0].points[0].ndcg_10 or not report.cold_users
    assert "You assert that no bundle was trained on the users kept aside" in report.asserted
    html = (tmp_path / "evaluation.html").read_text(encoding="utf-8")
    assert "How good are the recommendations?" in html
    shown = " ".join(capsys.readouterr().out.split())
    assert "To keep to yourself" in shown
    assert "To share" not in shown


@pytest.mark.parametrize(
    ("protocol", "options"),
    [
        ("leave-last-out", ()),
        ("temporal", ("--train-share", 0.7)),
        ("temporal", ("--since", "1970-01-01T05:00:00", "--repeats", "in", "--max-cases-per-user", 3)),
        ("cold-items", ("--test-share", 0.4)),
        ("strong", ("--test-share", 0.4, "--max-users", 60)),
    ],
)
def test_a_split_is_not_evaluated_as_it_was_divided(
    protocol: str, options: tuple[object, ...], tables: tuple[Path, Path], tmp_path: Path
) -> None:
    interactions, items = tables
    split, fit, out = tmp_path / "split", tmp_path / "fit", tmp_path / "out"
    assert command("split", interactions, "--protocol", protocol, *options, "--out", split) == 0
    training = split / "training.parquet"
    whole = ("--items", items, "--non-private", "--test-share", 0)
    assert command("fit", training, *whole, "--out", fit) == 0
    assert command("evaluate", split, "--items", items, "--bundle", fit / "bundle", "--out", out, "--k", 5, 10) == 0
    report = evaluation(out)
    assert (report.protocol, report.ks) == (protocol, (5, 10))
    assert report.repeats == ("in" in options)
    assert "from the training part of this split" in report.asserted
    assert report.cases >= report.users > 0
    names = [model.model for model in report.models]
    expected = {"cold-items": "chance", "temporal": "recent popularity"}.get(protocol, "popularity")
    assert any(name.startswith(expected) for name in names)
    assert any("new people" in note for note in report.notes) == (not report.cold_users)


def test_two_bundles_are_held_against_others_only(tables: tuple[Path, Path], fitted: Path, tmp_path: Path) -> None:
    interactions, _ = tables
    bundles = ("--bundle", fitted / "bundle", "--bundle", fitted / "bundle")
    assert command("evaluate", interactions, *bundles, "--test-share", 0.3, "--out", tmp_path, "--k", 10) == 0
    report = evaluation(tmp_path)
    first, second = (model for model in report.models if model.role == "bundle")
    assert (first.model, second.model) == ("shop", "shop (2)")
    same = second.leads["shop"]["ndcg@10"]
    assert (same.mean, same.low, same.high) == (0.0, 0.0, 0.0)
    assert "shop (2)" not in first.leads
    assert any("catalogue alone" in note for note in report.notes)


def test_exact_figures_are_shared(
    tables: tuple[Path, Path], fitted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    interactions, _ = tables
    ledger = ("--store", tmp_path / "b.sqlite", "--data-set", "shop")
    assert command("budget", "open", *ledger, "--epsilon", 4, "--lifetime", 20) == 0
    given = (interactions, "--bundle", fitted / "bundle", "--test-share", 0.3, "--out", tmp_path / "out")
    assert command("evaluate", *given, "--metrics-epsilon", 3, *ledger) == 0
    shared = json.loads((tmp_path / "out" / "quality.json").read_bytes())
    assert shared["quality"]["people"]["half_width"] > 0
    names = {figure["name"] for figure in shared["quality"]["metrics"]}
    assert names == {"ndcg_100", "capped_recall_10", "capped_recall_100"}
    assert all(figure["half_width"] > 0 for figure in shared["quality"]["metrics"])
    assert (shared["epsilon"], shared["bundle_privacy"]["kind"]) == (3.0, "non_private")
    assert "kept aside" in shared["quality"]["cohort"]
    exact = evaluation(tmp_path / "out")
    assert str(exact.models[-1].metrics["ndcg@100"].mean) not in (tmp_path / "out" / "quality.json").read_text()
    capsys.readouterr()
    assert command("budget", "show", *ledger) == 0
    assert "ε = 3 of 4" in " ".join(capsys.readouterr().out.split())
    # Another one would exceed the period, and is refused before anything is read.
    assert command("evaluate", tmp_path / "nowhere.csv", *given[1:], "--metrics-epsilon", 3, *ledger) == 1
    assert "of the ε" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--metrics-epsilon", 1), "give --metrics-epsilon, --store and --data-set together"),
        (("--data-set", "shop"), "give --metrics-epsilon, --store and --data-set together"),
        (("--repeats", "in"), "--repeats means something to leave-last-out or temporal only"),
        (("--protocol", "temporal", "--test-share", 0.5), "--test-share means something to strong"),
        (("--protocol", "temporal", "--since", "2026-01-01", "--train-share", 0.5), "both say when"),
        (("--protocol", "temporal", "--since", "2026-01-01"), "one side would be empty"),
        (("--k", 0), "k is"),
        (("--max-users", 0), "max_users is 0"),
        (("--test-share", 0), "keeps nobody aside"),
    ],
)
def test_a_wrong_call_succeeds_or_gives_no_reason(
    options: tuple[object, ...],
    problem: str,
    tables: tuple[Path, Path],
    fitted: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = (tables[0], "--bundle", fitted / "bundle", "--out", tmp_path / "out")
    assert command("evaluate", *given, *options) == 1
    assert problem in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()


def test_a_folder_without_a_split_is_read(
    tables: tuple[Path, Path], fitted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ("--bundle", fitted / "bundle", "--out", tmp_path / "out")
    assert command("evaluate", tmp_path, *given) == 1
    assert "a folder without split.json" in " ".join(capsys.readouterr().err.split())
    assert command("split", tables[0], "--protocol", "leave-last-out", "--out", tmp_path / "split") == 0
    capsys.readouterr()
    assert command("evaluate", tmp_path / "split", *given, "--min-weight", 3) == 1
    assert "leave --min-weight out" in " ".join(capsys.readouterr().err.split())


def test_several_bundles_share_a_budget(fitted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundles = ("--bundle", fitted / "bundle") * 2
    ledger = ("--store", tmp_path / "b.sqlite", "--data-set", "shop", "--metrics-epsilon", 1)
    assert command("evaluate", tmp_path / "t.csv", *bundles, "--out", tmp_path, *ledger) == 1
    assert "one bundle at a time" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--max-users", 9), "(max_users)"),
        (("--protocol", "temporal"), "(train_share)"),
        (("--protocol", "temporal", "--train-share", 0.5, "--max-users", 9), "(max_users, train_share)"),
    ],
)
def test_one_person_decides_about_anothers_released_figures(
    options: tuple[object, ...],
    named: str,
    tables: tuple[Path, Path],
    fitted: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ledger = ("--store", tmp_path / "b.sqlite", "--data-set", "shop", "--metrics-epsilon", 1)
    given = ("--bundle", fitted / "bundle", "--out", tmp_path / "out")
    assert command("evaluate", tables[0], *given, *ledger, *options) == 1
    assert named in " ".join(capsys.readouterr().err.split())
    assert command("split", tables[0], *options, "--out", tmp_path / "split") == 0
    assert command("evaluate", tmp_path / "split", *given, *ledger) == 1
    assert named in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "b.sqlite").exists()


@pytest.mark.parametrize("since", ["yesterday", "2026-13-01", "7"])
def test_a_date_means_something_else(since: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        command("split", "t.csv", "--protocol", "temporal", "--since", since, "--out", "x")
    assert stopped.value.code == 2
    assert "--since" in capsys.readouterr().err
