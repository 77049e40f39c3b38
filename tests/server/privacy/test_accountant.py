"""What would let more be spent than was promised, or promise what does not hold."""

import dataclasses
import math
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from typing import Any

import opendp.prelude as dp
import pytest
from dp_accounting import GaussianDpEvent
from dp_accounting.pld import privacy_loss_distribution
from dp_accounting.rdp import RdpAccountant
from hypothesis import given, settings
from hypothesis import strategies as st

from homespun_server.errors import BudgetExceededError, PrivacyParameterError
from homespun_server.privacy.accountant import (
    Accountant,
    Spend,
    delta_of,
    epsilon_of,
    gaussian_rho,
    rho_for,
    sigma_for,
)
from homespun_server.privacy.mechanisms import opendp_rho

epsilons = st.floats(1e-3, 100.0)
deltas = st.floats(-300, -1).map(lambda exponent: 10.0**exponent)
ROUNDING = 1 + 1e-9


def charge_of(rho: Fraction, bound: int = 1) -> Spend:
    sigma = sigma_for(bound, rho)
    return Spend("item-counts", "discrete-gaussian", bound, sigma, gaussian_rho(bound, sigma))


@pytest.mark.parametrize(("epsilon", "published"), [(0.5, 0.0066), (1, 0.0244), (2, 0.0882), (4, 0.3111), (8, 1.0524)])
def test_the_budget_differs_from_the_published_conversion(epsilon: float, published: float) -> None:
    assert round(rho_for(epsilon, 1e-6), 4) == published


@pytest.mark.parametrize("epsilon", [0.5, 1.0, 8.0])
def test_a_looser_epsilon_than_opendp_would_state(epsilon: float) -> None:
    sigma = sigma_for(8192, Fraction(rho_for(epsilon, 1e-6)))
    rho = float(gaussian_rho(8192, sigma))
    dp.enable_features("contrib")
    space = dp.vector_domain(dp.atom_domain(T="i64")), dp.l2_distance(T="i64")
    theirs: Any = dp.c.make_zCDP_to_approxDP(dp.m.make_gaussian(*space, scale=float(sigma)))
    assert math.isclose(epsilon_of(rho, 1e-6), theirs.map(8192).epsilon(1e-6), rel_tol=1e-6)
    assert math.isclose(opendp_rho(8192, sigma), rho, rel_tol=1e-12)


@pytest.mark.parametrize("rho", [0.0066, 0.0882, 1.0524])
def test_epsilon_is_below_the_exact_one_of_the_continuous_gaussian(rho: float) -> None:
    exact = privacy_loss_distribution.from_gaussian_mechanism(
        1 / math.sqrt(2 * rho), value_discretization_interval=1e-3
    ).get_epsilon_for_delta(1e-6)
    assert exact <= epsilon_of(rho, 1e-6) <= 1.1 * exact


@pytest.mark.parametrize("sigma", [4, 8, 16])
def test_epsilon_is_below_the_exact_one_of_the_discrete_gaussian(sigma: int) -> None:
    exact = privacy_loss_distribution.from_discrete_gaussian_mechanism(
        sigma, sensitivity=8, value_discretization_interval=1e-3
    ).get_epsilon_for_delta(1e-6)
    assert exact <= epsilon_of(float(gaussian_rho(8, sigma)), 1e-6) <= 1.1 * exact


@pytest.mark.parametrize("multiplier", [0.7, 2.0, 8.0])
def test_epsilon_wastes_what_renyi_accounting_saves(multiplier: float) -> None:
    orders = [1 + 1.01**step / 100 for step in range(1500)]
    oracle = RdpAccountant(orders=orders).compose(GaussianDpEvent(multiplier)).get_epsilon(1e-6)
    assert math.isclose(epsilon_of(1 / (2 * multiplier**2), 1e-6), oracle, rel_tol=1e-3)


@pytest.mark.parametrize("epsilon", [1e-6, 1e-3, 50.0, 1000.0])
@pytest.mark.parametrize("delta", [1e-300, 1e-6, 0.5])
def test_extreme_parameters_promise_too_much_or_nothing_at_all(epsilon: float, delta: float) -> None:
    if (epsilon, delta) == (1e-6, 1e-300):
        with pytest.raises(PrivacyParameterError, match="no budget"):
            rho_for(epsilon, delta)
        return
    rho = rho_for(epsilon, delta)
    assert rho > 0
    assert delta_of(rho, epsilon) <= delta
    assert delta_of(rho * (1 + 1e-6), epsilon) > delta
    assert math.isclose(epsilon_of(rho, delta), epsilon, rel_tol=1e-6)


@pytest.mark.parametrize("epsilon", [math.nan, math.inf, -math.inf, 0.0, -1.0])
def test_an_epsilon_that_promises_nothing_is_taken(epsilon: float) -> None:
    for use in (rho_for, Accountant):
        with pytest.raises(PrivacyParameterError, match="ε is"):
            use(epsilon, 1e-6)


@pytest.mark.parametrize("delta", [math.nan, math.inf, 0.0, 1.0, -0.5, 2.0])
def test_a_delta_that_promises_nothing_is_taken(delta: float) -> None:
    for use in (rho_for, Accountant, epsilon_of):
        with pytest.raises(PrivacyParameterError, match="δ is"):
            use(1.0, delta)


@pytest.mark.parametrize("rho", [math.nan, math.inf, -0.1])
def test_a_loss_that_cannot_have_been_spent_is_converted(rho: float) -> None:
    with pytest.raises(PrivacyParameterError, match="ρ is"):
        epsilon_of(rho, 1e-6)


def test_a_delta_too_small_to_invert_overflows() -> None:
    assert math.isfinite(epsilon_of(1.0, 5e-324))


def test_nothing_spent_costs_something() -> None:
    assert epsilon_of(0.0, 1e-6) <= 1e-9


@settings(max_examples=30)  # a conversion takes 25 ms
@given(epsilon=epsilons, more=st.floats(1.001, 10.0), delta=deltas)
def test_a_larger_epsilon_buys_less(epsilon: float, more: float, delta: float) -> None:
    assert rho_for(epsilon, delta) < rho_for(epsilon * more, delta)


@settings(max_examples=30)  # a conversion takes 25 ms
@given(epsilon=epsilons, delta=deltas, more=st.floats(1.1, 5.0))
def test_a_larger_delta_buys_less(epsilon: float, delta: float, more: float) -> None:
    assert rho_for(epsilon, delta) <= rho_for(epsilon, min(0.9, delta * more)) * ROUNDING


@settings(max_examples=30)  # a conversion takes 25 ms
@given(rho=st.floats(1e-6, 50.0), more=st.floats(1.001, 10.0), delta=deltas)
def test_a_larger_loss_is_stated_as_a_smaller_epsilon(rho: float, more: float, delta: float) -> None:
    assert epsilon_of(rho, delta) < epsilon_of(rho * more, delta)


@settings(max_examples=30)  # a conversion takes 25 ms
@given(epsilon=epsilons, delta=deltas)
def test_what_a_budget_buys_costs_more_than_the_budget(epsilon: float, delta: float) -> None:
    assert epsilon_of(rho_for(epsilon, delta), delta) <= epsilon * ROUNDING


@given(bound=st.integers(1, 1 << 20), rho=st.fractions(Fraction(1, 10**12), 100))
def test_sigma_costs_more_than_asked_or_is_larger_than_needed(bound: int, rho: Fraction) -> None:
    sigma = sigma_for(bound, rho)
    assert gaussian_rho(bound, sigma) <= rho
    assert sigma == 1 or gaussian_rho(bound, sigma - 1) > rho


@pytest.mark.parametrize("rho", [Fraction(0), Fraction(-1, 3)])
def test_a_spent_budget_divides_by_zero(rho: Fraction) -> None:
    with pytest.raises(PrivacyParameterError, match="the budget is spent"):
        sigma_for(8192, rho)


@given(sigma=st.integers(1, 1 << 30), bound=st.integers(1, 1 << 20))
def test_opendp_states_another_cost(sigma: int, bound: int) -> None:
    assert math.isclose(opendp_rho(bound, sigma), float(gaussian_rho(bound, sigma)), rel_tol=1e-9)


def test_the_budget_is_overspent() -> None:
    accountant = Accountant(1.0, 1e-6)
    half = charge_of(accountant.rho / 2)
    accountant.charge(half)
    accountant.charge(half)
    with pytest.raises(BudgetExceededError, match="Nothing was released"):
        accountant.charge(half)
    assert accountant.spends == (half, half)
    assert accountant.spent == 2 * half.rho <= accountant.rho


@settings(max_examples=30)  # a conversion takes 25 ms
@given(shares=st.lists(st.fractions(Fraction(1, 50), 1), max_size=30))
def test_any_series_of_charges_overspends(shares: list[Fraction]) -> None:
    accountant = Accountant(1.0, 1e-6)
    taken = []
    for share in shares:
        spend = charge_of(accountant.rho * share)
        try:
            accountant.charge(spend)
        except BudgetExceededError:
            assert accountant.spent + spend.rho > accountant.rho
        else:
            taken.append(spend)
    assert accountant.spends == tuple(taken)
    assert accountant.spent == sum((spend.rho for spend in taken), Fraction(0)) <= accountant.rho


def test_a_mechanism_without_an_accounted_cost_is_charged() -> None:
    accountant = Accountant(1.0, 1e-6)
    for mechanism in ("laplace", "gaussian", "none", ""):
        with pytest.raises(PrivacyParameterError, match="refused"):
            accountant.charge(dataclasses.replace(charge_of(accountant.rho / 2), mechanism=mechanism))
    assert accountant.spends == ()


@pytest.mark.parametrize(
    "lie",
    [
        {"rho": Fraction(0)},
        {"rho": Fraction(1, 10**9)},
        {"rho": Fraction(-1)},
        {"sigma": 10**9},
        {"sigma": 0},
        {"sigma": -1000},
        {"l2_bound": 1},
        {"l2_bound": 0, "rho": Fraction(0)},
        {"l2_bound": -8192},
    ],
)
def test_a_charge_lies_about_its_cost(lie: dict[str, Fraction | int]) -> None:
    accountant = Accountant(1.0, 1e-6)
    honest = charge_of(accountant.rho / 2, bound=8192)
    with pytest.raises(PrivacyParameterError, match="is not what σ"):
        accountant.charge(dataclasses.replace(honest, **lie))  # type: ignore[arg-type]
    assert accountant.spends == ()


class SlowAccountant(Accountant):
    """Takes its time between looking at what is left and spending it."""

    @property
    def spent(self) -> Fraction:
        before = super().spent
        time.sleep(0.01)
        return before


def test_two_threads_spend_the_same_budget() -> None:
    accountant = SlowAccountant(1.0, 1e-6)
    quarter = charge_of(accountant.rho / 4)
    together = threading.Barrier(8)

    def spend(_: int) -> bool:
        together.wait()
        try:
            accountant.charge(quarter)
        except BudgetExceededError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(spend, range(8))) == 4
    assert accountant.spends == (quarter,) * 4


def test_what_was_spent_is_changed_afterwards() -> None:
    accountant = Accountant(1.0, 1e-6)
    accountant.charge(charge_of(accountant.rho))
    with pytest.raises(dataclasses.FrozenInstanceError):
        accountant.spends[0].rho = Fraction(0)  # type: ignore[misc]
    with pytest.raises(AttributeError):
        accountant.spends = ()  # type: ignore[misc]
    assert isinstance(accountant.spends, tuple)
