"""A program that uses a store and can be killed: ``driver.py PLACE ACTION [ARGUMENT]``.

It says ``ready``, waits for a line, acts, and says what came of it. Where it is to be killed it says ``now`` and
sleeps.
"""

import sys
import time
from fractions import Fraction
from typing import NoReturn

import numpy as np
from sqlalchemy import event

from homespun_server.errors import BudgetError, BudgetExceededError
from homespun_server.privacy.ledger import BudgetLedger, BudgetPolicy, Charge, Reservation
from homespun_server.privacy.mechanisms import add_discrete_gaussian
from homespun_server.store import SqlLog, Store, open_store
from tests.server.privacy.ledger.support import DIGEST, spend_of

RHO = Fraction(1, 1000)


def say(text: object) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def wait_to_be_killed(*_: object) -> NoReturn:
    say("now")
    time.sleep(600)
    raise SystemExit("nobody killed it")


def open_it(store: Store, _: str) -> None:
    try:
        BudgetLedger(SqlLog(store), "people").open(BudgetPolicy(epsilon=1.0))
    except BudgetError:
        say("refused")
    else:
        say("opened")


def spend_all(store: Store, share: str) -> None:
    """Spend a share of the ceiling, again and again, until it is refused."""
    ledger = BudgetLedger(SqlLog(store), "people")
    whole = ledger.state().policy.ceiling
    assert whole is not None
    spends = 0
    while True:
        try:
            with ledger.reserve([((), whole * Fraction(share))], "one of many") as reservation:
                charge = reservation.spend(spend_of(whole * Fraction(share)))
                charge.claim()
                charge.released(DIGEST)
                spends += 1
        except BudgetExceededError:
            # What others hold at this moment they may give back.
            if not ledger.state().held:
                break
    say(spends)


def die(store: Store, step: str) -> None:
    """Make a release and wait to be killed at a step of it."""
    engine = store._engine
    ledger = BudgetLedger(SqlLog(store), "people")
    if step == "while reserving":
        event.listen(engine, "commit", wait_to_be_killed)
    reservation = ledger.reserve([((), RHO)], "crashes")
    reached(step, "reserved")
    if step == "while spending":
        event.listen(engine, "commit", wait_to_be_killed)
    release(ledger, reservation, step)


def release(ledger: BudgetLedger, reservation: Reservation, step: str) -> None:
    charge = reservation.spend(spend_of(RHO / 2))
    reached(step, "spent")
    charge.claim()
    reached(step, "claimed")
    draw(charge, step)
    reached(step, "drawn")
    charge.released(DIGEST)
    reached(step, "released")
    reservation.close()
    raise SystemExit(f"unknown step {step}; {ledger.data_set}")


def draw(charge: Charge, step: str) -> None:
    def drawing(_done: int, _total: int) -> None:
        reached(step, "drawing")

    add_discrete_gaussian(np.zeros(50_000, np.int64), charge.spend.sigma, drawing)


def reached(wanted: str, step: str) -> None:
    if wanted == step:
        wait_to_be_killed()


def main(place: str, action: str, argument: str) -> None:
    say("ready")
    sys.stdin.readline()
    with open_store(place) as store:
        {"open": open_it, "spend": spend_all, "die": die}[action](store, argument)


if __name__ == "__main__":
    main(*sys.argv[1:])
