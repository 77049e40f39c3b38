"""The budget ledger: what every data set's users may lose, what was promised to whom, and what was spent.

Event sourced: the ledger's state is what its events say, replayed, and nothing else. Events are chained by their
hashes, so that an edit, a gap or another order is noticed. Time never goes backwards in it, and neither does a
period. Pure but for the log and the clock that it is given.

The order is reserve (before any data are read), spend (recorded), claim (once), and only then noise.
"""

from homespun_server.privacy.ledger.ledger import BudgetLedger
from homespun_server.privacy.ledger.log import EventLog, MemoryLog
from homespun_server.privacy.ledger.one_off import one_off_budget
from homespun_server.privacy.ledger.policy import BudgetPolicy
from homespun_server.privacy.ledger.reservation import Charge, Reservation
from homespun_server.privacy.ledger.state import BudgetState
from homespun_server.privacy.ledger.task_charge import TaskCharge

__all__ = [
    "BudgetLedger",
    "BudgetPolicy",
    "BudgetState",
    "Charge",
    "EventLog",
    "MemoryLog",
    "Reservation",
    "TaskCharge",
    "one_off_budget",
]
