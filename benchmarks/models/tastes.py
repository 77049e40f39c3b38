"""Tastes of people whom training never saw (strong generalization): MovieLens-1M at two sizes, and what noise costs.

Beside peers the blend is learned within what trains, without privacy; beside noise it is the one that is fixed a
priori for models without an order.
"""

from collections.abc import Sequence
from dataclasses import replace

from benchmarks.models.bundles import Measured, fit, measure
from benchmarks.models.datasets import APPS, ML1M, locate
from benchmarks.models.dividing import Divided, divided
from benchmarks.models.hashed import further
from benchmarks.models.opponents import Opponents, ask_peers
from benchmarks.models.part import says_what_is_missing
from benchmarks.models.ranked import NDCG_100, Judged, Ranked
from benchmarks.models.sections import Claim, bundles, quality, ratios
from benchmarks.result import Section
from benchmarks.workspace import Workspace
from homespun_server.evaluation.protocols import Liked, StrongGeneralization
from homespun_server.learning import FitOptions, Validation
from homespun_server.privacy.zcdp import DEFAULT_DELTA

DEPTH = 100
TEST_SHARE = 0.2
INNER_SHARE = further(TEST_SHARE, 0.1)
"""Keeps a tenth of those aside who train, by the same hash."""

SIZES = ((600_000, 1.0), (1_000_000, 1.01))
"""Bytes that the model files may have, and the ratio to EASE that is to be reached."""

STRONG_PEERS = ("popularity", "als", "item-item", "ease")
PRIVATE_PEERS = ("popularity", "ease")

STRONG = FitOptions(parts=("collaborative",), max_items=4000, dimensions=128, min_weight=4.0)
APPS_PRIVATE = FitOptions(parts=("collaborative",), max_items=4000, dimensions=128)
ML1M_PRIVATE = replace(STRONG, parts=("collaborative", "content"), new_items_every=0)

CLAIM = "What it claims: a bundle of so few bytes ranks no worse than EASE's dense float32 matrix."


@says_what_is_missing
def ml1m(workspace: Workspace) -> Sequence[Section]:
    """MovieLens-1M, ratings of 4 and more, people whom training never saw: bundles of 0.6 and 1 MB beside peers."""
    liked = Liked(STRONG.min_weight)
    inner = StrongGeneralization(INNER_SHARE, liked)
    with divided(locate(ML1M, workspace), StrongGeneralization(TEST_SHARE, liked), "ml1m-strong", workspace) as split:
        measured = []
        for size, _ in SIZES:
            options = replace(STRONG, model_bytes=size)
            fitted = fit(_megabytes(size), split, options, workspace, validation=Validation(inner, depth=DEPTH))
            measured.append(measure(fitted, split, DEPTH, workspace))
        peers = ask_peers(STRONG_PEERS, split, inner, DEPTH, workspace)
        aims = [aim for _, aim in SIZES]
        return _sections("MovieLens-1M, ratings of 4 and more", split, peers, measured, aims, CLAIM)


@says_what_is_missing
def apps_private(workspace: Workspace) -> Sequence[Section]:
    """Apps for Android at ε = 1 and 8 and without noise, beside popularity and EASE, which are exact."""
    with divided(locate(APPS, workspace), StrongGeneralization(TEST_SHARE), "apps-private", workspace) as split:
        return _private("Apps for Android", split, APPS_PRIVATE, (None, 8.0, 1.0), workspace)


@says_what_is_missing
def ml1m_private(workspace: Workspace) -> Sequence[Section]:
    """MovieLens-1M, ratings of 4 and more, at ε = 1, 2, 4 and 8 with public content, beside the same without noise."""
    protocol = StrongGeneralization(TEST_SHARE, Liked(ML1M_PRIVATE.min_weight))
    with divided(locate(ML1M, workspace), protocol, "ml1m-private", workspace) as split:
        title = "MovieLens-1M with public content"
        return _private(title, split, ML1M_PRIVATE, (None, 8.0, 4.0, 2.0, 1.0), workspace)


def _private(
    title: str, split: Divided, options: FitOptions, epsilons: Sequence[float | None], workspace: Workspace
) -> list[Section]:
    measured = []
    for epsilon in epsilons:
        name = "homespun, no noise" if epsilon is None else f"homespun, ε = {epsilon:g}"
        measured.append(measure(fit(name, split, options, workspace, epsilon=epsilon), split, DEPTH, workspace))
    peers = ask_peers(PRIVATE_PEERS, split, StrongGeneralization(INNER_SHARE, split.split.liked), DEPTH, workspace)
    note = (
        f"(ε, δ = {DEFAULT_DELTA:g}) holds per user, add or remove one; each bundle has a budget of its own. The noise "
        "cannot be seeded: intervals are over users and do not show another draw. Peers are exact."
    )
    return _sections(title, split, peers, measured, [None] * len(measured), note, beside=[measured[0].ranked])


def _sections(
    title: str,
    split: Divided,
    peers: Opponents,
    measured: Sequence[Measured],
    aims: Sequence[float | None],
    note: str,
    beside: Sequence[Ranked] = (),
) -> list[Section]:
    judged = Judged.all(split.cases)
    own = [one.ranked for one in measured]
    claims = []
    for one, aim in zip(own, aims, strict=True):
        claims += [Claim(one, other) for other in beside if other is not one]
        claims += [Claim(one, other, aim if other.name == "ease" else None) for other in peers.ranked]
    models = (*peers.ranked, *own)
    return [
        quality(title, judged, models, (NDCG_100,), split.split.text, peers.missing),
        ratios(f"{title}: ratios", judged, claims, NDCG_100, note),
        bundles(f"{title}: bundles", measured),
    ]


def _megabytes(size: int) -> str:
    return f"homespun, {size / 1e6:g} MB"
