"""A fit reads what its budget does not allow, overspends it, or loses what it did not spend."""

import math
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from homespun_server import Account, BudgetLedger, BudgetPolicy, FitOptions, Fitted, fit, open_ledger
from homespun_server.errors import BudgetExceededError, DataError, LedgerError, StoreError, TrainingError
from homespun_server.privacy.ledger.rules import moment, rounded
from homespun_server.store import SqlLog, open_store
from tests.server.pipeline.support import RELEASES, check_nothing_is_lost, state_of
from tests.server.privacy.ledger.support import DAY, spend_of
from tests.server.publishing.support import contents
from tests.server.support import catalogue, write_items

ALL = FitOptions(test_share=0.0, dimensions=4, max_items=20)
Open = Callable[..., Account]
Fit = Callable[..., Fitted]


@pytest.fixture
def shop(tmp_path: Path) -> Open:
    """Open the shop's ledger."""

    def opened(**policy: Any) -> Account:
        account = Account(tmp_path / "shop.sqlite", "shop")
        with open_ledger(account.store, account.data_set, create=True) as ledger:
            ledger.open(BudgetPolicy(**{"period": 30, **policy}))
        return account

    return opened


@pytest.fixture
def charged(fleet: Path, fleet_catalogue: Path, tmp_path: Path) -> Fit:
    """Fit the fleet at an operator's expense."""

    def fitted(account: Account, *, interactions: Path = fleet, epsilon: float = 1.0, **more: Any) -> Fitted:
        given = {"items": fleet_catalogue, "out": tmp_path / "out", "options": ALL, **more}
        return fit(interactions, epsilon=epsilon, account=account, **given)

    return fitted


@pytest.fixture
def nothing(tmp_path: Path) -> Iterator[Path]:
    """A path where there is no table: whoever reads it fails with another error than the expected one."""
    yield tmp_path / "not-there.csv"
    assert not (tmp_path / "out").exists()


def spend_long_ago(account: Account, policy: BudgetPolicy, days: float) -> None:
    """Open a ledger and spend its whole period so many days ago."""
    with open_store(account.store) as store:
        ledger = BudgetLedger(SqlLog(store), account.data_set, clock=lambda: time.time() - days * DAY)
        ledger.open(policy)
        assert policy.ceiling is not None
        with ledger.reserve([((), policy.ceiling)], "an earlier fit") as reservation:
            reservation.spend(spend_of(policy.ceiling)).claim()


def test_data_are_read_without_a_ledger(charged: Fit, nothing: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no store at"):
        charged(Account(tmp_path / "missing.sqlite", "shop"), interactions=nothing)
    assert not (tmp_path / "missing.sqlite").exists()


@pytest.mark.parametrize("interactions", ["not-there.csv", "."])
def test_data_are_read_for_a_data_set_that_nobody_opened(
    charged: Fit, shop: Open, interactions: str, tmp_path: Path
) -> None:
    account = shop(epsilon=1.0)
    before = contents(tmp_path)
    with pytest.raises(LedgerError, match="no budget ledger for the data set 'shpo'"):
        charged(Account(account.store, "shpo"), interactions=tmp_path / interactions)
    assert contents(tmp_path) == before


def test_data_are_read_past_the_ceiling(charged: Fit, shop: Open, nothing: Path) -> None:
    account = shop(epsilon=0.5)
    with pytest.raises(BudgetExceededError, match="more than a whole period allows, so no renewal will help"):
        charged(account, interactions=nothing, epsilon=0.6)
    check_nothing_is_lost(account)


def test_a_refusal_does_not_say_what_is_left_or_when_it_renews(charged: Fit, shop: Open, tmp_path: Path) -> None:
    account = shop(epsilon=1.0)
    charged(account, epsilon=0.8)
    state = state_of(account)
    left = state.left()
    assert left is not None
    assert state.renews is not None
    before = contents(tmp_path / "out")
    with pytest.raises(BudgetExceededError) as refused:
        charged(account, interactions=tmp_path / "not-there.csv", epsilon=0.8)
    said = str(refused.value)
    assert f"(ε = {rounded(state.epsilon(left), up=False):.4g} by itself) is left" in said
    assert "of the ε = 1 per user for this period (δ = 1e-06)" in said
    assert f"It renews on {moment(state.renews)}." in said
    assert "Nothing was read or released." in said
    assert contents(tmp_path / "out") == before
    assert state_of(account).spends == state.spends


def test_what_is_left_cannot_be_spent(charged: Fit, shop: Open) -> None:
    account = shop(epsilon=1.0)
    charged(account, epsilon=0.8)
    state = state_of(account)
    left = state.left()
    assert left is not None
    charged(account, epsilon=math.floor(1000 * state.epsilon(left)) / 1000)
    assert 0.99 < state_of(account).epsilon(state_of(account).spent) <= 1.0


def test_an_account_fills_a_second_ledger_in_the_folder(charged: Fit, shop: Open, tmp_path: Path) -> None:
    report = charged(shop(epsilon=2.0, lifetime=4.0)).report
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"bundle", "releases", "report.json"}
    assert report.budget is not None
    said = report.budget.statement
    assert "User, per 30 days, ε = 1 of 2; lifetime so far ε = 1 of 4 (δ = 1e-06). Left: ε = " in said


def test_the_next_period_is_spent_already_or_for_ever_begins_anew(charged: Fit, tmp_path: Path) -> None:
    account = Account(tmp_path / "shop.sqlite", "shop")
    spend_long_ago(account, BudgetPolicy(epsilon=1.0, lifetime=1.5), days=70)
    charged(account, epsilon=0.9)
    state = state_of(account)
    assert state.epsilon(state.spent) < 1 < state.epsilon(state.lifetime_spent)
    assert len(state.periods) == 2
    with open_ledger(account.store, account.data_set) as ledger:
        ledger.change(BudgetPolicy(epsilon=3.0, lifetime=1.5), "more in a month, not for ever")
    with pytest.raises(BudgetExceededError, match=r"per user for ever .* The ceiling for ever never renews"):
        charged(account, epsilon=0.9, interactions=tmp_path / "not-there.csv")
    assert state_of(account).spends == state.spends


def test_another_delta_is_stated_than_the_ledgers(charged: Fit, shop: Open, nothing: Path) -> None:
    account = shop(epsilon=1.0, delta=1e-8)
    with pytest.raises(LedgerError, match="at δ = 1e-08, and this fit asks for δ = 1e-06"):
        charged(account, interactions=nothing, delta=1e-6)
    check_nothing_is_lost(account)


@pytest.mark.parametrize("delta", [None, 1e-8])
def test_the_ledgers_delta_is_not_that_of_the_bundle(delta: float | None, charged: Fit, shop: Open) -> None:
    privacy = charged(shop(epsilon=1.0, delta=1e-8), delta=delta).report.privacy
    assert float(privacy.delta or 0) == 1e-8
    assert 0.99 < float(privacy.epsilon or 0) <= 1


def test_a_table_that_cannot_be_read_keeps_the_budget(charged: Fit, shop: Open, fleet: Path, tmp_path: Path) -> None:
    account = shop(epsilon=1.0)
    spoilt = tmp_path / "spoilt.csv"
    spoilt.write_text(fleet.read_text(encoding="utf-8") + "user-1,no-such-item,1,\n", encoding="utf-8")
    for table in (tmp_path / "not-there.csv", tmp_path, spoilt):
        with pytest.raises(DataError):
            charged(account, interactions=table)
        check_nothing_is_lost(account)
    charged(account)


def test_a_catalogue_that_allows_no_model_costs_a_release(charged: Fit, shop: Open, tmp_path: Path) -> None:
    account = shop(epsilon=1.0)
    table = tmp_path / "one.csv"
    table.write_text("user,item\n" + "".join(f"u{n},item-0\n" for n in range(9)), encoding="utf-8")
    with pytest.raises(TrainingError, match="needs at least two"):
        charged(account, interactions=table, items=write_items(tmp_path / "items.csv", catalogue(1)))
    check_nothing_is_lost(account)


@pytest.mark.parametrize("failure", [TrainingError("no model"), KeyboardInterrupt()])
@pytest.mark.parametrize("step", ["releasing.sum_over_people", "trained.train_terms", "writing.write_bundle"])
def test_a_fit_that_ends_early_keeps_what_it_did_not_spend(
    failure: BaseException, step: str, charged: Fit, shop: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = shop(epsilon=1.0)

    def fail(*_: object, **__: object) -> None:
        raise failure

    monkeypatch.setattr(f"homespun_server.learning.{step}", fail)
    with pytest.raises(type(failure)):
        charged(account)
    state = state_of(account)
    assert state.held == ()
    released = 0 if step == "releasing.sum_over_people" else len(RELEASES)
    assert len(state.spends) == released
    assert (state.left() == state.policy.ceiling) == (released == 0)


def test_a_stop_between_two_releases_costs_all_of_them(
    charged: Fit, shop: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = shop(epsilon=1.0)

    def stop(step: str, done: int, total: int) -> None:
        if step.startswith("sum") and "item-counts" not in step:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        charged(account, observer=stop)
    state = state_of(account)
    (counts,) = state.spends
    assert state.held == ()
    assert state.policy.ceiling is not None
    assert state.left() == state.policy.ceiling - counts.spend.rho > state.policy.ceiling * Fraction(9, 10)
