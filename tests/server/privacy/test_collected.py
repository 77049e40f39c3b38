"""What would charge a task twice or never, or let other numbers pass for its release."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from homespun.errors import MisuseError
from homespun.protocol.collection.constants import NORM_PROOF_DELTA
from homespun.protocol.statistics.declaration import Statistic
from homespun_server import keep, kept
from homespun_server.errors import BudgetError, BudgetExceededError, PrivacyParameterError
from homespun_server.privacy.ledger import BudgetLedger, BudgetPolicy, MemoryLog
from homespun_server.privacy.ledger.report import budget_report
from homespun_server.privacy.release import Release, collected, release, sigma_of_both, task_spend
from homespun_server.privacy.spend import COLLECTED
from homespun_server.privacy.zcdp import gaussian_rho, stated_epsilon
from homespun_server.statistics.cohort import mark_of
from tests.server.support import counted, user_sum

NOW = 1_741_564_800.0
TASK, OTHER = "ab" * 32, "cd" * 32
SIGMA = 50_000
STATISTIC = counted(3)
VALUES = np.array([5, -600, 70], np.int64)


class Fleet:
    """A fleet's ledger: what another process sees is the log alone."""

    def __init__(self, epsilon: float | None = None, delta: float = 1e-6) -> None:
        self._log = MemoryLog()
        self.ledger = self.reopened()
        self.ledger.open(BudgetPolicy(epsilon=epsilon, delta=delta))

    def reopened(self) -> BudgetLedger:
        return BudgetLedger(self._log, "fleet", clock=lambda: NOW)


def collect(ledger: BudgetLedger, values: np.ndarray = VALUES, task: str = TASK) -> Release:
    charge = ledger.charge_task(task, task_spend(STATISTIC, SIGMA))
    return collected(charge, STATISTIC, values, mark_of(ledger.secret))


def test_a_task_costs_both_noises_or_states_one() -> None:
    fleet = Fleet()
    made = collect(fleet.ledger)
    assert made.rho == gaussian_rho(STATISTIC.l2_bound, SIGMA) == fleet.ledger.state().lifetime_spent
    assert 2 * SIGMA**2 <= made.sigma**2 < 2 * SIGMA**2 + 3 * SIGMA
    assert (made.private, made.path, made.task) == (True, (), TASK)


@pytest.mark.parametrize("sigma", [1, 2, 3, 7, 10**9, (1 << 40) - 1])
def test_the_noise_of_both_is_stated_too_small(sigma: int) -> None:
    both = sigma_of_both(sigma)
    assert (both - 1) ** 2 < 2 * sigma**2 <= both**2


def test_a_collector_that_was_killed_charges_again() -> None:
    fleet = Fleet()
    first = fleet.ledger.charge_task(TASK, task_spend(STATISTIC, SIGMA))
    again = fleet.reopened().charge_task(TASK, task_spend(STATISTIC, SIGMA))
    assert again.number == first.number
    assert again.released_before is None
    collect(fleet.reopened())
    collect(fleet.reopened())
    (spent,) = fleet.ledger.state().spends
    assert (spent.charge, spent.task, spent.spend.mechanism) == (first.number, TASK, COLLECTED)


def test_a_collector_that_was_killed_holds_the_budget_for_ever() -> None:
    fleet = Fleet(epsilon=1.0)
    spend = task_spend(STATISTIC, SIGMA)
    left = fleet.ledger.state().left()
    assert left is not None
    # Killed between reserving and spending.
    fleet.ledger.reserve([((), left)], f"collect task {TASK}")
    fleet.reopened().charge_task(TASK, spend)
    state = fleet.ledger.state()
    assert state.held == ()
    assert state.left() == left - spend.rho


def test_two_collectors_at_once_charge_one_task_twice() -> None:
    fleet = Fleet()
    spend = task_spend(STATISTIC, SIGMA)
    with (
        fleet.ledger.reserve([((), spend.rho)], f"collect task {TASK}") as one,
        fleet.reopened().reserve([((), spend.rho)], f"collect task {TASK}") as other,
    ):
        one.spend(spend)
        with pytest.raises(BudgetError, match="charged already"):
            other.spend(spend)
    assert len(fleet.ledger.state().spends) == 1


def test_leader_and_helper_draw_noise_a_second_time() -> None:
    fleet = Fleet()
    collect(fleet.ledger)
    with pytest.raises(BudgetError, match="with other numbers"):
        collect(fleet.reopened(), VALUES + 1)


def test_the_statement_of_a_budget_has_no_room_for_reports_that_were_drawn_anew() -> None:
    fleet = Fleet(delta=2.5 * NORM_PROOF_DELTA)
    for number, task in enumerate((TASK, OTHER), 1):
        collect(fleet.ledger, task=task)
        state, report = fleet.ledger.state(), budget_report(fleet.ledger.state())
        rest = stated_epsilon(state.lifetime_spent, (2.5 - number) * NORM_PROOF_DELTA)
        without = stated_epsilon(state.lifetime_spent, 2.5 * NORM_PROOF_DELTA)
        for loss in (report.spent, report.lifetime, report.periods[-1].spent, report.periods[-1].lifetime):
            assert without < rest <= loss.epsilon <= rest * 1.001
        assert f"ε = {report.lifetime.epsilon:.4g}" in report.statement
    collect(fleet.ledger, task="ef" * 32)
    assert "ε = inf" in budget_report(fleet.ledger.state()).statement


def test_a_task_is_collected_past_the_ceiling() -> None:
    fleet = Fleet(epsilon=0.001)
    with pytest.raises(BudgetExceededError):
        collect(fleet.ledger)
    assert fleet.ledger.state().spends == ()


def test_a_task_is_charged_as_something_else() -> None:
    fleet = Fleet()
    collect(fleet.ledger)
    with pytest.raises(BudgetError, match="something else"):
        fleet.ledger.charge_task(TASK, task_spend(STATISTIC, 2 * SIGMA))
    with pytest.raises(PrivacyParameterError, match="no SHA-256"):
        fleet.ledger.charge_task("all of them", task_spend(STATISTIC, SIGMA))


def test_numbers_of_another_statistic_are_released() -> None:
    fleet = Fleet()
    charge = fleet.ledger.charge_task(TASK, task_spend(STATISTIC, SIGMA))
    mark = mark_of(fleet.ledger.secret)
    wrong: list[tuple[Statistic, Any]] = [
        (counted(4), np.arange(4)),
        (STATISTIC, np.arange(4)),
        (STATISTIC, np.zeros(3)),
    ]
    for statistic, values in wrong:
        with pytest.raises(MisuseError, match="that was charged"):
            collected(charge, statistic, values, mark)
    assert charge.released_before is None
    assert all(each.released is None for each in fleet.ledger.state().spends)


def test_what_users_and_installations_lose_is_added_up() -> None:
    fleet = Fleet()
    collect(fleet.ledger)
    with (
        fleet.ledger.reserve([((), Fraction(1, 100))], "fit") as budget,
        pytest.raises(BudgetError, match="of their own"),
    ):
        release(user_sum([1, 2, 3]), rho=Fraction(1, 100), budget=budget)


def test_a_fleet_s_ledger_speaks_of_users() -> None:
    fleet = Fleet()
    assert budget_report(fleet.ledger.state()).unit == "user"
    collect(fleet.ledger)
    collect(fleet.ledger, task=OTHER)
    report = budget_report(fleet.ledger.state())
    assert (report.unit, report.neighbours) == ("installation", "zero out one installation's report of each task")
    assert report.statement.startswith("Installation, ")
    assert fleet.ledger.state().lifetime_spent == 2 * gaussian_rho(STATISTIC.l2_bound, SIGMA)


def test_a_kept_collection_comes_back_as_a_table_s_release(tmp_path: Path) -> None:
    fleet = Fleet()
    made = collect(fleet.ledger)
    keep(made, tmp_path / "counts.parquet")
    again = kept(tmp_path / "counts.parquet", fleet.reopened())
    assert (again.task, again.sigma, again.rho, again.mark) == (made.task, made.sigma, made.rho, made.mark)
    assert np.array_equal(again.values, made.values)
