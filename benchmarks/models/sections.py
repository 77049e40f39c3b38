"""Tables of what was measured: quality, ratios with what they are to be, bundles, and what is missing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.models.bundles import Measured
from benchmarks.models.ranked import Judged, Metric, Ranked
from benchmarks.peers.running import Missing
from benchmarks.result import Cell, Section
from homespun_server.evaluation.intervals import Interval

INTERVALS = "Intervals are 95% bootstrap intervals over users; ratios are of means over the same cases, paired."


PROPOSAL_AIM = 0.999
"""Share of the exact first 20 that proposals are to hold."""


@dataclass(frozen=True)
class Claim:
    """A ratio to another model, and what it is to be.

    Attributes:
        own: Whose ratio.
        other: To what.
        aim: What it is to be at least; None: it is only reported.
    """

    own: Ranked
    other: Ranked
    aim: float | None = None


def quality(
    title: str,
    judged: Judged,
    models: Sequence[Ranked],
    metrics: Sequence[Metric],
    note: str,
    missing: Iterable[Missing] = (),
) -> Section:
    """Lay out models by their metrics, with those that could not be run."""
    rows: list[tuple[Cell, ...]] = [
        (
            one.name,
            *(judged.mean(one, metric) for metric in metrics),
            None if one.model_bytes is None else one.model_bytes / 1e6,
            one.note or None,
        )
        for one in models
    ]
    rows += [(one.name, *(None for _ in metrics), None, f"missing: {one.reason}") for one in missing]
    columns = ("model", *map(str, metrics), "model, MB", "how")
    users = len(set(judged.users.tolist()))
    asked = f"{judged.count:,} lists for {users:,} people. {INTERVALS}"
    return Section(title, columns, tuple(rows), f"{note} {asked}", plot="bars")


def ratios(title: str, judged: Judged, claims: Sequence[Claim], metric: Metric, note: str) -> Section:
    """Lay out ratios beside what they are to be."""
    rows: list[tuple[Cell, ...]] = []
    for claim in claims:
        found = judged.ratio(claim.own, claim.other, metric)
        rows.append((claim.own.name, claim.other.name, found, claim.aim, verdict(found, claim.aim)))
    columns = ("model", "beside", f"ratio of {metric}", "aim", "verdict")
    return Section(title, columns, tuple(rows), f"{note} {INTERVALS}", plot="ratios")


def verdict(found: Interval | None, aim: float | None) -> str | None:
    """Say whether a ratio is what it is to be, and whether chance could be why."""
    if aim is None:
        return None
    if found is None:
        return "not measured"
    if found.mean >= aim:
        return "met beyond chance" if found.low >= aim else "met, within the interval"
    return "not met, within the interval" if found.high >= aim else "not met"


def reached(found: float, aim: float) -> str:
    """Say whether a figure without an interval is what it is to be."""
    return "met" if found >= aim else "not met"


def bundles(title: str, measured: Sequence[Measured], note: str = "") -> Section:
    """Lay out what bundles are: bytes, and the share of the exact first 20 that devices get to rank."""
    rows = tuple(
        (
            one.ranked.name,
            one.ranked.model_bytes,
            one.allowed_bytes,
            one.items,
            one.sizes,
            one.proposal_recall,
            reached(one.proposal_recall, PROPOSAL_AIM),
        )
        for one in measured
    )
    columns = ("bundle", "model files, bytes", "allowed", "items", "made of", "proposal recall@20", "verdict")
    text = f"Proposal recall: share of the exact first 20 that the quantized proposals hold; to be {PROPOSAL_AIM:.1%}."
    return Section(title, columns, rows, f"{note} {text}".strip())


def missing_data(title: str, name: str, reason: str) -> Section:
    """Say that nothing was measured, and why."""
    return Section(title, ("data set", "missing"), ((name, reason),), "Nothing was measured: a data set is missing.")
