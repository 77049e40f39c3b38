"""How much of the exact ranking devices get to rank: proposals of bundles of every data set, with and without noise.

Proposals are made by 8-bit products; the final order by float32 rows of the items that were proposed.
"""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace

from benchmarks.models.bundles import PROPOSED, bytes_of, fit, made_of, proposals
from benchmarks.models.datasets import FRAPPE, RETAIL, SETS, MissingDataError, locate, title_of
from benchmarks.models.dividing import divided
from benchmarks.models.sections import PROPOSAL_AIM, reached
from benchmarks.result import Cell, Section
from benchmarks.workspace import Workspace
from homespun_server.evaluation.protocols import LeaveLastOut
from homespun_server.evaluation.recommenders import BundleRecommender
from homespun_server.learning import FitOptions
from homespun_server.training.blend import STANDARD_BLEND

EPSILONS = (None, 1.0)
USERS = 1000
"""Users of each data set, by a published hash."""

OPTIONS = FitOptions(max_items=4000)
REPEATED = frozenset({RETAIL, FRAPPE})


def run(workspace: Workspace) -> Sequence[Section]:
    """Share of the exact first 20 that devices get to rank: bundles of every data set, without noise and at ε = 1."""
    rows: list[tuple[Cell, ...]] = []
    for name in SETS:
        try:
            rows += _rows(name, workspace)
        except MissingDataError as error:
            rows.append((title_of(name), None, None, None, None, None, f"missing: {error.reason}"))
    columns = ("data", "ε", "items", "made of", "model files, bytes", f"proposal recall@{PROPOSED}", "verdict")
    note = (
        f"Bundles with all parts that the data allow, at most {OPTIONS.max_items:,} items learned from people, fixed "
        f"blend; the last event of at most {USERS:,} people each. What it claims: {PROPOSAL_AIM:.1%} of the exact "
        f"first {PROPOSED} by float scores of the whole catalogue are among what a device ranks."
    )
    return [Section("Proposals", columns, tuple(rows), note)]


def _rows(name: str, workspace: Workspace) -> list[tuple[Cell, ...]]:
    repeats = name in REPEATED
    rows: list[tuple[Cell, ...]] = []
    protocol = LeaveLastOut(repeats=repeats, max_users=USERS)
    with divided(locate(name, workspace), protocol, f"proposals-{name}", workspace) as split:
        for epsilon in EPSILONS:
            told = "none" if epsilon is None else f"{epsilon:g}"
            # With a blend that weighs the order, a fit makes all parts that the data allow.
            blend = STANDARD_BLEND if "time" in split.split.columns else None
            options = replace(OPTIONS, repeats=repeats, blend=blend)
            fitted = fit(f"epsilon {told}", split, options, workspace, epsilon=epsilon)
            with closing(BundleRecommender(fitted.folder)) as model:
                kept = proposals(model.bundle, split.cases, repeats=repeats)
                items, parts = model.bundle.manifest.items, made_of(model.bundle)
            rows.append(
                (title_of(name), told, items, parts, bytes_of(fitted.folder), kept, reached(kept, PROPOSAL_AIM))
            )
    return rows
