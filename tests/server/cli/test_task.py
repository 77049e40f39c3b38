"""``task``: something else is asked of devices than was said, or what it costs a person is not said."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from homespun.protocol.collection.task import parse_task
from homespun.protocol.experiment import encode_experiment, statistic_of
from homespun_server.cli import main
from homespun_server.settings import PASSPHRASE_VARIABLE, settings_text
from tests.sdk.protocol.experiment.support import experiment
from tests.server.publishing.repository.support import create

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run a command; return its status and what it says, without frames and line ends."""
    monkeypatch.setenv(PASSPHRASE_VARIABLE, "correct horse")
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "homespun.toml").write_text(settings_text("films", ("canary", "production")))
    create(tmp_path, lambda: datetime.now(UTC))
    (tmp_path / "items.txt").write_text("heat\nalien\n")
    for number, name in enumerate(("leader", "helper")):
        described = {"name": name, "url": f"https://{name}.example.org", "key": f"{number + 1}" * 64}
        (tmp_path / f"{name}.json").write_text(json.dumps(described))

    def ran(*arguments: object) -> tuple[int, str]:
        status = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return status, " ".join(re.sub("[│╭╮╰╯─]", " ", captured.out + captured.err).split())

    return ran


def new(folder: Path, *more: object, statistic: str = "item-counts") -> tuple[object, ...]:
    return (
        "task", "new", "liked", "--text", "Which films are liked?", "--statistic", statistic,
        "--universe", folder / "items.txt", "--epsilon", "1", "--delta", "1e-6", "--minimum", "500",
        "--leader", folder / "leader.json", "--helper", folder / "helper.json", "--collector", "c" * 64,
        "--out", folder / "made", *more,
    )  # fmt: skip


def test_what_it_costs_a_person_is_not_said(run: Run, tmp_path: Path) -> None:
    status, said = run(*new(tmp_path))
    assert status == 0, said
    made = parse_task((tmp_path / "made" / "task.json").read_bytes())
    assert (made.epsilon, made.delta, made.minimum_batch) == ("1", "0.000001", 500)
    assert "Which films are liked?" in said
    # Each installation's contribution adds to the norm, so ρ grows with the square.
    figures = re.findall(r"\b([123]) (0\.[0-9]+) ([0-9.]+)", said)
    assert [int(count) for count, _, _ in figures] == [1, 2, 3]
    rhos = [float(rho) for _, rho, _ in figures]
    assert rhos[1] == pytest.approx(4 * rhos[0], rel=1e-3)
    assert rhos[2] == pytest.approx(9 * rhos[0], rel=1e-3)
    epsilons = [float(epsilon) for _, _, epsilon in figures]
    assert epsilons[0] == pytest.approx(1, rel=1e-2)
    assert epsilons == sorted(epsilons)


def test_devices_are_asked_for_something_else(run: Run, tmp_path: Path) -> None:
    where = ("--in", tmp_path)
    assert run(*new(tmp_path))[0] == 0
    made = parse_task((tmp_path / "made" / "task.json").read_bytes())
    status, said = run("task", "publish", "films/canary", tmp_path / "made", *where)
    assert status == 0, said
    assert made.id.hex() in said
    status, said = run("task", "list", "films/canary", "--json", *where)
    assert list(json.loads(said)["tasks"]) == [made.id.hex()]
    assert "open until" in run("task", "list", "films/canary", *where)[1]
    assert "Which films are liked?" in run("task", "show", "films/canary", made.id.hex()[:10], *where)[1]
    assert run("repository", "check", *where)[0] == 0
    assert run("task", "close", "films/canary", made.id.hex()[:10], *where)[0] == 0
    assert json.loads(run("task", "list", "films/canary", "--json", *where)[1])["tasks"] == {}


@pytest.mark.parametrize(
    ("statistic", "more", "size"),
    [
        ("people", (), 1),
        ("item-trend", ("--trend-days", 3), 6),
        ("item-pairs", (), 1),
        ("transitions", (), 4),
        ("item-context", ("--feature", "daypart", "--values", "night", "day"), 4),
        ("repeats", (), 10),
        ("outcomes", ("--kinds", "view", "buy", "hide"), 6),
    ],
)
def test_a_statistic_cannot_be_asked_for(
    run: Run, tmp_path: Path, statistic: str, more: tuple[object, ...], size: int
) -> None:
    status, said = run(*new(tmp_path, *more, statistic=statistic))
    assert status == 0, said
    made = parse_task((tmp_path / "made" / "task.json").read_bytes())
    assert made.statistic.size == size
    assert made.statistic.transformation.__struct_config__.tag == statistic


def test_a_declaration_of_ones_own_is_changed(run: Run, tmp_path: Path) -> None:
    (tmp_path / "statistic.json").write_text(run("statistics", "metric-sums", "--json")[1])
    status, said = run(*new(tmp_path, "--declaration", tmp_path / "statistic.json"))
    assert status == 0, said
    assert parse_task((tmp_path / "made" / "task.json").read_bytes()).statistic.name == "metric-sums"


def test_a_task_of_an_experiment_sums_something_else_than_its_definition_says(run: Run, tmp_path: Path) -> None:
    definition = tmp_path / "experiment.json"
    definition.write_bytes(encode_experiment(experiment()))
    options = [str(each) for each in new(tmp_path, "--experiment", definition)]
    status, said = run(*options)
    assert (status, "follows from its definition" in said) == (1, True)
    cut = options.index("--statistic")
    status, said = run(*options[:cut], *options[cut + 4 :])
    assert status == 0, said
    made = parse_task((tmp_path / "made" / "task.json").read_bytes())
    assert made.statistic.transformation == statistic_of(experiment()).transformation
    assert (made.experiment, made.purpose) == (experiment().digest, "measurement")


def test_a_task_for_development_is_not_labelled(run: Run, tmp_path: Path) -> None:
    assert "could read every report" in run(*new(tmp_path, "--development"))[1]


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (("--epsilon", "much"), "no number"),
        (("--minimum", "1"), "minimum"),
        (("--max-people", "100"), "above the most people"),
        (("--max-people", "900000"), "wraps"),
        (("--statistic", "outcomes"), "--kinds"),
        (("--leader", "nowhere.json"), "cannot be read"),
        (("--collector", "1" * 64), "keys of their own"),
    ],
)
def test_a_task_that_no_device_takes_is_made(run: Run, tmp_path: Path, more: tuple[object, ...], why: str) -> None:
    status, said = run(*new(tmp_path, *more))
    assert status == 1
    assert why in said
    assert not (tmp_path / "made").exists()
