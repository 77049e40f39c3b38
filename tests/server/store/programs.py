"""Running the driver, alone or several at once."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


@contextmanager
def program(place: str, action: str, argument: str = "") -> Iterator["subprocess.Popen[str]"]:
    """Start a program and wait until it is ready; it is killed at the end."""
    command = [sys.executable, "-m", "tests.server.store.driver", place, action, argument]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def begin(process: "subprocess.Popen[str]") -> None:
    assert process.stdin
    process.stdin.write("\n")
    process.stdin.flush()


def said(process: "subprocess.Popen[str]") -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def together(place: str, action: str, arguments: Sequence[str]) -> list[str]:
    """Let programs act at the same time, one an argument, and return what they said."""
    with ExitStack() as stack:
        processes = [stack.enter_context(program(place, action, argument)) for argument in arguments]
        for process in processes:
            begin(process)
        return [said(process) for process in processes]


def killed(place: str, step: str) -> None:
    """Let a program make a release, and kill it at a step."""
    with program(place, "die", step) as process:
        begin(process)
        assert said(process) == "now"
        process.kill()
        process.wait()
