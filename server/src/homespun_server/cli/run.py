"""``homespun-server run``: from tables to a published bundle, in steps that are kept.

Exit status 3: a gate was not met, and nothing was signed.
"""

import argparse
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from rich.console import Console

from homespun.errors import MisuseError
from homespun_server.cli.directory import command_actor
from homespun_server.cli.replaying import erase_again
from homespun_server.cli.run_view import plan_view, step_line
from homespun_server.cli.settling import settle
from homespun_server.cli.signing import add_signing_options, passphrase_of, repository_of
from homespun_server.display import progress
from homespun_server.errors import GateFailedError, OutputError
from homespun_server.evaluation.comparison import Observer
from homespun_server.inputs import silent
from homespun_server.publishing.registry import Registry
from homespun_server.publishing.repository import SignedRepository
from homespun_server.running.job import Job, Places
from homespun_server.running.overrides import Override
from homespun_server.running.planning import plan
from homespun_server.running.preparing import prepare
from homespun_server.running.reading import read_pipeline
from homespun_server.running.recording import RunRecords, run_recorded
from homespun_server.running.report import content_of, write_page
from homespun_server.running.settings import Pipeline
from homespun_server.settings import FILE, ServerSettings, read_settings
from homespun_server.store import Runs, open_store

WORK = "work"
REPORT = "report.html"

Settled = Callable[[Console], None]
"""Lets requests of people go on that waited for the model."""


def _run(options: argparse.Namespace, console: Console) -> None:
    pipeline = read_pipeline(options.pipeline)
    with ExitStack() as stack:
        places, records, settled = stack.enter_context(_places(options, pipeline))
        if options.dry_run:
            console.print(plan_view(plan(_prepared(options, pipeline, places, silent))))
            return
        observer = stack.enter_context(progress(console))
        job = _prepared(options, pipeline, places, observer)
        _made(options, job, records, console)
        settled(console)


def _made(options: argparse.Namespace, job: Job, records: RunRecords | None, console: Console) -> None:
    done: dict[str, str] = {}
    path: Path = options.report or job.places.work / REPORT

    def tell(step: str, what: str) -> None:
        done[step] = what
        console.print(step_line(step, what), highlight=False)

    try:
        outcome = run_recorded(job, records, _new_id, tell)
    except GateFailedError:
        _report(job, done, None, path)
        console.print(f"To keep to yourself: {path}", highlight=False, soft_wrap=True)
        raise
    _report(job, done, outcome.bundle, path)
    console.print(f"The bundle {outcome.bundle[:12]}: {outcome.folder}", highlight=False, soft_wrap=True)
    console.print(f"To keep to yourself: {path}", highlight=False, soft_wrap=True)


def _report(job: Job, done: dict[str, str], bundle: str | None, path: Path) -> None:
    try:
        write_page(content_of(job, done, bundle), path)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error}. Name another file (--report).") from error


def _prepared(options: argparse.Namespace, pipeline: Pipeline, places: Places, observer: Observer) -> Job:
    return prepare(
        pipeline,
        options.pipeline.parent,
        places,
        clock=lambda: datetime.now(UTC),
        observer=observer,
        overrides=_overrides(options),
        spend_again=options.spend_again,
        again=options.again,
    )


def _overrides(options: argparse.Namespace) -> list[Override]:
    gates, reasons = options.override or [], options.reason or []
    if len(gates) != len(reasons):
        raise MisuseError("--override and --reason come in pairs: every gate that is let pass needs its reason.")
    return [Override(gate, reason) for gate, reason in zip(gates, reasons, strict=True)]


@contextmanager
def _places(options: argparse.Namespace, pipeline: Pipeline) -> Iterator[tuple[Places, RunRecords | None, Settled]]:
    """Open the working directory, if there is one; without, a pipeline can do everything but publish."""
    if pipeline.publish is None and not (options.directory / FILE).is_file():
        yield Places(work=options.work or options.pipeline.parent / WORK), None, lambda _: None
        return
    settings, actor = read_settings(options.directory), command_actor("run")
    with open_store(settings.store) as store:
        given = passphrase_of(options.passphrase_file, settings.passphrase)
        if not options.dry_run:
            erase_again(settings, store, actor, given)
        places = Places(
            work=options.work or settings.work,
            store=settings.store,
            registry=Registry(store, settings.bundles),
            repository=_repository(options, pipeline, settings),
        )
        yield places, None if options.dry_run else Runs(store), partial(settle, settings, store, actor, given)


def _repository(options: argparse.Namespace, pipeline: Pipeline, settings: ServerSettings) -> SignedRepository | None:
    """Open the repository also where nothing is published: gates hold the bundle against what the channel has."""
    if pipeline.publish is not None:
        return repository_of(options)
    if not settings.repository.is_dir():
        return None
    repository = repository_of(options)
    return repository if pipeline.channel in repository.channels() else None


def _new_id() -> str:
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"


def configure(command: argparse.ArgumentParser) -> None:
    """Give the command its arguments."""
    command.description = (
        "Ingest, count, release, train, evaluate, judge, bundle, sign, publish, roll out, as PIPELINE says. What was "
        "done before is kept; a run that was ended goes on where it was, and spends no ε twice. A later run of the "
        "same pipeline goes on with the rollout."
    )
    command.epilog = "Exit status 3: a gate was not met, and nothing was signed."
    command.set_defaults(run=_run)
    command.add_argument("pipeline", type=Path, metavar="PIPELINE", help="a pipeline.toml")
    command.add_argument("--dry-run", action="store_true", help="print the plan and its cost in privacy; spend nothing")
    command.add_argument(
        "--override", action="append", metavar="GATE", help="let a gate pass that is not met; with --reason, repeatable"
    )
    command.add_argument("--reason", action="append", metavar="TEXT", help="why; it stands on the bundle's card")
    command.add_argument(
        "--spend-again",
        action="store_true",
        help="release again what was charged and cannot be used: lost by an ended run, or about an earlier model",
    )
    command.add_argument(
        "--again",
        action="store_true",
        help="sign another bundle of the same counts although one was taken back, or is rolling out",
    )
    command.add_argument("--work", type=Path, metavar="DIR", help="what steps made (work/ of the working directory)")
    command.add_argument("--report", type=Path, metavar="FILE", help=f"the report's page ({REPORT} in it)")
    add_signing_options(command)
