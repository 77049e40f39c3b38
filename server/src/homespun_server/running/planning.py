"""What a run would do and cost, without doing it: inputs are hashed, the ledger is read, and nothing else happens."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import msgspec

from homespun_server.accounts import Account, check_delta, open_ledger
from homespun_server.errors import BudgetExceededError
from homespun_server.privacy.ledger.report import budget_so_far
from homespun_server.privacy.ledger.rules import check_reserve, rounded
from homespun_server.privacy.ledger.state import BudgetState
from homespun_server.privacy.spend import Amount, cost
from homespun_server.privacy.zcdp import DEFAULT_DELTA, stated_epsilon
from homespun_server.running.job import Job
from homespun_server.running.steps.release import amounts_at, purpose_of
from homespun_server.running.steps.step import STEPS

_HAIR = 1e-9
"""What was asked for as an ε comes back from ρ a hair above it."""

NOTE = (
    "Nothing was spent, and nobody's data was looked at: the files were read to hash them, and only the hashes were "
    "used."
)


class PlannedStep(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of a step.

    Attributes:
        step: Its name.
        what: What it does.
        key: Its key.
        state: ``kept``: it was done before; ``partly``: an ended run left releases to go on with; ``to do``.
        reads_people: Whether it would read the table about people.
    """

    step: str
    what: str
    key: str
    state: str
    reads_people: bool


class PlannedCost(msgspec.Struct, frozen=True, kw_only=True):
    """What a run would cost the user who loses most.

    Attributes:
        delta: δ of every ε here.
        epsilon: ε of this run; 0 where all of it is kept.
        left: ε that the ledger still allows; None: nothing limits it.
        lifetime: ε of everything that was ever spent or is held, this run included.
        statement: What the ledger says now.
        refusal: Why the ledger would refuse; None: it would not.
    """

    delta: float
    epsilon: float
    left: float | None
    lifetime: float
    statement: str
    refusal: str | None


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a run would do.

    Attributes:
        steps: The steps that are kept.
        after: What would follow, in words.
        cost: What it would cost; None: nothing about privacy is promised.
        note: What was read to say so.
    """

    steps: tuple[PlannedStep, ...]
    after: str
    cost: PlannedCost | None
    note: str


def plan(job: Job) -> Plan:
    """Return what a run would do and cost.

    Raises:
        LedgerError: If the ledger is damaged, was not opened, or has another δ.
        StoreError: If its store cannot be opened.
    """
    return Plan(steps=tuple(_steps(job)), after=_after(job), cost=_cost(job), note=NOTE)


def _steps(job: Job) -> Iterator[PlannedStep]:
    for step in STEPS:
        key = job.keys[step.name]
        state = "to do"
        if job.cache.has(step.name, key):
            state = "kept"
        elif any(job.cache.partial(step.name, key).glob("*.parquet")):
            state = "partly"
        yield PlannedStep(step=step.name, what=step.what, key=key, state=state, reads_people=step.reads_people)


def _after(job: Job) -> str:
    asked = job.pipeline.publish
    if asked is None:
        return "The bundle is not published."
    shares = ", ".join(f"{share:.2%}" for share in asked.shares)
    had = "nothing" if job.incumbent is None else job.incumbent.identity[:12]
    return (
        f"Signed and published on {job.pipeline.channel}, which has {had}; to {shares} of devices, "
        f"{asked.hours:g} hours each."
    )


def _cost(job: Job) -> PlannedCost | None:
    if job.wanted is None:
        return None
    account = job.account
    if job.pipeline.ledger is None and not Path(account.store).is_file():
        return _first_cost(job)
    return _cost_in(job, account)


def _cost_in(job: Job, account: Account) -> PlannedCost:
    with open_ledger(account.store, account.data_set) as ledger:
        state = ledger.state()
        if job.pipeline.ledger is not None:
            check_delta(ledger, state.policy, job.pipeline.fit.delta)
    amounts = _to_spend(job, state.policy.delta, state)
    left = state.left()
    return PlannedCost(
        delta=state.policy.delta,
        epsilon=_epsilon(cost(amounts), state.policy.delta),
        left=None if left is None else rounded(state.epsilon(left), up=False),
        lifetime=_epsilon(state.used(ever=True, more=amounts), state.policy.delta),
        statement=budget_so_far(state).statement,
        refusal=_refusal(state, amounts, purpose_of(job, "release")),
    )


def _first_cost(job: Job) -> PlannedCost:
    delta = DEFAULT_DELTA if job.pipeline.fit.delta is None else job.pipeline.fit.delta
    epsilon = _epsilon(cost(_to_spend(job, delta, None)), delta)
    return PlannedCost(
        delta=delta,
        epsilon=epsilon,
        left=None,
        lifetime=epsilon,
        statement="No ledger was named: a new one in the work folder counts what is spent, and limits nothing.",
        refusal=None,
    )


def _to_spend(job: Job, delta: float, state: BudgetState | None) -> list[Amount]:
    """Return ρ that is still to be spent, by path: what is kept costs nothing more."""
    found: list[Amount] = []
    for step, held_out in (("release", False), ("evaluate", True)):
        if job.cache.has(step, job.keys[step]):
            continue
        purpose = purpose_of(job, step)
        own = [] if state is None else [each.spend for each in state.spends if each.purpose == purpose]
        for path, rho in amounts_at(job, delta, held_out=held_out):
            rest = rho - sum((each.rho for each in own if each.path == path), Fraction(0))
            if rest > 0:
                found.append((path, rest))
    return found


def _refusal(state: BudgetState, amounts: list[Amount], purpose: str) -> str | None:
    if not amounts:
        return None
    try:
        check_reserve(state, amounts, purpose)
    except BudgetExceededError as error:
        return str(error)
    return None


def _epsilon(rho: Fraction, delta: float) -> float:
    return rounded(stated_epsilon(rho, delta) * (1 - _HAIR), up=True) if rho else 0.0
