"""Runs a pipeline and records in the store that it ran and how it ended: for whoever looks at the service's API.

The record holds no figure about people: names of steps, what became of them, and which gates were met.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

from homespun_server.errors import GateFailedError
from homespun_server.running.job import Job
from homespun_server.running.overrides import on_card
from homespun_server.running.runner import Outcome, Tell, run
from homespun_server.running.steps.gates import judged
from homespun_server.store.runs import RunState

NewId = Callable[[], str]


class RunRecords(Protocol):
    """Where runs are recorded; ``store.runs.Runs`` is one."""

    def begin(self, run: str, name: str, record: Mapping[str, object] | None = None) -> object:
        """Record that a run begins."""

    def end(
        self, run: str, state: RunState, *, bundle: str | None = None, record: Mapping[str, object] | None = None
    ) -> None:
        """Record how a run ended."""


def run_recorded(job: Job, records: RunRecords | None, new_id: NewId, tell: Tell) -> Outcome:
    """Run, and record it; see ``run``.

    Args:
        job: The run.
        records: Where it is recorded; None: nowhere.
        new_id: Names the run.
        tell: Called with a step's name and what became of it.
    """
    if records is None:
        return run(job, tell)
    steps: dict[str, str] = {}

    def said(step: str, what: str) -> None:
        steps[step] = what
        tell(step, what)

    identity = new_id()
    records.begin(identity, job.pipeline.name, {"channel": job.pipeline.channel})
    try:
        outcome = run(job, said)
    except GateFailedError as error:
        records.end(identity, "blocked", record={**_record(job, steps), "failed": list(error.gates)})
        raise
    except BaseException:
        records.end(identity, "failed", record={"channel": job.pipeline.channel, "steps": steps})
        raise
    records.end(identity, "done", bundle=outcome.bundle, record=_record(job, steps))
    return outcome


def _record(job: Job, steps: dict[str, str]) -> dict[str, object]:
    found = judged(job.made("gates"))
    gates = {gate.name: gate.passed for gate in on_card(found.results, found.overrides)}
    return {"channel": job.pipeline.channel, "steps": steps, "gates": gates}
