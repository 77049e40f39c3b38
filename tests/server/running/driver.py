"""A program that runs a pipeline, and dies at once where it is told to: no handler runs, nothing is closed.

Usage: python -m tests.server.running.driver FOLDER FILMS [--spend-again] [STEP/DONE …]

Of each point it says with which status the run that was to die there ended; then it runs to the end. What trains takes
seconds to import, so that it is imported once where a process can be divided.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from homespun.errors import HomespunError
from homespun_server.privacy import release
from homespun_server.running.runner import run
from tests.server.running.support import Films, content, directory, job_of

KILLED = 137


def repeatable(values: np.ndarray, sigma: int, progress: object) -> np.ndarray:
    """Add noise that depends on nothing but the number of values, so that two runs can be compared."""
    if callable(progress):
        progress(0, 1)
    drawn: np.ndarray = np.random.default_rng(values.size).normal(0, sigma, values.size).round().astype(np.int64)
    if callable(progress):
        progress(1, 1)
    noised: np.ndarray = values + drawn
    return noised


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def ran(folder: Path, films: Path, point: str, *, spend_again: bool) -> int:
    """Run, and die at a point; return the status of a run that did not."""

    def watch(step: str, done: int, _total: int) -> None:
        if f"{step}/{done}" == point:
            os._exit(KILLED)

    asked = content(
        Films(films / "interactions.csv", films / "items.csv"),
        fit={"metrics_epsilon": 8.0},
        ledger={"data_set": "films", "store": "ledger.sqlite"},
        publish={"shares": [0.5], "hours": 0},
    )
    with directory(folder) as places:
        try:
            outcome = run(job_of(asked, folder, observer=watch, places=places, spend_again=spend_again))
        except HomespunError as error:
            say(f"{type(error).__name__}: {error}")
            return 1
    say(f"{outcome.bundle} {outcome.release}")
    return 0


def divided(folder: Path, films: Path, point: str) -> int:
    """Run in another process, and return its status."""
    if not hasattr(os, "fork"):
        command = [sys.executable, "-m", "tests.server.running.driver", str(folder), str(films), "--die", point]
        return subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode
    child = os.fork()
    if not child:
        os._exit(ran(folder, films, point, spend_again=False))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main(arguments: list[str]) -> int:
    setattr(release, "add_discrete_gaussian", repeatable)  # noqa: B010 - a name that the module does not export
    folder, films = map(Path, arguments[:2])
    points = [argument for argument in arguments[2:] if not argument.startswith("--")]
    if "--die" in arguments:
        return ran(folder, films, points[0], spend_again=False)
    for point in points:
        say(f"{point} {divided(folder, films, point)}")
    return ran(folder, films, "", spend_again="--spend-again" in arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
