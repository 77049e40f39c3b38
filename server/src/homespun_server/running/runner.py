"""Runs a pipeline: each step that was not done yet, in order."""

import time
from collections.abc import Callable
from datetime import UTC
from pathlib import Path

import msgspec

from homespun_server.privacy.ledger.rules import check_reserve
from homespun_server.results import BUNDLE_FOLDER
from homespun_server.running import releasing
from homespun_server.running.cache import SCHEMA_VERSION, Done, digests
from homespun_server.running.job import Job
from homespun_server.running.overrides import check_passed
from homespun_server.running.steps.bundle import bundled
from homespun_server.running.steps.gates import judged
from homespun_server.running.steps.release import purpose_of
from homespun_server.running.steps.step import STEPS, Step

Tell = Callable[[str, str], None]
"""Called with a step's name and what became of it."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a run made.

    Attributes:
        bundle: The bundle's identity.
        folder: Where it is.
        done: What each step did: ``made``, ``kept``, or in words.
        release: The number of its release; None: it was not published.
    """

    bundle: str
    folder: Path
    done: dict[str, str]
    release: int | None


def run(job: Job, tell: Tell = lambda _step, _what: None, timer: Callable[[], float] = time.monotonic) -> Outcome:
    """Do what was not done yet.

    Args:
        job: The run.
        tell: Called with a step's name and what became of it.
        timer: Returns seconds, to time steps by.

    Raises:
        GateFailedError: If the bundle does not meet what was asked; nothing was signed.
        BudgetError: If the budget does not allow it, or an ended run lost what it paid for; nothing was read then.
        HomespunError: As the steps do.
    """
    done: dict[str, str] = {}

    def said(step: str, what: str) -> None:
        done[step] = what
        tell(step, what)

    with job.cache.locked():
        _check_affordable(job)
        for step in STEPS:
            said(step.name, _do(job, step, timer))
            if step.name == "gates":
                found = judged(job.made("gates"))
                check_passed(found.results, job.asked.overrides)
        return _published(job, done, said)


def _do(job: Job, step: Step, timer: Callable[[], float]) -> str:
    key = job.keys[step.name]
    if job.cache.find(step.name, key) is not None:
        return "kept"
    started, begun = job.clock(), timer()
    job.observer(f"step {step.name}", 0, 1)
    with job.cache.making(step.name, key) as made:
        step.make(job, made)
        job.observer(f"made {step.name}", 0, 1)
        seconds = round(timer() - begun, 3)
        job.cache.commit(
            made,
            Done(
                schema=SCHEMA_VERSION,
                step=step.name,
                key=key,
                revision=step.revision,
                code=job.asked.code,
                parameters=step.asked(job.asked),
                inputs={name: job.keys[name] for name in step.after},
                started=started.astimezone(UTC).isoformat(timespec="seconds"),
                seconds=seconds,
                outputs=digests(made),
            ),
        )
    job.observer(f"step {step.name}", 1, 1)
    return f"made in {seconds:.1f} s"


def _check_affordable(job: Job) -> None:
    """Refuse what the ledger would refuse, before anything about people is read."""
    wanted = job.wanted
    if wanted is None or job.cache.has("evaluate", job.keys["evaluate"]):
        return
    started = any(job.cache.partial(step, job.keys[step]).exists() for step in ("release", "evaluate"))
    if started or job.cache.has("release", job.keys["release"]):
        return  # part of it is spent; what is left is reserved by the step itself, before it reads
    with job.ledger() as ledger:
        state = ledger.state()
        check_reserve(state, wanted.amounts(state.policy.delta), purpose_of(job, "release"))


def _published(job: Job, done: dict[str, str], said: Tell) -> Outcome:
    identity, folder = bundled(job.made("bundle")).identity, job.made("bundle") / BUNDLE_FOLDER
    registry, repository = job.places.registry, job.places.repository
    if registry is not None:
        releasing.register(job, registry)
        said("register", "in the registry")
    if job.pipeline.publish is None or repository is None or registry is None:
        said("publish", "not asked for")
        return Outcome(bundle=identity, folder=folder, done=done, release=None)
    release = releasing.sign(job, repository)
    said("sign", f"release {release.number}")
    job.observer("signed", 1, 1)
    move = releasing.publish(job, repository, registry, release)
    said("publish", move.words)
    job.observer("published", 1, 1)
    said("roll out", releasing.roll_out(job, repository, registry, release.number).words)
    return Outcome(bundle=identity, folder=folder, done=done, release=release.number)
