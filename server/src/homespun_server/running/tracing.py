"""Gathers a bundle's lineage from what its steps left."""

import msgspec

from homespun_server.evaluation import golden, intervals
from homespun_server.privacy.ledger.report import budget_so_far
from homespun_server.running.cache import STEP_FILE, Done
from homespun_server.running.job import Job
from homespun_server.running.lineage import SCHEMA_VERSION, Budget, Lineage, StepRecord
from homespun_server.running.names import THIS
from homespun_server.running.steps.card import additions
from homespun_server.running.steps.evaluate import evaluated, report_in
from homespun_server.running.steps.gates import judged
from homespun_server.running.steps.release import released
from homespun_server.statistics.cohort import SPLIT_NAME

BEFORE = ("ingest", "statistics", "release", "train", "evaluate", "gates")
"""Steps that a bundle is made by."""


def lineage_of(job: Job, identity: str) -> Lineage:
    """Return a bundle's lineage.

    Args:
        job: The run.
        identity: The bundle's.
    """
    found, report = evaluated(job.made("evaluate")), report_in(job.made("evaluate"))
    own = () if report is None else [model for model in report.models if model.model == THIS]
    gates = judged(job.made("gates"))
    return Lineage(
        schema=SCHEMA_VERSION,
        pipeline=job.pipeline.name,
        channel=job.pipeline.channel,
        bundle=identity,
        parent=None if job.incumbent is None else job.incumbent.identity,
        inputs=job.files.digests,
        code=job.asked.code,
        steps=records(job),
        releases=released(job.made("release")).releases,
        measured=found.releases.releases,
        budget=_budget(job),
        metrics={name: figure for model in own for name, figure in model.metrics.items()},
        gates=gates.results,
        overrides=gates.overrides,
        missing=gates.missing,
        seeds={
            "users kept aside": SPLIT_NAME,
            "golden histories": str(golden.SEED),
            "bootstrap": str(intervals.SEED),
            "noise": "the system's randomness, which is kept nowhere",
        },
    )


def records(job: Job) -> tuple[StepRecord, ...]:
    """Return what was done so far, in order."""
    found = []
    for step in (*BEFORE, "bundle"):
        path = job.made(step) / STEP_FILE
        if path.is_file():
            done = msgspec.json.decode(path.read_bytes(), type=Done)
            found.append(StepRecord(step=step, key=done.key, started=done.started, seconds=done.seconds))
    return tuple(found)


def _budget(job: Job) -> Budget | None:
    if job.wanted is None:
        return None
    privacy = additions(job).privacy
    with job.ledger() as ledger:
        so_far = budget_so_far(ledger.state())
    return Budget(
        data_set=so_far.data_set,
        epsilon=str(privacy.epsilon),
        delta=str(privacy.delta),
        statement=so_far.statement,
        events=so_far.events,
        head=so_far.head,
    )
