"""Whatever programs, crashes, clocks and operators do, a ledger is like a model of it in plain Python.

The model knows nothing of costs: it lists every kind of user there is and adds up what each one of them lost.
"""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from fractions import Fraction

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from homespun.testing import FakeClock
from homespun_server.errors import BudgetExceededError, ReservationEndedError
from homespun_server.privacy.ledger import BudgetLedger, BudgetPolicy, MemoryLog, Reservation
from homespun_server.privacy.spend import Spend
from homespun_server.statistics.cohort import Path
from tests.server.privacy.ledger.support import DAY, DIGEST, HELD_OUT, MARCH_10, TRAINING, ledger_on, spend_of, window

POLICIES = (
    BudgetPolicy(epsilon=1.0, lifetime=3.0),
    BudgetPolicy(epsilon=0.5, period=7, lifetime=3.0),
    BudgetPolicy(epsilon=1.0, period="once"),
    BudgetPolicy(period=7, lifetime=2.0),
    BudgetPolicy(),
)
WHOLE = POLICIES[0].ceiling or Fraction(0)
PATHS: tuple[Path, ...] = ((), TRAINING, HELD_OUT, window(0), window(1), window(2))

# In one side of the split, and in two of the three windows.
USERS = [
    {(), side, *(window(number) for number in two)}
    for side in (TRAINING, HELD_OUT)
    for two in itertools.combinations(range(3), 2)
]

SHARES = st.sampled_from([Fraction(part, 12) for part in (1, 2, 3, 5, 6, 9, 12)])

Amounts = list[tuple[Path, Fraction]]


def worst(spent: Iterable[tuple[Path, Fraction]]) -> Fraction:
    """Return what the user lost who lost most."""
    spent = list(spent)
    return max(sum((rho for path, rho in spent if path in user), Fraction(0)) for user in USERS)


@dataclass
class Promise:
    """A reservation as the model knows it."""

    number: int
    amounts: dict[Path, Fraction]
    expires: int
    handle: Reservation | None
    spent: dict[Path, Fraction] = field(default_factory=dict)
    ended: bool = False


@dataclass
class Paid:
    period: int
    promise: int
    path: Path
    rho: Fraction


@dataclass
class Model:
    policy: BudgetPolicy
    time: int
    begins: list[int] = field(default_factory=list)
    renews: int | None = None
    promises: dict[int, Promise] = field(default_factory=dict)
    paid: list[Paid] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.begins = [self.time]
        self.renews = self._end(self.time)

    def happens(self, now: int) -> None:
        """Something is recorded at a time."""
        self.time = max(self.time, now)
        began = None
        while self.renews is not None and self.time >= self.renews:
            began, self.renews = self.renews, self._end(self.renews)
        if began is not None:
            self.begins.append(began)

    @property
    def period(self) -> int:
        return len(self.begins) - 1

    def change(self, policy: BudgetPolicy) -> None:
        """Whatever began after the new policy's period would have is part of the one before."""
        self.policy = policy
        since = self._since(self.time)
        self.begins = [self.begins[0], *(each for each in self.begins[1:] if each <= since)]
        for paid in self.paid:
            paid.period = min(paid.period, self.period)
        self.renews = self._end(self.time)

    def _since(self, time: int) -> int:
        if isinstance(self.policy.period, int):
            return time - self.policy.period * DAY
        if self.policy.period == "once":
            return 0
        return int(datetime.fromtimestamp(time, UTC).replace(day=1, hour=0, minute=0, second=0).timestamp())

    def live(self, now: int) -> list[Promise]:
        return [each for each in self.promises.values() if not each.ended and max(now, self.time) < each.expires]

    def used(self, now: int, *, ever: bool) -> Amounts:
        live = self.live(now)
        renewed = self.renews is not None and max(now, self.time) >= self.renews
        numbers = {each.number for each in live}
        paid = [each for each in self.paid if ever or (each.period == self.period and not renewed)]
        free = [(each.path, each.rho) for each in paid if each.promise not in numbers]
        return free + [amount for each in live for amount in each.amounts.items()]

    def allows(self, wanted: Amounts, now: int) -> bool:
        ceilings = ((self.policy.ceiling, False), (self.policy.lifetime_ceiling, True))
        return all(
            ceiling is None or worst([*self.used(now, ever=ever), *wanted]) <= ceiling for ceiling, ever in ceilings
        )

    def spent(self, *, ever: bool, more: Amounts | None = None) -> Fraction:
        paid = [(each.path, each.rho) for each in self.paid if ever or each.period == self.period]
        return worst(paid + (more or []))

    def within(self, more: Amounts) -> bool:
        ceilings = ((self.policy.ceiling, False), (self.policy.lifetime_ceiling, True))
        return all(ceiling is None or self.spent(ever=ever, more=more) <= ceiling for ceiling, ever in ceilings)

    def _end(self, time: int) -> int | None:
        if self.policy.period == "once":
            return None
        if isinstance(self.policy.period, int):
            return time // DAY * DAY + self.policy.period * DAY
        date = datetime.fromtimestamp(time, UTC)
        year, month = divmod(date.year * 12 + date.month, 12)
        return int(datetime(year, month + 1, 1, tzinfo=UTC).timestamp())


class Machine(RuleBasedStateMachine):
    """Several programs use one log; the clock goes where it wants."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock(MARCH_10)
        self.log = MemoryLog()
        self.ledger = ledger_on(self.log, self.clock, POLICIES[0])
        self.model = Model(POLICIES[0], int(MARCH_10))
        self.lifetime = Fraction(0)

    @property
    def now(self) -> int:
        return int(self.clock())

    @rule(days=st.sampled_from([0.01, 0.5, 3.0, 8.0, 25.0, 40.0, -0.5, -8.0, -40.0]))
    def pass_time(self, days: float) -> None:
        self.clock.advance(days * DAY)

    @rule(
        shares=st.dictionaries(st.sampled_from(PATHS), SHARES, min_size=1, max_size=3),
        hours=st.sampled_from([1, 24, 24 * 60]),
    )
    def reserve(self, shares: dict[Path, Fraction], hours: int) -> None:
        amounts = {path: share * WHOLE for path, share in shares.items()}
        expected = self.model.allows(list(amounts.items()), self.now)
        try:
            handle = self.ledger.reserve(amounts.items(), "fit", ttl=hours * 3600)
        except BudgetExceededError:
            assert not expected
            return
        assert expected
        self.model.happens(self.now)
        expires = self.model.time + hours * 3600
        self.model.promises[handle.number] = Promise(handle.number, amounts, expires, handle)

    @precondition(lambda self: self._held())
    @rule(data=st.data(), share=SHARES, released=st.booleans())
    def spend(self, data: st.DataObject, share: Fraction, released: bool) -> None:  # noqa: FBT001
        promise = data.draw(st.sampled_from(self._held()))
        path = data.draw(st.sampled_from([path for path in PATHS if path in promise.amounts]))
        spend = spend_of(promise.amounts[path] * share, path)
        assert promise.handle is not None
        allowed = self._allows(promise, spend)
        try:
            charge = promise.handle.spend(spend)
        except (BudgetExceededError, ReservationEndedError):
            assert not allowed
            return
        assert allowed
        self.model.happens(self.now)
        self._pay(promise, spend)
        charge.claim()
        if released:
            charge.released(DIGEST)

    def _allows(self, promise: Promise, spend: Spend) -> bool:
        after = replace(self.model)
        after.renews = self.model.renews
        after.happens(self.now)
        fits = any(
            spend.rho <= promise.amounts[path] - promise.spent.get(path, Fraction(0))
            for path in {(), spend.path} & promise.amounts.keys()
        )
        live = promise in self.model.live(self.now)
        return live and fits and after.within([(spend.path, spend.rho)])

    def _pay(self, promise: Promise, spend: Spend) -> None:
        # What the path's own amount has no room for was taken from everybody's.
        own = promise.amounts[spend.path] - promise.spent.get(spend.path, Fraction(0))
        taken = spend.path if spend.rho <= own else ()
        promise.spent[taken] = promise.spent.get(taken, Fraction(0)) + spend.rho
        self.model.paid.append(Paid(self.model.period, promise.number, spend.path, spend.rho))

    @precondition(lambda self: self._held())
    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        promise = data.draw(st.sampled_from(self._held()))
        live = promise in self.model.live(self.now)
        assert promise.handle is not None
        promise.handle.close()
        if live:
            self.model.happens(self.now)
            promise.ended = True
        promise.handle = None

    @precondition(lambda self: self._held())
    @rule(data=st.data())
    def crash(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from(self._held())).handle = None
        self.ledger = ledger_on(self.log, self.clock)

    @precondition(lambda self: self.model.promises)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        promise = data.draw(st.sampled_from(list(self.model.promises.values())))
        live = promise in self.model.live(self.now)
        try:
            ledger_on(self.log, self.clock).cancel(promise.number, "its program died")
        except ReservationEndedError:
            assert not live
            return
        assert live
        self.model.happens(self.now)
        promise.ended = True

    @rule(policy=st.sampled_from(POLICIES))
    def change(self, policy: BudgetPolicy) -> None:
        self.ledger.change(policy, "another one")
        self.model.happens(self.now)
        self.model.change(policy)

    def _held(self) -> list[Promise]:
        return [each for each in self.model.promises.values() if each.handle is not None]

    @invariant()
    def replaying_gives_what_is_live(self) -> None:
        replayed = BudgetLedger(self.log, "people", self.clock)
        assert self.ledger.state() == replayed.state()

    @invariant()
    def every_figure_is_the_models(self) -> None:
        state = self.ledger.state()
        assert state.lifetime_spent == self.model.spent(ever=True)
        assert state.used() == worst(self.model.used(self.now, ever=False))
        assert state.used(ever=True) == worst(self.model.used(self.now, ever=True))
        assert {each.number for each in state.held} == {each.number for each in self.model.live(self.now)}
        assert [each.period for each in state.spends] == [each.period for each in self.model.paid]

    @invariant()
    def what_was_ever_lost_never_gets_less(self) -> None:
        lifetime = self.ledger.state().lifetime_spent
        assert lifetime >= self.lifetime
        self.lifetime = lifetime

    @invariant()
    def what_is_left_is_exactly_what_can_be_reserved(self) -> None:
        state = self.ledger.state()
        for path in PATHS:
            left = state.left(path)
            if left is not None:
                assert self.model.allows([(path, left)], self.now) or not left
                assert not self.model.allows([(path, left + Fraction(1, 10**15))], self.now)


def test_ledger_and_model_part(pytestconfig: pytest.Config) -> None:
    # Each step replays the ledger, so a run of many steps is worth more than many runs.
    examples = 500 if pytestconfig.getoption("--soak") else 25
    run_state_machine_as_test(Machine, settings=settings(max_examples=examples, stateful_step_count=40))
