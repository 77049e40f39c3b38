"""What a ledger's events add up to at one moment: immutable, and the only thing that decisions look at."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from math import inf
from typing import Literal, Self

from homespun.protocol.collection.constants import NORM_PROOF_DELTA
from homespun_server.privacy.ledger.policy import BudgetPolicy, Span
from homespun_server.privacy.spend import COLLECTED, Amount, Spend, cost, total
from homespun_server.privacy.zcdp import stated_epsilon
from homespun_server.statistics.cohort import Path

TASK_PURPOSE = "collect task "
"""How the purpose of a task's charge begins; the task's SHA-256 in hexadecimal follows."""


@dataclass(frozen=True)
class RecordedSpend:
    """A spend that happened; nothing takes it back.

    Attributes:
        charge: Its number.
        time: When, seconds since 1970 UTC.
        period: Index into the state's periods.
        reservation: Number of the reservation that it was charged to.
        purpose: What the reservation was for.
        spend: What was charged.
        released: SHA-256 of the released values; None while nobody said that noise was drawn.
    """

    charge: int
    time: int
    period: int
    reservation: int
    purpose: str
    spend: Spend
    released: str | None = None

    @property
    def task(self) -> str | None:
        """The task that was collected, its SHA-256 in hexadecimal; None: it was no task."""
        return self.purpose.removeprefix(TASK_PURPOSE) if self.spend.mechanism == COLLECTED else None


@dataclass(frozen=True)
class Pool:
    """A promised amount, and the spends that it covers: of the users of its path, or of cells inside."""

    path: Path
    rho: Fraction
    spends: tuple[Spend, ...] = ()

    def covers(self, spend: Spend) -> bool:
        """Return whether the spend's users are among the pool's and the pool has room for it."""
        depth = len(self.path)
        if spend.path[:depth] != self.path:
            return False
        return cost((each.path[depth:], each.rho) for each in (*self.spends, spend)) <= self.rho


@dataclass(frozen=True)
class Held:
    """A reservation: an amount that is held for one purpose until it ends.

    Attributes:
        number: Its number.
        time: When it was made, seconds since 1970 UTC.
        expires: From when on it holds nothing any more.
        purpose: What it is for.
        pools: What was promised, and what was spent of it.
        ended: How it was ended before it expired; None if it was not.
    """

    number: int
    time: int
    expires: int
    purpose: str
    pools: tuple[Pool, ...]
    ended: Literal["closed", "cancelled"] | None = None

    @property
    def amounts(self) -> tuple[Amount, ...]:
        """What was promised."""
        return tuple((pool.path, pool.rho) for pool in self.pools)

    def live(self, time: int) -> bool:
        """Return whether it holds its amounts at a time."""
        return self.ended is None and time < self.expires

    def spending(self, spend: Spend) -> Self | None:
        """Return the reservation after a spend; None if no pool covers it. The innermost pool is taken first."""
        order = sorted(range(len(self.pools)), key=lambda index: -len(self.pools[index].path))
        for index in order:
            pool = self.pools[index]
            if pool.covers(spend):
                after = replace(pool, spends=(*pool.spends, spend))
                return replace(self, pools=(*self.pools[:index], after, *self.pools[index + 1 :]))
        return None


@dataclass(frozen=True)
class BudgetState:
    """A data set's budget at one moment.

    Attributes:
        data_set: Its name.
        policy: The ceilings in force.
        opened: When the ledger was opened, seconds since 1970 UTC.
        time: The moment: the clock's time, or that of the last event if the clock is behind it.
        sequence: Number of events.
        head: Hash of the last event; noted elsewhere, it shows later whether events are missing at the end.
        periods: The periods in which something was recorded, and the current one last.
        spends: Everything that was ever spent, in order.
        held: The reservations that hold something.
    """

    data_set: str
    policy: BudgetPolicy
    opened: int
    time: int
    sequence: int
    head: str
    periods: tuple[Span, ...]
    spends: tuple[RecordedSpend, ...]
    held: tuple[Held, ...]

    @property
    def renews(self) -> int | None:
        """When the current period ends, seconds since 1970 UTC; None: never."""
        return self.periods[-1].end

    @property
    def current(self) -> tuple[RecordedSpend, ...]:
        """What was spent in the current period."""
        return self.spends_of(len(self.periods) - 1)

    def spends_of(self, period: int) -> tuple[RecordedSpend, ...]:
        """Return what was spent in one of ``periods``, by its index."""
        return tuple(each for each in self.spends if each.period == period)

    @property
    def spent(self) -> Fraction:
        """ρ of the current period's spends for the user who loses most."""
        return cost(each.spend for each in self.current)

    @property
    def lifetime_spent(self) -> Fraction:
        """ρ of everything that was ever spent for the user who loses most."""
        return cost(each.spend for each in self.spends)

    def used(self, *, ever: bool = False, more: Iterable[Amount] = ()) -> Fraction:
        """Return what is spent or held in the current period, for the user who loses most.

        What is held counts whole, whatever was spent of it already; so it is not counted twice.

        Args:
            ever: Of all periods instead.
            more: Amounts to count in.
        """
        holders = {each.number for each in self.held}
        spends = self.spends if ever else self.current
        free = [(each.spend.path, each.spend.rho) for each in spends if each.reservation not in holders]
        return cost([*free, *(amount for each in self.held for amount in each.amounts), *more])

    def left(self, path: Path = ()) -> Fraction | None:
        """Return the largest ρ that can still be reserved for the users of a path; None if nothing limits it.

        Args:
            path: Whose; () is everybody.
        """
        rooms = (self._room(ceiling, path, ever=ever) for ceiling, ever in self.ceilings)
        return min(rooms, default=None)

    @property
    def ceilings(self) -> tuple[tuple[Fraction, bool], ...]:
        """The ceilings there are, as ρ, and whether each is the lifetime's."""
        both = ((self.policy.ceiling, False), (self.policy.lifetime_ceiling, True))
        return tuple((ceiling, ever) for ceiling, ever in both if ceiling is not None)

    def epsilon(self, rho: Fraction, tasks: int = 0) -> float:
        """Return the ε to state for ρ, at the policy's δ; within a ceiling never more than its ε.

        Args:
            rho: zCDP.
            tasks: How many collected tasks it is the cost of. In each of them a device draws its report anew with a
                probability of ``NORM_PROOF_DELTA``, which is part of δ and not of what ceilings count, so that a
                ceiling that was just kept may be stated as passed by a hair. Infinite where they take all of δ.
        """
        policy = self.policy
        if tasks:
            delta = policy.delta - tasks * NORM_PROOF_DELTA
            return stated_epsilon(rho, delta) if delta > 0 else inf
        pairs = ((policy.epsilon, policy.ceiling), (policy.lifetime, policy.lifetime_ceiling))
        within = [
            epsilon for epsilon, ceiling in pairs if epsilon is not None and ceiling is not None and rho <= ceiling
        ]
        return min([stated_epsilon(rho, policy.delta), *within])

    def _room(self, ceiling: Fraction, path: Path, *, ever: bool) -> Fraction:
        if self.used(ever=ever) > ceiling:
            return Fraction(0)
        # Large enough for the path to be among the costliest cells: from there on, cost grows with it one to one.
        large = total([ceiling, *(amount[1] for each in self.held for amount in each.amounts)])
        large += total(each.spend.rho for each in self.spends)
        beside = self.used(ever=ever, more=[(path, large)]) - large
        return max(Fraction(0), ceiling - beside)
