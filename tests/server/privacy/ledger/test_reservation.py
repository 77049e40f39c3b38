"""What would let more be released than was charged, or charge what nobody reserved."""

import copy
import math
import multiprocessing
import pickle
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import FrozenInstanceError, replace
from fractions import Fraction

import pytest

from homespun.errors import MisuseError
from homespun.testing import FakeClock
from homespun_server.errors import (
    BudgetExceededError,
    LedgerError,
    PrivacyParameterError,
    ReservationEndedError,
    StoreError,
)
from homespun_server.privacy.ledger import BudgetPolicy, Charge, MemoryLog, Reservation, one_off_budget
from tests.server.privacy.ledger.support import DAY, DIGEST, HELD_OUT, TRAINING, Rig, ledger_on, spend_of, window

THOUSANDTH = Fraction(1, 1000)


def charge() -> Charge:
    return Rig().ledger.reserve([((), THOUSANDTH)], "fit").spend(spend_of(THOUSANDTH))


def test_noise_is_drawn_twice_for_one_charge() -> None:
    once = charge()
    once.claim()
    with pytest.raises(MisuseError, match="good for one release"):
        once.claim()


def test_two_threads_claim_one_charge() -> None:
    contested, together = charge(), threading.Barrier(8)

    def claim(_: int) -> bool:
        together.wait()
        try:
            contested.claim()
        except MisuseError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(claim, range(8))) == 1


def test_a_charge_is_copied_to_be_claimed_again() -> None:
    original = charge()
    again = copy.copy(original)
    original.claim()
    with pytest.raises(MisuseError, match="claimed already"):
        again.claim()
    for clone in (copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="pickle"):
            clone(original)


def claimed_elsewhere(contested: Charge, answers: "multiprocessing.SimpleQueue[str]") -> None:
    try:
        contested.claim()
    except MisuseError as error:
        answers.put(str(error))
    else:
        answers.put("claimed")


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="forks")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_claims_its_parents_charge() -> None:
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()
    contested = charge()
    child = context.Process(target=claimed_elsewhere, args=(contested, answers))
    child.start()
    child.join()
    assert "in another process" in answers.get()
    contested.claim()
    child.close()
    answers.close()


def spent_elsewhere(budget: Reservation, answers: "multiprocessing.SimpleQueue[str]") -> None:
    try:
        budget.spend(spend_of(THOUSANDTH))
    except LedgerError as error:
        answers.put(str(error))
    else:
        answers.put("spent")


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="forks")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_spends_a_budget_in_memory_a_second_time() -> None:
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()
    budget = one_off_budget(1.0, 1e-6)
    child = context.Process(target=spent_elsewhere, args=(budget, answers))
    child.start()
    child.join()
    assert "memory of another process" in answers.get()
    budget.spend(spend_of(THOUSANDTH))
    child.close()
    answers.close()


def test_a_release_is_recorded_that_was_never_claimed_or_twice() -> None:
    once = charge()
    with pytest.raises(MisuseError, match="not claimed"):
        once.released(DIGEST)
    once.claim()
    once.released(DIGEST)
    with pytest.raises(MisuseError, match="recorded before"):
        once.released(DIGEST)


def test_a_release_is_recorded_without_a_digest() -> None:
    rig = Rig()
    once = rig.ledger.reserve([((), THOUSANDTH)], "fit").spend(spend_of(THOUSANDTH))
    once.claim()
    with pytest.raises(PrivacyParameterError, match="SHA-256"):
        once.released("done")
    assert rig.reopened().state().spends[0].released is None


def test_a_reservation_gives_more_than_it_holds() -> None:
    rig = Rig()
    with rig.ledger.reserve([((), THOUSANDTH)], "fit") as reservation:
        half = spend_of(THOUSANDTH / 2)
        reservation.spend(half)
        reservation.spend(half)
        with pytest.raises(BudgetExceededError, match="Nothing was spent or released"):
            reservation.spend(half)
        assert reservation.spends == (half, half)
        assert reservation.spent == 2 * half.rho <= reservation.rho == THOUSANDTH
    assert rig.ledger.state().spent == 2 * half.rho


@pytest.mark.parametrize("mechanism", ["laplace", ""])
def test_a_dishonest_spend_is_recorded(mechanism: str) -> None:
    rig = Rig()
    reservation = rig.ledger.reserve([((), THOUSANDTH)], "fit")
    honest = spend_of(THOUSANDTH)
    for lie in (replace(honest, mechanism=mechanism), replace(honest, rho=honest.rho / 2)):
        with pytest.raises(PrivacyParameterError):
            reservation.spend(lie)
    assert rig.ledger.state().spends == ()


def test_a_closed_reservation_is_spent() -> None:
    rig = Rig()
    with rig.ledger.reserve([((), THOUSANDTH)], "fit") as reservation:
        pass
    reservation.close()
    with pytest.raises(ReservationEndedError, match="was closed"):
        reservation.spend(spend_of(THOUSANDTH))
    assert rig.ledger.state().spends == ()


def test_an_expired_reservation_is_spent() -> None:
    rig = Rig()
    with rig.ledger.reserve([((), THOUSANDTH)], "fit", ttl=60) as reservation:
        rig.clock.advance(59)
        reservation.spend(spend_of(THOUSANDTH / 2))
        rig.clock.advance(1)
        with pytest.raises(ReservationEndedError, match="expired on 2025-03-10 00:01 UTC"):
            reservation.spend(spend_of(THOUSANDTH / 2))
    assert len(rig.ledger.state().spends) == 1


def test_a_clock_set_back_revives_an_expired_reservation() -> None:
    rig = Rig()
    reservation = rig.ledger.reserve([((), THOUSANDTH)], "fit", ttl=60)
    rig.clock.advance(60)
    rig.spend(THOUSANDTH)
    rig.clock.advance(-60)
    with pytest.raises(ReservationEndedError, match="expired"):
        reservation.spend(spend_of(THOUSANDTH))


def test_a_cancelled_reservation_is_spent_or_cancelled_again() -> None:
    rig = Rig()
    reservation = rig.ledger.reserve([((), THOUSANDTH)], "fit")
    rig.reopened().cancel(reservation.number, "its program died")
    with pytest.raises(ReservationEndedError, match="was cancelled"):
        reservation.spend(spend_of(THOUSANDTH))
    with pytest.raises(ReservationEndedError, match="was cancelled"):
        rig.ledger.cancel(reservation.number, "again")
    with pytest.raises(MisuseError, match="no reservation 99"):
        rig.ledger.cancel(99, "which?")
    reservation.close()
    assert rig.ledger.state().held == ()


@contextmanager
def failing(reservation: Reservation) -> Iterator[None]:
    """Use a reservation in a program that fails."""
    with reservation:
        yield
        raise RuntimeError


def test_an_exception_keeps_what_was_not_spent() -> None:
    rig = Rig()
    before = rig.ledger.state().left()
    assert before is not None
    reservation = rig.ledger.reserve([((), before)], "fit")
    with pytest.raises(RuntimeError), failing(reservation):
        spent = reservation.spend(spend_of(before / 3)).spend.rho
    assert rig.ledger.state().left() == before - spent


class Failing(MemoryLog):
    """Keeps nothing any more once it is told so."""

    broken = False

    def append(self, data_set: str, sequence: int, event: bytes) -> None:
        if self.broken:
            raise StoreError("the disk is full")
        super().append(data_set, sequence, event)


def test_a_store_that_fails_hides_what_went_wrong_before() -> None:
    log = Failing()
    ledger = ledger_on(log, FakeClock(), BudgetPolicy(epsilon=1.0))
    with pytest.raises(RuntimeError) as caught, failing(ledger.reserve([((), THOUSANDTH)], "fit")):
        log.broken = True
    assert "holds until it expires" in caught.value.__notes__[0]
    log.broken = False
    with pytest.raises(StoreError), ledger.reserve([((), THOUSANDTH)], "fit"):
        log.broken = True
    assert len(ledger.state().held) == 2


def test_a_spend_that_the_store_refused_is_a_charge() -> None:
    log = Failing()
    ledger = ledger_on(log, FakeClock(), BudgetPolicy(epsilon=1.0))
    reservation = ledger.reserve([((), THOUSANDTH)], "fit")
    log.broken = True
    with pytest.raises(StoreError):
        reservation.spend(spend_of(THOUSANDTH))
    assert reservation.spends == ()


def test_cells_are_spent_from_the_amount_of_other_users() -> None:
    rig = Rig()
    reservation = rig.ledger.reserve([(TRAINING, THOUSANDTH), (HELD_OUT, THOUSANDTH / 2)], "fit")
    with pytest.raises(BudgetExceededError):
        reservation.spend(spend_of(THOUSANDTH, HELD_OUT))
    with pytest.raises(BudgetExceededError):
        reservation.spend(spend_of(THOUSANDTH / 4))
    reservation.spend(spend_of(THOUSANDTH, TRAINING))
    reservation.spend(spend_of(THOUSANDTH / 2, HELD_OUT))
    assert reservation.rho == THOUSANDTH
    assert reservation.spent <= THOUSANDTH


def test_disjoint_cells_inside_everybodys_amount_add_up() -> None:
    budget = one_off_budget(1.0, 1e-6)
    for path in (TRAINING, HELD_OUT):
        budget.spend(spend_of(budget.rho, path))
    with pytest.raises(BudgetExceededError):
        budget.spend(spend_of(budget.rho / 100))
    assert budget.spent <= budget.rho


@pytest.mark.parametrize("policy", [BudgetPolicy(epsilon=1.0), BudgetPolicy()], ids=["limited", "only counted"])
def test_a_spend_brings_a_second_limit_of_a_group(policy: BudgetPolicy) -> None:
    rig = Rig(policy)
    rig.spend(THOUSANDTH, window(0))
    with pytest.raises(PrivacyParameterError, match="one limit for ever"):
        rig.ledger.reserve([(window(1, at_most=1), THOUSANDTH)], "fit")
    reservation = rig.ledger.reserve([((), THOUSANDTH)], "fit")
    with pytest.raises(PrivacyParameterError, match="one limit for ever"):
        reservation.spend(spend_of(THOUSANDTH, window(1, at_most=1)))


@pytest.mark.parametrize("rho", [Fraction(0), Fraction(-1, 3)])
def test_nothing_or_less_is_reserved(rho: Fraction) -> None:
    with pytest.raises(PrivacyParameterError, match="ρ is"):
        Rig().ledger.reserve([((), rho)], "fit")


def test_what_cannot_be_written_down_is_reserved() -> None:
    ledger = Rig().ledger
    with pytest.raises(PrivacyParameterError, match="digits"):
        ledger.reserve([((), Fraction(1, 10**1000 + 1))], "fit")
    with pytest.raises(PrivacyParameterError, match="nothing"):
        ledger.reserve([], "fit")
    for purpose in ("", "a\nb", "x" * 201):
        with pytest.raises(PrivacyParameterError, match="purpose"):
            ledger.reserve([((), THOUSANDTH)], purpose)
    assert ledger.state().sequence == 1


@pytest.mark.parametrize("ttl", [0, -1, math.nan, math.inf, 40_000 * DAY])
def test_a_reservation_holds_for_ever(ttl: float) -> None:
    with pytest.raises(PrivacyParameterError, match="cannot last"):
        Rig().ledger.reserve([((), THOUSANDTH)], "fit", ttl=ttl)


@pytest.mark.parametrize(
    ("epsilon", "delta"), [(0.0, 1e-6), (math.nan, 1e-6), (math.inf, 1e-6), (1.0, 0.0), (1.0, 1.0)]
)
def test_a_one_off_budget_promises_nothing(epsilon: float, delta: float) -> None:
    with pytest.raises(PrivacyParameterError):
        one_off_budget(epsilon, delta)


def test_a_one_off_budget_states_another_epsilon_than_was_asked_for() -> None:
    budget = one_off_budget(0.5, 1e-7)
    assert math.isclose(budget.epsilon, 0.5, rel_tol=1e-6)
    assert budget.delta == 1e-7
    assert len(budget.secret) == 32
    assert budget.secret != one_off_budget(0.5, 1e-7).secret


def test_what_was_spent_is_changed_afterwards() -> None:
    budget = one_off_budget(1.0, 1e-6)
    budget.spend(spend_of(THOUSANDTH))
    with pytest.raises(FrozenInstanceError):
        budget.spends[0].rho = Fraction(0)  # type: ignore[misc]
    with pytest.raises(AttributeError):
        budget.spends = ()  # type: ignore[misc]
    assert isinstance(budget.spends, tuple)
