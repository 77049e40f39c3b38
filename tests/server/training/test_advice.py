"""Small fleets are told so, in figures that hold."""

import re

import pytest

from homespun_server.privacy.provenance import fixed
from homespun_server.statistics.raw import Raw
from homespun_server.training.advice import advice


def told(users: int, epsilon: float, *, directions: int = 5) -> tuple[str, ...]:
    told = advice(users=Raw(users), directions=fixed(directions), epsilon=epsilon, delta=1e-6)
    return told.for_the_operator()


@pytest.mark.parametrize("epsilon", [0.5, 1.0, 2.0, 8.0])
def test_the_number_of_users_that_would_do_does_not_do(epsilon: float) -> None:
    (warning,) = told(100, epsilon)
    match = re.search(r"About ([\d,]+) users would be enough", warning)
    assert match
    enough = int(match[1].replace(",", ""))
    assert told(enough, epsilon) == ()
    assert told(int(0.9 * enough), epsilon) != ()


def test_the_epsilon_that_would_do_does_not_do() -> None:
    (warning,) = told(3000, 1.0)
    match = re.search(r"ε ≈ ([\d.e+]+)\.", warning)
    assert match
    enough = float(match[1])
    assert told(3000, enough * 1.05) == ()
    assert told(3000, enough * 0.9) != ()


def test_twenty_thousand_users_at_epsilon_one_are_few_or_ten_thousand_are_enough() -> None:
    assert told(20_000, 1.0) == ()
    assert "10,000 users are few for ε = 1" in told(10_000, 1.0)[0]


def test_a_large_fleet_without_a_taste_is_not_told() -> None:
    for directions in (0, 1):
        (warning,) = told(900_000, 8.0, directions=directions)
        assert "no pattern of taste" in warning
    assert told(900_000, 8.0, directions=2) == ()


def test_nobody_took_part_and_the_advice_fails() -> None:
    assert len(told(0, 1.0, directions=0)) == 2


def test_a_delta_that_publishes_somebody_whole_is_not_told() -> None:
    (warning,) = told(1_000_000, 8.0)
    assert "δ = 1e-06 is not below one in 1,000,000 users" in warning
    assert told(999_999, 8.0) == ()
