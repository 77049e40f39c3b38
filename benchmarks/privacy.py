"""What privacy costs: MovieTweetings at several ε beside the same recipe without noise, popularity and EASE.

The noise cannot be seeded, so the figures differ a little from run to run; the intervals are over users and
do not show that.
"""

from pathlib import Path

from benchmarks.result import Cell, Section
from benchmarks.workspace import Workspace
from homespun_server.data import movietweetings
from homespun_server.evaluation.comparison import compare
from homespun_server.evaluation.report import Quality
from homespun_server.learning import FitData, FitOptions, Learned, make_bundle
from homespun_server.privacy.ledger import one_off_budget
from homespun_server.privacy.zcdp import DEFAULT_DELTA
from homespun_server.statistics.interactions import Interactions
from homespun_server.statistics.items import Items
from homespun_server.statistics.likes import Likes

EPSILONS = (None, 1.0, 2.0, 4.0, 8.0)
"""ε per user; None: without noise."""

OPTIONS = FitOptions(name="MovieTweetings", min_weight=7, test_share=0.2)


def run(workspace: Workspace) -> list[Section]:
    """Quality at ε = 1, 2, 4, 8 and without noise on MovieTweetings, beside popularity and EASE."""
    tables = movietweetings()
    with Interactions.read(tables.interactions, items=Items.read(tables.items)) as interactions:
        learned = {}
        for epsilon in EPSILONS:
            budget = None if epsilon is None else one_off_budget(epsilon, DEFAULT_DELTA)
            learned[_name(epsilon)], _ = make_bundle(
                FitData(interactions, OPTIONS, budget),
                _folder(workspace, epsilon),
                budget=budget,
                options=OPTIONS,
                observer=workspace.observer,
                now=workspace.now(),
            )
        likes = Likes(interactions, min_weight=OPTIONS.min_weight, test_share=OPTIONS.test_share)
        comparison = compare(likes, workspace.observer)
        training_users = likes.training_users().for_the_operator()
    measured = [comparison.measure(_name(epsilon), _folder(workspace, epsilon)) for epsilon in EPSILONS]
    quality = comparison.quality(measured).for_the_operator()
    return [_section(quality, learned, training_users)]


def _name(epsilon: float | None) -> str:
    return "homespun, no noise" if epsilon is None else f"homespun, ε = {epsilon:g}"


def _folder(workspace: Workspace, epsilon: float | None) -> Path:
    return workspace.cache / "privacy-bundles" / ("none" if epsilon is None else f"{epsilon:g}")


def _section(quality: Quality, learned: dict[str, Learned], training_users: int) -> Section:
    rows: list[tuple[Cell, ...]] = []
    for row in quality.rows:
        figures = (row.recall_20, row.ndcg_100, row.lead_over_popularity, row.lead_over_ease, row.coverage)
        mine = learned.get(row.model)
        rows.append((row.model, None if mine is None else int(mine.model.value.items.size), *figures))
    columns = ("model", "items", "Recall@20", "NDCG@100", "over popularity", "over EASE", "coverage")
    note = (
        f"{training_users:,} users trained from, {quality.test_users:,} others tested; δ = {DEFAULT_DELTA:g} per user. "
        "± half the 95% bootstrap interval over users; leads are paired, in NDCG@100. Popularity and EASE have "
        "exact counts; EASE's λ suits these users best. "
        f"Worst proposal recall at 100: {quality.proposal_recall_100:.4%}."
    )
    return Section("MovieTweetings, ratings of 7 and more", columns, tuple(rows), note)
