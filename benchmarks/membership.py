"""What a bundle tells of who it was trained from: membership inference without noise and at two ε.

The attack is that of ``homespun-server audit membership``; the people are those of public data sets.
"""

from collections.abc import Iterator

from benchmarks.ml1m import movielens
from benchmarks.result import Cell, Section
from benchmarks.workspace import Workspace
from homespun_server.data import DemoTables, movietweetings
from homespun_server.evaluation.intervals import Interval
from homespun_server.evaluation.membership import attack_bundle
from homespun_server.learning import FitData, FitOptions, make_bundle
from homespun_server.privacy.audit.membership import Figure
from homespun_server.privacy.ledger import one_off_budget
from homespun_server.privacy.zcdp import DEFAULT_DELTA
from homespun_server.statistics.interactions import Interactions
from homespun_server.statistics.items import Items

EPSILONS = (None, 10.0, 1.0)
"""ε per user; None: without noise."""

MOVIETWEETINGS = FitOptions(name="MovieTweetings", min_weight=7, test_share=0.2)
MOVIELENS = FitOptions(name="MovieLens-1M", min_weight=4, test_share=0.2)


def run(workspace: Workspace) -> list[Section]:
    """Membership inference on bundles without noise and at ε = 10 and 1: AUC and advantage."""
    data = ((MOVIETWEETINGS, movietweetings()), (MOVIELENS, movielens(workspace.cache)))
    rows = [row for options, tables in data for row in _rows(options, tables, workspace)]
    columns = ("data", "ε", "items", "members", "kept aside", "AUC", "advantage", "advantage without a leak")
    note = (
        f"δ = {DEFAULT_DELTA:g} per user; ± half the 95% bootstrap interval over people. An AUC of .5 is chance. The "
        "advantage (TPR − FPR) takes its threshold in hindsight."
    )
    return [Section("Membership inference", columns, tuple(rows), note)]


def _rows(options: FitOptions, tables: DemoTables, workspace: Workspace) -> Iterator[tuple[Cell, ...]]:
    folder = workspace.cache / "membership-bundle"
    with Interactions.read(tables.interactions, items=Items.read(tables.items)) as interactions:
        for epsilon in EPSILONS:
            budget = None if epsilon is None else one_off_budget(epsilon, DEFAULT_DELTA)
            learned, _ = make_bundle(
                FitData(interactions, options, budget),
                folder,
                budget=budget,
                options=options,
                observer=workspace.observer,
                now=workspace.now(),
            )
            found = attack_bundle(folder, interactions, test_share=options.test_share).for_the_operator()
            items = int(learned.model.value.items.size)
            figures = (_interval(found.auc), _interval(found.advantage), found.chance)
            yield options.name, epsilon, items, found.members, found.others, *figures


def _interval(figure: Figure) -> Interval:
    return Interval(figure.value, figure.low, figure.high)
