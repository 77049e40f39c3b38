"""Running the command in this process, and the application whose profile it looks at."""

from collections.abc import Callable

import pytest

import homespun as hs
from homespun.cli import main
from tests.sdk.people import Machine

PHRASE = "correct horse battery staple"
BOTH = (hs.Purpose.DEVICE_STORAGE, hs.Purpose.PERSONALIZATION)
NOTICE = hs.Notice("May we remember?")

Options = tuple[object, ...]
Answer = Callable[..., list[str]]


class Run:
    """Runs the command; returns its exit status and what it printed."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: object) -> tuple[int, str, str]:
        status = main([str(argument) for argument in arguments])
        captured = self._capsys.readouterr()
        return status, captured.out, captured.err

    def done(self, *arguments: object) -> str:
        """Return what was printed by a command that must succeed."""
        status, out, err = self(*arguments)
        assert (status, err) == (0, "")
        return out

    def fails(self, match: str, *arguments: object) -> str:
        """Check that the command explains itself on one line and prints nothing else; return the line."""
        status, out, err = self(*arguments)
        assert (status, out) == (1, "")
        assert err.startswith("homespun: ")
        assert err.endswith("\n")
        assert err.count("\n") == 1
        assert match in err
        assert "Traceback" not in err
        return err


def opened(machine: Machine, *purposes: hs.Purpose) -> hs.Personalizer:
    """Start the application with the passphrase that the command is given."""
    return machine.allowed(*purposes, key=hs.Key.passphrase(PHRASE))
