"""What would make an audit prove more, or less, than the theorem it stands on."""

import math
from typing import Any

import pytest
from scipy.stats import binom

from homespun.errors import MisuseError
from homespun_server.privacy.audit.bound import SIGNIFICANCE, critical_count, lower_bound, p_value

DELTA = 1e-4


def by_definition(canaries: int, guesses: int, correct: int, epsilon: float, delta: float) -> float:
    """Return Theorem 5.2's bound, term by term."""
    probability = math.exp(epsilon) / (math.exp(epsilon) + 1)
    law = [float(binom.pmf(k, guesses, probability)) for k in range(guesses + 1)]
    beta = sum(law[correct:])
    alpha = max((2 / i * sum(law[correct - i : correct]) for i in range(1, correct + 1)), default=0.0)
    return min(1.0, beta + alpha * delta * canaries)


@pytest.mark.parametrize("epsilon", [0.0, 0.3, 1.0, 2.5])
@pytest.mark.parametrize("correct", [0, 1, 20, 37, 45, 50])
@pytest.mark.parametrize("delta", [0.0, 1e-5, 1e-3])
def test_the_theorem_is_written_down_wrongly(epsilon: float, correct: int, delta: float) -> None:
    found = p_value(canaries=400, guesses=50, correct=correct, epsilon=epsilon, delta=delta)
    assert found == pytest.approx(by_definition(400, 50, correct, epsilon, delta), rel=1e-9, abs=1e-14)


@pytest.mark.parametrize("guesses", [1, 5, 40, 300])
def test_all_guesses_are_right_and_another_bound_than_the_solution_comes_out(guesses: int) -> None:
    """Without δ and with every guess right, the bound solves (e^ε / (e^ε + 1))^r = 5%."""
    probability = SIGNIFICANCE ** (1 / guesses)
    expected = max(0.0, math.log(probability / (1 - probability)))
    assert lower_bound(canaries=1000, guesses=guesses, correct=guesses, delta=0.0) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("guesses", "epsilon"), [(100, 0.5), (400, 1.0), (1600, 1.67), (50, 6.0)])
def test_randomised_response_is_refuted_though_it_keeps_its_promise(guesses: int, epsilon: float) -> None:
    """Of the mechanism that loses exactly ε, at most 5% of the runs may refute the claim; computed, not drawn."""
    truth = math.exp(epsilon) / (math.exp(epsilon) + 1)
    critical = critical_count(canaries=guesses, guesses=guesses, epsilon=epsilon, delta=0.0)
    assert float(binom.sf(critical - 1, guesses, truth)) <= SIGNIFICANCE
    # And hardly fewer, or the test would be blunt.
    assert float(binom.sf(critical - 2, guesses, truth)) > SIGNIFICANCE


@pytest.mark.parametrize(("canaries", "guesses"), [(40_000, 1600), (1000, 100), (500, 4)])
@pytest.mark.parametrize("epsilon", [0.2, 1.0, 2.0, 4.0])
def test_bound_and_critical_count_disagree_about_the_claim(canaries: int, guesses: int, epsilon: float) -> None:
    critical = critical_count(canaries=canaries, guesses=guesses, epsilon=epsilon, delta=DELTA)
    bounds = [
        lower_bound(canaries=canaries, guesses=guesses, correct=correct, delta=DELTA)
        for correct in range(max(0, critical - 2), min(guesses, critical + 1) + 1)
    ]
    assert bounds == sorted(bounds)
    for correct, bound in zip(range(max(0, critical - 2), guesses + 1), bounds, strict=False):
        assert (bound > epsilon) == (correct >= critical)


def test_a_larger_epsilon_is_refuted_where_a_smaller_one_is_not() -> None:
    values = [p_value(canaries=40_000, guesses=1600, correct=1400, epsilon=e / 20, delta=3e-5) for e in range(120)]
    assert values == sorted(values)


def test_delta_is_left_out() -> None:
    bounds = [lower_bound(canaries=40_000, guesses=1600, correct=1400, delta=d) for d in (0.0, 1e-6, 1e-5, 1e-4, 1e-2)]
    assert bounds == sorted(bounds, reverse=True)
    assert len(set(bounds)) == len(bounds)


@pytest.mark.parametrize("correct", [0, 50, 55])
def test_guessing_blindly_shows_something(correct: int) -> None:
    assert lower_bound(canaries=1000, guesses=100, correct=correct, delta=0.0) == 0.0


@pytest.mark.parametrize(
    "wrong",
    [
        {"correct": 11},
        {"correct": -1},
        {"guesses": 101},
        {"epsilon": -0.1},
        {"epsilon": math.nan},
        {"delta": -1e-9},
        {"delta": 1.1},
    ],
)
def test_impossible_counts_are_taken_for_evidence(wrong: dict[str, Any]) -> None:
    numbers: dict[str, Any] = {"canaries": 100, "guesses": 10, "correct": 5, "epsilon": 1.0, "delta": 0.0, **wrong}
    with pytest.raises(MisuseError, match="counts must ascend"):
        p_value(**numbers)
