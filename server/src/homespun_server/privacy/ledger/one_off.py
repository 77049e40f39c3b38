"""A budget that nobody keeps: for one fit on its own, whose loss is not added to any other's."""

from fractions import Fraction

from homespun_server.privacy.ledger.ledger import BudgetLedger
from homespun_server.privacy.ledger.log import MemoryLog
from homespun_server.privacy.ledger.policy import BudgetPolicy
from homespun_server.privacy.ledger.reservation import Reservation
from homespun_server.privacy.zcdp import rho_for


def one_off_budget(epsilon: float, delta: float) -> Reservation:
    """Return a reservation of all of a fresh (ε, δ) per user. It never expires and is gone with the process.

    Raises:
        PrivacyParameterError: If the parameters promise nothing.
    """
    # No time passes for it, so nothing about it can expire.
    ledger = BudgetLedger(MemoryLog(), "one-off", clock=lambda: 0.0)
    ledger.open(BudgetPolicy(epsilon=epsilon, delta=delta, period="once"))
    return ledger.reserve([((), Fraction(rho_for(epsilon, delta)))], "one fit")
