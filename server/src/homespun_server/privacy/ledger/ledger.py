"""The ledger of one data set: opened once, changed with a reason, spent through reservations."""

import re
import time
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from fractions import Fraction

from homespun.errors import MisuseError
from homespun_server.errors import BudgetError, LedgerError, PrivacyParameterError, ReservationEndedError
from homespun_server.privacy.ledger.book import Book
from homespun_server.privacy.ledger.events import (
    Cancelled,
    Changed,
    Closed,
    Happening,
    Opened,
    Released,
    Reserved,
    Spent,
    amount_entries,
    policy_entry,
    spend_entry,
)
from homespun_server.privacy.ledger.log import EventLog
from homespun_server.privacy.ledger.policy import DAY, MAX_DAYS, BudgetPolicy
from homespun_server.privacy.ledger.recorder import Clock, Recorder
from homespun_server.privacy.ledger.reservation import Records, Reservation
from homespun_server.privacy.ledger.rules import check_live, check_reserve, check_spending
from homespun_server.privacy.ledger.state import TASK_PURPOSE, BudgetState, RecordedSpend
from homespun_server.privacy.ledger.task_charge import TaskCharge
from homespun_server.privacy.spend import Amount, Spend, check_digest, check_text, total
from homespun_server.statistics.cohort import Path

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class BudgetLedger:
    """The budget of one data set. Safe to use from several threads; any number of processes may share a log."""

    def __init__(self, log: EventLog, data_set: str, clock: Clock = time.time) -> None:
        """Use the ledger of a data set; ``open`` makes one.

        Args:
            log: Where the events are kept.
            data_set: The name under which these people's data are accounted, whatever files they come in.
            clock: Returns seconds since 1970-01-01 UTC.

        Raises:
            MisuseError: If the name is none.
        """
        if not _NAME.fullmatch(data_set):
            raise MisuseError(
                f"{data_set!r} is no name of a data set; use up to 100 letters, digits, '.', '_' and '-'."
            )
        self._log = log
        self._data_set = data_set
        self._recorder = Recorder(log, data_set, clock)

    @property
    def data_set(self) -> str:
        """The data set's name."""
        return self._data_set

    @property
    def opened(self) -> bool:
        """Whether there is a ledger for the data set yet.

        Raises:
            LedgerError: If it is damaged.
        """
        return self._recorder.opened

    @property
    def secret(self) -> bytes:
        """The data set's sampling secret, 32 bytes; it is never to be shown or stored elsewhere.

        Raises:
            LedgerError: If no ledger was opened.
        """
        return self._log.secret(self._data_set)

    def state(self) -> BudgetState:
        """Return the state now.

        Raises:
            LedgerError: If no ledger was opened, or it is damaged.
        """
        return self._recorder.state()

    def check_head(self, head: str) -> None:
        """Refuse a ledger that lacks an event which was seen before: an older copy of it was put back.

        Args:
            head: The hash of an event, as ``BudgetState.head`` had it when it was noted elsewhere.

        Raises:
            LedgerError: If no event has this hash, no ledger was opened, or it is damaged.
        """
        if head not in self._recorder.hashes:
            raise LedgerError(
                f"the ledger of {self._data_set!r} has no event {head}, which it had when that was noted. An older "
                "copy was put back, or another ledger: what was spent since is missing. Take the latest copy; until "
                "then nothing may be spent."
            )

    def open(self, policy: BudgetPolicy) -> None:
        """Open the data set's ledger.

        Raises:
            BudgetError: If it is open already; its policy is changed with a reason instead.
        """

        def decide(book: Book, _: int) -> Happening:
            if book.opened:
                raise BudgetError(
                    f"the data set {self._data_set!r} has a budget ledger already. It was left alone; change its "
                    "policy, with a reason, or take another name for other people's data."
                )
            return Opened(policy=policy_entry(policy))

        self._recorder.record(decide)

    def change(self, policy: BudgetPolicy, reason: str) -> None:
        """Replace the policy from now on. What was spent stays spent, and the period goes on.

        Raises:
            LedgerError: If no ledger was opened, or it is damaged.
            PrivacyParameterError: If there is no reason.
        """
        check_text("the reason", reason)

        def decide(book: Book, now: int) -> Happening:
            book.state(now)
            return Changed(policy=policy_entry(policy), reason=reason)

        self._recorder.record(decide)

    def reserve(self, amounts: Iterable[Amount], purpose: str, ttl: float = DAY) -> Reservation:
        """Hold amounts, before any data are read.

        Args:
            amounts: Pairs of a path and the ρ that its users may lose.
            purpose: What for, in a few words.
            ttl: Seconds after which it is given back even if nobody closes it.

        Raises:
            BudgetExceededError: If a ceiling does not allow it; nothing is held.
            LedgerError: If no ledger was opened, or it is damaged.
            PrivacyParameterError: If what is asked for means nothing.
        """
        if not 0 < ttl <= MAX_DAYS * DAY:
            raise PrivacyParameterError(f"a reservation cannot last {ttl} seconds; choose up to {MAX_DAYS} days.")
        wanted = _merged(amounts)

        def decide(book: Book, now: int) -> Happening:
            state = book.state(now)
            check_reserve(state, wanted, purpose)
            expires = state.time + max(1, int(ttl))
            return Reserved(amounts=amount_entries(wanted), purpose=purpose, expires=expires)

        event, book = self._recorder.record(decide)
        records = Records(self._spend, self._released, self._close, lambda: self.secret)
        return Reservation(book.reservation(event.sequence), book.policy.delta, records)

    def charge_task(self, task: str, spend: Spend) -> TaskCharge:
        """Charge the collection of a task once, whoever asks and however often; before the leader is asked.

        A collector that was killed goes on with the charge that is there: leader and helper drew their noise once and
        give the same sums to whoever asks again, so one charge pays for one set of numbers.

        Args:
            task: The task's SHA-256, lower-case hexadecimal.
            spend: What one aggregator's noise costs, by the mechanism ``COLLECTED``.

        Raises:
            BudgetError: If the task was charged as something else, or the ledger counts users.
            BudgetExceededError: If a ceiling does not allow it; nothing is charged.
            LedgerError: If no ledger was opened, or it is damaged.
            PrivacyParameterError: If the task is none, or the charge is not what it costs.
        """
        check_digest(task)
        found = self._charged(task)
        if found is None:
            self._charge(TASK_PURPOSE + task, spend)
            found = self._charged(task)
        if found is None or found.spend != spend:
            raise BudgetError(
                f"the ledger of {self._data_set!r} knows task {task} as something else than {spend.statistic} with "
                f"σ = {spend.sigma}. Nothing was asked for; take the task that was published."
            )
        return TaskCharge(found, self._released)

    def _charged(self, task: str) -> RecordedSpend | None:
        return next((each for each in self.state().spends if each.task == task), None)

    def _charge(self, purpose: str, spend: Spend) -> None:
        for held in self.state().held:
            if held.purpose == purpose:
                with suppress(ReservationEndedError):
                    self.cancel(held.number, "the collector that held it was ended")
        with self.reserve([(spend.path, spend.rho)], purpose) as reservation:
            reservation.spend(spend).claim()

    def cancel(self, reservation: int, reason: str) -> None:
        """End a reservation whose holder is gone. What was spent from it stays spent.

        Args:
            reservation: Its number.
            reason: Why.

        Raises:
            LedgerError: If no ledger was opened, or it is damaged.
            MisuseError: If there is no such reservation.
            PrivacyParameterError: If there is no reason.
            ReservationEndedError: If it has ended.
        """
        check_text("the reason", reason)

        def decide(book: Book, now: int) -> Happening:
            check_live(book.state(now), book.reservation(reservation))
            return Cancelled(reservation=reservation, reason=reason)

        self._recorder.record(decide)

    def _spend(self, reservation: int, spend: Spend) -> int:
        def decide(book: Book, now: int) -> Happening:
            check_spending(book.state(now), book.reservation(reservation), spend)
            return Spent(reservation=reservation, spend=spend_entry(spend))

        return self._recorder.record(decide)[0].sequence

    def _released(self, charge: int, digest: str) -> None:
        check_digest(digest)

        def decide(_book: Book, _now: int) -> Happening:
            return Released(charge=charge, digest=digest)

        self._recorder.record(decide)

    def _close(self, reservation: int) -> None:
        def decide(book: Book, now: int) -> Happening:
            check_live(book.state(now), book.reservation(reservation))
            return Closed(reservation=reservation)

        with suppress(ReservationEndedError):
            self._recorder.record(decide)


def _merged(amounts: Iterable[Amount]) -> tuple[Amount, ...]:
    by_path: dict[Path, list[Fraction]] = defaultdict(list)
    for path, rho in amounts:
        by_path[path].append(rho)
    return tuple((path, total(parts)) for path, parts in by_path.items())
