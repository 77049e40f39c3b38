"""What is shown of a budget, as data: figures rounded so that no loss is stated too small and no rest too large."""

from collections.abc import Iterable
from datetime import UTC, datetime
from fractions import Fraction

import msgspec

from homespun_server.privacy.ledger.policy import DAY, BudgetPolicy, Span
from homespun_server.privacy.ledger.rules import moment, rounded, unit_of
from homespun_server.privacy.ledger.state import TASK_PURPOSE, BudgetState, Held, RecordedSpend
from homespun_server.privacy.spend import cost
from homespun_server.statistics.cohort import HASHES, HELD_OUT, Membership, Path

SCHEMA_VERSION = 1

NEIGHBOURS = {"user": "add/remove one user", "installation": "zero out one installation's report of each task"}
"""What differs in neighbouring data sets, by the unit."""


class Loss(msgspec.Struct, frozen=True):
    """A loss of privacy.

    Attributes:
        rho: zCDP.
        epsilon: ε at the policy's δ.
    """

    rho: float
    epsilon: float


class SpendRow(msgspec.Struct, frozen=True):
    """One spend; see ``RecordedSpend`` and ``Spend``. Times are in UTC, ``rho`` is exact."""

    charge: int
    time: str
    purpose: str
    statistic: str
    users: str
    mechanism: str
    l2_bound: int
    sigma: int
    rho: str
    declaration: str
    released: str | None


class PeriodRow(msgspec.Struct, frozen=True):
    """One period: what was spent in it, and in all up to its end."""

    label: str
    start: str
    end: str | None
    spent: Loss
    lifetime: Loss
    spends: tuple[SpendRow, ...]


class ReservationRow(msgspec.Struct, frozen=True):
    """A reservation that holds something."""

    number: int
    purpose: str
    made: str
    expires: str
    held: Loss


class BudgetReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a data set's users may lose, and lost.

    Attributes:
        schema: SCHEMA_VERSION of the writer.
        data_set: Its name.
        unit: Whose loss it is.
        neighbours: What differs in neighbouring data sets.
        delta: δ of every ε here.
        period: ``month``, ``once`` or ``30 days``.
        epsilon: The ceiling per period; None: only counted.
        lifetime_epsilon: The ceiling for ever; None: only counted.
        time: The moment of this report.
        opened: When the ledger was opened.
        renews: When the period ends; None: never.
        statement: All of this in a sentence.
        left: The most that everybody can still lose in this period; None: nothing limits it.
        spent: What was spent in this period.
        lifetime: What was ever spent.
        events: Number of events.
        head: Hash of the last event.
        periods: The periods in which something was recorded, the current one last.
        reservations: What is held.
    """

    schema: int = SCHEMA_VERSION
    data_set: str
    unit: str = "user"
    neighbours: str = "add/remove one user"
    delta: float
    period: str
    epsilon: float | None
    lifetime_epsilon: float | None
    time: str
    opened: str
    renews: str | None
    statement: str
    left: Loss | None
    spent: Loss
    lifetime: Loss
    events: int
    head: str
    periods: tuple[PeriodRow, ...]
    reservations: tuple[ReservationRow, ...]


class BudgetSoFar(msgspec.Struct, frozen=True):
    """What the users of a data set have lost, at the end of a fit.

    Attributes:
        data_set: The ledger's name for them.
        statement: By period and in all, in a sentence.
        events: Events in the ledger.
        head: Hash of the last one: ``budget show --expect-head`` tells later whether the ledger still has it.
    """

    data_set: str
    statement: str
    events: int
    head: str


def budget_so_far(state: BudgetState) -> BudgetSoFar:
    """Return what the users of a data set have lost, in short."""
    report = budget_report(state)
    return BudgetSoFar(report.data_set, report.statement, report.events, report.head)


def budget_report(state: BudgetState) -> BudgetReport:
    """Return what is shown of a state."""
    left = state.left()
    spent = _loss(state, state.spent, _tasks(state.current))
    lifetime = _loss(state, state.lifetime_spent, _tasks(state.spends))
    remaining = None if left is None else _loss(state, left, up=False)
    unit = unit_of(each.spend for each in state.spends)
    return BudgetReport(
        data_set=state.data_set,
        unit=unit,
        neighbours=NEIGHBOURS[unit],
        delta=state.policy.delta,
        period=_period(state.policy),
        epsilon=state.policy.epsilon,
        lifetime_epsilon=state.policy.lifetime,
        time=moment(state.time),
        opened=moment(state.opened),
        renews=None if state.renews is None else moment(state.renews),
        statement=_statement(state, spent, lifetime, remaining),
        left=remaining,
        spent=spent,
        lifetime=lifetime,
        events=state.sequence,
        head=state.head,
        periods=tuple(_period_row(state, index) for index in range(len(state.periods))),
        reservations=tuple(_reservation(state, held) for held in state.held),
    )


def figure(value: float) -> str:
    """Return a figure as text, without an exponent where it is short."""
    return f"{value:.4g}"


def of_ceiling(spent: float, ceiling: float | None) -> str:
    """Return ``ε = spent of ceiling``."""
    return f"ε = {figure(spent)}" if ceiling is None else f"ε = {figure(spent)} of {ceiling:g}"


def _statement(state: BudgetState, spent: Loss, lifetime: Loss, left: Loss | None) -> str:
    policy = state.policy
    per = "for all time" if policy.period == "once" else f"per {_period(policy)}"
    unit = unit_of(each.spend for each in state.spends)
    rest = "Nothing limits it: it is only counted." if left is None else _rest(state, left)
    return (
        f"{unit.capitalize()}, {per}, {of_ceiling(spent.epsilon, policy.epsilon)}; lifetime so far "
        f"{of_ceiling(lifetime.epsilon, policy.lifetime)} (δ = {policy.delta:g}). {rest}"
    )


def _rest(state: BudgetState, left: Loss) -> str:
    text = f"Left: ε = {figure(left.epsilon)}. "
    ceiling = state.policy.lifetime_ceiling
    if state.renews is None:
        text += "It never renews."
    elif ceiling is not None and state.left() == max(Fraction(0), ceiling - state.used(ever=True)):
        text += f"The lifetime limits it, which never renews; the period does on {moment(state.renews)}."
    else:
        text += f"It renews on {moment(state.renews)}."
    # Otherwise 3 of 4 with 2.43 left reads like a mistake.
    return text + (" Losses add up as ρ: to less than the sum of their ε." if state.lifetime_spent else "")


def _period_row(state: BudgetState, index: int) -> PeriodRow:
    span, spends = state.periods[index], state.spends_of(index)
    ever = [each for each in state.spends if each.period <= index]
    return PeriodRow(
        label=_label(state.policy, span),
        start=moment(span.start),
        end=None if span.end is None else moment(span.end),
        spent=_loss(state, cost(each.spend for each in spends), _tasks(spends)),
        lifetime=_loss(state, cost(each.spend for each in ever), _tasks(ever)),
        spends=tuple(map(_spend_row, spends)),
    )


def _spend_row(recorded: RecordedSpend) -> SpendRow:
    spend = recorded.spend
    return SpendRow(
        charge=recorded.charge,
        time=moment(recorded.time),
        purpose=recorded.purpose,
        statistic=spend.statistic,
        users=users_of([spend.path]),
        mechanism=spend.mechanism,
        l2_bound=spend.l2_bound,
        sigma=spend.sigma,
        rho=f"{spend.rho.numerator}/{spend.rho.denominator}",
        declaration=spend.declaration,
        released=recorded.released,
    )


def _reservation(state: BudgetState, held: Held) -> ReservationRow:
    loss = _loss(state, cost(held.amounts), int(held.purpose.startswith(TASK_PURPOSE)))
    return ReservationRow(held.number, held.purpose, moment(held.time), moment(held.expires), loss)


def users_of(paths: Iterable[Path]) -> str:
    """Return in words whose data were summed."""
    return "; ".join(", ".join(map(_cell, path)) or "everybody" for path in paths)


def _cell(step: Membership) -> str:
    """Return a cell in words; one of a group that nobody here makes, by its names."""
    kind, _, division = step.group.partition(":")
    if kind == "split":
        share = int(division) / HASHES
        return f"kept aside, {share:.0%}" if step.cell == HELD_OUT else f"training, {1 - share:.0%}"
    if kind == "windows":
        period, _, windows = division.rpartition("/")
        return f"window {int(step.cell) + 1} of {windows} of {period}"
    return f"{step.group}: {step.cell}"


def _period(policy: BudgetPolicy) -> str:
    return policy.period if isinstance(policy.period, str) else f"{policy.period} days"


def _label(policy: BudgetPolicy, span: Span) -> str:
    start = datetime.fromtimestamp(span.start, UTC)
    if span.end is None:
        return f"since {start:%Y-%m-%d}"
    if policy.period == "month":
        return f"{start:%Y-%m}"
    return f"{start:%Y-%m-%d} – {datetime.fromtimestamp(span.end - DAY, UTC):%Y-%m-%d}"


def _tasks(spends: Iterable[RecordedSpend]) -> int:
    """Return how many of the spends are collected tasks."""
    return sum(each.task is not None for each in spends)


def _loss(state: BudgetState, rho: Fraction, tasks: int = 0, *, up: bool = True) -> Loss:
    epsilon = state.epsilon(rho, tasks)
    ceilings = [each for each in (state.policy.epsilon, state.policy.lifetime) if each is not None and epsilon <= each]
    # Rounding up must not pass a ceiling that was kept.
    return Loss(rounded(float(rho), up=up), min([rounded(epsilon, up=up), *ceilings]))
