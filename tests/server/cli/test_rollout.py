"""``publish``, ``rollout`` and ``repository``: devices get what nobody asked for, or nobody sees what they get."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from homespun_server.cli import main
from homespun_server.cli.shares import percent, share
from homespun_server.settings import PASSPHRASE_VARIABLE, settings_text
from tests.server.publishing.repository.support import bundle_of, create

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run a command in a working directory; return its status and what it says, without frames and line ends."""
    monkeypatch.setenv(PASSPHRASE_VARIABLE, "correct horse")
    (tmp_path / "homespun.toml").write_text(settings_text("films", ("canary", "production")))
    create(tmp_path, lambda: datetime.now(UTC))

    def ran(*arguments: object) -> tuple[int, str]:
        status = main([*(str(argument) for argument in arguments), "--in", str(tmp_path)])
        captured = capsys.readouterr()
        return status, " ".join(re.sub("[│╭╮╰╯─]", " ", captured.out + captured.err).split())

    return ran


@pytest.fixture
def bundles(tmp_path: Path) -> list[Path]:
    return [bundle_of(tmp_path / "made" / str(seed), seed) for seed in range(2)]


def test_a_release_reaches_others_than_it_says(run: Run, bundles: list[Path]) -> None:
    status, said = run("publish", bundles[0], "--to", "films/canary", "--share", "10%", "--note", "first")
    assert status == 0, said
    assert "Release 1 on films/canary" in said
    assert "for 10% of all devices" in said
    assert run("repository", "check")[0] == 0
    status, said = run("rollout", "share", "films/canary", 1, "50%")
    assert (status, said) == (0, "films/canary: release 1 goes to 50% of all devices.")
    status, said = run("rollout", "pause", "films/canary", 1)
    assert (status, said) == (0, "films/canary: release 1 is paused at 50% of all devices.")
    status, said = run("rollout", "resume", "films/canary", 1)
    assert (status, said) == (0, "films/canary: release 1 goes to 50% of all devices.")
    status, said = run("rollout", "minimum-client", "films/canary", "1.2")
    assert said.endswith("Devices need homespun 1.2.")
    status, said = run("rollout", "minimum-client", "films/canary", "none")
    assert "need" not in said


def test_a_rollback_is_not_seen(run: Run, bundles: list[Path]) -> None:
    for bundle in bundles:
        assert run("publish", bundle, "--to", "films/production")[0] == 0
    status, said = run("rollout", "back", "films/production", "--to", 1, "--reason", "worse")
    assert status == 0
    assert "Release 3 returns to the bundle of release 1, for 100% of all devices." in said
    status, said = run("rollout", "show", "films/production")
    assert status == 0
    for words in ("for everybody", "rolled back", "over", "returns to 1; worse"):
        assert words in said
    status, said = run("rollout", "show", "--json")
    assert status == 0
    found = json.loads(said)
    assert [each["release"]["number"] for each in found["films/production"]["history"]] == [1, 2, 3]
    assert found["films/canary"]["history"] == []


def test_switching_off_says_nothing(run: Run) -> None:
    status, said = run("rollout", "off", "films/canary", "--reason", "complaints")
    assert status == 0
    assert "films/canary is switched off: complaints." in said
    assert run("rollout", "on", "films/canary") == (0, "films/canary has no release yet.")


def test_markup_in_a_note_is_obeyed(run: Run, bundles: list[Path]) -> None:
    run("publish", bundles[0], "--to", "films/canary", "--note", "[b]q[/b]")
    assert "[b]q[/b]" in run("rollout", "show")[1]


@pytest.mark.parametrize(
    "arguments",
    [
        ("publish", "nowhere", "--to", "films/canary"),
        ("rollout", "show", "films/beta"),
        ("rollout", "share", "films/canary", 7, "10%"),
        ("rollout", "back", "films/canary", "--to", 1, "--reason", "worse"),
        ("rollout", "minimum-client", "films/canary", "newest"),
    ],
)
def test_a_mistake_looks_done(run: Run, arguments: tuple[object, ...]) -> None:
    status, said = run(*arguments)
    assert status == 1
    assert said.startswith("homespun-server: ")


@pytest.mark.parametrize("text", ["", "10 %%", "-1%", "101%", "0.001%", "nan", "inf", "ten"])
def test_a_share_that_is_none(run: Run, bundles: list[Path], text: str) -> None:
    with pytest.raises(SystemExit) as caught:
        run("publish", bundles[0], "--to", "films/canary", f"--share={text}")
    assert caught.value.code == 2


@pytest.mark.parametrize(
    ("text", "parts", "shown"),
    [("0%", 0, "0%"), ("0.01%", 1, "0.01%"), ("0.5", 50, "0.5%"), ("10%", 1000, "10%"), ("100%", 10_000, "100%")],
)
def test_a_share_is_another(text: str, parts: int, shown: str) -> None:
    assert share(text) == parts
    assert percent(parts) == shown


def test_a_stale_repository_looks_fresh(run: Run, tmp_path: Path) -> None:
    status, said = run("repository", "refresh", "--if-due")
    assert (status, said) == (0, "Nothing was due.")
    status, said = run("repository", "refresh")
    assert (status, said) == (0, "Signed anew: timestamp.")
    (tmp_path / "repository" / "metadata" / "1.root.json").unlink()
    (tmp_path / "repository" / "metadata" / "1.targets.json").unlink()
    status, said = run("repository", "check")
    assert status == 1


def test_pruning_removes_what_is_in_force(run: Run, bundles: list[Path]) -> None:
    for bundle in bundles:
        run("publish", bundle, "--to", "films/canary")
    status, said = run("repository", "prune", "--keep", 0, "--grace", 0)
    assert status == 0
    assert re.search(r"[1-9][0-9]* files were removed; 0 stay", said)
    assert run("repository", "check")[0] == 0
    for wrong in (("--keep", "-1"), ("--grace", "-1"), ("--grace", "nan")):
        with pytest.raises(SystemExit):
            run("repository", "prune", *wrong)
