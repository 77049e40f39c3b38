"""Which budget a fit is charged to: a ledger that the operator keeps, or one beside the fit's results."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from homespun_server.errors import LedgerError, OutputError
from homespun_server.privacy.ledger import BudgetLedger, BudgetPolicy, Reservation
from homespun_server.privacy.ledger.report import BudgetSoFar, budget_so_far
from homespun_server.privacy.spend import Amount
from homespun_server.privacy.zcdp import DEFAULT_DELTA, rho_for
from homespun_server.statistics.cohort import Cohort
from homespun_server.store import SqlLog, open_store

BUDGET_FILE = "budget.sqlite"
"""The ledger beside a fit's results, which only counts."""

DATA_SET = "default"
"""The name of the people's data there."""


@dataclass(frozen=True)
class Account:
    """A ledger that the operator opened, and keeps for everything that uses the same people's data.

    Attributes:
        store: A SQLite file, or ``postgresql://…``.
        data_set: The name of these people's data.
    """

    store: str | Path
    data_set: str


@dataclass(frozen=True)
class Wanted:
    """What a fit wants to spend.

    Attributes:
        epsilon: ε per training user.
        delta: δ; None: the ledger's.
        metrics: ε per user kept aside, for the metrics on the card; None: no metrics on the card.
        test_share: Share of users kept aside.
    """

    epsilon: float
    delta: float | None
    metrics: float | None
    test_share: float

    def __post_init__(self) -> None:
        """Refuse what promises nothing, before a file is made or read."""
        self.amounts(DEFAULT_DELTA if self.delta is None else self.delta)

    def amounts(self, delta: float) -> list[Amount]:
        """Return ρ by path; a user is in training or kept aside, never both."""
        amounts = [(Cohort.training(self.test_share).path, Fraction(rho_for(self.epsilon, delta)))]
        if self.metrics is not None:
            amounts.append((Cohort.held_out(self.test_share).path, Fraction(rho_for(self.metrics, delta))))
        return amounts


@dataclass(frozen=True)
class Granted:
    """A budget that was granted, what was wanted, and the ledger that it comes from."""

    reservation: Reservation
    wanted: Wanted
    ledger: BudgetLedger

    def so_far(self) -> BudgetSoFar:
        """Return what the users of the data set have lost."""
        return budget_so_far(self.ledger.state())


@contextmanager
def open_ledger(store: str | Path, data_set: str, *, create: bool = False) -> Iterator[BudgetLedger]:
    """Open the budget ledger of a data set in a store, while the context lasts.

    Args:
        store: A SQLite file, or ``postgresql://…``.
        data_set: The name of these people's data.
        create: Make the store if there is none.

    Raises:
        StoreError: If the store cannot be opened.
    """
    with open_store(store, create=create) as opened:
        yield BudgetLedger(SqlLog(opened), data_set)


@contextmanager
def granted(wanted: Wanted, account: Account | None, folder: Path, purpose: str) -> Iterator[Granted]:
    """Reserve what a fit wants before it reads any data; what it does not spend is given back.

    Args:
        wanted: What it wants.
        account: The operator's ledger; None: the one in ``folder``, which is made if there is none, and only counts.
        folder: The fit's results.
        purpose: What for; stands in the ledger.

    Raises:
        BudgetExceededError: If the ledger does not allow it.
        LedgerError: If the operator's ledger was not opened, or a ledger is damaged.
        OutputError: If ``folder`` cannot be made.
        PrivacyParameterError: If what is wanted promises nothing.
        StoreError: If the store cannot be opened.
    """
    if account is None:
        _make(folder)
    own = Account(folder / BUDGET_FILE, DATA_SET)
    place = account or own
    with open_ledger(place.store, place.data_set, create=account is None) as ledger:
        if account is None:
            keep_counting(ledger, wanted.delta)
        policy = ledger.state().policy
        check_delta(ledger, policy, wanted.delta)
        with ledger.reserve(wanted.amounts(policy.delta), purpose) as reservation:
            yield Granted(reservation, wanted, ledger)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be made: {error}. Choose another folder. Nothing was read or spent."
        ) from error


def check_delta(ledger: BudgetLedger, policy: BudgetPolicy, delta: float | None) -> None:
    """Refuse another δ than the ledger's.

    Raises:
        LedgerError: Naming both.
    """
    if delta not in (None, policy.delta):
        raise LedgerError(
            f"the ledger of {ledger.data_set!r} states every ε at δ = {policy.delta:g}, and this fit asks for "
            f"δ = {delta:g}. Leave δ out, or change the ledger's policy. Nothing was read or spent."
        )


def keep_counting(ledger: BudgetLedger, delta: float | None) -> None:
    """Open the ledger beside the results if it is not, with no ceiling, at the δ that a fit named last."""
    if not ledger.opened:
        ledger.open(BudgetPolicy(delta=DEFAULT_DELTA if delta is None else delta))
    policy = ledger.state().policy
    if delta is not None and delta != policy.delta:
        ledger.change(replace(policy, delta=delta), "the δ of the latest fit")
