"""An experiment on people who do not exist, to try the analysis with before the first window of a real one.

The people are those of ``trials``. Their releases are real ones: charged to a ledger, with the noise of two
aggregators from the system's randomness, and so different every time.
"""

import hashlib
from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from homespun.protocol.experiment import Experiment, statistic_of
from homespun.protocol.statistics.grid import GRID
from homespun_server.experiments.trials import CAP, World, simulate
from homespun_server.privacy.ledger import BudgetLedger
from homespun_server.privacy.mechanisms import add_discrete_gaussian
from homespun_server.privacy.release import Release, collected, task_spend
from homespun_server.privacy.zcdp import DEFAULT_DELTA, rho_for, sigma_for
from homespun_server.statistics.cohort import mark_of

WORLD = World(clicks=(0.2, 0.23), bought=(0.1, 0.1))
"""The variant's lists are chosen from 15% more often; as many people buy."""

DRAFT = f"""\
name = "made-up"
text = "Whether another order of the first page is chosen from more often. Nobody in it exists."
hypotheses = ["More is chosen from the other order."]
starts = 2026-01-05
ends = 2026-02-02
surfaces = ["home"]
primary = "click-rate"
effect = 0.1

variants = [
  {{ name = "control", share = 0.5, text = "The list as it is." }},
  {{ name = "other", share = 0.5, text = "Another order." }},
]
measures = [
  {{ name = "impressions", cap = {CAP}, outcome = {{ type = "impressions" }} }},
  {{ name = "clicks", cap = {CAP}, outcome = {{ type = "events", kinds = ["view"] }} }},
  {{ name = "bought", cap = 1, outcome = {{ type = "events", kinds = ["buy"], of = "any" }} }},
]
metrics = [
  {{ type = "ratio", name = "click-rate", above = "clicks", below = "impressions" }},
  {{ type = "share", name = "conversion", measure = "bought" }},
]
guardrails = [{{ metric = "conversion", worst = 0.2 }}]
"""
"""The experiment as its draft; who drafts another may begin with it."""


def made_up_releases(
    experiment: Experiment, ledger: BudgetLedger, *, people: int, windows: int, epsilon: float, seed: int
) -> Iterator[Release]:
    """Yield a release for each window.

    Args:
        experiment: The one that ``DRAFT`` describes.
        ledger: Where they are charged.
        people: Exposed people, over all windows.
        windows: How many.
        epsilon: ε of each.
        seed: Of the people; the noise has none.
    """
    statistic = statistic_of(experiment)
    sigma = sigma_for(GRID, Fraction(rho_for(epsilon, DEFAULT_DELTA)))
    rng = np.random.default_rng(seed)
    exact = simulate(WORLD, people=people, windows=windows, trials=1, epsilon=None, rng=rng).released[0]
    for window in range(windows):
        task = hashlib.sha256(f"{experiment.digest} {seed} {window}".encode()).hexdigest()
        charge = ledger.charge_task(task, task_spend(statistic, sigma))
        noised = add_discrete_gaussian(add_discrete_gaussian(exact[:, window].reshape(-1), sigma), sigma)
        yield collected(charge, statistic, noised, mark_of(ledger.secret))
