"""What each stage does to lists: accuracy, diversity, calibration, novelty and coverage, with the stage on and off.

Every list is made by the client's own code, for people whom training never saw. All rows are over the same cases.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from benchmarks.models.bundles import fit
from benchmarks.models.circumstances import contexts_of
from benchmarks.models.datasets import FRAPPE, ML1M, RETAIL, DataSet, locate
from benchmarks.models.dividing import Divided, divided
from benchmarks.models.hashed import HashedOrder
from benchmarks.models.part import says_what_is_missing
from benchmarks.models.sections import INTERVALS, verdict
from benchmarks.ranking.effect_cases import CutPeople, chosen_people, spread_cases
from benchmarks.ranking.effect_data import RELEASED, dated_films, tagged_products
from benchmarks.ranking.effect_lists import Figures, Panel, facts_of
from benchmarks.ranking.effect_policies import DIAL, PLAIN, Way, policy_of, stages_on
from benchmarks.ranking.prequential import OPTIONS
from benchmarks.ranking.switching import FILMS, SHOP, Switch, switching
from benchmarks.result import Cell, Section
from benchmarks.workspace import Workspace
from homespun.model.bundle import Bundle
from homespun.protocol.policy.stages import Blend, Learning
from homespun_server.evaluation.intervals import Interval, Reals, clustered, ratio
from homespun_server.evaluation.protocols import LeaveLastOut, Liked
from homespun_server.learning import FitOptions, Validation

CASES_PER_PERSON = 1
CONTEXT_CASES = 20
"""Of one person, where circumstances are measured: there are few people, and one like ahead."""

CALIBRATION = "calibration, 0.1"
AIM_LOSS, AIM_GAIN = 0.95, 1.15

_COLUMNS = (
    "stage",
    "NDCG@10",
    "ratio of NDCG@10",
    "diversity of tags",
    "ratio of diversity",
    "diversity of content",
    "calibration, KL",
    "novelty, bits",
    "coverage",
)

NOTE = (
    "Ratios are to the plain policy. Diversity: 1 − the mean cosine of two items of a list, by tags, and by what the "
    "stage itself looks at. Calibration: divergence of the list's tags from those of what the person liked; 0 is best. "
    "Novelty: −log₂ of the share of people who like an item. Coverage: of the model's items, in any list."
)


@says_what_is_missing
def films(workspace: Workspace) -> Sequence[Section]:
    """MovieLens-1M, ratings of 4 and more: what each stage does to lists, and switching by how much is known."""
    protocol = CutPeople(Liked(4.0))
    data = dated_films(locate(ML1M, workspace), workspace.cache / "effects")
    options = replace(OPTIONS, min_weight=4.0)
    return _stages("MovieLens-1M", data, protocol, options, stages_on("Drama", RELEASED), FILMS, workspace)


@says_what_is_missing
def retail(workspace: Workspace) -> Sequence[Section]:
    """Online Retail, purchases and repeats: what each stage does to lists, and switching by how much is known."""
    protocol = CutPeople(repeats=True)
    data = tagged_products(locate(RETAIL, workspace), workspace.cache / "effects")
    return _stages("Online Retail", data, protocol, OPTIONS, stages_on("BAG", None), SHOP, workspace)


@says_what_is_missing
def frappe(workspace: Workspace) -> Sequence[Section]:
    """Frappe, app launches of new people: lists with and without the circumstances of the request."""
    data, sections = locate(FRAPPE, workspace), list[Section]()
    for repeats in (False, True):
        protocol = CutPeople(repeats=repeats, clock=False, ahead=1)
        told = "seen" if repeats else "new"
        with divided(data, protocol, f"effects-frappe-{told}", workspace, people=True) as split:
            sections += _circumstances(split, protocol, workspace)
    return sections


def _circumstances(split: Divided, protocol: CutPeople, workspace: Workspace) -> list[Section]:
    title = "Frappe, app launches and repeats" if protocol.repeats else "Frappe, apps that are new to the person"
    options = FitOptions(max_items=4100, new_items_every=0, repeats=protocol.repeats, contexts=contexts_of(split))
    # Nothing was chosen here, so everybody who was kept aside is reported.
    panel = Panel(spread_cases(split.people, protocol, CONTEXT_CASES), protocol, facts_of(split))
    fitted = fit("homespun", split, options, workspace, validation=Validation(HashedOrder(repeats=protocol.repeats)))
    ways = {
        "without circumstances": Way(policy_of(Blend({"context": 0.0}))),
        "with circumstances": Way(policy_of()),
        "with circumstances, learning": Way(policy_of(Learning())),
    }
    with Bundle.open(fitted.folder) as bundle:
        found = asked(panel, bundle, ways, workspace)
    without, within = (found[name] for name in ("without circumstances", "with circumstances"))
    gain = ratio(within.ndcg, without.ndcg, panel.users)
    claim = ("circumstances beside none: NDCG@10", gain, 1.0, verdict(gain, 1.0))
    return [
        _table(title, found, panel, split.split.text),
        Section(f"{title}: what is claimed", _CLAIM_COLUMNS, (claim,), INTERVALS, plot="ratios"),
    ]


_CLAIM_COLUMNS = ("claim", "ratio", "aim", "verdict")


def _stages(
    title: str,
    data: DataSet,
    protocol: CutPeople,
    options: FitOptions,
    ways: Mapping[str, Way],
    switch: Switch,
    workspace: Workspace,
) -> list[Section]:
    with divided(data, protocol, f"effects-{data.name}", workspace, people=True) as split:
        fitted = fit("homespun", split, options, workspace, validation=_last(protocol))
        people = chosen_people(split.people, protocol, reported=True)
        panel = Panel(spread_cases(people, protocol, CASES_PER_PERSON), protocol, facts_of(split))
        with Bundle.open(fitted.folder) as bundle:
            found = asked(panel, bundle, ways, workspace)
        return [
            _table(f"{title}: each stage", found, panel, split.split.text),
            _claims(f"{title}: what is claimed", found, panel),
            switching(title, split, panel.facts, people, protocol, options, fitted, switch, workspace),
        ]


def asked(panel: Panel, bundle: Bundle, ways: Mapping[str, Way], workspace: Workspace) -> dict[str, Figures]:
    """Return what lists are like, by the name of the way."""
    found = {}
    for done, (name, way) in enumerate(ways.items(), start=1):
        found[name] = panel.ask(bundle, way.policy, way.steering)
        workspace.observer("make lists", done, len(ways))
    return found


def _table(title: str, found: Mapping[str, Figures], panel: Panel, text: str) -> Section:
    plain = next(iter(found.values()))
    rows = tuple(_row(name, own, plain, panel) for name, own in found.items())
    counts = f"{len(panel.cases):,} lists for {int(panel.users.max()) + 1:,} people."
    return Section(title, _COLUMNS, rows, f"{text} {counts} {NOTE} {INTERVALS}")


def _row(name: str, own: Figures, plain: Figures, panel: Panel) -> tuple[Cell, ...]:
    figures = np.column_stack([own.ndcg, own.diversity, own.apart, own.calibration, own.novelty])
    ndcg, diversity, apart, calibration, novelty = clustered(figures, panel.users)
    ratios = (_ratio(own.ndcg, plain.ndcg, panel), _ratio(own.diversity, plain.diversity, panel))
    if own is plain:
        ratios = (None, None)
    return (name, ndcg, ratios[0], diversity, ratios[1], apart, calibration, novelty, own.coverage)


def _claims(title: str, found: Mapping[str, Figures], panel: Panel) -> Section:
    plain, half, calibrated = (found[name] for name in (PLAIN, DIAL.format(0.5), CALIBRATION))
    measured = (
        ("the person's dial at 0.5: NDCG@10", _ratio(half.ndcg, plain.ndcg, panel), AIM_LOSS),
        ("the person's dial at 0.5: diversity of tags", _ratio(half.diversity, plain.diversity, panel), AIM_GAIN),
        (f"{CALIBRATION}: NDCG@10", _ratio(calibrated.ndcg, plain.ndcg, panel), 1.0),
        ("learning: NDCG@10", _ratio(found["learning"].ndcg, plain.ndcg, panel), 1.0),
    )
    rows = tuple((name, found, aim, verdict(found, aim)) for name, found, aim in measured)
    return Section(title, _CLAIM_COLUMNS, rows, INTERVALS, plot="ratios")


def _ratio(own: Reals, plain: Reals, panel: Panel) -> Interval | None:
    known = ~(np.isnan(own) | np.isnan(plain))
    return ratio(own[known], plain[known], panel.users[known])


def _last(protocol: CutPeople) -> Validation:
    return Validation(LeaveLastOut(repeats=protocol.repeats, liked=protocol.liked), depth=10)
