"""Whatever happens, the command says so on one line, and no text steers the terminal."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import homespun as hs
from homespun.cli import main
from tests.sdk import bundles
from tests.sdk.cli.support import Run
from tests.sdk.profile.support import contents

WITH_A_PROFILE = [
    ["ledger"],
    ["profile", "show"],
    ["profile", "check"],
    ["profile", "export", "never.zip"],
    ["profile", "undo"],
    ["profile", "erase", "--yes"],
    ["profile", "erase", "--item", "item-3", "--yes"],
    ["profile", "rekey", "--new-passphrase-file", "nowhere"],
    ["profile", "rotate"],
    ["profile", "recovery"],
]


class Command:
    """The command in a process of its own, with an output that is not this one's."""

    def __init__(self, *arguments: object, encoding: str = "utf-8") -> None:
        self.command = [sys.executable, "-W", "error", "-m", "homespun.cli", *map(str, arguments)]
        self.environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}

    def start(self) -> "subprocess.Popen[bytes]":
        pipe = subprocess.PIPE
        return subprocess.Popen(self.command, stdin=pipe, stdout=pipe, stderr=pipe, env=self.environment)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp437"])
def test_a_letter_that_the_terminal_lacks_ends_the_command(bundle_folder: Path, encoding: str) -> None:
    with Command("recommend", "--bundle", bundle_folder, "--liked", "item-3", encoding=encoding).start() as process:
        out, err = process.communicate()
    assert (process.returncode, err) == (0, b"")
    assert b"because you liked Title \\u2116 3" in out


def test_a_closed_pipe_is_a_traceback(bundle_folder: Path) -> None:
    with Command("recommend", "--bundle", bundle_folder, "-k", 40).start() as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert process.returncode == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_a_full_disk_is_a_traceback(bundle_folder: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        command = Command("recommend", "--bundle", bundle_folder)
        done = subprocess.run(
            command.command, stdout=full, stderr=subprocess.PIPE, env=command.environment, check=False
        )
    assert done.returncode == 1
    assert done.stderr.startswith(b"homespun: the output cannot be written: ")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("end", [EOFError, KeyboardInterrupt])
def test_an_input_that_ends_is_a_traceback(
    run: Run, profile: Path, monkeypatch: pytest.MonkeyPatch, end: type[BaseException]
) -> None:
    def leave(_: str) -> str:
        raise end

    monkeypatch.setattr("builtins.input", leave)
    monkeypatch.setattr("getpass.getpass", leave)
    run.fails("stopped before it was done", "profile", "erase", "--profile", profile)
    run.fails("stopped before it was done", "profile", "show", "--profile", profile)
    assert any(profile.iterdir())


def test_a_title_steers_the_terminal(run: Run, tampered: Path) -> None:
    bundles.edit_catalogue(tampered, "UPDATE items SET title = char(27) || '[2J' || title")
    run.fails("control character", "recommend", "--bundle", tampered)
    bundles.edit_manifest(tampered, lambda manifest: manifest.update(name="\x1b]0;owned\x07"))
    run.fails("text", "demo", "--bundle", tampered)


def test_what_comes_from_elsewhere_steers_the_terminal(
    run: Run, bundle_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steering = "\x1b[2J\x1b]0;owned\x07\x9b31m\r\u202eevil"
    monkeypatch.setattr(hs.Bundle, "titles_at", lambda _, positions: [steering for _ in positions])
    status, out, _ = run("recommend", "--bundle", bundle_folder, "-k", 2)
    assert status == 0
    assert out.count("evil") == 2
    assert all(letter.isprintable() for letter in out.replace("\n", ""))
    status, _, err = run("recommend", "--bundle", steering.replace("\r", ""))
    assert status == 1
    assert "evil" in err
    assert all(letter.isprintable() for letter in err.replace("\n", ""))


@pytest.mark.parametrize(
    "arguments",
    [
        ["recommend", "--liked", "item-3", "--profile", "somewhere"],
        ["explain", "item-1", "--profile", "somewhere", "--liked", "item-3"],
        [],
        ["unknown"],
        ["explain"],
        ["profile"],
        ["profile", "show"],
        ["profile", "erase"],
        ["recommend", "-k", "0"],
        ["recommend", "-k", "-1"],
        ["recommend", "-k", "²"],
        ["recommend", "-k", "ten"],
        ["recommend", "--liked"],
        ["explain", "item-1", "--rows", "0"],
        ["ledger"],
        *([*command, "--keyring", "x", "--profile", "y", "--recovery"] for command in WITH_A_PROFILE),
        ["profile", "export", "x.zip", "--profile", "y", "--seal", "--recipient", "z"],
        ["profile", "export", "--profile", "y"],
        ["profile", "undo", "0", "--profile", "y"],
        ["profile", "erase", "--profile", "y", "--from", "yesterday"],
        ["profile", "erase", "--profile", "y", "--until", "2026-02-30"],
    ],
)
def test_wrong_usage_has_another_status_than_an_error(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: homespun" in capsys.readouterr().err


def test_the_version_is_not_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"homespun {hs.__version__}\n"


def test_an_error_is_a_traceback_or_says_nothing(
    run: Run, bundle_folder: Path, profile: Path, secret: Path, tmp_path: Path
) -> None:
    bundle = ("--bundle", bundle_folder)
    nowhere = ("--passphrase-file", secret, "--profile", tmp_path / "nowhere")
    run.fails("no item 'item-99'", "recommend", *bundle, "--liked", "item-3", "item-99")
    run.fails("no item 'item-99'", "explain", "item-99", *bundle)
    run.fails("there is no profile", "recommend", *bundle, *nowhere)
    run.fails("there is no profile", "profile", "erase", "--yes", "--profile", tmp_path / "nowhere")
    run.fails("cannot be read", "recommend", "--bundle", tmp_path / "nowhere")
    for command in WITH_A_PROFILE:
        run.fails("there is no profile", *command, *nowhere)
    assert not (tmp_path / "nowhere").exists()
    assert not (tmp_path / "nowhere.erased").exists()


@pytest.mark.parametrize("command", WITH_A_PROFILE, ids=" ".join)
def test_a_wrong_key_is_a_traceback_or_changes_something(
    run: Run, profile: Path, tmp_path: Path, command: list[str]
) -> None:
    before = contents(profile)
    (tmp_path / "other").write_text("wrong horse", encoding="utf-8")
    line = run.fails("does not open", *command, "--profile", profile, "--passphrase-file", tmp_path / "other")
    assert "wrong horse" not in line
    assert contents(profile) == before


@pytest.mark.parametrize("option", ["--passphrase-file", "--recovery-file"])
def test_a_key_that_cannot_be_read_is_a_traceback_or_is_shown(
    run: Run, profile: Path, tmp_path: Path, option: str
) -> None:
    for name, content, match in (
        ("empty", b"\n", "empty" if option == "--passphrase-file" else "mistyped"),
        ("binary", b"correct horse\xff\xfe", "not UTF-8"),
        ("missing", None, "cannot be read"),
    ):
        file = tmp_path / name
        if content is not None:
            file.write_bytes(content)
        line = run.fails(match, "profile", "check", "--profile", profile, option, file)
        assert "horse" not in line


def test_an_error_of_several_lines_is_not_one(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise hs.errors.MisuseError("first\nsecond\r\nthird")

    monkeypatch.setattr("homespun.cli.recommending.bundle_of", fail)
    run.fails("first second", "demo")
