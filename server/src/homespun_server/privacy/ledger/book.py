"""Replaying a ledger: from its events to its state. An event that cannot have happened ends the replay."""

from copy import copy
from dataclasses import replace
from typing import Literal

from homespun.errors import MisuseError
from homespun_server.errors import LedgerError, PrivacyParameterError
from homespun_server.privacy.ledger.events import (
    FIRST_PREVIOUS,
    RESTORE,
    Cancelled,
    Changed,
    Closed,
    Event,
    Opened,
    Released,
    Reserved,
    Spent,
    amounts_of,
    decoded,
    hash_of,
    policy_of,
    spend_of,
)
from homespun_server.privacy.ledger.policy import LATEST, BudgetPolicy, Span
from homespun_server.privacy.ledger.state import BudgetState, Held, Pool, RecordedSpend
from homespun_server.privacy.spend import check_spend


class Book:
    """The events of one data set, taken one after another."""

    def __init__(self, data_set: str) -> None:
        self._data_set = data_set
        self._sequence = 0
        self._head = FIRST_PREVIOUS
        self._opened = 0
        self._time = 0
        self._policy: BudgetPolicy | None = None
        self._periods: list[Span] = []
        self._held: dict[int, Held] = {}
        self._spends: dict[int, RecordedSpend] = {}

    @property
    def opened(self) -> bool:
        """Whether there is a ledger at all."""
        return self._policy is not None

    @property
    def policy(self) -> BudgetPolicy:
        """The policy in force.

        Raises:
            LedgerError: If no ledger was opened.
        """
        if self._policy is None:
            raise LedgerError(
                f"there is no budget ledger for the data set {self._data_set!r}; open one, or correct the name."
            )
        return self._policy

    @property
    def sequence(self) -> int:
        """Number of events."""
        return self._sequence

    @property
    def head(self) -> str:
        """Hash of the last event."""
        return self._head

    def state(self, now: int) -> BudgetState:
        """Return the state at a time, or at that of the last event if it is later.

        Raises:
            LedgerError: If no ledger was opened.
        """
        policy, time = self.policy, self.time(now)
        last = self._periods[-1]
        current = policy.span_at(last, time)
        return BudgetState(
            data_set=self._data_set,
            policy=policy,
            opened=self._opened,
            time=time,
            sequence=self._sequence,
            head=self._head,
            periods=tuple(self._periods) if current == last else (*self._periods, current),
            spends=tuple(self._spends.values()),
            held=tuple(each for each in self._held.values() if each.live(time)),
        )

    def time(self, now: int) -> int:
        """Return the time of an event that happens now: never before the last one's."""
        return max(now, self._time)

    def reservation(self, number: int) -> Held:
        """Return a reservation, ended or not.

        Raises:
            MisuseError: If there is none of that number.
        """
        if number not in self._held:
            raise MisuseError(f"the ledger of {self._data_set!r} has no reservation {number}.")
        return self._held[number]

    def copy(self) -> "Book":
        """Return another book with the same events."""
        other = copy(self)
        other._periods = [*self._periods]  # noqa: SLF001 - its own kind
        other._held = {**self._held}  # noqa: SLF001
        other._spends = {**self._spends}  # noqa: SLF001
        return other

    def add(self, data: bytes) -> None:
        """Take the next event.

        Raises:
            LedgerError: If it is damaged, does not follow the last one, or cannot have happened.
        """
        event = decoded(data)
        if (event.data_set, event.sequence, event.previous) != (self._data_set, self._sequence + 1, self._head):
            raise self._broken("it does not follow the event before: events were changed, removed or exchanged")
        if not self._time <= event.time < LATEST:
            raise self._broken("its time lies before that of the event before, or beyond all clocks")
        if self.opened == isinstance(event.what, Opened):
            raise self._broken("a ledger is opened once, and first")
        try:
            self._take(event)
        except (PrivacyParameterError, MisuseError, KeyError) as error:
            raise self._broken(f"it cannot have happened ({error})") from error
        self._sequence, self._head, self._time = event.sequence, hash_of(data), event.time

    def _broken(self, why: str) -> LedgerError:
        return LedgerError(f"event {self._sequence + 1} of the ledger of {self._data_set!r} is wrong: {why}. {RESTORE}")

    def _take(self, event: Event) -> None:
        what = event.what
        if isinstance(what, Opened):
            self._policy, self._opened = policy_of(what.policy), event.time
            self._periods.append(self._policy.span_from(event.time))
            return
        self._renew(event.time)
        match what:
            case Changed():
                self._change(policy_of(what.policy), event.time)
            case Reserved():
                self._reserve(event, what)
            case Spent():
                self._spend(event, what)
            case Released():
                self._release(what)
            case Closed():
                self._end(what.reservation, "closed", event.time)
            case Cancelled():
                self._end(what.reservation, "cancelled", event.time)

    def _renew(self, time: int) -> None:
        current = self.policy.span_at(self._periods[-1], time)
        if current != self._periods[-1]:
            self._periods.append(current)

    def _change(self, policy: BudgetPolicy, time: int) -> None:
        """Let the period go on under the new policy, together with all that the new policy's own would reach back to.

        So changing back and forth renews nothing, and what is said of a month or of ever holds for all of it.
        """
        self._policy = policy
        reaches = policy.reaches_back(time)
        while len(self._periods) > 1 and self._periods[-1].start > reaches:
            self._periods.pop()
        last = len(self._periods) - 1
        self._periods[-1] = policy.span_from(time, self._periods[-1].start)
        self._spends = {
            number: spend if spend.period <= last else replace(spend, period=last)
            for number, spend in self._spends.items()
        }

    def _reserve(self, event: Event, what: Reserved) -> None:
        pools = tuple(Pool(path, rho) for path, rho in amounts_of(what.amounts))
        self._held[event.sequence] = Held(event.sequence, event.time, what.expires, what.purpose, pools)

    def _spend(self, event: Event, what: Spent) -> None:
        spend = spend_of(what.spend)
        check_spend(spend)
        held = self._held[what.reservation]
        after = held.spending(spend)
        if after is None or not held.live(event.time):
            raise MisuseError(f"reservation {held.number} did not cover it")
        self._held[held.number] = after
        self._spends[event.sequence] = RecordedSpend(
            event.sequence, event.time, len(self._periods) - 1, held.number, held.purpose, spend
        )

    def _release(self, what: Released) -> None:
        recorded = self._spends[what.charge]
        if recorded.released is not None:
            raise MisuseError(f"charge {what.charge} was released before")
        self._spends[what.charge] = replace(recorded, released=what.digest)

    def _end(self, number: int, how: Literal["closed", "cancelled"], time: int) -> None:
        held = self._held[number]
        if not held.live(time):
            raise MisuseError(f"reservation {number} had ended before")
        self._held[number] = replace(held, ended=how)
