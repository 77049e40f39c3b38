"""What people may lose, lost, and would lose by the next round."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from homespun.errors import MisuseError
from homespun_server.api.services import Services
from homespun_server.errors import LedgerError
from homespun_server.planning.fleet import Fleet
from homespun_server.planning.kinds import BY_WORD, DEFAULT_WORDS
from homespun_server.planning.plan import Plan, Request, make_plan
from homespun_server.privacy.ledger import BudgetLedger
from homespun_server.privacy.ledger.report import BudgetReport, SpendRow, budget_report
from homespun_server.privacy.ledger.state import BudgetState
from homespun_server.privacy.zcdp import DEFAULT_DELTA
from homespun_server.store import SqlLog

MOST_SPENDS = 200
"""Latest spends that a page lists."""


@dataclass(frozen=True)
class Balance:
    """What is left of a data set's budget, in short.

    Attributes:
        name: The data set.
        damaged: Whether its ledger cannot be read.
        spent: ε of this period.
        ceiling: ε of a period at most; None: only counted.
        left: The ε that everybody can still lose now.
        left_share: The share of ρ that is left of the tightest ceiling; None: nothing limits it.
        per: ``per month``, for instance.
        renews: When the period ends; None: never.
    """

    name: str
    damaged: bool = False
    spent: float = 0.0
    ceiling: float | None = None
    left: float = 0.0
    left_share: float | None = None
    per: str = ""
    renews: str | None = None


@dataclass(frozen=True)
class StatisticSpent:
    """What one statistic has cost so far.

    Attributes:
        name: The statistic.
        times: How often it was released.
        rho: The sum of its charges (zCDP); who was in one of them only lost less.
        last: When it was released last, ISO 8601, UTC.
    """

    name: str
    times: int
    rho: float
    last: str


@dataclass(frozen=True)
class SpendView:
    """A spend as a row, with the running sum of its statistic for a chart."""

    row: SpendRow
    rho: float
    running: float


@dataclass(frozen=True)
class BudgetView:
    """A data set's budget.

    Attributes:
        report: What ``homespun-server budget show`` tells.
        balance: In short.
        statistics: By statistic, dearest first.
        spends: The latest spends, newest first.
        earlier: How many there are before these.
    """

    report: BudgetReport
    balance: Balance
    statistics: tuple[StatisticSpent, ...]
    spends: tuple[SpendView, ...]
    earlier: int


@dataclass(frozen=True)
class NextRound:
    """What a further round would cost.

    Attributes:
        given: What was asked, as it was typed.
        plan: The plan; None: nothing was asked, or it cannot be planned.
        allowed: Whether the budget allows it now; None: nothing was asked.
        problem: Why it cannot be planned; empty: it can.
    """

    given: Mapping[str, str]
    plan: Plan | None = None
    allowed: bool | None = None
    problem: str = ""


def data_sets(services: Services) -> tuple[str, ...]:
    """Return the data sets that have a ledger.

    Raises:
        StoreError: If the store cannot be read.
    """
    return tuple(SqlLog(services.store).data_sets())


def balances(services: Services) -> tuple[Balance, ...]:
    """Return what is left of every budget.

    Raises:
        StoreError: If the store cannot be read.
    """
    return tuple(_balance(services, name) for name in data_sets(services))


def budget_view(services: Services, name: str) -> BudgetView:
    """Return a data set's budget.

    Raises:
        LedgerError: If there is none, or it is damaged.
        StoreError: If the store cannot be read.
    """
    state = _state(services, name)
    report = budget_report(state)
    spends = tuple(_running(report))
    return BudgetView(
        report=report,
        balance=_in_short(state, report),
        statistics=_by_statistic(spends),
        spends=tuple(reversed(spends))[:MOST_SPENDS],
        earlier=max(0, len(spends) - MOST_SPENDS),
    )


def next_round(services: Services, name: str, given: Mapping[str, str]) -> NextRound:
    """Return what a further round would cost, planned from public facts alone.

    Args:
        services: The services.
        name: The data set.
        given: What was typed: ``users``, ``items``, ``epsilon``.
    """
    if not given.get("users"):
        return NextRound(given)
    try:
        plan = make_plan(_request(given))
        left = _state(services, name).left()
    except (MisuseError, ValueError) as error:
        told = str(error) if isinstance(error, MisuseError) else "users, items and ε are numbers."
        return NextRound(given, problem=told)
    return NextRound(given, plan, left is None or plan.rho <= left)


def _request(given: Mapping[str, str]) -> Request:
    items = int(given.get("items") or 0)
    words = tuple(word for word in BY_WORD if given.get(word)) or DEFAULT_WORDS
    fleet = Fleet(users=int(given["users"]), items=items, likes=min(40.0, float(max(1, items))))
    return Request(fleet=fleet, epsilon=float(given.get("epsilon") or 0), delta=DEFAULT_DELTA, words=words)


def _state(services: Services, name: str) -> BudgetState:
    return BudgetLedger(SqlLog(services.store), name, lambda: services.now().timestamp()).state()


def _balance(services: Services, name: str) -> Balance:
    try:
        state = _state(services, name)
    except LedgerError:
        return Balance(name, damaged=True)
    return _in_short(state, budget_report(state))


def _in_short(state: BudgetState, report: BudgetReport) -> Balance:
    left = state.left()
    ceilings = [ceiling for ceiling, _ in state.ceilings]
    per = "for all time" if report.period == "once" else f"for this {report.period}" if report.period == "month" else ""
    return Balance(
        name=report.data_set,
        spent=report.spent.epsilon,
        ceiling=report.epsilon,
        left=report.left.epsilon if report.left else 0.0,
        left_share=None if left is None else float(max(Fraction(0), left) / min(ceilings)),
        per=per or f"for these {report.period}",
        renews=report.renews,
    )


def _running(report: BudgetReport) -> Iterator[SpendView]:
    sums: dict[str, float] = {}
    for period in report.periods:
        for spend in period.spends:
            rho = float(Fraction(spend.rho))
            sums[spend.statistic] = sums.get(spend.statistic, 0.0) + rho
            yield SpendView(spend, rho, sums[spend.statistic])


def _by_statistic(spends: tuple[SpendView, ...]) -> tuple[StatisticSpent, ...]:
    found: dict[str, list[SpendView]] = {}
    for each in spends:
        found.setdefault(each.row.statistic, []).append(each)
    rows = (StatisticSpent(name, len(rows), rows[-1].running, rows[-1].row.time) for name, rows in found.items())
    return tuple(sorted(rows, key=lambda row: -row.rho))
