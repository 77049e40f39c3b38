"""What would promise what does not hold: held against dp-accounting and against OpenDP's own combinators."""

import math
from fractions import Fraction
from typing import Any

import opendp.prelude as dp
import pytest
from dp_accounting import GaussianDpEvent
from dp_accounting.pld import PLDAccountant, privacy_loss_distribution
from dp_accounting.rdp import RdpAccountant
from hypothesis import given, settings
from hypothesis import strategies as st

from homespun.errors import MisuseError
from homespun.protocol.zcdp import rho_of_installations
from homespun_server.errors import PrivacyParameterError
from homespun_server.privacy.ledger import one_off_budget
from homespun_server.privacy.mechanisms import opendp_rho
from homespun_server.privacy.zcdp import delta_of, epsilon_of, gaussian_rho, rho_for, sigma_for, stated_epsilon

epsilons = st.floats(1e-3, 100.0)
deltas = st.floats(-300, -1).map(lambda exponent: 10.0**exponent)
ROUNDING = 1 + 1e-9


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


@pytest.mark.parametrize("rhos", [(0.01,), (0.0014, 0.023), (0.05, 0.001, 0.2, 0.03)])
def test_several_releases_are_stated_as_another_loss_than_opendp_composes(rhos: tuple[float, ...]) -> None:
    bound = 8192
    sigmas = [sigma_for(bound, Fraction(rho)) for rho in rhos]
    dp.enable_features("contrib")
    space = dp.vector_domain(dp.atom_domain(T="i64")), dp.l2_distance(T="i64")
    composed: Any = dp.c.make_composition([dp.m.make_gaussian(*space, scale=float(sigma)) for sigma in sigmas])
    theirs = dp.c.make_zCDP_to_approxDP(composed)
    together = sum((gaussian_rho(bound, sigma) for sigma in sigmas), Fraction(0))
    assert math.isclose(composed.map(bound), float(together), rel_tol=1e-12)
    assert math.isclose(stated_epsilon(together, 1e-6), theirs.map(bound).epsilon(1e-6), rel_tol=1e-6)


@pytest.mark.parametrize("sigmas", [(30_000, 60_000), (20_000,) * 5])
def test_several_releases_are_stated_below_their_exact_loss(sigmas: tuple[int, ...]) -> None:
    accountant = PLDAccountant()
    for sigma in sigmas:
        accountant.compose(GaussianDpEvent(sigma / 8192))
    together = sum((gaussian_rho(8192, sigma) for sigma in sigmas), Fraction(0))
    assert accountant.get_epsilon(1e-6) <= stated_epsilon(together, 1e-6) <= 1.1 * accountant.get_epsilon(1e-6)


@pytest.mark.parametrize("rho", [Fraction(1, 3), Fraction(10**30 + 1, 10**31)])
def test_an_exact_loss_is_stated_below_its_float(rho: Fraction) -> None:
    assert stated_epsilon(rho, 1e-6) > epsilon_of(float(rho), 1e-6)
    assert stated_epsilon(Fraction(0), 1e-6) == 0.0


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
    for use in (rho_for, one_off_budget):
        with pytest.raises(PrivacyParameterError, match="ε is"):
            use(epsilon, 1e-6)


@pytest.mark.parametrize("delta", [math.nan, math.inf, 0.0, 1.0, -0.5, 2.0])
def test_a_delta_that_promises_nothing_is_taken(delta: float) -> None:
    for use in (rho_for, one_off_budget, epsilon_of):
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


@given(st.integers(1, 1000), st.integers(1, 10**6), st.integers(1, 50))
def test_a_person_with_several_installations_is_accounted_as_that_many_persons(
    bound: int, sigma: int, installations: int
) -> None:
    rho = gaussian_rho(bound, sigma)
    assert rho_of_installations(rho, installations) == gaussian_rho(installations * bound, sigma)


def test_no_installation_loses_nothing() -> None:
    with pytest.raises(MisuseError, match="at least one"):
        rho_of_installations(Fraction(1), 0)
