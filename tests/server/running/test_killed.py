"""A run is killed, and the next one begins anew, publishes something else, or spends ε twice."""

import subprocess
import sys
from pathlib import Path

import pytest

from homespun_server import BudgetPolicy, open_ledger
from homespun_server.privacy.ledger import BudgetState
from tests.server.publishing.support import contents
from tests.server.running.driver import KILLED
from tests.server.running.support import Films, directory

POINTS = (
    "step ingest/0",
    "made ingest/0",
    "made statistics/0",
    "step release/0",
    "keep item-counts/1",
    "keep item-pairs/1",
    "made release/0",
    "step release/1",
    "train/0",
    "made train/0",
    "attack the bundle/0",
    "keep metric-sums/1",
    "made evaluate/0",
    "made gates/0",
    "step bundle/0",
    "made bundle/0",
    "signed/1",
    "published/1",
)
"""Before, in and after every step."""


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    """A folder with a ledger that allows one run and not a bit more."""
    with open_ledger(tmp_path / "ledger.sqlite", "films", create=True) as ledger:
        ledger.open(BudgetPolicy(epsilon=8.0, period="once"))
    return tmp_path


def ran(repository: Path, folder: Path, films: Films, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "tests.server.running.driver", str(folder), str(films.items.parent), *arguments]
    return subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False, timeout=300)


def state_of(folder: Path) -> BudgetState:
    with open_ledger(folder / "ledger.sqlite", "films") as ledger:
        return ledger.state()


def bundle_in(folder: Path) -> dict[str, bytes]:
    (made,) = (folder / "work" / "bundle").glob("*/bundle")
    return contents(made)


def test_a_run_that_is_killed_everywhere_makes_another_bundle_or_spends_twice(
    repository: Path, prepared: Path, films: Films, tmp_path_factory: pytest.TempPathFactory
) -> None:
    whole = tmp_path_factory.mktemp("whole")
    (whole / "ledger.sqlite").write_bytes((prepared / "ledger.sqlite").read_bytes())
    expected = ran(repository, whole, films)
    assert (expected.returncode, expected.stderr) == (0, "")
    killed = ran(repository, prepared, films, *POINTS)
    *deaths, last = killed.stdout.splitlines()
    assert deaths == [f"{point} {KILLED}" for point in POINTS]
    assert (killed.returncode, f"{last}\n") == (0, expected.stdout)
    assert bundle_in(prepared) == bundle_in(whole)
    spends = [(each.spend, each.released) for each in state_of(prepared).spends]
    assert spends == [(each.spend, each.released) for each in state_of(whole).spends]
    assert state_of(prepared).held == ()
    with directory(prepared) as places:
        assert places.repository is not None
        (entry,) = places.repository.history("films/canary")
        assert (entry.release.number, entry.release.share) == (1, 5000)


def test_what_a_killed_run_lost_is_spent_again_without_asking(repository: Path, prepared: Path, films: Films) -> None:
    # Charged, and killed before its noise was added: nobody has the numbers.
    refused = ran(repository, prepared, films, "release item-pairs/0")
    died, said = refused.stdout.splitlines()
    assert died == f"release item-pairs/0 {KILLED}"
    assert refused.returncode == 1
    assert said.startswith("BudgetError: an earlier run was ended while it released item-pairs: ε = 7.")
    assert "--spend-again" in said
    lost = state_of(prepared)
    assert [(each.spend.statistic, each.released is None) for each in lost.spends] == [
        ("item-counts", False),
        ("item-pairs", True),
    ]
    # The ceiling holds all the same.
    ceiling = ran(repository, prepared, films, "--spend-again")
    assert ceiling.stdout.startswith("BudgetExceededError")
    with open_ledger(prepared / "ledger.sqlite", "films") as ledger:
        ledger.change(BudgetPolicy(epsilon=16.0, period="once"), "the release that was lost")
    assert ran(repository, prepared, films, "--spend-again").returncode == 0
    names = [each.spend.statistic for each in state_of(prepared).spends]
    assert names == ["item-counts", "item-pairs", "item-pairs", "metric-sums"]
