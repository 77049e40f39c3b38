"""A fit is killed, or two are made at once: what was spent is forgotten, spent twice, or nothing works any more."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from homespun.model.bundle import Bundle
from homespun_server import Account, BudgetPolicy, fit, open_ledger
from homespun_server.errors import BudgetExceededError
from tests.server.pipeline.driver import OPTIONS
from tests.server.pipeline.support import RELEASES, state_of
from tests.server.publishing.support import contents


@pytest.fixture
def account(tmp_path: Path) -> Account:
    """A ledger that allows one fit."""
    account = Account(tmp_path / "shop.sqlite", "shop")
    with open_ledger(account.store, account.data_set, create=True) as ledger:
        ledger.open(BudgetPolicy(epsilon=1.0, period="once"))
    return account


@contextmanager
def program(repository: Path, *arguments: object) -> Iterator["subprocess.Popen[str]"]:
    """Start a program that fits when it is told to; it is killed at the end."""
    command = [sys.executable, "-m", "tests.server.pipeline.driver", *map(str, arguments)]
    with subprocess.Popen(command, cwd=repository, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def begin(*processes: "subprocess.Popen[str]") -> None:
    """Wait until all are ready, and let them begin together."""
    assert {said(process) for process in processes} == {"ready"}
    for process in processes:
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()


def said(process: "subprocess.Popen[str]") -> str:
    assert process.stdout
    return process.stdout.readline().strip()


@pytest.mark.parametrize(
    ("step", "spent"),
    [("sum item-counts", []), (f"sum {', '.join(RELEASES[1:])}", RELEASES[:1]), ("write", RELEASES)],
)
def test_a_killed_fit_is_forgotten_or_blocks_the_next(
    step: str, spent: list[str], account: Account, fleet: Path, fleet_catalogue: Path, tmp_path: Path, repository: Path
) -> None:
    out = tmp_path / "out"
    with program(repository, fleet, fleet_catalogue, out, account.store, step) as process:
        begin(process)
        assert said(process) == "now"
        process.kill()
        process.wait()
    # What was paid for is kept, but nothing is there to be published.
    assert {name.partition("/")[0] for name in contents(out)} <= {"releases"}
    state = state_of(account)
    assert [each.spend.statistic for each in state.spends] == spent
    (dangling,) = state.held
    assert state.used() > state.lifetime_spent

    def again(epsilon: float) -> None:
        fit(fleet, items=fleet_catalogue, out=out, epsilon=epsilon, account=account, options=OPTIONS)

    with pytest.raises(BudgetExceededError, match=rf"Open reservations \({dangling.number}\) hold"):
        again(0.5)
    with open_ledger(account.store, account.data_set) as ledger:
        ledger.cancel(dangling.number, "its program was killed")
        ledger.change(BudgetPolicy(epsilon=2.0, period="once"), "another fit")
    again(1.0)
    after = state_of(account)
    assert after.spends[: len(spent)] == state.spends
    assert len(after.spends) == len(spent) + len(RELEASES)
    assert after.lifetime_spent == sum(each.spend.rho for each in after.spends)
    with Bundle.open(out / "bundle") as bundle:
        assert bundle.privacy.kind == "differential_privacy"


def test_two_fits_at_once_share_a_budget_for_one(
    account: Account, fleet: Path, fleet_catalogue: Path, tmp_path: Path, repository: Path
) -> None:
    with ExitStack() as stack:
        programs = [
            stack.enter_context(program(repository, fleet, fleet_catalogue, tmp_path / name, account.store))
            for name in ("one", "other")
        ]
        begin(*programs)
        answers = {name: said(process) for name, process in zip(("one", "other"), programs, strict=True)}
    assert sorted(answers.values()) == ["BudgetExceededError", "done"]
    for name, answer in answers.items():
        assert (tmp_path / name / "bundle").exists() == (answer == "done")
    state = state_of(account)
    assert [each.spend.statistic for each in state.spends] == RELEASES
    assert state.held == ()
    assert state.epsilon(state.spent) <= 1
