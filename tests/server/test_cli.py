"""The command line does what it says, and fails with an exit status and a reason."""

from pathlib import Path

import msgspec
import pytest

from homespun.errors import InvalidEventError
from homespun.model.bundle import Bundle
from homespun_server._version import __version__
from homespun_server.cli import main
from homespun_server.evaluation.report import Report


def report_in(folder: Path) -> Report:
    return msgspec.json.decode((folder / "report.json").read_bytes(), type=Report)


def command(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def test_a_private_bundle_is_not_made(
    fleet: Path, fleet_catalogue: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--test-share", 0.2, "--dimensions", 4, "--max-items", 20, "--name", "shop")
    assert command("fit", fleet, "--items", fleet_catalogue, "--out", tmp_path, "--epsilon", 8, *options) == 0
    report = report_in(tmp_path)
    assert report.universe_items == 24
    assert report.privacy.epsilon is not None
    assert 7.9 < report.privacy.epsilon <= 8
    with_bundle = Bundle.open(tmp_path / "bundle")
    with_bundle.close()
    assert with_bundle.manifest.name == "shop"
    # The others of the catalogue stand behind those that were learned from people.
    assert (with_bundle.manifest.items, with_bundle.manifest.new_items.first) == (24, 20)
    assert with_bundle.manifest.components[0].dimensions <= 4
    shown = capsys.readouterr().out
    for text in ("item-counts", "item-pairs", "popularity", "EASE", "To publish", "To keep to yourself"):
        assert text in shown


def test_delta_or_least_weight_is_dropped(fleet: Path, fleet_catalogue: Path, tmp_path: Path) -> None:
    options = ("--test-share", 0, "--epsilon", 2, "--delta", 1e-9, "--min-weight", 3.5)
    assert command("fit", fleet, "--items", fleet_catalogue, "--out", tmp_path, *options) == 0
    privacy = report_in(tmp_path).privacy
    assert float(privacy.delta or 0) == 1e-9
    bundle = Bundle.open(tmp_path / "bundle")
    bundle.close()
    assert float(bundle.manifest.history.min_weight or 0) == 3.5
    assert bundle.manifest.name == "interactions"


def test_a_catalogue_alone_needs_people(
    fleet_catalogue: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("fit", "--items", fleet_catalogue, "--out", tmp_path) == 0
    assert "at no privacy cost" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_other_column_names_are_not_found(fleet: Path, tmp_path: Path) -> None:
    renamed = tmp_path / "renamed.csv"
    text = fleet.read_text(encoding="utf-8")
    renamed.write_text("who,what,when,rating\n" + text.split("\n", 1)[1], encoding="utf-8")
    columns = ("--columns", "user=who", "item=what", "time=when", "weight=")
    assert command("fit", renamed, "--non-private", "--test-share", 0, "--out", tmp_path / "out", *columns) == 0


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ((), "what privacy is wanted"),
        (("--epsilon", 1, "--non-private"), "what privacy is wanted"),
        (("--epsilon", 1), "needs the public catalogue"),
        (("--epsilon", 0), "ε is"),
        (("--epsilon", "nan"), "ε is"),
        (("--non-private", "--test-share", 1), "test_share"),
        (("--non-private", "--min-weight", "nan"), "min_weight"),
        (("--non-private", "--delta", 1e-9), "promise nothing without"),
        (("--non-private", "--columns", "user"), "ROLE=COLUMN"),
        (("--non-private", "--columns", "user="), "needs a column"),
        (("--non-private", "--columns", "user=who"), "'who'"),
    ],
)
def test_a_wrong_call_succeeds_or_gives_no_reason(
    options: tuple[object, ...], problem: str, fleet: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("fit", fleet, "--out", tmp_path / "out", *options) == 1
    printed = capsys.readouterr()
    assert problem in " ".join(printed.err.split())
    assert not printed.out
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("options", [(), ("--epsilon", 1), ("--delta", 1e-6), ("--non-private",)])
def test_no_table_or_privacy_without_people_is_accepted(
    options: tuple[object, ...], fleet_catalogue: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    items = ("--items", fleet_catalogue) if options else ()
    assert command("fit", *items, "--out", tmp_path / "out", *options) == 1
    assert "catalogue alone" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("arguments", [(), ("fit",), ("fit", "x.csv"), ("fit", "--epsilon", "much"), ("train",)])
def test_wrong_usage_passes_for_an_explained_error(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "usage: homespun-server" in capsys.readouterr().err


def test_the_version_is_another(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--version"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out.strip() == f"homespun-server {__version__}"


def test_declared_kinds_do_not_reach_the_devices(fleet_catalogue: Path, tmp_path: Path) -> None:
    assert command("fit", "--items", fleet_catalogue, "--out", tmp_path, "--kinds", "view", "buy") == 0
    with Bundle.open(tmp_path / "bundle") as bundle:
        bundle.check_kind("buy")
        with pytest.raises(InvalidEventError, match="buy"):
            bundle.check_kind("rate")


def test_a_kind_that_no_event_can_have_is_declared(fleet_catalogue: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert command("fit", "--items", fleet_catalogue, "--out", out, "--kinds", "No Kind") == 1
    assert not out.exists()


def test_an_interruption_ends_in_a_trace_or_as_success(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("homespun_server.cli.plan.make_plan", interrupted)
    assert command("plan", "--users", 1000, "--items", 100, "--epsilon", 1) == 130
    assert "stays charged" in capsys.readouterr().err
