"""What people did after a moment, by what was known before it (global temporal split): films and a shop.

Each person's first request after the moment is one case. The frozen bundle and all peers know what had happened by
that moment; the refreshed one also what is popular lately, as of the day of the request.
"""

from collections.abc import Sequence
from dataclasses import replace

from benchmarks.models.bundles import fit, measure
from benchmarks.models.datasets import MOVIETWEETINGS, RETAIL, locate
from benchmarks.models.dividing import Divided, divided
from benchmarks.models.opponents import ask_peers
from benchmarks.models.part import says_what_is_missing
from benchmarks.models.ranked import NDCG_10, Judged
from benchmarks.models.refreshing import DAY, refreshed
from benchmarks.models.sections import Claim, bundles, quality, ratios
from benchmarks.result import Section
from benchmarks.workspace import Workspace
from homespun_server.evaluation.cases import Case
from homespun_server.evaluation.protocols import GlobalTemporal
from homespun_server.learning import FitOptions, Validation

DEPTH = 20
TRAIN_SHARE = 0.9
PEERS = ("popularity", "recent-popularity", "ease", "recent-ease")

FILMS = FitOptions(max_items=5000, new_items_every=0)
SHOP = FitOptions(max_items=4000, new_items_every=0)

CLAIM = (
    "What it claims: a bundle beats what is popular, lately or ever, and EASE, and a bundle a day beats a frozen one. "
    "Peers are not refreshed."
)


@says_what_is_missing
def movietweetings(workspace: Workspace) -> Sequence[Section]:
    """MovieTweetings under a global temporal split: frozen and with a bundle a day, beside frozen peers."""
    protocol = GlobalTemporal(train_share=TRAIN_SHARE, first_only=True)
    with divided(locate(MOVIETWEETINGS, workspace), protocol, "movietweetings-temporal", workspace) as split:
        return measure_later("MovieTweetings", split, FILMS, workspace)


@says_what_is_missing
def retail(workspace: Workspace) -> Sequence[Section]:
    """Online Retail under a global temporal split, repeats in and out: frozen and with a bundle a day."""
    data = locate(RETAIL, workspace)
    sections: list[Section] = []
    for repeats in (True, False):
        told = "repeats in" if repeats else "repeats out"
        protocol = GlobalTemporal(train_share=TRAIN_SHARE, first_only=True, repeats=repeats)
        with divided(data, protocol, f"retail-temporal-{told[8:]}", workspace) as split:
            options = replace(SHOP, repeats=repeats)
            sections += measure_later(f"Online Retail, {told}", split, options, workspace)
    return sections


def measure_later(title: str, split: Divided, options: FitOptions, workspace: Workspace) -> list[Section]:
    """Measure a frozen and a refreshed bundle beside peers."""
    # As each will be used: the one with trends that grow old, the other with fresh ones.
    inner = GlobalTemporal(train_share=TRAIN_SHARE, first_only=True, repeats=split.split.repeats)
    stale, fresh = Validation(inner, depth=10), Validation(inner, depth=10, refresh=DAY)
    frozen = measure(fit("homespun, frozen", split, options, workspace, validation=stale), split, DEPTH, workspace)
    dated = fit("homespun, a bundle a day", split, options, workspace, validation=fresh)
    daily = refreshed(dated.name, dated, split, DEPTH, workspace)
    peers = ask_peers(PEERS, split, inner, DEPTH, workspace)
    models = (*peers.ranked, frozen.ranked, daily)
    everybody, begin = Judged.all(split.cases), split.split.begin
    warm = everybody.where(lambda case: _is_warm(case, begin))
    claims = [Claim(own, other) for own in (frozen.ranked, daily) for other in peers.ranked]
    claims.append(Claim(daily, frozen.ranked, 1.0))
    return [
        quality(f"{title}: people with a history", warm, models, (NDCG_10,), split.split.text, peers.missing),
        quality(f"{title}: everybody", everybody, models, (NDCG_10,), split.split.text, peers.missing),
        ratios(f"{title}: ratios, people with a history", warm, claims, NDCG_10, CLAIM),
        bundles(f"{title}: bundles", [frozen]),
    ]


def _is_warm(case: Case, begin: float | None) -> bool:
    """Return whether the person has an event that trains."""
    return any(begin is None or event.time is None or event.time < begin for event in case.events)
