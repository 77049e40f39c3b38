"""The exported 8-bit bundle beside popularity, EASE and implicit on MovieLens-1M, on the same test users.

Likes are ratings of 4 and more; a fifth of the users is kept aside (strong generalization). The peers are
tuned on the test users themselves, in their favour; the bundle has one setting, fixed a priori.
"""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from threadpoolctl import threadpool_limits

from benchmarks.ml1m import movielens
from benchmarks.peers.als import FACTORS, AlsReference, AlsSetting, grid
from benchmarks.result import Section
from benchmarks.workspace import Workspace
from homespun.protocol.bundle import MODEL_FILES
from homespun_server.evaluation.comparison import Comparison, compare
from homespun_server.evaluation.evaluation import DEPTH, Evaluation, evaluate
from homespun_server.evaluation.intervals import bootstrap
from homespun_server.evaluation.proposal import proposal_recall
from homespun_server.evaluation.recommenders import BundleRecommender
from homespun_server.evaluation.references import EASE_ITEMS, ExactSums
from homespun_server.learning import FitData, FitOptions, make_bundle
from homespun_server.statistics.interactions import Interactions
from homespun_server.statistics.items import Items
from homespun_server.statistics.likes import Likes

OPTIONS = FitOptions(name="MovieLens-1M", min_weight=4, max_items=4000, test_share=0.2, dimensions=64)

MODEL_BYTES_AIM = 600_000
"""What the model files may weigh."""


@dataclass(frozen=True)
class Measured:
    """A model's figures, and the bytes of what scores; None where that is a list of items."""

    evaluation: Evaluation
    model_bytes: int | None

    @property
    def ndcg_100(self) -> float:
        """Mean NDCG@100."""
        return float(self.evaluation.ndcg_100.mean())


def run(workspace: Workspace) -> list[Section]:
    """Quality of the exported bundle on MovieLens-1M beside popularity, EASE and implicit."""
    tables = movielens(workspace.cache)
    folder = workspace.cache / "quality-bundle"
    with Interactions.read(tables.interactions, items=Items.read(tables.items)) as interactions:
        make_bundle(
            FitData(interactions, OPTIONS, None),
            folder,
            budget=None,
            options=OPTIONS,
            observer=workspace.observer,
            now=workspace.now(),
        )
        likes = Likes(interactions, min_weight=OPTIONS.min_weight, test_share=OPTIONS.test_share)
        comparison = compare(likes, workspace.observer)
        sums = ExactSums(likes)
    bundle, proposals = measure_bundle(folder, comparison)
    tried = {factors: _try_grid(factors, sums, comparison) for factors in FACTORS}
    ease_items = min(EASE_ITEMS, int((sums.counts > 0).sum()))
    peers = [
        Measured(comparison.popularity, None),
        Measured(comparison.ease, 4 * ease_items**2),
        *(max(measured.values(), key=lambda one: one.ndcg_100) for measured in tried.values()),
    ]
    return [_quality(bundle, peers, len(comparison.cases)), _bundle_facts(bundle, proposals), _grid(tried)]


def measure_bundle(folder: Path, comparison: Comparison) -> tuple[Measured, float]:
    """Return the figures of the bundle in ``folder``, and its proposal recall at 100."""
    with closing(BundleRecommender(folder)) as recommender:
        evaluation = evaluate("homespun, 8-bit bundle", recommender, comparison.cases, comparison.catalogue_items)
        proposals = proposal_recall(recommender.bundle, comparison.cases, DEPTH)
    return Measured(evaluation, sum((folder / name).stat().st_size for name in MODEL_FILES)), proposals


def _try_grid(factors: int, sums: ExactSums, comparison: Comparison) -> dict[AlsSetting, Measured]:
    settings = list(grid(factors))
    measured = {}
    # The peer warns of a linear algebra library that starts threads of its own under it.
    with threadpool_limits(1, "blas"):
        for done, setting in enumerate(settings, start=1):
            model = AlsReference(sums, setting)
            evaluation = evaluate(f"implicit {setting}", model, comparison.cases, comparison.catalogue_items)
            measured[setting] = Measured(evaluation, model.model_bytes)
            comparison.observer(f"tune implicit, {factors} factors", done, len(settings))
    return measured


def _quality(bundle: Measured, peers: Sequence[Measured], users: int) -> Section:
    rows = tuple(
        (
            measured.evaluation.name,
            bootstrap(measured.evaluation.recall_20),
            bootstrap(measured.evaluation.recall_50),
            bootstrap(measured.evaluation.ndcg_100),
            None if measured is bundle else bundle.evaluation.lead_over(measured.evaluation),
            measured.evaluation.coverage,
            None if measured.model_bytes is None else measured.model_bytes / 1e6,
        )
        for measured in (*peers, bundle)
    )
    columns = ("model", "Recall@20", "Recall@50", "NDCG@100", "the bundle's lead", "coverage", "model, MB")
    note = (
        f"{users:,} users whom training never saw; 80% of their likes folded in. ± half the 95% bootstrap "
        "interval over users; leads are paired, in NDCG@100. Coverage: share of the catalogue in "
        "anybody's first 20. EASE and implicit: the best of their grids on these very users, weights as float32."
    )
    return Section("MovieLens-1M, ratings of 4 and more, without privacy", columns, rows, note)


def _bundle_facts(bundle: Measured, proposals: float) -> Section:
    size = bundle.model_bytes or 0
    rows = (
        ("model files, bytes", size),
        (f"relative to {MODEL_BYTES_AIM:,} bytes", size / MODEL_BYTES_AIM),
        ("proposal recall at 100", f"{proposals:.4%}"),
    )
    return Section("The bundle", ("figure", "value"), rows, "Proposal recall: share of the exact top 100 proposed.")


def _grid(tried: dict[int, dict[AlsSetting, Measured]]) -> Section:
    rows = tuple(
        (
            setting.factors,
            setting.regularization,
            setting.alpha,
            setting.iterations,
            bootstrap(measured.evaluation.recall_20),
            bootstrap(measured.evaluation.ndcg_100),
        )
        for measured_settings in tried.values()
        for setting, measured in measured_settings.items()
    )
    columns = ("factors", "λ", "α", "sweeps", "Recall@20", "NDCG@100")
    return Section("implicit's grid", columns, rows, "One seed; λ is not scaled by the number of likes.")
