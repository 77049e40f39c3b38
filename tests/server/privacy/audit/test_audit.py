"""What the audit is for: a build that tells more than it claims is caught, and a correct one is not.

Every fault is put into the product's own functions; nothing of the path is written again here. Coins are seeded, one
seed a run; noise cannot be. A run misses a fault with a probability below 1e-4 (printed by the command as power,
checked in ``test_design``), so a tenth of the hundred runs may miss one and hardly ever misses two.
"""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from homespun.errors import MisuseError
from homespun.protocol.statistics.cells import Cells
from homespun.protocol.statistics.encoding import Contributions, Encoder
from homespun.protocol.statistics.histories import Histories
from homespun_server.errors import ClaimRefutedError
from homespun_server.privacy import release as release_module
from homespun_server.privacy.audit.canaries import CANARIES, Canaries
from homespun_server.privacy.audit.design import Design, design_for
from homespun_server.privacy.audit.run import Claim, Outcome, audit, right_guesses, toss
from homespun_server.privacy.audit.series import (
    CANARIES_USED,
    EPSILON_AUDITED,
    audit_series,
    check_claims,
)
from homespun_server.privacy.mechanisms import Progress, add_discrete_gaussian
from homespun_server.privacy.zcdp import DEFAULT_DELTA, rho_for
from homespun_server.statistics.cohort import Cohort
from homespun_server.statistics.population import Population
from tests.conftest import Runs

SEEDS = 100
ALLOWED = 0.05
UNITS = {"item-counts": 1, "item-pairs": 1 << 20, "transitions": 1 << 10}
CLAIM = Claim(EPSILON_AUDITED, DEFAULT_DELTA)

Integers = NDArray[np.int64]
Fault = Callable[[pytest.MonkeyPatch], None]


def half_the_noise(patch: pytest.MonkeyPatch) -> None:
    def halved(values: Integers, sigma: int, progress: Progress | None = None) -> Integers:
        return add_discrete_gaussian(values, sigma // 2, progress)

    patch.setattr(release_module, "add_discrete_gaussian", halved)


def no_clipping(patch: pytest.MonkeyPatch) -> None:
    def unclipped(encoder: Encoder, found: Cells, people: int) -> Contributions:
        unit = UNITS[encoder.statistic.name]
        return Contributions(found.owners, found.cells, found.weights * encoder.statistic.grid // unit)

    patch.setattr(Encoder, "clip", unclipped)


def a_person_counted_twice(patch: pytest.MonkeyPatch) -> None:
    once = Population.histories

    def twice(population: Population, cohort: Cohort, *rest: Any, **options: Any) -> Iterator[Histories]:
        for histories in once(population, cohort, *rest, **options):
            yield histories
            yield histories

    patch.setattr(Population, "histories", twice)


@functools.cache
def usual_design() -> Design:
    return design_for(rho_for(CLAIM.epsilon, CLAIM.delta), CANARIES_USED)


@functools.cache
def usual_canaries(statistic: str) -> Canaries:
    return CANARIES[statistic](CANARIES_USED)


def silent(step: str, done: int, total: int) -> None:
    """Observe nothing."""


def run_of(seed: int) -> Outcome:
    """Audit with the coins of a seed; seeds take turns with the statistics."""
    statistic = list(CANARIES)[seed % len(CANARIES)]
    coins = np.random.default_rng(seed).random(CANARIES_USED) < 0.5
    return audit(usual_canaries(statistic), CLAIM, usual_design(), coins, silent)


def refuted_in(runs: Runs, build: str) -> tuple[int, int]:
    outcomes = [run_of(seed) for seed in runs(f"privacy audit ({build})", SEEDS)]
    return sum(not outcome.holds for outcome in outcomes), len(outcomes)


def test_a_correct_build_is_refuted(runs: Runs) -> None:
    refuted, made = refuted_in(runs, "correct build")
    assert refuted <= ALLOWED * made


@pytest.mark.parametrize("fault", [half_the_noise, no_clipping, a_person_counted_twice])
def test_a_fault_goes_unnoticed(fault: Fault, runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    fault(monkeypatch)
    refuted, made = refuted_in(runs, fault.__name__.replace("_", " "))
    assert made - refuted <= max(1, ALLOWED * made)


@pytest.mark.parametrize("statistic", CANARIES)
@pytest.mark.parametrize("fault", [half_the_noise, no_clipping, a_person_counted_twice])
def test_a_fault_is_none(statistic: str, fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every fault here makes everybody weigh as much as it is said to: it is a fault of this very path."""
    canaries = CANARIES[statistic](200)
    right = norms_of_sums(canaries)
    fault(monkeypatch)
    wrong = norms_of_sums(canaries)
    if fault is half_the_noise:
        assert wrong == right  # it is in the release, not in the sum
    else:
        assert wrong / right == pytest.approx(canaries.unclipped if fault is no_clipping else 2, rel=1e-3)


def norms_of_sums(canaries: Canaries) -> float:
    from homespun_server.privacy.audit import run

    total = run._sum(canaries, np.ones(canaries.number, np.bool_), silent)
    return float(np.sqrt((total.values.astype(np.float64) ** 2).sum()))


def test_a_refuted_claim_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release_module, "add_discrete_gaussian", lambda values, sigma, progress: values.copy())
    audited = audit_series("item-counts", Claim(1.0, 1e-6), silent, canaries=1000, runs=2)
    assert audited.contradicting == 2
    with pytest.raises(ClaimRefutedError, match="2 of 2 audits contradict the claim for item-counts"):
        check_claims([audited])


def test_a_claim_that_holds_is_refused() -> None:
    audited = audit_series("transitions", Claim(1.0, 1e-6), silent, canaries=1000, runs=2)
    check_claims([audited])
    assert audited.holds
    assert [outcome.bound <= audited.design.epsilon for outcome in audited.outcomes] == [True, True]


def test_guesses_are_made_on_the_wrong_side() -> None:
    scores = np.array([5, -3, 0, 9, -8, 1])
    coins = np.array([False, True, True, True, False, False])
    # In: 9 and 5. Out: -8 and -3.
    assert right_guesses(scores, coins, 4) == 2
    assert right_guesses(scores, scores > 0, 4) == 4
    assert right_guesses(scores, scores < 0, 4) == 0


def test_coins_repeat_or_are_unfair() -> None:
    first, second = toss(100_000), toss(100_000)
    for found in (first.mean(), second.mean(), (first == second).mean()):
        assert abs(found - 0.5) < 6.5 * 0.5 / np.sqrt(100_000)


def test_canaries_coins_and_design_of_different_numbers_are_mixed() -> None:
    design = design_for(0.1, 200)
    with pytest.raises(MisuseError, match="a design for 200"):
        audit(CANARIES["item-counts"](200), CLAIM, design, toss(199), silent)
    with pytest.raises(MisuseError, match="201 canaries"):
        audit(CANARIES["item-counts"](201), CLAIM, design, toss(200), silent)
