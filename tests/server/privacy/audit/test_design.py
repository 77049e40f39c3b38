"""What would make an audit's power another than the one that is printed."""

import math

import numpy as np
import pytest

from homespun.errors import MisuseError
from homespun_server.errors import PrivacyParameterError
from homespun_server.privacy.audit.design import FACTOR, MIN_CANARIES, Design, design_for
from homespun_server.privacy.audit.run import right_guesses
from homespun_server.privacy.zcdp import epsilon_of, rho_for

RHO = rho_for(2.0, 1e-6)


def caught(design: Design, factor: float, runs: int) -> float:
    """Return the share of runs on normal scores that refute the claim; seeded, so always the same."""
    draw = np.random.default_rng(7)
    shift = factor * math.sqrt(2 * design.rho) * 1e6
    refuted = 0
    for _ in range(runs):
        coins = draw.random(design.canaries) < 0.5
        scores = (draw.normal(0, 1e6, design.canaries) + shift * coins).astype(np.int64)
        refuted += right_guesses(scores, coins, design.guesses) >= design.critical
    return refuted / runs


@pytest.mark.parametrize("factor", [1.6, 1.75, 2.0])
def test_the_printed_power_is_not_the_share_that_is_caught(factor: float) -> None:
    design = design_for(RHO, 10_000)
    power = design.power(factor)
    assert 0.01 < power < 0.99
    assert caught(design, factor, 400) == pytest.approx(power, abs=5 * math.sqrt(power * (1 - power) / 400))


def test_a_correct_build_is_refuted() -> None:
    design = design_for(RHO, 10_000)
    assert caught(design, 1.0, 100) == 0
    assert design.power(1.0) < 1e-6


def test_the_usual_design_misses_faults() -> None:
    design = design_for(RHO, 40_000)
    assert design.power(FACTOR) > 0.9999
    assert design.power(2 * math.sqrt(3)) > 0.9999


def test_another_design_would_have_caught_more() -> None:
    best = design_for(RHO, 20_000)
    others = [design_for(RHO, 20_000, delta=delta) for delta in (1e-6, 1e-5, 1e-4, 1e-3)]
    assert all(other.power(FACTOR) <= best.power(FACTOR) for other in others)
    assert [other.delta for other in others] == [1e-6, 1e-5, 1e-4, 1e-3]


@pytest.mark.parametrize("epsilon", [0.5, 2.0, 8.0])
def test_the_claim_at_the_audited_delta_is_another_than_the_stated_one(epsilon: float) -> None:
    design = design_for(rho_for(epsilon, 1e-6), 5000)
    assert design.epsilon == epsilon_of(design.rho, design.delta)


def test_a_claim_that_nobody_can_refute_seems_refutable() -> None:
    design = design_for(rho_for(30.0, 1e-6), MIN_CANARIES)
    assert design.critical == design.guesses + 1
    assert design.power(1000.0) == 0.0


def test_a_handful_of_canaries_passes_for_an_audit() -> None:
    with pytest.raises(MisuseError, match="canaries show nothing"):
        design_for(RHO, MIN_CANARIES - 1)


@pytest.mark.parametrize("delta", [0.0, 1.0, -1.0])
def test_an_audit_at_a_delta_that_promises_nothing(delta: float) -> None:
    with pytest.raises(PrivacyParameterError):
        design_for(RHO, 1000, delta=delta)
