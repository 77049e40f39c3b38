"""A profile, what opens it, and the command."""

from pathlib import Path

import pytest

import homespun as hs
from tests.sdk.cli.support import BOTH, PHRASE, Answer, Options, Run, opened
from tests.sdk.people import Machine


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return Run(capsys)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "passphrase"
    path.write_text(PHRASE + "\n", encoding="utf-8")
    return path


@pytest.fixture
def machine(tmp_path: Path, bundle: hs.Bundle) -> Machine:
    return Machine(tmp_path / "machine", bundle)


@pytest.fixture
def profile(machine: Machine) -> Path:
    """A profile of three events."""
    with opened(machine, *BOTH) as me:
        me.record("item-3", "rate", weight=4.5)
        me.record("item-8", "watch")
        me.record("unheard-of", "buy")
    return machine.folder


@pytest.fixture
def key(profile: Path, secret: Path) -> Options:
    """The options that name the profile and what opens it."""
    return ("--profile", profile, "--passphrase-file", secret)


@pytest.fixture
def whole(key: Options, bundle_folder: Path) -> Options:
    """The options that also name the bundle."""
    return (*key, "--bundle", bundle_folder)


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Answer:
    """Answer what the command asks for, in this order; returns the list of what it asked."""

    def prepare(*answers: str) -> list[str]:
        left, asked = list(answers), list[str]()

        def reply(prompt: str) -> str:
            asked.append(prompt)
            return left.pop(0)

        monkeypatch.setattr("getpass.getpass", reply)
        monkeypatch.setattr("builtins.input", reply)
        return asked

    return prepare
