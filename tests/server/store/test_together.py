"""What programs and threads that use one store at once could do to each other."""

import threading
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import pytest

from homespun_server.errors import BudgetError, BudgetExceededError
from homespun_server.privacy.ledger import BudgetLedger, BudgetPolicy
from homespun_server.store import SqlLog, open_store
from tests.server.privacy.ledger.support import DIGEST, ceiling, spend_of
from tests.server.store.programs import together

POLICY = BudgetPolicy(epsilon=1.0, period="once", lifetime=1.5)
WHOLE = ceiling(POLICY)


def test_programs_that_open_one_data_set_at_once_make_two_ledgers(place: str) -> None:
    answers = together(place, "open", [""] * 3)
    assert sorted(answers) == ["opened", "refused", "refused"]
    with open_store(place, create=False) as store:
        ledger = BudgetLedger(SqlLog(store), "people")
        assert ledger.state().sequence == 1
        assert len(ledger.secret) == 32


def test_programs_spend_more_together_than_the_ceiling(place: str) -> None:
    with open_store(place) as store:
        BudgetLedger(SqlLog(store), "people").open(POLICY)
    counts = together(place, "spend", ["1/13", "1/19", "1/17"])
    with open_store(place, create=False) as store:
        state = BudgetLedger(SqlLog(store), "people").state()
    assert state.held == ()
    assert WHOLE * 18 / 20 < state.spent <= WHOLE
    assert len(state.spends) == sum(map(int, counts))
    assert all(each.released == DIGEST for each in state.spends)


@pytest.mark.parametrize("shared", [True, False], ids=["one ledger", "a ledger each"])
def test_threads_spend_more_together_than_the_ceiling(place: str, shared: bool) -> None:  # noqa: FBT001
    threads, begun = 6, threading.Barrier(6)
    with open_store(place) as store:
        common = BudgetLedger(SqlLog(store), "people")
        common.open(POLICY)

        def spend(_: int) -> Fraction:
            ledger = common if shared else BudgetLedger(SqlLog(store), "people")
            spent = Fraction(0)
            begun.wait()
            for _ in range(4):
                try:
                    with ledger.reserve([((), WHOLE / 8)], "one of many") as reservation:
                        spent += reservation.spend(spend_of(WHOLE / 8)).spend.rho
                except BudgetExceededError:
                    continue
            return spent

        with ThreadPoolExecutor(threads) as pool:
            spent = sum(pool.map(spend, range(threads)), Fraction(0))
        state = BudgetLedger(SqlLog(store), "people").state()
    assert spent == state.spent
    assert WHOLE * 5 / 8 < spent <= WHOLE


def test_threads_that_open_one_data_set_at_once_make_two_secrets(place: str) -> None:
    begun = threading.Barrier(4)
    with open_store(place) as store:

        def open_one(_: int) -> bool:
            begun.wait()
            try:
                BudgetLedger(SqlLog(store), "people").open(POLICY)
            except BudgetError:
                return False
            return True

        with ThreadPoolExecutor(4) as pool:
            assert sum(pool.map(open_one, range(4))) == 1
        assert SqlLog(store).data_sets() == ["people"]
