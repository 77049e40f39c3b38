"""Releases: the only form in which a sum over users leaves the statistics layer.

A ``Release`` can be made in four ways, all here: with noise that a budget was charged for first; from a task that was
collected, whose noise leader and helper added before anything was revealed; from kept numbers that a ledger recorded
as released; or without noise, marked non-private together with everything that is ever derived from it. Training
accepts releases and nothing else, and does not look at which of the ways it was.
"""

import hashlib
import math
from dataclasses import InitVar, dataclass, field
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from homespun.errors import MisuseError
from homespun.protocol.statistics.declaration import Statistic
from homespun_server.errors import ReleaseFileError
from homespun_server.privacy.ledger import Reservation, TaskCharge
from homespun_server.privacy.ledger.state import RecordedSpend
from homespun_server.privacy.mechanisms import Progress, add_discrete_gaussian
from homespun_server.privacy.spend import COLLECTED, MECHANISM, Spend
from homespun_server.privacy.zcdp import gaussian_rho, sigma_for
from homespun_server.statistics.cohort import Path, mark_of
from homespun_server.statistics.sums import UserSum

_MADE_HERE = object()


@dataclass(frozen=True)
class Release:
    """A released sum over users; build it with ``release``, ``collected``, ``restored`` or ``release_without_privacy``.

    Attributes:
        statistic: The declaration.
        values: int64, read-only, in grid steps.
        sigma: Noise parameter in grid steps; 0 without noise.
        rho: zCDP that was charged; None: no guarantee at all.
        path: Whose data were summed.
        mark: Tells the data set from every other: the cells of ``path`` are divisions of its users alone.
        task: The task that it was collected by, its SHA-256 in hexadecimal: then the unit is the installation, once
            per task, and ``rho`` is what one aggregator's noise costs, while ``sigma`` is that of both. None: a sum
            over a table, and the unit is the user.
    """

    statistic: Statistic
    values: NDArray[np.int64] = field(repr=False)
    sigma: int
    rho: Fraction | None
    path: Path
    mark: bytes = field(repr=False)
    task: str | None = None
    made_here: InitVar[object] = None

    def __post_init__(self, made_here: object) -> None:
        """Refuse construction elsewhere, so that a raw sum cannot be dressed up as a release."""
        if made_here is not _MADE_HERE:
            raise MisuseError(
                "a Release is made by release(), collected(), restored() or release_without_privacy(), never directly."
            )
        self.values.setflags(write=False)

    @property
    def private(self) -> bool:
        """Whether noise was added and accounted for."""
        return self.rho is not None

    @property
    def reals(self) -> NDArray[np.float64]:
        """The values in their real unit: float64 of the same shape."""
        return self.values / self.statistic.grid

    @property
    def noise(self) -> float:
        """Standard deviation of the noise in the real unit; 0 without noise."""
        return self.sigma / self.statistic.grid


def release(total: UserSum, *, rho: Fraction, budget: Reservation, progress: Progress | None = None) -> Release:
    """Charge the budget, then add discrete Gaussian noise that costs at most ρ.

    The charge is recorded for good before noise is drawn, and the digest of what was released after it.

    Args:
        total: The exact sum.
        rho: The most that it may cost.
        budget: Where it is charged.
        progress: Called after each chunk of noise.

    Raises:
        BudgetExceededError: If the budget does not allow it; no noise is drawn and nothing is released.
        MisuseError: If people's windows were chosen by another secret than the data set's, or the sum and the noise
            could wrap; nothing is charged or released.
        ReservationEndedError: If the reservation was closed or cancelled, or has expired; likewise.
    """
    statistic = total.statistic
    _check_windows(total, budget)
    sigma = sigma_for(statistic.l2_bound, rho)
    statistic.check_capacity(sigma)
    spend = Spend(
        statistic=statistic.name,
        mechanism=MECHANISM,
        l2_bound=statistic.l2_bound,
        sigma=sigma,
        rho=gaussian_rho(statistic.l2_bound, sigma),
        declaration=statistic.digest,
        path=total.cohort.path,
    )
    charge = budget.spend(spend)
    charge.claim()
    noised = add_discrete_gaussian(total.values, sigma, progress)
    charge.released(digest_of(noised))
    return Release(statistic, noised, sigma, spend.rho, spend.path, mark_of(budget.secret), made_here=_MADE_HERE)


def task_spend(statistic: Statistic, sigma: int) -> Spend:
    """Return what the collection of a task costs while one of leader and helper is honest.

    Args:
        statistic: What is summed.
        sigma: Parameter of the noise that each of them adds, in grid steps.
    """
    return Spend(
        statistic=statistic.name,
        mechanism=COLLECTED,
        l2_bound=statistic.l2_bound,
        sigma=sigma,
        rho=gaussian_rho(statistic.l2_bound, sigma),
        declaration=statistic.digest,
    )


def sigma_of_both(sigma: int) -> int:
    """Return √2·σ, rounded up: the noise in a sum to which two parties added noise of σ each."""
    return math.isqrt(2 * sigma * sigma - 1) + 1


def collected(charge: TaskCharge, statistic: Statistic, values: NDArray[np.int64], mark: bytes) -> Release:
    """Return what a task's leader and helper revealed, with the noise that they added, as a release.

    The charge was recorded before they were asked. The digest of the numbers is recorded now; whoever was killed in
    between asks again and comes here with the same numbers.

    Args:
        charge: The task's, from ``BudgetLedger.charge_task`` with ``task_spend``.
        statistic: The declaration.
        values: int64 of shape [size], grid steps: the sum of both noised shares, centred.
        mark: The data set's.

    Raises:
        BudgetError: If the task released other numbers before.
        MisuseError: If the charge is of another statistic, or the numbers are not its.
    """
    spend = charge.spend
    if spend.declaration != statistic.digest or values.dtype != np.int64 or values.shape != (statistic.size,):
        raise MisuseError(
            f"these are not {statistic.size} numbers of the statistic that was charged; they were not kept."
        )
    charge.released(digest_of(values))
    sigma = sigma_of_both(spend.sigma)
    return Release(statistic, values.copy(), sigma, spend.rho, spend.path, mark, charge.task, made_here=_MADE_HERE)


def restored(recorded: RecordedSpend, statistic: Statistic, values: NDArray[np.int64], mark: bytes) -> Release:
    """Return a release again, from its numbers and the ledger's record of it.

    Args:
        recorded: The ledger's record.
        statistic: The declaration.
        values: int64 of shape [n], the released numbers.
        mark: The data set's.

    Raises:
        ReleaseFileError: If the declaration or the numbers are not what was released.
    """
    spend = recorded.spend
    if recorded.released != digest_of(values) or spend.declaration != statistic.digest:
        raise ReleaseFileError(
            f"these are not the numbers or the declaration that charge {recorded.charge} released. Nothing was used."
        )
    sigma = spend.sigma if recorded.task is None else sigma_of_both(spend.sigma)
    return Release(statistic, values.copy(), sigma, spend.rho, spend.path, mark, recorded.task, made_here=_MADE_HERE)


def _check_windows(total: UserSum, budget: Reservation) -> None:
    """Refuse a sum over windows that a secret other than the budget's chose: its limit would hold for nobody."""
    if total.cohort.by_secret and total.mark != mark_of(budget.secret):
        raise MisuseError(
            f"{total.statistic.name} was summed over people whose windows another secret chose than that of the "
            "budget's data set, so one person could be in more windows than are charged. Nothing was charged or "
            "released; make the Population with the ledger's secret."
        )


def digest_of(values: NDArray[np.int64]) -> str:
    """Return the SHA-256 of released values as little-endian 64-bit integers, lower-case hexadecimal."""
    return hashlib.sha256(values.astype("<i8").tobytes()).hexdigest()


def release_without_privacy(total: UserSum) -> Release:
    """Hand out the exact sum, marked non-private: for experiments, never for people's data in production."""
    return Release(total.statistic, total.values.copy(), 0, None, total.cohort.path, b"", made_here=_MADE_HERE)
