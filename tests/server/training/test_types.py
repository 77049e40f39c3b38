"""A sum that was not released cannot reach training: the type checker refuses it."""

import subprocess
import sys
from pathlib import Path

import pytest

SNIPPET = """\
import numpy as np

from homespun_server.privacy.release import Release
from homespun_server.statistics.sums import UserSum
from homespun_server.training.collaborative import Trained, train_collaborative
from homespun_server.training.popularity import Universe, choose_universe


def right(counts: Release, pairs: Release) -> Trained:
    return train_collaborative(pairs, choose_universe(counts, ["a", "b"], 2), 8)


def a_sum_chooses(counts: UserSum) -> Universe:
    return choose_universe(counts, ["a", "b"], 2)  # refused


def an_array_chooses() -> Universe:
    return choose_universe(np.zeros(2, np.int64), ["a", "b"], 2)  # refused


def a_sum_trains(pairs: UserSum, universe: Universe) -> Trained:
    return train_collaborative(pairs, universe, 8)  # refused


def an_array_trains(universe: Universe) -> Trained:
    return train_collaborative(np.zeros(1, np.int64), universe, 8)  # refused
"""


@pytest.fixture(scope="module")
def found(
    repository: Path, tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> tuple[Path, list[str]]:
    """The snippet's file and what mypy says of it."""
    file = tmp_path_factory.mktemp("types") / "snippet.py"
    file.write_text(SNIPPET, encoding="utf-8")
    assert pytestconfig.cache is not None
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--no-pretty"]
    command += [
        "--config-file",
        str(repository / "pyproject.toml"),
        "--cache-dir",
        str(pytestconfig.cache.mkdir("mypy")),
    ]
    done = subprocess.run([*command, str(file)], cwd=repository, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    return file, done.stdout.splitlines()


def test_a_raw_sum_or_an_array_trains(found: tuple[Path, list[str]]) -> None:
    _, lines = found
    errors = [line for line in lines if ": error: " in line]
    assert all('expected "Release"' in line and "[arg-type]" in line for line in errors), errors
    wrong = [number for number, line in enumerate(SNIPPET.splitlines(), 1) if line.endswith("# refused")]
    assert [int(line.split(": error: ")[0].rsplit(":", 1)[1]) for line in errors] == wrong
