"""An experiment on made-up people, and releases of its windows as leader and helper would reveal them."""

import hashlib
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from homespun.protocol.experiment import (
    Counted,
    Events,
    Experiment,
    Guardrail,
    Impressions,
    Mean,
    Ratio,
    Share,
    Variant,
    statistic_of,
)
from homespun.protocol.statistics.grid import GRID
from homespun_server.experiments.trials import CAP, World, simulate
from homespun_server.privacy.ledger import BudgetLedger, BudgetPolicy, MemoryLog
from homespun_server.privacy.release import Release, collected, task_spend
from homespun_server.privacy.zcdp import DEFAULT_DELTA, rho_for, sigma_for
from homespun_server.statistics.cohort import mark_of

NOW = 1_741_564_800.0
DAY = 86_400

BETTER = World(clicks=(0.2, 0.26), bought=(0.1, 0.1))
UNEQUAL = World(shares=(0.4, 0.6))


def experiment(**fields: Any) -> Experiment:
    whole = {
        "name": "fresh-home",
        "text": "Whether newer films at the top of the first page are chosen more often.",
        "hypotheses": ("People choose more when newer films come first.",),
        "salt": "0123456789abcdef" * 2,
        "starts": 19_675 * DAY,
        "ends": 19_689 * DAY,
        "surfaces": ("home",),
        "variants": (
            Variant(name="control", share=2_500, text="The list as it is."),
            Variant(name="fresh", share=2_500, text="Newer films first."),
        ),
        "measures": (
            Counted(name="impressions", cap=CAP, outcome=Impressions()),
            Counted(name="clicks", cap=CAP, outcome=Events(kinds=("view",))),
            Counted(name="bought", cap=1, outcome=Events(kinds=("buy",), of="any")),
        ),
        "metrics": (
            Ratio(name="click-rate", above="clicks", below="impressions"),
            Share(name="conversion", measure="bought"),
            Mean(name="seen", measure="impressions"),
        ),
        "primary": "click-rate",
        "effect": "0.1",
        "guardrails": (Guardrail(metric="conversion", worst="0.5"), Guardrail(metric="seen", worst="0.1")),
    }
    return Experiment(**{**whole, **fields})


def ledger() -> BudgetLedger:
    opened = BudgetLedger(MemoryLog(), "fleet", clock=lambda: NOW)
    opened.open(BudgetPolicy())
    return opened


def released(
    world: World,
    *,
    people: int,
    windows: int = 1,
    epsilon: float = 8.0,
    seed: int = 1,
    into: BudgetLedger | None = None,
    asked: Experiment | None = None,
) -> list[Release]:
    """Return a release a window, each of a task of its own."""
    statistic = statistic_of(asked or experiment())
    sigma = sigma_for(GRID, Fraction(rho_for(epsilon, DEFAULT_DELTA)))
    charged = into or ledger()
    found = []
    for number, values in enumerate(steps(world, people=people, windows=windows, epsilon=epsilon, seed=seed)):
        task = hashlib.sha256(f"{seed} {number}".encode()).hexdigest()
        charge = charged.charge_task(task, task_spend(statistic, sigma))
        found.append(collected(charge, statistic, values, mark_of(charged.secret)))
    return found


def steps(world: World, *, people: int, windows: int, epsilon: float | None, seed: int) -> Sequence[NDArray[np.int64]]:
    """Return noised sums of each window in grid steps: int64 [variants · cells]."""
    rng = np.random.default_rng(seed)
    made = simulate(world, people=people, windows=windows, trials=1, epsilon=epsilon, rng=rng)
    return [made.released[0][:, window].reshape(-1) for window in range(windows)]
