"""A program dies at any step of a release: what it spent stays spent, and nothing is released twice or locked."""

from dataclasses import replace
from fractions import Fraction

import pytest

from homespun_server.errors import ReservationEndedError
from homespun_server.privacy.ledger import BudgetLedger, BudgetPolicy, BudgetState
from homespun_server.store import SqlLog, open_store
from tests.server.privacy.ledger.support import DIGEST, spend_of
from tests.server.store.driver import RHO
from tests.server.store.programs import begin, killed, program

POLICY = BudgetPolicy(epsilon=1.0, period="once", lifetime=3.0)
SPENT = spend_of(RHO / 2).rho


def state_of(place: str) -> BudgetState:
    with open_store(place, create=False) as store:
        return BudgetLedger(SqlLog(store), "people").state()


@pytest.fixture
def opened(place: str) -> str:
    with open_store(place) as store:
        BudgetLedger(SqlLog(store), "people").open(POLICY)
    return place


def check_it_goes_on(place: str, spent: Fraction) -> None:
    """The reservation that nobody holds any more can be cancelled, and all that was not spent be spent."""
    with open_store(place, create=False) as store:
        ledger = BudgetLedger(SqlLog(store), "people")
        (dangling,) = ledger.state().held
        ledger.cancel(dangling.number, "its program was killed")
        with pytest.raises(ReservationEndedError):
            ledger.cancel(dangling.number, "once more")
        whole = POLICY.ceiling
        assert whole is not None
        assert ledger.state().left() == whole - spent
        with ledger.reserve([((), whole - spent)], "the rest") as reservation:
            charge = reservation.spend(spend_of(whole - spent))
            charge.claim()
            charge.released(DIGEST)
        state = ledger.state()
    assert whole * 99 / 100 < state.spent == spent + charge.spend.rho <= whole
    # By the clock, it may be a second later.
    assert replace(state_of(place), time=state.time) == state


@pytest.mark.parametrize("step", ["reserved", "while spending"])
def test_a_program_that_spent_nothing_is_charged(opened: str, step: str) -> None:
    killed(opened, step)
    state = state_of(opened)
    assert state.spends == ()
    assert state.used() == RHO
    check_it_goes_on(opened, Fraction(0))


@pytest.mark.parametrize(
    ("place", "step"),
    # To the store they are all the same, so one of them is enough there.
    [("sqlite", "spent"), ("sqlite", "claimed"), ("sqlite", "drawing"), ("sqlite", "drawn"), ("postgresql", "drawn")],
    indirect=["place"],
)
def test_a_spend_is_forgotten_or_released_later(opened: str, step: str) -> None:
    killed(opened, step)
    state = state_of(opened)
    assert [(each.spend.rho, each.released) for each in state.spends] == [(SPENT, None)]
    assert state.used() == RHO
    assert state.lifetime_spent == SPENT
    check_it_goes_on(opened, SPENT)
    # Nothing but a new charge allows another release, and the old one stays without.
    assert [each.released for each in state_of(opened).spends] == [None, DIGEST]


def test_what_was_released_is_forgotten(opened: str) -> None:
    killed(opened, "released")
    assert [each.released for each in state_of(opened).spends] == [DIGEST]
    check_it_goes_on(opened, SPENT)


def test_a_program_killed_while_reserving_holds_something_or_locks_the_store(opened: str) -> None:
    before = state_of(opened)
    killed(opened, "while reserving")
    after = state_of(opened)
    assert (after.sequence, after.head, after.held, after.spends) == (before.sequence, before.head, (), ())


def test_a_program_killed_while_it_makes_the_store_leaves_half_of_one(place: str) -> None:
    with program(place, "open") as process:
        begin(process)
        process.kill()
        process.wait()
    with open_store(place) as store:
        ledger = BudgetLedger(SqlLog(store), "people")
        if not SqlLog(store).data_sets():
            ledger.open(POLICY)
        assert ledger.state().sequence == 1
        assert len(ledger.secret) == 32
