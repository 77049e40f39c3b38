"""Gates: everything that was measured is held against what was asked."""

from pathlib import Path

import msgspec

from homespun_server.running.cache import write_json
from homespun_server.running.gates import Figures, GateResult, decide
from homespun_server.running.job import Job
from homespun_server.running.overrides import Override
from homespun_server.running.steps.card import additions
from homespun_server.running.steps.evaluate import evaluated

FILE = "gates.json"


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """What the gates said; figures of the basis ``exact`` are for the operator alone.

    Attributes:
        results: Of every gate.
        overrides: Those that somebody let pass, and why.
        missing: What was not measured, and why.
    """

    results: tuple[GateResult, ...]
    overrides: tuple[Override, ...]
    missing: tuple[str, ...]


def judge(job: Job, made: Path) -> None:
    """Hold what was measured against what was asked."""
    found, added = evaluated(job.made("evaluate")), additions(job)
    figures = Figures(
        metric=found.metric,
        basis=found.basis,
        over_popularity=found.over_popularity,
        over_incumbent=found.over_incumbent,
        incumbent=None if job.incumbent is None else job.incumbent.identity,
        segments=found.segments,
        facts=found.facts,
        lost_items=found.lost_items,
        privacy=added.privacy,
        sources=added.sources,
        has_quality=added.quality is not None or added.segments is not None,
        advantage=found.advantage,
        nobody=found.nobody,
        missing=found.missing,
    )
    results = decide(figures, job.pipeline.gates, job.pipeline.stage)
    write_json(made / FILE, Judged(results=results, overrides=tuple(job.asked.overrides), missing=found.missing))


def judged(folder: Path) -> Judged:
    """Return what the gates said."""
    return msgspec.json.decode((folder / FILE).read_bytes(), type=Judged)
