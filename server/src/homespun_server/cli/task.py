"""``homespun-server task``: what a channel asks of its devices, signed like a bundle, and taking it off again."""

import argparse
import time
from pathlib import Path

import msgspec
from rich.console import Console

from homespun.protocol.collection.task import encode_task, encode_universe
from homespun_server.cli.signing import add_signing_options, repository_of
from homespun_server.cli.task_options import (
    KINDS,
    ids_of,
    moment,
    parsed_task,
    read,
    request_of,
    statistic_of,
)
from homespun_server.cli.task_view import as_data, list_view, task_view
from homespun_server.errors import OutputError
from homespun_server.privacy.zcdp import DEFAULT_DELTA
from homespun_server.publishing.repository.asking import named
from homespun_server.publishing.tasks import make_task

TASK_FILE = "task.json"
UNIVERSE_FILE = "universe.txt"


def _new(options: argparse.Namespace, console: Console) -> None:
    ids = () if options.universe is None else ids_of(options.universe)
    made = make_task(request_of(options, statistic_of(options, ids)))
    files = {TASK_FILE: encode_task(made)}
    if made.statistic.universe.digest is not None:
        files[UNIVERSE_FILE] = encode_universe(ids)
    _write(options.out, files)
    console.print(task_view(made))
    told = f"Written: {options.out / TASK_FILE}. Publish it with:\n  homespun-server task publish CHANNEL {options.out}"
    console.print(told, markup=False, highlight=False, soft_wrap=True)


def _publish(options: argparse.Namespace, console: Console) -> None:
    made, raw = parsed_task(options.folder / TASK_FILE)
    ids = () if made.statistic.universe.digest is None else ids_of(options.folder / UNIVERSE_FILE)
    repository_of(options).add_task(options.channel, raw, ids)
    console.print(task_view(made))
    told = f"Devices of {options.channel} are asked from now on. The task's id: {made.id.hex()}"
    console.print(told, markup=False, highlight=False, soft_wrap=True)


def _experiment(options: argparse.Namespace, console: Console) -> None:
    repository_of(options).add_experiment(options.channel, read(options.definition, "the experiment"))
    console.print(f"The experiment is published on {options.channel}.", markup=False, highlight=False)


def _list(options: argparse.Namespace, console: Console) -> None:
    asked = repository_of(options).asked(options.channel)
    if options.json:
        # Not through rich, which would break long lines.
        console.file.write(msgspec.json.format(msgspec.json.encode(as_data(asked)), indent=2).decode() + "\n")
        return
    console.print(list_view(options.channel, asked, time.time()))


def _show(options: argparse.Namespace, console: Console) -> None:
    asked = repository_of(options).asked(options.channel)
    found = named(asked, options.id)
    if found in asked.tasks:
        console.print(task_view(asked.tasks[found]))
    else:
        console.file.write(msgspec.json.format(msgspec.json.encode(asked.experiments[found]), indent=2).decode() + "\n")


def _close(options: argparse.Namespace, console: Console) -> None:
    repository_of(options).withdraw(options.channel, options.id)
    told = (
        f"Devices of {options.channel} are not asked for {options.id} any more. What was reported is with leader and "
        "helper until it expires."
    )
    console.print(told, markup=False, highlight=False, soft_wrap=True)


def _write(folder: Path, files: dict[str, bytes]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
    except OSError as error:
        raise OutputError(f"the task cannot be written to {folder}: {error}. Name another folder.") from error


def configure(command: argparse.ArgumentParser) -> None:
    """Give the command its parts."""
    command.description = "Ask a channel's devices for sums that nobody can take apart."
    parts = command.add_subparsers(required=True, metavar="ACTION")
    _configure_new(parts.add_parser("new", help="make a task, with the least noise that keeps its promise"))
    publishing = _part(parts, "publish", _publish, "ask a channel's devices for what a task says")
    publishing.add_argument("folder", type=Path, metavar="FOLDER", help=f"with {TASK_FILE}, as task new writes it")
    defining = _part(parts, "experiment", _experiment, "publish an experiment's definition on a channel")
    defining.add_argument("definition", type=Path, metavar="FILE", help="the definition")
    listing = _part(parts, "list", _list, "what a channel asks")
    listing.add_argument("--json", action="store_true", help="write JSON instead of a table")
    showing = _part(parts, "show", _show, "show one task or experiment in full")
    closing = _part(parts, "close", _close, "ask no more for a task, or end an experiment")
    for each in (showing, closing):
        each.add_argument("id", metavar="ID", help="the start of its id, as task list shows it")


def _configure_new(command: argparse.ArgumentParser) -> None:
    command.description = "Make a task. Nothing is signed or published by it."
    command.set_defaults(run=_new)
    command.add_argument("name", metavar="NAME", help="lower-case letters, digits and hyphens")
    command.add_argument("--text", required=True, help="what it is for and what leaves, as people read it")
    _add_what(command)
    command.add_argument("--epsilon", required=True, metavar="E", help="ε of one installation's report")
    command.add_argument("--delta", default=f"{DEFAULT_DELTA:g}", metavar="D", help=f"its δ ({DEFAULT_DELTA:g})")
    command.add_argument("--minimum", type=int, required=True, metavar="N", help="below N reports nothing is revealed")
    command.add_argument("--max-people", type=int, metavar="N", help="most reports (as many as fit)")
    _add_when(command)
    command.add_argument("--leader", type=Path, required=True, metavar="FILE", help="as leader init printed it")
    command.add_argument("--helper", type=Path, required=True, metavar="FILE", help="as helper init printed it")
    command.add_argument("--collector", required=True, metavar="KEY", help="as collector init printed it")
    command.add_argument("--development", action="store_true", help="leader and helper run in one place")
    command.add_argument("--out", type=Path, required=True, metavar="FOLDER", help=f"gets {TASK_FILE}")


def _add_what(command: argparse.ArgumentParser) -> None:
    command.add_argument("--statistic", choices=KINDS, metavar="KIND", help=", ".join(KINDS))
    command.add_argument("--declaration", type=Path, metavar="FILE", help="any statistic's declaration, in its place")
    command.add_argument(
        "--universe", type=Path, metavar="FILE|BUNDLE", help="the items' ids, one a line; or a bundle, for its items"
    )
    command.add_argument(
        "--weights", type=Path, metavar="FILE", help="item-pairs: a JSON list, one an item (all equal)"
    )
    command.add_argument("--trend-days", type=int, default=14, metavar="N", help="item-trend: days before (14)")
    command.add_argument("--feature", metavar="NAME", help="item-context: the context")
    command.add_argument("--values", nargs="+", metavar="VALUE", help="item-context: its values")
    command.add_argument("--kinds", nargs="+", metavar="KIND", help="outcomes: the kinds of events")
    command.add_argument("--purpose", choices=("contribution", "measurement"), default="contribution")
    command.add_argument(
        "--experiment",
        type=Path,
        metavar="FILE",
        help="the published definition that it measures, in place of a statistic",
    )


def _add_when(command: argparse.ArgumentParser) -> None:
    command.add_argument("--opens", type=moment, default=int(time.time()), metavar="TIME", help="ISO 8601, UTC (now)")
    command.add_argument("--days", type=int, default=7, metavar="N", help="for how many days (7)")
    command.add_argument("--grace-days", type=int, default=7, metavar="N", help="days until it expires then (7)")
    command.add_argument("--delay-hours", type=float, default=24.0, metavar="H", help="longest random delay (24)")
    command.add_argument("--events-from", type=moment, metavar="TIME", help="only events from here count (any)")
    command.add_argument("--events-until", type=moment, metavar="TIME", help="only events before this count (any)")


def _part(
    parts: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, run: object, what: str
) -> argparse.ArgumentParser:
    command = parts.add_parser(name, help=what, description=what[0].upper() + what[1:] + ".")
    command.set_defaults(run=run)
    command.add_argument("channel", metavar="CHANNEL", help="for instance films/canary")
    add_signing_options(command)
    return command
