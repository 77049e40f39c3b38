"""What fits leave in a budget ledger."""

from pathlib import Path

from homespun_server import Account, open_ledger
from homespun_server.accounts import BUDGET_FILE, DATA_SET
from homespun_server.privacy.ledger import BudgetState

RELEASES = ["item-counts", "item-pairs"]
"""What a fit releases, in this order, where nobody says otherwise."""


def account_beside(out: Path) -> Account:
    """Return the ledger that a fit keeps beside its results."""
    return Account(out / BUDGET_FILE, DATA_SET)


def state_of(account: Account) -> BudgetState:
    with open_ledger(account.store, account.data_set) as ledger:
        return ledger.state()


def check_nothing_is_lost(account: Account) -> None:
    """Check that nothing was spent and nothing is held."""
    state = state_of(account)
    assert (state.spends, state.held) == ((), ())
