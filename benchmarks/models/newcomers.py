"""What nobody has used yet, and people of whom little is known: cold items and cold users."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from benchmarks.models.bundles import Fitted, fit, fit_of_content, measure
from benchmarks.models.datasets import ML1M, MOVIETWEETINGS, DataSet, locate
from benchmarks.models.dividing import Divided, divided
from benchmarks.models.hashed import NewPeople, further
from benchmarks.models.part import says_what_is_missing
from benchmarks.models.ranked import NDCG_10, Judged, rank
from benchmarks.models.sections import INTERVALS, Claim, bundles, quality, ratios
from benchmarks.result import Cell, Section
from benchmarks.workspace import Workspace
from homespun_server.evaluation.cases import Recommender
from homespun_server.evaluation.cold import cold_cases, cold_curve
from homespun_server.evaluation.protocols import ColdItems, Liked, StrongGeneralization, is_hidden
from homespun_server.evaluation.recommenders import BundleRecommender
from homespun_server.evaluation.references import ExactSums, PopularityReference, RandomReference
from homespun_server.evaluation.result import ColdCurve
from homespun_server.learning import FitOptions, Validation
from homespun_server.statistics.likes import Likes

DEPTH = 20
TEST_SHARE = 0.2
AIM = 1.3
"""Ratio to the cosine of content that is to be reached among items that nobody has used."""

CONTENT = "cosine of content"


@dataclass(frozen=True)
class _Films:
    name: str
    min_weight: float
    max_items: int

    @property
    def liked(self) -> Liked:
        return Liked(self.min_weight)

    @property
    def options(self) -> FitOptions:
        return FitOptions(min_weight=self.min_weight, max_items=self.max_items)


FILMS = (_Films(ML1M, 4.0, 4000), _Films(MOVIETWEETINGS, 7.0, 5000))


@says_what_is_missing
def cold_items(workspace: Workspace) -> Sequence[Section]:
    """Items that nobody has used, ranked among themselves, beside the cosine of their content."""
    sections: list[Section] = []
    for films in FILMS:
        protocol = ColdItems(TEST_SHARE, liked=films.liked)
        with divided(locate(films.name, workspace), protocol, f"cold-items-{films.name}", workspace) as split:
            sections += _cold_items(split, films, workspace)
    return sections


def _cold_items(split: Divided, films: _Films, workspace: Workspace) -> list[Section]:
    share = split.split.hidden_share or 0.0
    cold = [item for item in split.items.ids if is_hidden(item, share)]
    warm = frozenset(split.items.ids).difference(cold)
    # Nothing is learned from cold items: the blend is that of items that are known.
    inner = StrongGeneralization(further(TEST_SHARE, 0.1), films.liked)
    # No places are reserved: all that is listed is new.
    options = replace(films.options, new_items_every=0)
    fitted = fit("homespun", split, options, workspace, validation=Validation(inner, depth=10))
    own = measure(fitted, split, DEPTH, workspace, exclude=warm)
    content = measure(fit_of_content(CONTENT, split, workspace), split, DEPTH, workspace, exclude=warm)
    chance = rank("chance", RandomReference(cold), split.cases, DEPTH, workspace.observer)
    judged, title = Judged.all(split.cases), f"{split.data.title}, items that nobody has used"
    models = (chance, content.ranked, own.ranked)
    claims = [Claim(own.ranked, content.ranked, AIM), Claim(own.ranked, chance)]
    claim = "What it claims: placed among people's tastes by its content, a new item finds those who will like it."
    return [
        quality(title, judged, models, (NDCG_10,), split.split.text),
        ratios(f"{title}: ratios", judged, claims, NDCG_10, claim),
        bundles(f"{title}: bundles", [own], "Proposals are checked over the whole catalogue."),
    ]


@says_what_is_missing
def cold_users(workspace: Workspace) -> Sequence[Section]:
    """New people of whom 0, 1, 3, 5 and 10 likes are known, beside the better of popularity and content."""
    return [_cold_users(locate(films.name, workspace), films, workspace) for films in FILMS]


def _cold_users(data: DataSet, films: _Films, workspace: Workspace) -> Section:
    protocol = NewPeople(TEST_SHARE, films.liked)
    with divided(data, protocol, f"cold-users-{films.name}", workspace, people=True) as split:
        inner = NewPeople(further(TEST_SHARE, 0.2), films.liked)
        fitted = fit("homespun", split, films.options, workspace, validation=Validation(inner, depth=10))
        return curve_section(split, films.liked, fitted, fit_of_content(CONTENT, split, workspace))


def curve_section(split: Divided, liked: Liked, fitted: Fitted, content: Fitted) -> Section:
    """Measure a bundle at every number of known likes, and lay the figures out."""
    sums = ExactSums(Likes(split.training, min_weight=liked.min_weight, test_share=0.0))
    cases = list(cold_cases(split.people, liked, repeats=False))
    with closing(BundleRecommender(fitted.folder)) as own, closing(BundleRecommender(content.folder)) as alone:
        others: dict[str, Recommender] = {"popularity": PopularityReference.of_likes(sums), CONTENT: alone}
        return lay_out_curve(split, cold_curve(fitted.name, own, others, cases))


def lay_out_curve(split: Divided, curve: ColdCurve) -> Section:
    """Lay out a curve as a table."""
    rows: list[tuple[Cell, ...]] = []
    for point in curve.points:
        figures = (point.ndcg_10[name] for name in ("popularity", CONTENT, curve.model))
        rows.append((str(point.events), *figures, point.against, point.lead, "holds" if point.holds else "falls short"))
    columns = ("likes known", "popularity", CONTENT, curve.model, "the better of both", "lead over it", "verdict")
    note = (
        f"{split.split.text} The same {curve.people:,} people at every number. What it claims: a bundle is nowhere "
        f"below the better of both, within the interval. {INTERVALS}"
    )
    return Section(f"{split.data.title}, new people: NDCG@10", columns, tuple(rows), note, plot="curves")
