"""Reservations and charges: the two objects through which a budget is spent.

A ``Reservation`` holds its amounts from before data are read until it is left; a crash leaves it holding them
until it expires or is cancelled. A ``Charge`` allows one release: it is claimed once, in the process that was
charged, before noise is drawn. It is nowhere but in that process, so a crash after a spend costs the spend, and
never allows a second release.
"""

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from types import TracebackType
from typing import Self

from homespun.errors import HomespunError, MisuseError
from homespun_server.privacy.ledger.state import Held
from homespun_server.privacy.spend import Spend, cost, total
from homespun_server.privacy.zcdp import stated_epsilon
from homespun_server.statistics.cohort import Path


@dataclass(frozen=True)
class Records:
    """What a reservation asks of its ledger.

    Attributes:
        spend: Records a spend of a reservation and returns its charge's number.
        released: Records the digest of what a charge released.
        close: Gives back what a reservation did not spend.
        secret: Returns the data set's sampling secret.
    """

    spend: Callable[[int, Spend], int]
    released: Callable[[int, str], None]
    close: Callable[[int], None]
    secret: Callable[[], bytes]


class Charge:
    """One recorded spend, good for one release."""

    def __init__(self, number: int, spend: Spend, record: Callable[[int, str], None]) -> None:
        self.number = number
        self.spend = spend
        self._record = record
        self._process = os.getpid()
        # Locks that are taken and never given back: a copy of the charge shares them, and cannot be claimed again.
        self._unclaimed = threading.Lock()
        self._unreleased = threading.Lock()

    def claim(self) -> None:
        """Take the right to draw the noise.

        Raises:
            MisuseError: If it was taken before, or by another process.
        """
        # A forked process has a lock of its own, which nobody took.
        if os.getpid() != self._process or not self._unclaimed.acquire(blocking=False):
            raise MisuseError(
                f"charge {self.number} was claimed already, or in another process. A charge is good for one release; "
                "spend again for another one."
            )

    def released(self, digest: str) -> None:
        """Record what was released.

        Args:
            digest: SHA-256 of the released values, lower-case hexadecimal.

        Raises:
            MisuseError: If the charge was not claimed, or this was recorded before.
            PrivacyParameterError: If the digest is none.
        """
        if not self._unclaimed.locked() or not self._unreleased.acquire(blocking=False):
            raise MisuseError(f"charge {self.number} was not claimed, or its release was recorded before.")
        self._record(self.number, digest)


class Reservation:
    """Amounts of one data set's budget, held for one purpose. A context manager; leaving it closes it.

    Attributes:
        number: Its number in the ledger.
        purpose: What it is for.
        amounts: What was promised: ρ by path.
        delta: δ of the (ε, δ) to state.
        expires: From when on it holds nothing any more, seconds since 1970 UTC.
    """

    def __init__(self, held: Held, delta: float, records: Records) -> None:
        """Do not construct it; ``BudgetLedger.reserve`` does."""
        self.number = held.number
        self.purpose = held.purpose
        self.amounts = held.amounts
        self.delta = delta
        self.expires = held.expires
        self._records = records
        self._spends: list[Spend] = []
        self._closed = False

    @property
    def rho(self) -> Fraction:
        """What was promised, for the user who loses most."""
        return cost(self.amounts)

    @property
    def epsilon(self) -> float:
        """What was promised, as ε at ``delta``."""
        return stated_epsilon(self.rho, self.delta)

    @property
    def spends(self) -> tuple[Spend, ...]:
        """What was spent through this object, in order."""
        return tuple(self._spends)

    @property
    def spent(self) -> Fraction:
        """ρ of ``spends`` for the user who loses most."""
        return cost(self._spends)

    def left(self, path: Path) -> Fraction:
        """Return the largest ρ that can still be spent on the users of a path, as far as the reservation goes.

        What was promised to them, or to those around them, covers it: the innermost such amount, less what the
        user who loses most has lost of it.
        """
        promised = [(len(around), rho) for around, rho in self.amounts if path[: len(around)] == around]
        if not promised:
            return Fraction(0)
        depth, rho = max(promised)
        spent = [(each.path[depth:], each.rho) for each in self._spends if each.path[:depth] == path[:depth]]
        # Large enough for the path to be among the costliest cells: from there on, cost grows with it one to one.
        large = total([rho, *(amount for _, amount in spent)])
        beside = cost([*spent, (path[depth:], large)]) - large
        return max(Fraction(0), rho - beside)

    @property
    def secret(self) -> bytes:
        """The data set's sampling secret, 32 bytes; it is never to be shown or stored elsewhere."""
        return self._records.secret()

    def spend(self, spend: Spend) -> Charge:
        """Charge a release, for good, before its noise is drawn.

        Raises:
            BudgetExceededError: If the reservation or a ceiling does not allow it; nothing is charged.
            PrivacyParameterError: If the mechanism is unknown or the charge is not what it costs.
            ReservationEndedError: If the reservation was closed or cancelled, or has expired.
        """
        number = self._records.spend(self.number, spend)
        self._spends.append(spend)
        return Charge(number, spend, self._records.released)

    def close(self) -> None:
        """Give back what was not spent. Closing twice, or after the reservation has ended, does nothing."""
        if not self._closed:
            self._records.close(self.number)
            self._closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        except HomespunError as failure:
            if error is None:
                raise
            # What went wrong first matters more; the reservation expires by itself.
            error.add_note(
                f"Besides, reservation {self.number} could not be closed; it holds until it expires: {failure}"
            )
