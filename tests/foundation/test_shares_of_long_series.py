"""A short run must never pass for a full one, nor change from one day to the next."""

from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Protocol

import pytest

TEST = """
import pytest
from hypothesis import settings

def test_series(runs):
    assert len(list(runs("crash", 200))) == {crashes}

@pytest.mark.soak
def test_long():
    pass

def test_properties_are_tried_with_the_same_examples():
    assert settings().derandomize is {derandomize}
"""


class Runs(Protocol):
    def __call__(self, kind: str, total: int) -> Sequence[int]: ...
    def summary(self) -> list[str]: ...


@pytest.fixture
def make(runs: Runs) -> Callable[..., Runs]:
    """Make an object like the session's own, without adding to the session's counts."""
    return type(runs)


def run_pytest(pytester: pytest.Pytester, source: str, *options: str) -> pytest.RunResult:
    pytester.makeconftest((Path(__file__).parents[1] / "conftest.py").read_text(encoding="utf-8"))
    pytester.makeini("[pytest]\nmarkers = soak")
    pytester.makepyfile(source)
    # In a process of its own: the profile for Hypothesis holds for a whole process.
    return pytester.runpytest_subprocess("-p", "no:cacheprovider", *options)


def test_a_share_is_reported_as_a_share(pytester: pytest.Pytester) -> None:
    result = run_pytest(pytester, TEST.format(crashes=20, derandomize=True))
    result.assert_outcomes(passed=2, deselected=1)
    result.stdout.fnmatch_lines(["crash runs: 20 of 200 (a share*make soak*)"])


def test_soak_makes_every_run(pytester: pytest.Pytester) -> None:
    result = run_pytest(pytester, TEST.format(crashes=200, derandomize=False), "--soak")
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["crash runs: 200 of 200 (all)"])


def test_runs_that_were_not_reached_are_not_counted(make: Callable[..., Runs]) -> None:
    runs = make(soak=True)
    assert list(islice(runs("crash", 200), 3)) == [0, 1, 2]
    assert runs.summary() == ["crash runs: 3 of 200 (all)"]


def test_kinds_are_summed_separately(make: Callable[..., Runs]) -> None:
    runs = make(soak=False)
    for kind, total in (("crash", 200), ("fuzz", 30), ("crash", 100)):
        assert len(list(runs(kind, total))) == total // 10
    assert [line.split(" (")[0] for line in runs.summary()] == ["crash runs: 30 of 300", "fuzz runs: 3 of 30"]


def test_the_share_changes_from_one_day_to_the_next(make: Callable[..., Runs]) -> None:
    assert list(make(soak=False)("crash", 30)) == [4, 11, 17]


def test_a_short_series_makes_no_run_at_all(make: Callable[..., Runs]) -> None:
    assert len(make(soak=False)("crash", 3)) == 1
