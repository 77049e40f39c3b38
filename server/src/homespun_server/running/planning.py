"""What a run would do and cost, without doing it: inputs are hashed, the ledger is read, and nothing else happens."""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path

import msgspec

from homespun_server.accounts import Account, check_delta, open_ledger
from homespun_server.errors import BudgetError
from homespun_server.privacy.ledger.report import budget_so_far
from homespun_server.privacy.ledger.rules import check_reserve, rounded
from homespun_server.privacy.ledger.state import BudgetState
from homespun_server.privacy.spend import Amount, cost
from homespun_server.privacy.zcdp import DEFAULT_DELTA, stated_epsilon
from homespun_server.running.drawer import check_not_lost, digests_in, still_to_spend
from homespun_server.running.job import Job
from homespun_server.running.steps.release import amounts_at, purpose_of
from homespun_server.running.steps.step import STEPS

_SPENDING = {"release": False, "evaluate": True}
"""Steps that spend, and whether it is about users who were kept aside."""

Digests = Mapping[str, frozenset[str]]
"""Digests of the releases that are there, by step."""

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
        refusal: Why the run would be refused: by the ledger, or because what was charged is lost; None: it would not.
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
        have = {step: digests_in(job.cache.partial(step, job.keys[step]), ledger) for step in _SPENDING}
    amounts = _to_spend(job, state.policy.delta, state, have)
    left = state.left()
    return PlannedCost(
        delta=state.policy.delta,
        epsilon=_epsilon(cost(amounts), state.policy.delta),
        left=None if left is None else rounded(state.epsilon(left), up=False),
        lifetime=_epsilon(state.used(ever=True, more=amounts), state.policy.delta),
        statement=budget_so_far(state).statement,
        refusal=_refusal(job, state, amounts, have),
    )


def _first_cost(job: Job) -> PlannedCost:
    delta = DEFAULT_DELTA if job.pipeline.fit.delta is None else job.pipeline.fit.delta
    epsilon = _epsilon(cost(_to_spend(job, delta, None, {})), delta)
    return PlannedCost(
        delta=delta,
        epsilon=epsilon,
        left=None,
        lifetime=epsilon,
        statement="No ledger was named: a new one in the work folder counts what is spent, and limits nothing.",
        refusal=None,
    )


def _to_spend(job: Job, delta: float, state: BudgetState | None, have: Digests) -> list[Amount]:
    """Return ρ that is still to be spent, by path: what is there costs nothing more, what was lost costs it again."""
    found: list[Amount] = []
    for step in _steps_to_spend(job):
        amounts = amounts_at(job, delta, held_out=_SPENDING[step])
        if state is not None:
            amounts = still_to_spend(state, amounts, purpose_of(job, step), have[step])
        found += [(path, rest) for path, rest in amounts if rest > 0]
    return found


def _steps_to_spend(job: Job) -> list[str]:
    return [step for step in _SPENDING if not job.cache.has(step, job.keys[step])]


def _refusal(job: Job, state: BudgetState, amounts: list[Amount], have: Digests) -> str | None:
    try:
        for step in () if job.spend_again else _steps_to_spend(job):
            if amounts_at(job, state.policy.delta, held_out=_SPENDING[step]):
                check_not_lost(state, purpose_of(job, step), have[step])
        if amounts:
            check_reserve(state, amounts, purpose_of(job, "release"))
    except BudgetError as error:
        return str(error)
    return None


def _epsilon(rho: Fraction, delta: float) -> float:
    return rounded(stated_epsilon(rho, delta) * (1 - _HAIR), up=True) if rho else 0.0
