"""What would let a raw sum pass for a release."""

import dataclasses
from fractions import Fraction

import numpy as np
import pytest

from homespun.errors import MisuseError
from homespun.protocol.statistics.grid import GRID
from homespun_server.errors import BudgetExceededError, PrivacyParameterError
from homespun_server.privacy import release as release_module
from homespun_server.privacy.ledger import BudgetLedger, BudgetPolicy, MemoryLog, one_off_budget
from homespun_server.privacy.release import Release, digest_of, release, release_without_privacy
from tests.server.support import counted, exact, noisy, paired, user_sum


def test_a_raw_sum_is_dressed_up_as_a_release() -> None:
    values = np.arange(3)
    for disguise in ({}, {"made_here": None}, {"made_here": object()}, {"made_here": True}):
        with pytest.raises(MisuseError, match="never directly"):
            Release(counted(3), values, 5, Fraction(1, 50), (), b"", **disguise)


def test_a_release_is_copied_with_other_values() -> None:
    with pytest.raises(MisuseError, match="never directly"):
        dataclasses.replace(noisy([1, 2, 3]), values=np.arange(3))


@pytest.mark.parametrize("made", [noisy, exact])
def test_a_release_is_changed_afterwards(made: type) -> None:
    released = made([1, 2, 3])
    with pytest.raises(ValueError, match="read-only"):
        released.values[0] = 7
    with pytest.raises(dataclasses.FrozenInstanceError):
        released.rho = Fraction(0)


def test_a_release_shows_its_values_in_logs() -> None:
    assert "array" not in repr(noisy([123456789]))
    assert "123456789" not in repr(user_sum([123456789]))


def test_overspending_draws_noise_first(monkeypatch: pytest.MonkeyPatch) -> None:
    budget = one_off_budget(1.0, 1e-6)
    drawn: list[int] = []

    def draw(values: np.ndarray, sigma: int, progress: object) -> np.ndarray:
        drawn.append(sigma)
        assert budget.spent > 0
        return values.copy()

    monkeypatch.setattr(release_module, "add_discrete_gaussian", draw)
    release(user_sum([1]), rho=budget.rho, budget=budget)
    spent = budget.spends
    with pytest.raises(BudgetExceededError):
        release(user_sum([1]), rho=budget.rho, budget=budget)
    with pytest.raises(PrivacyParameterError):
        release(user_sum([1]), rho=Fraction(0), budget=budget)
    assert drawn == [spent[0].sigma]
    assert budget.spends == spent


def test_noise_that_failed_to_be_drawn_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError

    ledger = ledger_of(1.0)
    left = ledger.state().left()
    assert left is not None
    half = left / 2
    monkeypatch.setattr(release_module, "add_discrete_gaussian", fail)
    with ledger.reserve([((), half)], "fit") as budget, pytest.raises(RuntimeError):
        release(user_sum([1]), rho=half, budget=budget)
    (spent,) = ledger.state().spends
    assert spent.released is None
    assert ledger.state().spent == spent.spend.rho > 0


def ledger_of(epsilon: float) -> BudgetLedger:
    ledger = BudgetLedger(MemoryLog(), "people", clock=lambda: 1e9)
    ledger.open(BudgetPolicy(epsilon=epsilon))
    return ledger


def test_another_cost_is_recorded_than_the_release_states() -> None:
    ledger = ledger_of(2.0)
    budget = ledger.reserve([((), Fraction(1, 20))], "fit")
    released = release(user_sum([5, 6]), rho=budget.rho / 3, budget=budget)
    assert released.rho == Fraction(GRID**2, 2 * released.sigma**2) <= budget.rho / 3
    (spend,) = budget.spends
    assert (spend.statistic, spend.mechanism, spend.l2_bound) == ("item-counts", "discrete-gaussian", GRID)
    assert (spend.sigma, spend.rho, spend.path) == (released.sigma, released.rho, ())
    (recorded,) = ledger.state().spends
    assert (recorded.spend, recorded.released) == (spend, digest_of(released.values))


def test_two_declarations_or_two_releases_have_one_digest() -> None:
    budget = one_off_budget(2.0, 1e-6)
    for statistic in (counted, paired):
        release(user_sum([5], statistic), rho=budget.rho / 3, budget=budget)
    assert budget.spends[0].declaration != budget.spends[1].declaration
    assert digest_of(np.array([1, 2])) != digest_of(np.array([2, 1])) != digest_of(np.array([1]))


def test_noise_is_left_out_or_put_into_the_sum_itself() -> None:
    total = user_sum(np.zeros(1000, np.int64))
    released = release(total, rho=Fraction(1, 100), budget=one_off_budget(10.0, 1e-6))
    assert released.private
    assert released.noise == released.sigma / GRID
    # The variance of 1,000 draws lies within a quarter of σ², or the draws were not those of σ.
    assert abs((released.values / released.sigma).var() - 1) < 0.25
    assert np.array_equal(released.reals, released.values / GRID)
    assert not total.values.any()


def test_exact_sums_pass_for_private_ones() -> None:
    total = user_sum([1, 2, 3])
    released = release_without_privacy(total)
    assert not released.private
    assert (released.rho, released.sigma, released.noise) == (None, 0, 0.0)
    total.values[0] = 9
    assert released.values.tolist() == [1, 2, 3]
