"""Ledgers, spends and a clock to test with."""

from collections.abc import Callable
from fractions import Fraction

from homespun.testing import FakeClock
from homespun_server.privacy.ledger import BudgetLedger, BudgetPolicy, EventLog, MemoryLog
from homespun_server.privacy.spend import Spend
from homespun_server.privacy.zcdp import gaussian_rho, sigma_for
from homespun_server.statistics.cohort import Membership, Path

DAY = 86_400
MARCH_10 = 1_741_564_800.0
"""2025-03-10 00:00 UTC."""
APRIL_1 = 1_743_465_600.0
MAY_1 = 1_746_057_600.0

DIGEST = "ab" * 32
BOUND = 8192

TRAINING: Path = (Membership("split:1", "training", 1),)
HELD_OUT: Path = (Membership("split:1", "held-out", 1),)


def window(number: int, at_most: int = 2, group: str = "windows:2025/4") -> Path:
    return (Membership(group, str(number), at_most),)


def spend_of(rho: Fraction, path: Path = (), name: str = "item-counts") -> Spend:
    """Return the spend of a release that costs at most so much."""
    sigma = sigma_for(BOUND, rho)
    return Spend(
        statistic=name,
        mechanism="discrete-gaussian",
        l2_bound=BOUND,
        sigma=sigma,
        rho=gaussian_rho(BOUND, sigma),
        declaration=DIGEST,
        path=path,
    )


def ledger_on(log: EventLog, clock: Callable[[], float], policy: BudgetPolicy | None = None) -> BudgetLedger:
    """Return a ledger of the data set ``people``, opened if a policy is given."""
    ledger = BudgetLedger(log, "people", clock)
    if policy is not None:
        ledger.open(policy)
    return ledger


class Rig:
    """A ledger in memory with a clock that can be moved, and its log."""

    def __init__(self, policy: BudgetPolicy | None = None, now: float = MARCH_10) -> None:
        self.clock = FakeClock(now)
        self.log = MemoryLog()
        self.ledger = ledger_on(self.log, self.clock, policy or BudgetPolicy(epsilon=1.0))

    def reopened(self) -> BudgetLedger:
        """Return what another program sees: nothing but the log."""
        return ledger_on(self.log, self.clock)

    def at(self, now: float) -> None:
        self.clock.advance(now - self.clock())

    def spend(self, rho: Fraction, path: Path = ()) -> Spend:
        """Reserve and spend so much."""
        spend = spend_of(rho, path)
        with self.ledger.reserve([(path, spend.rho)], "test") as reservation:
            reservation.spend(spend).claim()
        return spend


def ceiling(policy: BudgetPolicy) -> Fraction:
    assert policy.ceiling is not None
    return policy.ceiling
