"""``homespun-server keys``: a ceremony that leaves the wrong keys in the wrong place, or says something else."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from homespun_server.cli import main
from homespun_server.settings import PASSPHRASE_VARIABLE, settings_text

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command; return its status and what it says, without frames and line ends."""
    monkeypatch.setenv(PASSPHRASE_VARIABLE, "correct horse")

    def ran(*arguments: object) -> tuple[int, str]:
        status = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return status, " ".join(re.sub("[│╭╮╰╯─]", " ", captured.out + captured.err).split())

    return ran


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "work"
    found.mkdir()
    (found / "homespun.toml").write_text(settings_text("films", ("canary", "production")))
    return found


@pytest.fixture
def ceremony(run: Run, folder: Path, tmp_path: Path) -> tuple[object, ...]:
    """Make 2 of 3 root keys, each in a folder of its own; return the options that name them all."""
    people = tuple(option for n in range(3) for option in ("--offline", tmp_path / f"person-{n}"))
    assert run("keys", "init", "--in", folder, "--root-keys", 3, "--threshold", 2, *people)[0] == 0
    return people


def key(said: str, role: str) -> str:
    found = re.search(rf"{re.escape(role)} ([0-9a-f]{{12}})", said)
    assert found is not None
    return found[1]


def files(folder: Path) -> set[str]:
    return {path.name.split("-")[0] for path in folder.glob("*.key.json")}


def test_one_command_is_not_enough(run: Run, folder: Path) -> None:
    status, said = run("keys", "init", "--in", folder)
    assert status == 0
    assert "Channels: films/canary, films/production." in said
    assert "publish for ever" in said
    assert (folder / "keys" / "root.json").exists()
    assert run("repository", "check", "--in", folder)[0] == 0
    status, said = run("keys", "init", "--in", folder)
    assert status == 1
    assert "there is a repository" in said


def test_offline_keys_lie_beside_the_server(run: Run, folder: Path, tmp_path: Path, ceremony: tuple) -> None:
    assert files(folder / "keys") == {"snapshot", "timestamp", "films.canary", "films.production"}
    assert [files(tmp_path / f"person-{n}") for n in range(3)] == [{"root", "targets"}, {"root"}, {"root"}]
    status, said = run("keys", "show", "--in", folder)
    assert status == 0
    assert said.count("2 of 3") == 3
    assert said.count("not here") == 4
    status, said = run("keys", "show", "--in", folder, *ceremony)
    assert "not here" not in said


def test_a_working_directory_that_is_none(run: Run, tmp_path: Path) -> None:
    status, said = run("keys", "init", "--in", tmp_path)
    assert status == 1
    assert "no working directory" in said
    assert list(tmp_path.iterdir()) == []


def test_a_new_channel_cannot_be_published_to(run: Run, folder: Path, ceremony: tuple) -> None:
    assert run("keys", "add-channel", "films/beta", "--in", folder)[0] == 1
    assert run("keys", "add-channel", "films/beta", "--in", folder, *ceremony)[0] == 0
    status, said = run("repository", "check", "--in", folder)
    assert status == 0
    assert "films/beta" in said


def test_a_rotation_that_lacks_signatures_is_in_force(run: Run, folder: Path, tmp_path: Path, ceremony: tuple) -> None:
    out = tmp_path / "next.json"
    before = key(run("keys", "show", "--in", folder)[1], "timestamp")
    status, said = run("keys", "rotate", "timestamp", "--in", folder, "--offline", tmp_path / "person-1", "--out", out)
    assert status == 0
    assert "1 signatures are missing" in said
    assert key(run("keys", "show", "--in", folder)[1], "timestamp") == before
    assert run("keys", "install", out, "--in", folder)[0] == 1
    passphrase = tmp_path / "passphrase"
    passphrase.write_text("correct horse\n")
    status, said = run("keys", "sign", out, "--keys", tmp_path / "person-2", "--passphrase-file", passphrase)
    assert status == 0
    assert "Root 2, until" in said
    status, said = run("keys", "install", out, "--in", folder)
    assert status == 0
    assert f"Trusted no more: {before}" in said
    assert run("repository", "check", "--in", folder)[0] == 0


def test_a_revoked_key_is_still_listed(run: Run, folder: Path, ceremony: tuple) -> None:
    before = key(run("keys", "show", "--in", folder)[1], "films.canary")
    status, said = run("keys", "revoke", before, "--in", folder, *ceremony)
    assert status == 0
    assert f"Trusted no more: {before}" in said
    assert before not in run("keys", "show", "--in", folder)[1]
    assert run("repository", "check", "--in", folder)[0] == 0


def test_a_renewed_root_is_not_shipped(run: Run, folder: Path, ceremony: tuple) -> None:
    shipped = (folder / "keys" / "root.json").read_bytes()
    assert run("keys", "renew", "--in", folder, *ceremony)[0] == 0
    assert (folder / "keys" / "root.json").read_bytes() != shipped
    assert run("repository", "check", "--in", folder)[0] == 0


def test_a_wrong_passphrase_signs(run: Run, folder: Path, tmp_path: Path) -> None:
    assert run("keys", "init", "--in", folder)[0] == 0
    wrong = tmp_path / "wrong"
    wrong.write_text("wrong horse")
    status, said = run("repository", "refresh", "--in", folder, "--passphrase-file", wrong)
    assert status == 1
    assert "does not open the timestamp key" in said
    status, said = run("repository", "refresh", "--in", folder, "--passphrase-file", tmp_path / "nowhere")
    assert status == 1
    assert "cannot be read" in said


def test_a_program_without_a_terminal_waits_for_a_passphrase(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(PASSPHRASE_VARIABLE)
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    status, said = run("keys", "init", "--in", folder)
    assert status == 1
    assert "no terminal" in said


def test_a_mistyped_passphrase_seals_the_keys(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    typed = iter(["correct horse", "correct house"])
    monkeypatch.setattr("homespun_server.cli.signing.sys.stdin", _Terminal())
    monkeypatch.setattr("homespun_server.cli.signing.getpass.getpass", lambda _: next(typed))
    status, said = run("keys", "init", "--in", folder, "--passphrase-file", "-")
    assert status == 1
    assert "differ" in said
    assert not list(folder.glob("keys/*.key.json"))


class _Terminal:
    def isatty(self) -> bool:
        return True
