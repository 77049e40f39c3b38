"""``homespun-server experiment`` says something else than was worked out, or reads what is no release."""

import json
import re
from pathlib import Path

import msgspec
import pytest

from homespun.protocol.experiment import encode_experiment, parse_experiment
from homespun_server import cli, keep
from homespun_server.experiments.made_up import DRAFT
from homespun_server.experiments.power import Request, plan
from homespun_server.experiments.result import ExperimentReport
from homespun_server.experiments.trials import World
from homespun_server.privacy.ledger import BudgetLedger
from homespun_server.store import SqlLog, open_store
from tests.sdk.protocol.experiment.support import POLICY
from tests.server.experiments.support import BETTER, DAY, experiment, released

PLAN = ("plan", "--people", 20_000, "--epsilon", 1, "--base", 0.1)


def run(*arguments: object) -> int:
    return cli.main([str(each) for each in ("experiment", *arguments)])


def words(capsys: pytest.CaptureFixture[str]) -> str:
    captured = capsys.readouterr()
    return " ".join(re.sub("[│╭╮╰╯─]", " ", captured.out + captured.err).split())


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A definition, a ledger and the kept releases of three windows."""
    monkeypatch.setenv("COLUMNS", "200")
    assert (
        cli.main(["budget", "open", "--store", str(tmp_path / "b.sqlite"), "--data-set", "fleet", "--epsilon", "none"])
        == 0
    )
    (tmp_path / "experiment.json").write_bytes(encode_experiment(experiment()))
    with open_store(tmp_path / "b.sqlite") as opened:
        releases = released(BETTER, people=24_000, windows=3, epsilon=4.0, into=BudgetLedger(SqlLog(opened), "fleet"))
    for number, release in enumerate(releases):
        keep(release, tmp_path / f"{number}.parquet")
    return tmp_path


def analyze(fleet: Path, *more: object, releases: tuple[str, ...] = ("0", "1", "2")) -> int:
    files = [fleet / f"{name}.parquet" for name in releases]
    budget = ("--store", fleet / "b.sqlite", "--data-set", "fleet")
    return run("analyze", fleet / "experiment.json", "--release", *files, *budget, *more)


def test_a_plan_is_not_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*PLAN) == 0
    text = words(capsys)
    found = plan(Request(people=20_000, base=0.1, deviation=None, effect=0.005, epsilon=1.0, windows=4), (), ())
    assert f"people who would be enough {found.needed:,}" in text
    assert "This fleet is too small." in text
    assert f"about {found.needed:,} people would do; without noise {found.needed_exact:,}" in text
    assert "noise in a released number of a window, in people ±18.1" in text
    for epsilon in ("0.5", "2", "8", "none"):
        assert re.search(rf"{epsilon} (\d+\.\d% ?){{5}}", text), epsilon


def test_a_plan_as_json_is_another(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*PLAN, "--json", "--one-look", "--windows", 1) == 0
    found = json.loads(capsys.readouterr().out)
    request = Request(people=20_000, base=0.1, deviation=None, effect=0.005, epsilon=1.0, windows=1, sequential=False)
    assert found["needed"] == plan(request, (), ()).needed
    assert found["schema"] == 1
    assert found["enough"] is False
    assert len(found["table"]) == 30


def test_a_cap_is_forgotten(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*PLAN[:-1], 6, "--cap", 20) == 1
    assert "give --deviation" in words(capsys)
    assert run(*PLAN[:-1], 6, "--cap", 20, "--deviation", 4.6, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["request"]["base"] == pytest.approx(0.3)
    assert found["request"]["deviation"] == pytest.approx(0.23)
    assert found["request"]["effect"] == pytest.approx(0.015)


def test_a_definitions_cells_are_not_counted(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    more = msgspec.structs.replace(experiment().measures[2], name="again")
    (fleet / "more.json").write_bytes(encode_experiment(experiment(measures=(*experiment().measures, more))))
    found = []
    for name in ("experiment", "more"):
        assert run(*PLAN, "--experiment", fleet / f"{name}.json", "--json") == 0
        found.append(json.loads(capsys.readouterr().out)["request"]["cells"])
    assert found == [8, 10]


def test_a_fleet_that_fits_no_task_is_planned_for_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("plan", "--people", 900_000, "--epsilon", 1, "--base", 0.1, "--windows", 1) == 0
    assert "900,000 people a window do not fit into one task (200,000): plan more windows." in words(capsys)


def test_a_report_is_not_of_its_releases(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert analyze(fleet, "--out", fleet / "report") == 0
    text = words(capsys)
    found = msgspec.json.decode((fleet / "report" / "experiment.json").read_bytes(), type=ExperimentReport)
    assert found.verdicts == {"fresh": "better"}
    assert found.epsilon == pytest.approx((4.0,) * 3, rel=1e-3)
    assert found.windows == 3
    assert found.texts["fresh"] in text
    assert found.texts["fresh"] in (fleet / "report" / "experiment.html").read_text(encoding="utf-8")
    assert "Written:" in text


def test_json_is_broken_by_tables(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert analyze(fleet, "--json", "--one-look") == 0
    found = msgspec.json.decode(capsys.readouterr().out.encode(), type=ExperimentReport)
    assert found.method == "fixed"


def test_a_file_that_nobody_accounts_for_is_analysed(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (other,) = released(World(), people=2000, seed=9)
    keep(other, fleet / "0.parquet")
    assert analyze(fleet) == 1
    assert "knows no release with the numbers" in words(capsys)


def test_a_window_is_named_twice(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert analyze(fleet, releases=("0", "1", "1")) == 1
    assert "named twice" in words(capsys)


def test_a_changed_definition_is_taken(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    raw = (fleet / "experiment.json").read_text(encoding="utf-8")
    (fleet / "experiment.json").write_text(raw + " ", encoding="utf-8")
    assert analyze(fleet) == 1
    assert "experiment" in words(capsys)
    (fleet / "experiment.json").unlink()
    assert analyze(fleet) == 1
    assert "cannot be read" in words(capsys)


def test_a_report_is_written_over_a_file(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (fleet / "taken").write_text("mine", encoding="utf-8")
    assert analyze(fleet, "--out", fleet / "taken") == 1
    assert "Name another folder." in words(capsys)
    assert (fleet / "taken").read_text(encoding="utf-8") == "mine"


def test_a_simulation_is_not_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    arguments = ("simulate", "--people", 1000, "--epsilon", 2, "--trials", 100, "--windows", 3)
    assert run(*arguments) == 0
    text = words(capsys)
    for part in (
        "100 simulated experiments of 1,000 people at ε = 2",
        "95% interval holds the truth",
        "equal variants: a difference at any of 3 looks",
        "sample-ratio mismatch found at 5%",
        "an effect that is planned to be shown is",
    ):
        assert part in text, part
    assert run(*arguments, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found["shares"]) == 18
    assert found["setting"]["trials"] == 100
    for share in found["shares"]:
        assert f"{share['share']:.1%}" in text


@pytest.mark.parametrize("epsilon", ["many", "0", "-1", "nan"])
def test_an_epsilon_that_promises_nothing_is_taken(epsilon: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        status = run("simulate", "--people", 100, "--trials", 2, f"--epsilon={epsilon}")
    except SystemExit as ended:
        status = int(ended.code or 0)
    assert status in {1, 2}
    assert words(capsys)


def test_a_draft_of_the_program_itself_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    draft, out = tmp_path / "draft.toml", tmp_path / "definition.json"
    assert run("new", "--out", draft) == 0
    assert run("new", draft, "--out", out) == 0
    found = parse_experiment(out.read_bytes())
    assert found.digest in words(capsys)
    assert [(variant.name, variant.share) for variant in found.variants] == [("control", 5000), ("other", 5000)]
    assert (found.starts, found.ends) == (20_458 * DAY, 20_486 * DAY)
    assert (found.effect, found.guardrails[0].worst) == ("0.1", "0.2")
    again = tmp_path / "again.json"
    assert run("new", draft, "--out", again) == 0
    assert parse_experiment(again.read_bytes()).salt != found.salt


def test_a_definition_is_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    draft = tmp_path / "draft.toml"
    assert run("new", "--out", draft) == 0
    before = draft.read_bytes()
    assert run("new", draft, "--out", draft) == 1
    assert "Name a new file." in words(capsys)
    assert draft.read_bytes() == before


def test_a_policys_file_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "400")  # a path must not be broken
    assert run("new", "--out", tmp_path / "draft.toml") == 0
    draft = (tmp_path / "draft.toml").read_text(encoding="utf-8")
    changed = draft.replace('text = "Another order."', 'text = "Another order.", policy = "fresh.json"')
    (tmp_path / "draft.toml").write_text(changed, encoding="utf-8")
    assert run("new", tmp_path / "draft.toml", "--out", tmp_path / "definition.json") == 1
    assert "fresh.json cannot be read" in words(capsys)
    (tmp_path / "fresh.json").write_text(POLICY, encoding="utf-8")
    assert run("new", tmp_path / "draft.toml", "--out", tmp_path / "definition.json") == 0
    assert parse_experiment((tmp_path / "definition.json").read_bytes()).variants[1].policy == POLICY


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("effect = 0.1\n", ""),
        ("effect = 0.1", 'effect = "much"'),
        ("effect = 0.1", "effect = -0.1"),
        ("starts = 2026-01-05", "starts = true"),
        ("ends = 2026-02-02", "ends = 2026-01-01"),
        ("share = 0.5", 'share = "half"'),
        ("share = 0.5", "share = 0.7"),
        ('primary = "click-rate"', 'primary = "other"'),
        ("worst = 0.2", "better = 0.2"),
        ('name = "made-up"', 'name = "made-up"\nunknown = 1'),
        ('name = "made-up"', "name = "),
    ],
)
def test_a_draft_of_no_experiment_is_taken(
    old: str, new: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "draft.toml").write_text(DRAFT.replace(old, new), encoding="utf-8")
    assert run("new", tmp_path / "draft.toml", "--out", tmp_path / "definition.json") == 1
    assert words(capsys)
    assert not (tmp_path / "definition.json").exists()


def test_made_up_people_cannot_be_analysed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "made-up"
    assert run("try", "--out", folder, "--windows", 2, "--people", 60_000, "--epsilon", 6) == 0
    assert "60,000 people who do not exist" in words(capsys)
    files = [folder / f"window-{number}.parquet" for number in (1, 2)]
    budget = ("--store", folder / "budget.sqlite", "--data-set", "made-up")
    assert run("analyze", folder / "definition.json", "--release", *files, *budget, "--json") == 0
    found = msgspec.json.decode(capsys.readouterr().out.encode(), type=ExperimentReport)
    assert found.verdicts == {"other": "better"}
    assert found.epsilon == pytest.approx((6.0, 6.0), rel=1e-3)
    assert run("try", "--out", folder) == 1
    assert "Name a new file." in words(capsys)


@pytest.mark.parametrize("wrong", [("--planned-windows", 0), ("--alpha", 0), ("--alpha", 1), ("--power", 1)])
def test_levels_that_promise_nothing_are_taken(
    wrong: tuple[str, object], fleet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert analyze(fleet, *wrong) == 1
    assert "no analysis has these" in words(capsys)


@pytest.mark.parametrize("wrong", [("--people", 0), ("--windows", 0), ("--trials", 0), ("--people", 3)])
def test_nobody_is_simulated(wrong: tuple[str, object], capsys: pytest.CaptureFixture[str]) -> None:
    assert run("simulate", "--people", 100, "--epsilon", 1, "--trials", 2, *wrong) == 1
    assert words(capsys)
