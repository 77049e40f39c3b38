"""What suits the circumstances: app launches with daytime, weekday, place and weather, with and without using them."""

from collections.abc import Sequence
from dataclasses import replace

from benchmarks.models.bundles import fit, measure
from benchmarks.models.datasets import FRAPPE, FRAPPE_CONTEXTS, locate
from benchmarks.models.dividing import Divided, divided
from benchmarks.models.hashed import HashedOrder
from benchmarks.models.opponents import ask_peers
from benchmarks.models.part import says_what_is_missing
from benchmarks.models.ranked import NDCG_10, Judged
from benchmarks.models.sections import Claim, bundles, quality, ratios
from benchmarks.result import Section
from benchmarks.workspace import Workspace
from homespun_server.learning import FitOptions, Validation
from homespun_server.statistics.sql import literal

DEPTH = 20
AIM = 1.21
"""Ratio to the same model without circumstances that is to be reached where apps are new to the person."""

PEERS = ("popularity", "als", "item-item", "ease")

OPTIONS = FitOptions(max_items=4100, new_items_every=0)

CLAIM = "What it claims: the circumstances of a request say more than the history alone."


@says_what_is_missing
def frappe(workspace: Workspace) -> Sequence[Section]:
    """Frappe: app launches with and without their circumstances, for apps that are new to the person and for others."""
    data = locate(FRAPPE, workspace)
    sections: list[Section] = []
    for repeats in (False, True):
        told = "seen" if repeats else "new"
        with divided(data, HashedOrder(repeats=repeats), f"frappe-{told}", workspace) as split:
            sections += _measured(split, workspace)
    return sections


def _measured(split: Divided, workspace: Workspace) -> list[Section]:
    repeats = split.split.repeats
    title = "Frappe, apps that were used before" if repeats else "Frappe, apps that are new to the person"
    inner = HashedOrder(repeats=repeats)
    options = replace(OPTIONS, repeats=repeats)
    measured = []
    for name, contexts in (("homespun", ()), ("homespun, with circumstances", contexts_of(split))):
        fitted = fit(
            name, split, replace(options, contexts=contexts), workspace, validation=Validation(inner, depth=10)
        )
        measured.append(measure(fitted, split, DEPTH, workspace))
    peers = ask_peers(PEERS, split, inner, DEPTH, workspace)
    judged = Judged.all(split.cases).where(lambda case: (case.relevant <= case.seen) == repeats)
    without, within = (one.ranked for one in measured)
    claims = [Claim(within, without, None if repeats else AIM)]
    claims += [Claim(within, other) for other in peers.ranked]
    models = (*peers.ranked, without, within)
    return [
        quality(title, judged, models, (NDCG_10,), split.split.text, peers.missing),
        ratios(f"{title}: ratios", judged, claims, NDCG_10, CLAIM),
        bundles(f"{title}: bundles", measured),
    ]


def contexts_of(split: Divided) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the circumstances with the values that they have in what trains, in the order of their names."""
    interactions = split.training
    found = []
    for feature in FRAPPE_CONTEXTS:
        column = interactions.context[feature]
        query = f"SELECT DISTINCT {column} FROM interactions WHERE {column} IS NOT NULL AND {column} <> {literal('')}"  # noqa: S608
        found.append((feature, tuple(sorted(value for (value,) in interactions.connection.execute(query).fetchall()))))
    return tuple(found)
