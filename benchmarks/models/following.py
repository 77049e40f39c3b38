"""What comes next (leave last out, full ranking): MovieLens-1M, where every rating is an event."""

from collections.abc import Sequence
from dataclasses import replace

from benchmarks.models.bundles import fit, measure
from benchmarks.models.datasets import ML1M, locate
from benchmarks.models.dividing import divided
from benchmarks.models.opponents import ask_peers
from benchmarks.models.part import says_what_is_missing
from benchmarks.models.ranked import HR_10, NDCG_10, Judged
from benchmarks.models.sections import Claim, bundles, quality, ratios
from benchmarks.peers.published import MOVIELENS_1M_LEAVE_LAST_OUT
from benchmarks.result import Section
from benchmarks.workspace import Workspace
from homespun_server.evaluation.protocols import LeaveLastOut
from homespun_server.learning import FitOptions, Validation

DEPTH = 20
SIZES = (5_000_000, 2_600_000, 1_000_000)
PEERS = ("popularity", "recent-popularity", "als", "item-item", "ease", "recent-ease", "sasrec")

OPTIONS = FitOptions(
    parts=("collaborative", "sequential", "content", "trend"),
    max_items=4000,
    max_events=4096,
    dimensions=256,
    new_items_every=0,
)

CLAIM = (
    "What it claims: sums of pairs and transitions rank what comes next as well as networks do that see the order. "
    "Most targets follow within half an hour: the gain is in the order within a sitting."
)


@says_what_is_missing
def ml1m(workspace: Workspace) -> Sequence[Section]:
    """MovieLens-1M, everybody's last event, full ranking: bundles of 5, 2.6 and 1 MB beside peers."""
    title = "MovieLens-1M, what comes next"
    with divided(locate(ML1M, workspace), LeaveLastOut(), "ml1m-next", workspace) as split:
        measured = []
        validation = Validation(LeaveLastOut(), depth=10)
        for size in SIZES:
            options = replace(OPTIONS, model_bytes=size)
            fitted = fit(f"homespun, {size / 1e6:g} MB", split, options, workspace, validation=validation)
            measured.append(measure(fitted, split, DEPTH, workspace))
        peers = ask_peers(PEERS, split, LeaveLastOut(), DEPTH, workspace)
        judged = Judged.all(split.cases)
        own = [one.ranked for one in measured]
        claims = [Claim(one, other) for one in own for other in peers.ranked]
        models = (*peers.ranked, *own)
        return [
            quality(title, judged, models, (HR_10, NDCG_10), split.split.text, peers.missing),
            ratios(f"{title}: ratios", judged, claims, NDCG_10, CLAIM),
            bundles(f"{title}: bundles", measured),
            published(),
        ]


def published() -> Section:
    """Lay out what others published for the same protocol."""
    rows = tuple((one.model, one.hr_10, one.ndcg_10, one.source) for one in MOVIELENS_1M_LEAVE_LAST_OUT)
    note = (
        "Published by others and not run here: their data are cut and cleaned like these as far as their papers tell; "
        "their settings, hardware and seeds are theirs. Nothing is compared with them person by person."
    )
    return Section("MovieLens-1M, what comes next: published", ("model", "HR@10", "NDCG@10", "source"), rows, note)
